package localbuild

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/gantry-buildpack/gantry/internal/platform/sandbox"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// The lifecycle's places: https://github.com/buildpacks/spec/blob/platform/0.14/platform.md#creator. They are the same
// on every platform, so that an image does not show where it was built.
const (
	layersDir     = "/layers"
	workspaceDir  = "/workspace"
	platformDir   = "/platform"
	cacheDir      = "/cache"
	lifecycleDir  = "/cnb/lifecycle"
	buildpacksDir = "/cnb/buildpacks"
	orderFile     = "/cnb/order.toml"
	homeDir       = "/home/cnb"
	temporaryDir  = "/tmp"
	// readyDir holds what the buildpack keeps unpacked from build to build.
	readyDir = "/ready"

	platformAPI = "0.14"
	systemPath  = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
)

// grace is how long a build may take to end when it is interrupted.
const grace = 10 * time.Second

// folders are the places on this machine that stand behind the lifecycle's.
type folders map[string]string

// create runs the lifecycle's creator: detect, restore, build and export.
func (b *build) create(ctx context.Context, runReference, outputReference string) error {
	arguments := func(place func(string) string) []string {
		return []string{
			place(lifecycleDir) + "/creator",
			"-app", place(workspaceDir), "-layers", place(layersDir), "-platform", place(platformDir),
			"-buildpacks", place(buildpacksDir), "-order", place(orderFile), "-cache-dir", place(cacheDir),
			"-launcher", place(lifecycleDir) + b.options.launcher(), "-run-image", runReference, "-parallel",
			"-uid", fmt.Sprint(sandbox.UID), "-gid", fmt.Sprint(sandbox.GID),
			"-insecure-registry", b.store.address, "-log-level", b.options.LogLevel, outputReference,
		}
	}
	env := []string{"CNB_PLATFORM_API=" + platformAPI, "PATH=" + systemPath, "HOME=" + homeDir, "CNB_USER_ID=1000", "CNB_GROUP_ID=1000", "CNB_NO_COLOR=" + strconv.FormatBool(!b.options.Color), b.store.environment()}
	spec := sandbox.Spec{Root: b.root, Dir: workspaceDir, Args: arguments(func(s string) string { return s }), Env: env, Grace: grace}
	for target, source := range b.folders {
		if source == filepath.Join(b.root, target) {
			continue
		}
		readOnly := target == lifecycleDir || target == orderFile || target == platformDir || filepath.Dir(filepath.Dir(target)) == buildpacksDir
		spec.Mounts = append(spec.Mounts, sandbox.Mount{Source: source, Target: target, ReadOnly: readOnly})
	}
	addSystem(&spec, b.etc)
	for _, volume := range b.options.Volumes {
		spec.Mounts = append(spec.Mounts, sandbox.Mount{Source: volume.Source, Target: volume.Target, ReadOnly: true})
	}
	err := sandbox.Run(ctx, spec, b.stdout, b.stderr)
	if errors.Is(err, sandbox.ErrForbidden) {
		b.report.Warning("This machine does not allow user namespaces, so the build uses real paths in place of /layers and /workspace. " +
			"The image works, but its layers differ from those of other machines.")
		err = b.createDirectly(ctx, arguments(b.folders.place), env)
	}
	if ctx.Err() != nil {
		return interrupted(ctx.Err())
	}
	if full := b.store.uploads.failure(); err != nil && full != nil {
		return full
	}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		switch exit.ExitCode() {
		case notDetected, failedDetect:
			if unknown := b.heard.notRecognized(); unknown != nil && b.options.LogLevel == "error" {
				return unknown
			}
			return fmt.Errorf("%w: %w", ErrReported, err)
		case failedBuild:
			if b.heard.failed.Load() {
				return fmt.Errorf("%w: %w", ErrReported, err)
			}
		case analyzeError, restoreError:
			return fmt.Errorf("%w: %w", errCache, err)
		}
	}
	return lifecycleFailed(err)
}

// ErrReported is a failure that the buildpack has told of.
var ErrReported = errors.New("the buildpack says why")

// Reported reports whether an error is one that the user has been told of.
func Reported(err error) bool { return errors.Is(err, ErrReported) }

// errCache is a failure that what was kept of the last build may have caused.
var errCache = errors.New("the last build's files could not be used")

// The lifecycle's exit codes: https://github.com/buildpacks/spec/blob/platform/0.14/platform.md#outputs-2.
const (
	notDetected  = 20
	failedDetect = 21
	analyzeError = 32
	restoreError = 42
	failedBuild  = 51
)

func lifecycleFailed(err error) error {
	if err != nil {
		return &problem.Problem{
			ID:    "localbuild/lifecycle",
			Title: "the build failed",
			Why:   "the lifecycle ended with " + err.Error(),
			Hints: []string{"The output above says why. The cache of the last build is as it was."},
			Err:   err,
		}
	}
	return nil
}

func interrupted(err error) error {
	return &problem.Problem{
		ID:    "build/interrupted",
		Title: "the work was interrupted",
		Why:   "it was asked to stop",
		Hints: []string{"Nothing of it was kept; build again."},
		Err:   err,
	}
}

// place gives the place on this machine for one of the lifecycle's.
func (f folders) place(name string) string {
	for target, source := range f {
		if target == name {
			return source
		}
		if name == buildpacksDir && filepath.Dir(filepath.Dir(target)) == buildpacksDir {
			return filepath.Dir(filepath.Dir(source))
		}
	}
	return name
}

// createDirectly runs the lifecycle without a sandbox; as user 1000 when this is root, which the lifecycle refuses.
func (b *build) createDirectly(ctx context.Context, arguments, env []string) error {
	cmd := exec.CommandContext(ctx, arguments[0], arguments[1:]...)
	cmd.Env, cmd.Dir = append(env, "HOME="+b.folders[homeDir], "TMPDIR="+b.folders[temporaryDir]), b.folders[workspaceDir]
	cmd.Stdout, cmd.Stderr = b.stdout, b.stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if os.Getuid() == 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: sandbox.UID, Gid: sandbox.GID}
		for _, name := range []string{layersDir, workspaceDir, cacheDir, homeDir, temporaryDir, readyDir} {
			if err := chownAll(b.folders[name]); err != nil {
				return err
			}
		}
	}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	return cmd.Run()
}

func chownAll(dir string) error {
	return filepath.WalkDir(dir, func(file string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(file, sandbox.UID, sandbox.GID)
	})
}
