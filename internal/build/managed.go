package build

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/buildpacks/libcnb/v2"

	"github.com/gantry-buildpack/gantry/internal/archive"
	"github.com/gantry-buildpack/gantry/internal/layer"
	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// Layer: "modules-cache" holds an archive of the packages for building, where the package manager has installed them
// and the application builds something.
// Rebuilt when: the inputs of "modules" change, less what the build writes.
//
// Layer: "packages-cache" holds an archive of what the package manager keeps of the packages that it has fetched, so that
// one more dependency is one more download.
// Rebuilt when: the package manager has installed something.

const (
	treeLayer       = "modules-cache"
	modulesArchive  = "modules.tar.zst"
	packagesLayer   = "packages-cache"
	packagesArchive = "packages.tar.zst"
)

// managed lets the package manager install. A tree that it made is kept as one archive.
type managed struct {
	w      *work
	before map[string]state
}

func (m *managed) forBuild(ctx context.Context, in installation, _ *libcnb.Layer) ([]plan.Command, error) {
	w := m.w
	kept, cause, err := w.reuse(treeLayer, libcnb.LayerTypes{Cache: true}, in.inputs.But(builtInput))
	if err != nil {
		return nil, err
	}
	file, damaged := filepath.Join(kept.Path, modulesArchive), false
	err = together(ctx, w.needToolchain, func(context.Context) error {
		damaged = cause == "" && unpackKept(file, w.ctx.ApplicationPath) != nil
		return nil
	})
	if err != nil {
		return nil, err
	}
	if damaged {
		if err := in.trees.remove(); err != nil {
			return nil, err
		}
		if kept, err = w.fresh(treeLayer, libcnb.LayerTypes{Cache: true}, in.inputs.But(builtInput)); err != nil {
			return nil, err
		}
		cause = "the archive was damaged"
	}
	steps := w.plan.Scripts
	if cause == "" {
		w.Report.Line("Packages", "unpacked from the cache, nothing they depend on has changed")
		w.keepLayer(packagesLayer)
		steps = append(append([]plan.Command{}, in.Hooks...), steps...)
	} else {
		if err := m.install(ctx, in, in.Install); err != nil {
			return nil, err
		}
		names, err := in.trees.find()
		if err != nil {
			return nil, err
		}
		if err := archive.Zstd(file, w.ctx.ApplicationPath, names...); err != nil {
			return nil, err
		}
	}
	w.put(kept)
	m.before, err = in.trees.snapshot()
	return steps, err
}

// install lets the package manager install, with what it kept the last time.
func (m *managed) install(ctx context.Context, in installation, command plan.Command) error {
	w := m.w
	inputs := layer.Inputs{in.Manager: in.Version, "architecture": w.arch}
	if in.Native {
		// What was compiled is among it.
		inputs["distribution"], inputs[w.plan.Runtime.Title+" line"] = in.inputs["distribution"], in.inputs[w.plan.Runtime.Title+" line"]
	}
	kept, cause, err := w.reuse(packagesLayer, libcnb.LayerTypes{Cache: true}, inputs)
	if err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "gantry-packages-")
	if err != nil {
		return problem.Disk("make a temporary folder", err)
	}
	remove := func() error { return archive.RemoveAll(folder) }
	store, file := filepath.Join(folder, "store"), filepath.Join(kept.Path, packagesArchive)
	if err := os.Mkdir(store, 0o755); err != nil {
		return problem.Disk("make a temporary folder", err)
	}
	if cause == "" && unpackKept(file, store) != nil {
		w.Report.Line("Packages", "what "+in.Manager+" had fetched was damaged in the cache; it is fetched again")
		if err := os.RemoveAll(store); err != nil {
			return problem.Disk("clear the package manager's store", err)
		}
		if err := os.Mkdir(store, 0o755); err != nil {
			return problem.Disk("make a temporary folder", err)
		}
	}
	holders := make([]string, len(in.Holders))
	for i, name := range in.Holders {
		holders[i] = filepath.Join(w.ctx.ApplicationPath, name)
		if err := archive.SpreadIn(holders[i]); err != nil {
			return problem.Disk("make "+name, err)
		}
	}
	if err := w.command(ctx, "Packages", placed(command, in.Env, store, filepath.Join(folder, "scratch"))); err != nil {
		_ = remove()
		return err
	}
	for _, dir := range slices.Backward(holders) {
		// Those that are not empty stay.
		_ = os.Remove(dir)
	}
	for _, r := range in.Rewrites {
		if err := in.trees.rewrite(r); err != nil {
			return err
		}
	}
	if err := in.trees.strip(in.CompiledFiles); err != nil {
		return err
	}
	for _, twin := range in.Twins {
		if err := in.trees.join(twin); err != nil {
			return err
		}
	}
	for _, name := range in.Traces {
		if err := archive.RemoveAll(filepath.Join(w.ctx.ApplicationPath, name)); err != nil {
			return problem.Disk("remove "+name, err)
		}
	}
	if kept, err = w.fresh(packagesLayer, libcnb.LayerTypes{Cache: true}, inputs); err != nil {
		return err
	}
	w.put(kept)
	// While the application is being built.
	w.later(func() error {
		if err := archive.ZstdFiles(file, store, "."); err != nil {
			return err
		}
		return remove()
	})
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

func (m *managed) changed(in installation) (string, error) {
	names, gone, err := in.trees.changes(m.before)
	if err != nil {
		return "", err
	}
	return in.trees.digest(names, gone)
}

func (m *managed) forLaunch(ctx context.Context, in installation, launch libcnb.Layer) ([]string, error) {
	w := m.w
	if err := w.needToolchain(ctx); err != nil {
		return nil, err
	}
	if !in.builds {
		if err := m.install(ctx, in, in.InstallLaunch); err != nil {
			return nil, err
		}
	}
	if in.builds || in.Production != nil {
		if err := w.prune(ctx, in); err != nil {
			return nil, err
		}
	}
	links, err := in.trees.moveTo(launch.Path)
	if err == nil {
		err = w.packageLibraries(in, launch.Path)
	}
	return links, err
}
