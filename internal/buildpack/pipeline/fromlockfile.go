package pipeline

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/buildpacks/libcnb/v2"
	"golang.org/x/sync/errgroup"

	"github.com/gantry-buildpack/gantry/internal/buildpack/layers"
	"github.com/gantry-buildpack/gantry/internal/install/archive"
	"github.com/gantry-buildpack/gantry/internal/install/direct"
	"github.com/gantry-buildpack/gantry/internal/install/files"
	"github.com/gantry-buildpack/gantry/internal/install/trees"
	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// fromLockfile installs from the lockfile, without the package manager.
type fromLockfile struct {
	pipeline
	lockfile direct.Lockfile
	store    libcnb.Layer
}

func (p pipeline) openDirect(ctx context.Context, d decided) (installer, error) {
	spec := layers.PackageArchives(d.toolchain)
	store, cause := p.store.Reuse(spec)
	if cause != "" {
		var err error
		if store, err = p.store.Fresh(spec); err != nil {
			return nil, err
		}
	}
	lockfile, err := direct.Read(ctx, d.Install, p.host(d), store.Path)
	if names := lockfile.Unpinned; err == nil && len(names) > 0 {
		p.Log.Line("Packages", fmt.Sprintf("%s without a checksum in %s, taken with the one that the registry publishes: %s", problem.Count(len(names), "package"), d.Install.Lockfile.Name, problem.Some(names)))
	}
	if err == nil && d.Install.Lockfile.Verify == plan.Signed {
		said := "the registry has signed each package"
		if names := lockfile.Elsewhere; len(names) > 0 {
			said += fmt.Sprintf(", but for %s from elsewhere: %s", problem.Count(len(names), "package"), problem.Some(names))
		}
		p.Log.Line("Packages", said)
	}
	if err == nil {
		p.tellScripts(lockfile)
		err = withoutScripts(p.Session, lockfile)
	}
	return fromLockfile{p, lockfile, store}, err
}

// host is what packages are installed for.
func (p pipeline) host(d decided) direct.Host {
	return direct.Host{
		App: p.App, Variables: p.Variables(d.toolchain), Arch: p.Arch, Libc: p.libc, Runtime: d.toolchain.Runtime.Release.Version, Client: p.Registry,
	}
}

func (l fromLockfile) needs(d decided) (toolchain, headers bool) {
	scripts := l.lockfile.HasScripts(!d.builds)
	return d.builds || scripts, l.lockfile.HasScripts(false) || len(d.Commands.Hooks) > 0
}

func (l fromLockfile) forBuild(ctx context.Context, d decided, launch string) (built, error) {
	targets := []direct.Target{{}}
	if launch != "" {
		targets = append(targets, direct.Target{Layer: launch, Launch: true})
	}
	b := built{hooks: d.Commands.Hooks, launched: launch != "", caches: []libcnb.Layer{l.store}}
	err := together(ctx, l.opener(d), func(ctx context.Context) error { return l.place(ctx, targets...) })
	if err != nil {
		return b, err
	}
	if b.before, err = d.trees.Snapshot(); err != nil {
		return b, err
	}
	if !l.lockfile.HasScripts(false) {
		b.now = b.before
	}
	results, err := l.runScripts(ctx, d, false)
	b.caches = append(b.caches, results...)
	return b, err
}

func (l fromLockfile) ready(d decided) (key string, b built, ok bool) {
	results := layers.ScriptResults(d.toolchain, d.inputs)
	b = built{hooks: d.Commands.Hooks, caches: []libcnb.Layer{l.store}}
	if l.lockfile.HasScripts(false) {
		kept, cause := l.pipeline.store.Reuse(results)
		if cause != "" {
			return layers.KeyOf(results.Inputs), b, false
		}
		b.caches = append(b.caches, kept)
	}
	return layers.KeyOf(results.Inputs), b, true
}

// tellScripts says whose install scripts the settings keep from running.
func (p pipeline) tellScripts(l direct.Lockfile) {
	denied, unknown := l.Denied()
	if len(denied) > 0 {
		p.Log.Line("Packages", "install scripts that do not run, since allow-scripts does not name them: "+problem.Some(denied))
	}
	if len(unknown) > 0 {
		p.Log.Line("Packages", "allow-scripts names packages that are not there, or have no install scripts: "+problem.Some(unknown))
	}
}

// opener opens the toolchain of an installation, with what it needs.
func (l fromLockfile) opener(d decided) func(context.Context) error {
	_, headers := l.needs(d)
	return func(ctx context.Context) error { return l.open(ctx, d.toolchain, headers) }
}

// place makes trees out of the store and the registry.
func (l fromLockfile) place(ctx context.Context, targets ...direct.Target) error {
	end := l.Log.Step("Packages", "installing from the lockfile")
	done, err := l.lockfile.Install(ctx, l.store.Path, targets...)
	if err != nil {
		end("")
		return err
	}
	from := "all from the cache"
	if done.Fetched > 0 {
		from = fmt.Sprintf("%d fetched, %s", done.Fetched, problem.Size(done.Bytes))
	}
	end(fmt.Sprintf("%d installed from the lockfile, %s", done.Packages, from))
	return nil
}

