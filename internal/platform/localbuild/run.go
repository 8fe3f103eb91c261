package localbuild

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"

	"github.com/gantry-buildpack/gantry/internal/install/archive"
	"github.com/gantry-buildpack/gantry/internal/platform/sandbox"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// RunOptions say how an image is started.
type RunOptions struct {
	// Process is a process type; empty for the image's default.
	Process string
	// Args are added to the process's own, or are a command of their own when Process is "launcher".
	Args []string
	// Env is set in addition to the image's.
	Env map[string]string
	// Input is the process's standard input; nil for none.
	Input *os.File
}

// Container is an image that was started: as user 1000, with a read-only root file system, a writable /tmp, and the
// machine's network.
type Container struct {
	*exec.Cmd
	root string
}

// Start unpacks an image below dir and starts it. When the context ends, it gets SIGTERM, and as long as it needs to end. The run image's part is kept in dir for the next time.
func Start(ctx context.Context, image v1.Image, dir string, options RunOptions, stdout, stderr io.Writer) (*Container, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, problem.Disk("make the folder for running images", err)
	}
	work, err := os.MkdirTemp(dir, "run-")
	if err != nil {
		return nil, problem.Disk("make a temporary folder", err)
	}
	c := &Container{root: work}
	if c.Cmd, err = start(ctx, image, dir, work, options, stdout, stderr); err != nil {
		removeAll(work)
		if ctx.Err() != nil {
			return nil, interrupted(ctx.Err())
		}
		return nil, err
	}
	return c, nil
}

func start(ctx context.Context, image v1.Image, dir, work string, options RunOptions, stdout, stderr io.Writer) (*exec.Cmd, error) {
	config, err := image.ConfigFile()
	if err != nil {
		return nil, fmt.Errorf("read the image: %w", err)
	}
	spec := sandbox.Spec{ReadOnly: true, Dir: config.Config.WorkingDir, Env: config.Config.Env, Links: map[string]string{}, Input: options.Input}
	if spec.Dir == "" {
		spec.Dir = "/"
	}
	for name, value := range options.Env {
		spec.Env = append(spec.Env, name+"="+value)
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
	spec.Args = append(entry, options.Args...)
	if err := rootFS(&spec, image, config, dir, work); err != nil {
		return nil, err
	}
	return sandbox.Start(ctx, spec, stdout, stderr)
}

// rootFS unpacks the image's files: those of the run image once, those of the application in the folder work. The
// buildpacks' layers only add top-level folders, so the two parts stand next to each other.
func rootFS(spec *sandbox.Spec, image v1.Image, config *v1.ConfigFile, dir, work string) error {
	layers, err := image.Layers()
	if err != nil {
		return fmt.Errorf("read the image: %w", err)
	}
	own, temporary := filepath.Join(work, "root"), filepath.Join(work, "tmp")
	for _, folder := range []string{own, temporary} {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return problem.Disk("unpack the image", err)
		}
	}
	split := runImageLayers(config)
	base := filepath.Join(dir, "root-none")
	if split > 0 {
		if base, err = keptRoot(dir, config.RootFS.DiffIDs[split-1].Hex[:16], layers[:split]); err != nil {
			return err
		}
	}
	if err := unpack(layers[split:], own); err != nil {
		return err
	}
	seen := map[string]bool{"tmp": true, "dev": true, "proc": true}
	for _, part := range []string{own, base} {
		entries, err := os.ReadDir(part)
		if err != nil && !os.IsNotExist(err) {
			return problem.Disk("unpack the image", err)
		}
		for _, entry := range entries {
			if seen[entry.Name()] {
				continue
			}
			seen[entry.Name()] = true
			source := filepath.Join(part, entry.Name())
			if target, err := os.Readlink(source); err == nil {
				spec.Links["/"+entry.Name()] = target
				continue
			}
			spec.Mounts = append(spec.Mounts, sandbox.Mount{Source: source, Target: "/" + entry.Name(), ReadOnly: true})
		}
	}
	spec.Mounts = append(spec.Mounts, sandbox.Mount{Source: temporary, Target: "/tmp"})
	if _, err := os.Stat(filepath.Join(base, "etc/resolv.conf")); err == nil {
		spec.Mounts = append(spec.Mounts, sandbox.Mount{Source: "/etc/resolv.conf", Target: "/etc/resolv.conf", ReadOnly: true})
	}
	return nil
}

// runImageLayers is how many of the image's layers are the run image's; 0 when the lifecycle did not say.
func runImageLayers(config *v1.ConfigFile) int {
	var metadata struct {
		RunImage struct {
			TopLayer string `json:"topLayer"`
		} `json:"runImage"`
	}
	if json.Unmarshal([]byte(config.Config.Labels[metadataLabel]), &metadata) != nil {
		return 0
	}
	for i, id := range config.RootFS.DiffIDs {
		if id.String() == metadata.RunImage.TopLayer {
			return i + 1
		}
	}
	return 0
}

// keptRoot unpacks the run image's layers, unless they are there from an earlier time.
func keptRoot(dir, name string, layers []v1.Layer) (string, error) {
	kept := filepath.Join(dir, "root-"+name)
	if _, err := os.Stat(kept); err == nil {
		return kept, nil
	}
	work, err := os.MkdirTemp(dir, "unpacking-")
	if err != nil {
		return "", problem.Disk("make a temporary folder", err)
	}
	defer removeAll(work)
	if err := unpack(layers, work); err != nil {
		return "", err
	}
	resolver := filepath.Join(work, "etc/resolv.conf")
	if _, err := os.Lstat(resolver); err != nil && os.MkdirAll(filepath.Dir(resolver), 0o755) == nil {
		// The machine's own is mounted over it.
		_ = os.WriteFile(resolver, nil, 0o644)
	}
	if err := os.Chmod(work, 0o755); err != nil {
		return "", problem.Disk("keep the run image's files", err)
	}
	if err := os.Rename(work, kept); err != nil {
		if _, statErr := os.Stat(kept); statErr == nil {
			return kept, nil
		}
		return "", problem.Disk("keep the run image's files", err)
	}
	return kept, nil
}

// part is a part of an image's layers. An image made of them again would have to know what they are unpacked.
type part struct {
	v1.Image
	layers []v1.Layer
}

// Layers are those of the part.
func (p part) Layers() ([]v1.Layer, error) { return p.layers, nil }

// unpack writes the files of layers, as one tree.
func unpack(layers []v1.Layer, root string) error {
	files := mutate.Extract(part{empty.Image, layers})
	defer func() { _ = files.Close() }()
	if err := archive.Extract(files, root, archive.Options{RootFS: true, Times: true}); err != nil {
		return fmt.Errorf("unpack the image: %w", err)
	}
	return nil
}

// Wait waits for the program's end, removes its files, and gives its exit code: 128 and the number of a signal that ended it.
func (c *Container) Wait() (int, error) {
	err := c.Cmd.Wait()
	removeAll(c.root)
	if state := c.Cmd.ProcessState; state != nil && state.Success() {
		// Asked to stop, it ended well: that the context is over is no error then.
		return 0, nil
	}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
			return 128 + int(status.Signal()), nil
		}
		return exit.ExitCode(), nil
	}
	return 0, err
}
