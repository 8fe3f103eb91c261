package pipeline

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/buildpacks/libcnb/v2"

	"github.com/gantry-buildpack/gantry/internal/buildpack/layers"
	"github.com/gantry-buildpack/gantry/internal/install/archive"
	"github.com/gantry-buildpack/gantry/internal/install/files"
	"github.com/gantry-buildpack/gantry/internal/install/managercache"
	"github.com/gantry-buildpack/gantry/internal/install/prefetch"
	"github.com/gantry-buildpack/gantry/internal/install/trees"
	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// byManager lets the package manager install. Packages for building are kept as one archive.
type byManager struct{ pipeline }

func (byManager) needs(decided) (toolchain, headers bool) { return true, true }

func (m byManager) opener(d decided) func(context.Context) error {
	return func(ctx context.Context) error { return m.open(ctx, d.toolchain, true) }
}

func (m byManager) forBuild(ctx context.Context, d decided, _ string) (built, error) {
	b, restored, err := m.restoreTrees(ctx, d)
	if err != nil {
		return b, err
	}
	if !restored {
		if b, err = m.installAll(ctx, d); err != nil {
			return b, err
		}
	}
	b.before, err = d.trees.Snapshot()
	b.now = b.before
	return b, err
}

func (m byManager) ready(d decided) (key string, b built, ok bool) {
	spec := layers.BuildPackages(d.toolchain, d.inputs)
	kept, cause := m.store.Reuse(spec)
	if cause != "" || d.inputs.Again != "" {
		return layers.KeyOf(spec.Inputs), b, false
	}
	caches := append(m.store.Keep(layers.ManagerStore(m.Session, d.Install, d.toolchain, d.inputs)), kept)
	return layers.KeyOf(spec.Inputs), built{hooks: d.Commands.Hooks, caches: caches, evaluated: layers.EvaluatedOf(kept.Metadata)}, true
}

// restoreTrees unpacks the packages for building of the last build; restored is false when they have to be installed.
func (m byManager) restoreTrees(ctx context.Context, d decided) (b built, restored bool, err error) {
	_, b, ok := m.ready(d)
	if !ok {
		return b, false, nil
	}
	damaged := false
	kept := m.store.Path(layers.BuildPackages(d.toolchain, d.inputs).Name)
	err = together(ctx, m.opener(d), func(context.Context) error {
		damaged = archive.UnzstdFile(filepath.Join(kept, layers.TreeArchive), m.App) != nil
		return nil
	})
	if err != nil {
		return b, false, err
	}
	if !damaged {
		m.Log.Line("Packages", "restored from the cache (inputs unchanged)")
		b.restored = true
		return b, true, b.evaluated.Write(m.App)
	}
	m.Log.Line("Packages", "the archive in the cache is damaged; they are installed again")
	return b, false, d.trees.Remove()
}

// installAll installs the packages for building, and keeps them.
func (m byManager) installAll(ctx context.Context, d decided) (built, error) {
	done, err := m.install(ctx, d, d.Commands.All, true)
	if err != nil {
		return built{}, err
	}
	b := built{caches: []libcnb.Layer{done.cache}, evaluated: done.evaluated}
	names, err := d.trees.Find()
	if err != nil {
		return b, err
	}
	if d.inputs, err = d.inputs.After(b.evaluated, m.Session, d.Install, d.toolchain); err != nil {
		return b, err
	}
	kept, err := m.store.Fresh(layers.BuildPackages(d.toolchain, d.inputs))
	if err != nil {
		return b, err
	}
	b.evaluated.Keep(kept.Metadata)
	b.caches = append(b.caches, kept)
	if err := m.pipeline.store.Pack(filepath.Join(kept.Path, layers.TreeArchive), m.App, names...); err != nil {
		return b, err
	}
	return b, m.waitForArchive(d, done.writing)
}

// waitForArchive waits until what the package manager keeps has left the application's folder.
func (byManager) waitForArchive(d decided, writing *write) error {
	if !d.Trees.HardLinks {
		return nil
	}
	return writing.wait()
}

func (m byManager) fromBuild(ctx context.Context, b built, _ files.Changes, dir string) ([]string, error) {
	if err := m.prune(ctx, b.decided); err != nil {
		return nil, err
	}
	return m.move(b.decided, dir)
}

func (m byManager) forLaunch(ctx context.Context, d decided, dir string) (launched, error) {
	got, err := m.install(ctx, d, d.Commands.OnlyLaunch, false)
	if err != nil {
		return launched{}, err
	}
	done := launched{caches: []libcnb.Layer{got.cache}, evaluated: got.evaluated}
	if err := m.waitForArchive(d, got.writing); err != nil {
		return done, err
	}
	if d.Launch.Production != nil {
		if err := m.prune(ctx, d); err != nil {
			return done, err
		}
	}
	done.links, err = m.move(d, dir)
	return done, err
}

// move puts the packages into their layer.
func (m byManager) move(d decided, dir string) ([]string, error) {
	links, err := d.trees.MoveTo(dir)
	if err != nil {
		return nil, err
	}
	return links, m.libraries(d).RecordPackages(d.Install, dir)
}

// installed is what an installation has made besides the packages.
type installed struct {
	// cache is the layer of what the package manager keeps, whose archive is being written.
	cache     libcnb.Layer
	writing   *write
	evaluated layers.Evaluated
}

