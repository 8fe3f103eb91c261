// Package run starts images without a container engine, in the words of docker run: as user 1000, with a read-only root file system, a
// writable /tmp, and the machine's network.
package run

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/gantry-buildpack/gantry/internal/install/archive"
	"github.com/gantry-buildpack/gantry/internal/platform/sandbox"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// Options say how an image is started.
type Options struct {
	// Process is a process type; empty for the image's default, Launcher for a command of one's own.
	Process string
	// Args are added to the process's own, or are the command.
	Args []string
	// Env is set in addition to the image's.
	Env map[string]string
	// Input is the process's standard input; nil for none.
	Input *os.File
	// Volumes are folders and files of this machine that the container sees.
	Volumes []Volume
	// Writable lets it write where the user of the image can: next to the application, and in its home.
	Writable bool
	Limits   Limits
	// Crashes is a folder to which the records of crashes are copied when it ends; empty for none.
	Crashes string
}

// Launcher is the process that starts a command with the environment of the image's layers:
// https://github.com/buildpacks/spec/blob/platform/0.14/platform.md#launcher.
const Launcher = "launcher"

// crashFolder is where Gantry keeps records of crashes, in the folder for temporary files.
const crashFolder = "gantry-crashes"

// lifecycleLabel is on every image that the lifecycle has made: https://github.com/buildpacks/spec/blob/platform/0.14/platform.md#labels.
const lifecycleLabel = "io.buildpacks.lifecycle.metadata"

// launcherProgram is where it lies in an image.
const launcherProgram = "/cnb/lifecycle/launcher"

// Volume is a folder or file of this machine that a container sees.
type Volume struct {
	Source, Target string
	ReadOnly       bool
}

// Container is an image that was started.
type Container struct {
	*exec.Cmd
	root string
	// crashes is where records of crashes go.
	crashes string
	// lock is held as long as the container runs, whatever happens to this program: what nobody holds is left over.
	lock *os.File
	// group is the control group that bounds it; empty for none.
	group group
}

// Start unpacks an image below dir and starts it. When the context ends, it gets SIGTERM, and as long as it needs to end. The run image's
// part is kept in dir for the next time.
func Start(ctx context.Context, image v1.Image, dir string, options Options, stdout, stderr io.Writer) (*Container, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, problem.Disk("make the folder for running images", err)
	}
	if err := Sweep(dir, func(left string) error { _ = archive.RemoveAll(left); return nil }); err != nil {
		return nil, err
	}
	work, err := os.MkdirTemp(dir, "run-")
	if err != nil {
		return nil, problem.Disk("make a temporary folder", err)
	}
	lock, err := hold(work)
	if err != nil {
		return nil, err
	}
	c, err := start(ctx, image, dir, work, options, stdout, stderr)
	if err != nil {
		_ = lock.Close()
		_ = archive.RemoveAll(work)
		if ctx.Err() != nil {
			return nil, &problem.Problem{ID: "build/interrupted", Title: "the work was interrupted", Why: "it was asked to stop", Hints: []string{"Start it again."}, Err: ctx.Err()}
		}
		return nil, err
	}
	c.lock = lock
	return c, nil
}

func start(ctx context.Context, image v1.Image, dir, work string, options Options, stdout, stderr io.Writer) (*Container, error) {
	config, err := image.ConfigFile()
	if err != nil {
		return nil, fmt.Errorf("read the image: %w", err)
	}
	spec := sandbox.Spec{ReadOnly: true, Dir: config.Config.WorkingDir, Env: slices.Clone(config.Config.Env), Links: map[string]string{}, Input: options.Input}
	if spec.Dir == "" {
		spec.Dir = "/"
	}
	for name, value := range options.Env {
		spec.Env = append(spec.Env, name+"="+value)
	}
	// An image of another maker than a buildpack has no launcher: a command is started as it is.
	if options.Process == Launcher && config.Config.Labels[lifecycleLabel] == "" {
		options.Process = ""
		config.Config.Entrypoint = nil
		if len(options.Args) > 0 && options.Args[0] == "--" {
			options.Args = options.Args[1:]
		}
	}
	if spec.Args, err = options.command(config.Config.Entrypoint, config.Config.Cmd); err != nil {
		return nil, err
	}
	files := tree{own: filepath.Join(work, "root"), temporary: filepath.Join(work, "tmp"), writable: options.Writable, volumes: options.Volumes}
	if err := files.mount(&spec, image, config, dir); err != nil {
		return nil, err
	}
	group, err := options.Limits.group(filepath.Base(work))
	if err != nil {
		return nil, err
	}
	spec.Mounts = append(spec.Mounts, group.mounts()...)
	spec.Started, spec.OwnGroup = group.add, len(group) > 0
	cmd, err := sandbox.Start(ctx, spec, stdout, stderr)
	if err != nil {
		group.remove()
		return nil, err
	}
	return &Container{Cmd: cmd, root: work, crashes: options.Crashes, group: group}, nil
}

// command is what is started: of an image of another maker than a buildpack, its own entry point and words.
func (o Options) command(entry, words []string) ([]string, error) {
	switch {
	case o.Process == Launcher:
		entry, words = []string{launcherProgram}, nil
	case o.Process != "":
		entry, words = []string{"/cnb/process/" + o.Process}, nil
	}
	if len(o.Args) > 0 {
		words = o.Args
	}
	if len(entry)+len(words) == 0 {
		return nil, &problem.Problem{
			ID:    "localbuild/no-process",
			Title: "the image has no default process",
			Hints: []string{"Name one of its process types: --process NAME."},
		}
	}
	return slices.Concat(entry, words), nil
}

// keepCrashes copies the records of crashes out of a container's folder for temporary files: what a link there leads to stays outside.
func keepCrashes(temporary, to string) error {
	dir, err := os.OpenRoot(temporary)
	if err != nil {
		return err
	}
	defer func() { _ = dir.Close() }()
	records, err := fs.Sub(dir.FS(), crashFolder)
	if err != nil {
		return err
	}
	return os.CopyFS(to, records)
}

// Wait waits for the program's end, removes its files, and gives its exit code: 128 and the number of a signal that ended it.
func (c *Container) Wait() (int, error) {
	err := c.Cmd.Wait()
	c.group.remove()
	if c.crashes != "" {
		// What the log points to is there after the end, too; where it cannot be kept, the log has the most of it.
		_ = keepCrashes(filepath.Join(c.root, "tmp"), c.crashes)
	}
	_ = archive.RemoveAll(c.root)
	_ = c.lock.Close()
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