// runScripts runs the install scripts of the packages that have any; what they write is kept, so that they need not run
// again.
func (l fromLockfile) runScripts(ctx context.Context, d decided, launch bool) ([]libcnb.Layer, error) {
	if !l.lockfile.HasScripts(launch) {
		return nil, nil
	}
	run := l.lockfile.RunScripts(launch)
	spec := layers.ScriptResults(d.toolchain, d.inputs)
	kept, cause := l.pipeline.store.Reuse(spec)
	file := filepath.Join(kept.Path, layers.ScriptsArchive)
	if cause == "" && archive.UnzstdFile(file, l.App) == nil {
		l.Log.Line("Packages", "restored what their install scripts made")
		return []libcnb.Layer{kept}, nil
	}
	kept, err := l.pipeline.store.Fresh(spec)
	if err != nil {
		return nil, err
	}
	before, err := d.trees.Snapshot()
	if err != nil {
		return nil, err
	}
	if err := l.opener(d)(ctx); err != nil {
		return nil, err
	}
	if err := l.runCommand(ctx, "Packages", run, d.toolchain); err != nil {
		if ctx.Err() != nil {
			return nil, err
		}
		return nil, l.lockfile.ScriptFailed(withoutTokens(err, run.Without))
	}
	changes, err := d.trees.Changes(before)
	if err != nil {
		return nil, err
	}
	return []libcnb.Layer{kept}, l.pipeline.store.Pack(file, l.App, changes.Written...)
}

// withoutTokens adds to the error of install scripts what they were not given.
func withoutTokens(err error, names []string) error {
	failed, ok := errors.AsType[*problem.Problem](err)
	if !ok || len(names) == 0 {
		return err
	}
	more := *failed
	more.Hints = append(slices.Clone(failed.Hints), "Install scripts do not get "+problem.Some(names)+", with which packages are fetched. If one fetches something itself, BP_NODE_SCRIPT_CREDENTIALS=true gives it to them.")
	return &more
}

// fromBuild adds to the tree for running what was written into the one for building.
func (l fromLockfile) fromBuild(ctx context.Context, b built, changes files.Changes, dir string) ([]string, error) {
	if !b.launched {
		if err := l.place(ctx, direct.Target{Layer: dir, Launch: true}); err != nil {
			return nil, err
		}
	}
	if err := l.apply(changes, dir); err != nil {
		return nil, err
	}
	links, err := l.lockfile.Prune(dir)
	if err != nil {
		return nil, err
	}
	return links, l.recordLibraries(b.decided, dir, true)
}

// apply makes changes of the application's packages in a layer, too.
func (l fromLockfile) apply(c files.Changes, dir string) error {
	for _, name := range c.Gone {
		if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
			return problem.Disk("remove "+name, err)
		}
	}
	for _, name := range c.Written {
		target := filepath.Join(dir, name)
		if err := os.RemoveAll(target); err != nil {
			return problem.Disk("replace "+name, err)
		}
		if err := files.CopyTree(filepath.Join(l.App, name), target); err != nil {
			return err
		}
		if err := trees.LeadBack(filepath.Join(l.App, name), target); err != nil {
			return problem.Disk("link "+name, err)
		}
	}
	return nil
}

func (l fromLockfile) forLaunch(ctx context.Context, d decided, dir string) (launched, error) {
	done := launched{caches: []libcnb.Layer{l.store}}
	if !l.lockfile.HasScripts(true) {
		// Nothing is run: the packages go where they stay.
		err := l.place(ctx, direct.Target{Layer: dir, Launch: true})
		if err == nil {
			done.links, err = l.lockfile.Prune(dir)
		}
		return done, err
	}
	err := together(ctx, l.opener(d), func(ctx context.Context) error { return l.place(ctx, direct.Target{Launch: true}) })
	if err != nil {
		return done, err
	}
	results, err := l.runScripts(ctx, d, true)
	if err != nil {
		return done, err
	}
	done.caches = append(done.caches, results...)
	if err := direct.Prune(d.Install, l.App, l.App); err != nil {
		return done, err
	}
	if done.links, err = d.trees.MoveTo(dir); err != nil {
		return done, err
	}
	return done, l.recordLibraries(d, dir, true)
}

// recordLibraries records the libraries of what install scripts have compiled.
func (l fromLockfile) recordLibraries(d decided, dir string, launch bool) error {
	if !l.lockfile.HasScripts(launch) {
		return nil
	}
	return l.libraries(d).RecordPackages(d.Install, dir)
}

// libraries finds the shared libraries of an installation's packages.
func (p pipeline) libraries(d decided) layers.Libraries {
	return layers.Libraries{Session: p.Session, Toolchain: d.toolchain, ToolchainDir: p.toolchains.dir(d.Language)}
}

// together runs tasks at the same time; the first error ends them all.
func together(ctx context.Context, tasks ...func(context.Context) error) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, task := range tasks {
		group.Go(func() error { return task(ctx) })
	}
	return group.Wait()
}