// install lets the package manager install, with what it kept the last time, and keeps that again: the layer's archive is
// written in the background.
func (m byManager) install(ctx context.Context, d decided, command plan.Command, building bool) (done installed, err error) {
	var f folder
	err = together(ctx, m.opener(d), func(ctx context.Context) (err error) {
		f, err = m.openFolder(ctx, d, building)
		return err
	})
	if err == nil {
		err = m.runInstall(ctx, d, command, f)
	}
	if err == nil {
		done.evaluated, err = m.evaluate(ctx, d, f)
	}
	if err == nil {
		done.cache, err = m.store.Fresh(layers.ManagerStore(m.Session, d.Install, d.toolchain, d.inputs))
	}
	if err != nil {
		f.discard()
		return done, err
	}
	// While the application is being built, unless it is in the application's folder.
	done.writing = m.writes.start(m.Log, "archive what "+d.Manager.Name+" keeps", func() error {
		if err := archive.ZstdFiles(filepath.Join(done.cache.Path, layers.ManagerArchive), f.store, "."); err != nil {
			return err
		}
		return archive.RemoveAll(f.dir)
	})
	return done, nil
}

// runInstall runs the package manager, and changes what it has made as the plan says.
func (m byManager) runInstall(ctx context.Context, d decided, command plan.Command, f folder) error {
	parents := m.InApp(d.Trees.Parents)
	for _, dir := range parents {
		if err := archive.HintApart(dir); err != nil {
			return problem.Disk("make "+filepath.Base(dir), err)
		}
	}
	if err := f.write(d.Commands.Files); err != nil {
		return err
	}
	if err := m.runCommand(ctx, "Packages", placed(command, d.Commands.Env, f.store, f.scratch), d.toolchain); err != nil {
		return err
	}
	for _, dir := range slices.Backward(parents) {
		// Those that are not empty stay.
		_ = os.Remove(dir)
	}
	if err := d.trees.Fix(d.Fixes); err != nil {
		return err
	}
	for _, r := range d.Fixes.StoreRewrites {
		if err := trees.RewriteIn(f.store, r); err != nil {
			return err
		}
	}
	for _, name := range d.Leftovers.Always {
		if err := archive.RemoveAll(filepath.Join(m.App, name)); err != nil {
			return problem.Disk("remove "+name, err)
		}
	}
	return nil
}

// folder is a temporary one, with what the package manager has kept (store) and what it does not keep (scratch). It is in the
// application's folder where the package manager makes hard links: a copy of each file takes longer, and Node.js has the disk
// write each one at once (libuv truncates the copy before, after which ext4 does not delay writing: auto_da_alloc).
type folder struct{ dir, store, scratch string }

// discard removes the folder of an installation that has come to nothing.
func (f folder) discard() {
	if f.dir != "" {
		_ = archive.RemoveAll(f.dir)
	}
}

// write puts files into scratch.
func (f folder) write(texts map[string]string) error {
	if len(texts) == 0 {
		return nil
	}
	if err := os.MkdirAll(f.scratch, 0o755); err != nil {
		return problem.Disk("make a temporary folder", err)
	}
	for name, text := range texts {
		if err := os.WriteFile(filepath.Join(f.scratch, name), []byte(text), 0o644); err != nil {
			return problem.Disk("write "+name, err)
		}
	}
	return nil
}

// openFolder unpacks what the package manager kept the last time, and fills it with what it would download.
func (m byManager) openFolder(ctx context.Context, d decided, building bool) (f folder, err error) {
	place := ""
	if d.Trees.HardLinks {
		place = m.App
	}
	if f.dir, err = os.MkdirTemp(place, ".gantry-packages-"); err != nil {
		return f, problem.Disk("make a temporary folder", err)
	}
	f.store, f.scratch = filepath.Join(f.dir, "store"), filepath.Join(f.dir, "scratch")
	if err := os.Mkdir(f.store, 0o755); err != nil {
		return f, problem.Disk("make a temporary folder", err)
	}
	kept, cause := m.store.Reuse(layers.ManagerStore(m.Session, d.Install, d.toolchain, d.inputs))
	if cause == "" && archive.UnzstdFile(filepath.Join(kept.Path, layers.ManagerArchive), f.store) != nil {
		m.Log.Line("Packages", "what "+d.Manager.Name+" had fetched is damaged in the cache; it is fetched again")
		if err := os.RemoveAll(f.store); err != nil {
			return f, problem.Disk("clear the package manager's store", err)
		}
		if err := os.Mkdir(f.store, 0o755); err != nil {
			return f, problem.Disk("make a temporary folder", err)
		}
	}
	return f, m.fillFolder(ctx, d, f, building)
}

// fillFolder gives the package manager the packages of the lockfile.
func (m byManager) fillFolder(ctx context.Context, d decided, f folder, building bool) error {
	cache, err := managercache.Open(d.Install, m.host(d), building)
	if err != nil || cache.Packages() == 0 {
		return err
	}
	end := m.Log.Step("Packages", "filling "+cache.Name+" from "+d.Lockfile.Name)
	done, err := cache.Fill(ctx, prefetch.Store{Kept: f.store, Scratch: f.scratch})
	if err != nil {
		end("")
		return err
	}
	from := "all from the cache"
	if done.Fetched > 0 {
		from = fmt.Sprintf("%d fetched, %s", done.Fetched, problem.Size(done.Bytes))
	}
	if done.Left > 0 {
		from += fmt.Sprintf(", %d left to %s", done.Left, cache.Manager)
	}
	end(fmt.Sprintf("%d in %s, %s", cache.Packages()-done.Left, cache.Name, from))
	return nil
}

// placed puts the folders of this build into a command's words and variables.
func placed(command plan.Command, env map[string]string, store, scratch string) plan.Command {
	places := strings.NewReplacer(plan.StoreDir, store, plan.ScratchDir, scratch)
	words := make([]string, len(command.Args))
	for i, word := range command.Args {
		words[i] = places.Replace(word)
	}
	command.Args = words
	own := maps.Clone(command.Env)
	if own == nil {
		own = map[string]string{}
	}
	for name, value := range env {
		own[name] = places.Replace(value)
	}
	command.Env = own
	return command
}
