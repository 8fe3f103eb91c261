package localbuild

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"

	"github.com/gantry-buildpack/gantry/internal/archive"
	"github.com/gantry-buildpack/gantry/internal/problem"
	"github.com/gantry-buildpack/gantry/internal/sandbox"
)

// RunOptions say how an image is started.
type RunOptions struct {
	// Process is a process type; empty for the image's default.
	Process string
	// Args are added to the process's own, or are a command of their own when Process is "launcher".
	Args []string
	// Env is set in addition to the image's.
	Env map[string]string
}

// Container is an image that was started: as user 1000, with a read-only root file system, a writable /tmp, and the
// machine's network.
type Container struct {
	*exec.Cmd
	root string
}

// Start unpacks an image below dir and starts it.
func Start(ctx context.Context, image v1.Image, dir string, options RunOptions, stdout, stderr io.Writer) (*Container, error) {
	work, err := os.MkdirTemp(dir, "run-")
	if err != nil {
		return nil, problem.Disk("make a temporary folder", err)
	}
	c := &Container{root: work}
	if c.Cmd, err = start(ctx, image, work, options, stdout, stderr); err != nil {
		removeAll(work)
		if ctx.Err() != nil {
			return nil, interrupted(ctx.Err())
		}
		return nil, err
	}
	return c, nil
}

func start(ctx context.Context, image v1.Image, work string, options RunOptions, stdout, stderr io.Writer) (*exec.Cmd, error) {
	root, temporary := filepath.Join(work, "root"), filepath.Join(work, "tmp")
	for _, folder := range []string{root, temporary} {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return nil, problem.Disk("unpack the image", err)
		}
	}
	if err := unpack(image, root); err != nil {
		return nil, err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return nil, fmt.Errorf("read the image: %w", err)
	}
	entry := config.Config.Entrypoint
	if options.Process == "launcher" {
		entry = []string{lifecycleDir + "/launcher"}
	} else if options.Process != "" {
		entry = []string{"/cnb/process/" + options.Process}
	}
	if len(entry) == 0 {
		return nil, &problem.Problem{
			ID:    "localbuild/no-process",
			Title: "the image has no default process",
			Hints: []string{"Name one of its process types: --process NAME."},
		}
	}
	spec := sandbox.Spec{
		Root: root, Processes: true, Dir: config.Config.WorkingDir,
		Args: append(entry, options.Args...), Env: config.Config.Env,
		Mounts: []sandbox.Mount{
			{Source: temporary, Target: "/tmp"}, {Source: "/dev", Target: "/dev"}, {Source: "/etc/resolv.conf", Target: "/etc/resolv.conf", ReadOnly: true},
		},
	}
	if spec.Dir == "" {
		spec.Dir = "/"
	}
	for name, value := range options.Env {
		spec.Env = append(spec.Env, name+"="+value)
	}
	return sandbox.Start(ctx, spec, stdout, stderr)
}

// unpack writes the files of all layers, as one tree.
func unpack(image v1.Image, root string) error {
	files := mutate.Extract(image)
	defer func() { _ = files.Close() }()
	if err := archive.Extract(files, root, archive.Options{RootFS: true}); err != nil {
		return fmt.Errorf("unpack the image: %w", err)
	}
	return nil
}

// Wait waits for the program's end, removes its files, and gives its exit code.
func (c *Container) Wait() (int, error) {
	err := c.Cmd.Wait()
	removeAll(c.root)
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		if code := exit.ExitCode(); code >= 0 {
			return code, nil
		}
		return -1, fmt.Errorf("the program was ended: %s", strings.TrimSpace(exit.Error()))
	}
	return 0, err
}
