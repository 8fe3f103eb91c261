// Package localbuild is a buildpacks platform in one process: the real lifecycle, without a container engine and
// without root. It knows how a build is set up and what happens to the image; the build itself is the lifecycle's and
// the buildpack's.
package localbuild

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/BurntSushi/toml"

	"github.com/gantry-buildpack/gantry/internal/buildpack/buildlog"
	"github.com/gantry-buildpack/gantry/internal/install/archive"
	"github.com/gantry-buildpack/gantry/internal/platform/verified"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// build is one build while it happens.
type build struct {
	options        Options
	report         *buildlog.Log
	stdout, stderr io.Writer
	heard          *heard
	store          *store
	folders        folders
	// root is the folder of the sandbox's root: what is in it is on one mount.
	root string
	// etc are files that the sandbox sees in /etc in the place of the machine's, by their names.
	etc map[string]string
}

// Build builds an application. Progress goes to r, what the lifecycle prints to stdout and stderr.
func Build(ctx context.Context, options Options, r *buildlog.Log, stdout, stderr io.Writer) (Result, error) {
	b := &build{options: options, report: r, heard: &heard{}}
	if options.Phases {
		noted := &phases{out: stdout, report: r}
		defer noted.end()
		stdout = noted
	}
	printed := output{out: stdout, heard: b.heard, plain: !options.Color, frameless: options.LogLevel == "error"}
	complained := printed
	complained.out = stderr
	defer printed.flush()
	defer complained.flush()
	b.stdout, b.stderr = &printed, &complained
	if err := b.check(); err != nil {
		return Result{}, err
	}
	unlock, err := b.lock()
	if err != nil {
		return Result{}, err
	}
	defer unlock()
	if err := os.MkdirAll(b.options.Cache, 0o755); err != nil {
		return Result{}, problem.Disk("make the cache", err)
	}
	work, err := os.MkdirTemp(b.options.Cache, "work-")
	if err != nil {
		return Result{}, problem.Disk("make a temporary folder", err)
	}
	defer func() { _ = archive.RemoveAll(work) }()
	defer func() { b.keepReady(b.root) }()
	end := r.Span("Platform", "copy the application and the buildpack")
	err = b.prepare(work)
	end()
	if err != nil {
		return Result{}, err
	}
	defer b.noteBuildpack()
	defer r.Span("Platform", "build")()
	damaged, err := verified.CachedLayers(b.folders[cacheDir]).Heal()
	if err != nil {
		return Result{}, problem.Unreadable("look at the cache of the last build", err)
	}
	store, more, err := openStore(filepath.Join(b.options.Cache, "image"), work)
	if err != nil {
		return Result{}, err
	}
	if damaged += more; damaged > 0 {
		b.report.Line("Cache", fmt.Sprintf("%d of the files kept from the last build were damaged, and are made again", damaged))
	}
	b.store = store
	defer b.store.close()
	return b.run(ctx)
}

func (b *build) run(ctx context.Context) (Result, error) {
	if why := b.options.RunImageWhy; why != "" {
		b.report.Line("Run image", why)
	}
	end := b.report.Span("Platform", "find the run image")
	if own, is := ownRunImage(b.options.RunImage, b.options.arch()); is && b.options.Refresh != RefreshNever {
		if err := own.Refresh(ctx, b.options.Home, b.options.Refresh == RefreshNow, b.report); err != nil {
			return Result{}, err
		}
	}
	base, label, err := runImageFor(ctx, b.options.RunImage, b.options.arch(), b.options.Home, b.report)
	end()
	if err != nil {
		return Result{}, err
	}
	if err := b.describeRunImage(); err != nil {
		return Result{}, err
	}
	if err := b.store.offer(ctx, runRepository, base); err != nil {
		return Result{}, err
	}
	last := b.store.last()
	if last != nil {
		if err := b.store.offer(ctx, appRepository, last); err != nil {
			return Result{}, err
		}
	}
	b.store.sealed.Store(true)
	end = b.report.Span("Platform", "the lifecycle")
	err = b.createHealing(ctx)
	end()
	if err != nil {
		return Result{}, err
	}
	defer b.report.Span("Platform", "keep and deliver the image")()
	if err := verified.CachedLayers(b.folders[cacheDir]).Remember(); err != nil {
		return Result{}, problem.Disk("note what was verified", err)
	}
	image, err := b.store.built(ctx, b.folders[layersDir])
	if err != nil {
		return Result{}, err
	}
	if err := b.checkShell(image); err != nil {
		return Result{}, err
	}
	if image, err = nameRunImage(image, b.store.address+"/"+runRepository, label); err != nil {
		return Result{}, err
	}
	if err := b.store.keep(image); err != nil {
		return Result{}, err
	}
	// From here on the image is the one on disk: the registry ends with the build.
	if image, err = FirstImage(b.store.path); err != nil {
		return Result{}, err
	}
	result, err := newResult(image, last, string(b.store.path))
	if err != nil {
		return Result{}, err
	}
	if b.options.Verify {
		if err := b.verify(ctx, image); err != nil {
			return result, err
		}
	}
	return result, b.deliver(ctx, image)
}

// createHealing runs the lifecycle, and again without the cache where it cannot use that.
func (b *build) createHealing(ctx context.Context) error {
	run, app := b.store.address+"/"+runRepository, b.store.address+"/"+appRepository
	err := b.create(ctx, run, app)
	if !errors.Is(err, errCache) {
		return err
	}
	b.report.Line("Cache", "the lifecycle cannot use what is kept from the last build; once more without it")
	for _, place := range []string{cacheDir, layersDir} {
		_ = archive.RemoveAll(b.folders[place])
		if err := makeFolder(b.folders[place]); err != nil {
			return problem.Disk("make "+place, err)
		}
	}
	if err = b.create(ctx, run, app); errors.Is(err, errCache) {
		return lifecycleFailed(err)
	}
	return err
}

// lock keeps two builds from using one cache at the same time: the second waits.
func (b *build) lock() (unlock func(), err error) {
	if err := os.MkdirAll(b.options.Cache, 0o755); err != nil {
		return nil, problem.Disk("make the cache", err)
	}
	file, err := os.OpenFile(filepath.Join(b.options.Cache, "lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, problem.Disk("lock the cache", err)
	}
	if syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
		b.report.Line("Waiting", "another build uses this cache")
		if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX); err != nil {
			return nil, problem.Disk("lock the cache", err)
		}
	}
	return func() { _ = file.Close() }, nil
}

// prepare makes the folders that the lifecycle works in.
func (b *build) prepare(work string) error {
	leftovers, _ := filepath.Glob(filepath.Join(b.options.Cache, "work-*"))
	for _, dir := range leftovers {
		if dir != work {
			b.keepReady(filepath.Join(dir, "root"))
			_ = archive.RemoveAll(dir)
		}
	}
	version, id, err := identity(b.options.Buildpack)
	if err != nil {
		return err
	}
	folder := filepath.Join(work, "buildpacks", strings.ReplaceAll(id, "/", "_"), version)
	b.root = filepath.Join(work, "root")
	inRoot := func(name string) string { return filepath.Join(b.root, name) }
	b.folders = folders{
		layersDir:    inRoot(layersDir),
		workspaceDir: inRoot(workspaceDir),
		platformDir:  filepath.Join(work, "platform"),
		homeDir:      inRoot(homeDir),
		temporaryDir: inRoot(temporaryDir),
		readyDir:     inRoot(readyDir),
		cacheDir:     filepath.Join(b.options.Cache, "layers"),
		lifecycleDir: filepath.Join(work, "lifecycle"),
		orderFile:    filepath.Join(work, "order.toml"),
		strings.Replace(folder, filepath.Join(work, "buildpacks"), buildpacksDir, 1): folder,
	}
	if err := b.takeReady(); err != nil {
		return err
	}
	for target, source := range b.folders {
		if target == orderFile {
			continue
		}
		if err := makeFolder(source); err != nil {
			return problem.Disk("make "+filepath.Base(source), err)
		}
	}
	order := fmt.Sprintf("[[order]]\n[[order.group]]\nid = %q\nversion = %q\n", id, version)
	if err := os.WriteFile(b.folders[orderFile], []byte(order), 0o644); err != nil {
		return problem.Disk("write order.toml", err)
	}
	if b.etc, err = writeUsers(work); err != nil {
		return err
	}
	if err := copyApp(b.options.Buildpack, folder, nil, nil); err != nil {
		return err
	}
	described, err := readDescriptor(b.options.App, id)
	if err != nil {
		return err
	}
	for _, line := range described.told() {
		b.report.Line(descriptorFile, line)
	}
	keeps := described.keeps
	if b.options.Whole {
		keeps = nil
	}
	if err := copyApp(b.options.App, b.folders[workspaceDir], b.options.written(), keeps); err != nil {
		return err
	}
	if err := linkLifecycle(b.options.Lifecycle, b.folders[lifecycleDir], b.options.launcher()); err != nil {
		return err
	}
	if err := b.placeBindings(); err != nil {
		return err
	}
	env := described.over(b.options.Env)
	if !b.options.Forgetful {
		env[readyVariable] = readyDir
	}
	if b.options.Phases && env[timelineVariable] == "" {
		env[timelineVariable] = filepath.Join(temporaryDir, timelineFile)
	}
	return writeEnv(filepath.Join(b.folders[platformDir], "env"), env)
}

// placeBindings makes the places of volumes in the platform's folder, which the sandbox cannot write to.
func (b *build) placeBindings() error {
	for _, volume := range b.options.Volumes {
		name, inside := strings.CutPrefix(volume.Target, platformDir+"/")
		if !inside || !filepath.IsLocal(name) {
			continue
		}
		if err := os.MkdirAll(filepath.Join(b.folders[platformDir], name), 0o755); err != nil {
			return problem.Disk("make the place of "+volume.Target, err)
		}
	}
	return nil
}

// identity reads a buildpack's version and id.
func identity(buildpack string) (version, id string, err error) {
	text, err := os.ReadFile(filepath.Join(buildpack, "buildpack.toml"))
	if err != nil {
		return "", "", fmt.Errorf("read the buildpack: %w", err)
	}
	var descriptor struct {
		Buildpack struct{ ID, Version string }
	}
	if err := toml.Unmarshal(text, &descriptor); err != nil {
		return "", "", fmt.Errorf("read the buildpack: %w", err)
	}
	return descriptor.Buildpack.Version, descriptor.Buildpack.ID, nil
}
