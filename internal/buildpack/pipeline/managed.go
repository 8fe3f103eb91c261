package pipeline

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/buildpacks/libcnb/v2"

	"github.com/gantry-buildpack/gantry/internal/buildpack/layer"
	"github.com/gantry-buildpack/gantry/internal/install/archive"
	"github.com/gantry-buildpack/gantry/internal/install/prefetch"
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
	var early *ahead
	if cause != "" {
		if early, err = w.openAhead(in); err != nil {
			return nil, err
		}
	}
	var s *store
	err = together(ctx, w.needToolchain, func(ctx context.Context) (err error) {
		if cause == "" {
			damaged = unpackKept(file, w.ctx.ApplicationPath) != nil
			return nil
		}
		s, err = m.open(ctx, in, early)
		return err
	})
	if err != nil {
		s.discard()
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
		if early, err = w.openAhead(in); err != nil {
			return nil, err
		}
		if s, err = m.open(ctx, in, early); err != nil {
			return nil, err
		}
	}
	steps := w.plan.Scripts
	if cause == "" {
		w.Report.Line("Packages", "unpacked from the cache, nothing they depend on has changed")
		w.keepLayer(packagesLayer)
		steps = append(append([]plan.Command{}, in.Hooks...), steps...)
	} else {
		if err := m.install(ctx, in, in.Install, s); err != nil {
			return nil, err
		}
		names, err := in.trees.find()
		if err != nil {
			return nil, err
		}
		if err := archive.Zstd(file, w.ctx.ApplicationPath, names...); err != nil {
			return nil, err
		}
		if err := m.vacate(in); err != nil {
			return nil, err
		}
	}
	w.put(kept)
	m.before, err = in.trees.snapshot()
	return steps, err
}

// store is what the package manager has kept, while it installs.
type store struct {
	inputs layer.Inputs
	// folder is a temporary one; packages and scratch are in it. It is in the application's folder where the package manager
	// makes links: a copy of each file takes longer, and Node.js has the disk write each one at once (libuv truncates the
	// copy before, after which ext4 does not delay writing: auto_da_alloc).
	folder, packages, scratch string
}

// discard removes the store of an installation that has come to nothing.
func (s *store) discard() {
	if s != nil {
		_ = archive.RemoveAll(s.folder)
	}
}

// write puts files into scratch.
func (s *store) write(files map[string]string) error {
	if len(files) == 0 {
		return nil
	}
	if err := os.MkdirAll(s.scratch, 0o755); err != nil {
		return problem.Disk("make a temporary folder", err)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(s.scratch, name), []byte(text), 0o644); err != nil {
			return problem.Disk("write "+name, err)
		}
	}
	return nil
}

// open unpacks what the package manager kept the last time, and does ahead what it would do slower.
func (m *managed) open(ctx context.Context, in installation, early *ahead) (*store, error) {
	w := m.w
	s := &store{inputs: layer.Inputs{in.Manager: in.Version, "architecture": w.arch}}
	if in.Native {
		// What was compiled is among it.
		maps.Copy(s.inputs, in.flags)
		s.inputs["distribution"], s.inputs[w.plan.Runtime.Title+" line"] = in.inputs["distribution"], in.inputs[w.plan.Runtime.Title+" line"]
	}
	kept, cause, err := w.reuse(packagesLayer, libcnb.LayerTypes{Cache: true}, s.inputs)
	if err != nil {
		return nil, err
	}
	place := ""
	if in.LinksStore {
		place = w.ctx.ApplicationPath
	}
	if s.folder, err = os.MkdirTemp(place, ".gantry-packages-"); err != nil {
		return nil, problem.Disk("make a temporary folder", err)
	}
	s.packages, s.scratch = filepath.Join(s.folder, "store"), filepath.Join(s.folder, "scratch")
	if err := os.Mkdir(s.packages, 0o755); err != nil {
		return nil, problem.Disk("make a temporary folder", err)
	}
	if cause == "" && unpackKept(filepath.Join(kept.Path, packagesArchive), s.packages) != nil {
		w.Report.Line("Packages", "what "+in.Manager+" had fetched was damaged in the cache; it is fetched again")
		if err := os.RemoveAll(s.packages); err != nil {
			return nil, problem.Disk("clear the package manager's store", err)
		}
		if err := os.Mkdir(s.packages, 0o755); err != nil {
			return nil, problem.Disk("make a temporary folder", err)
		}
	}
	if early != nil {
		if err := early.fill(ctx, prefetch.Store{Kept: s.packages, Scratch: s.scratch}); err != nil {
			s.discard()
			return nil, err
		}
	}
	return s, nil
}

// install lets the package manager install, with what it kept the last time.
func (m *managed) install(ctx context.Context, in installation, command plan.Command, s *store) error {
	w := m.w
	holders := make([]string, len(in.Holders))
	for i, name := range in.Holders {
		holders[i] = filepath.Join(w.ctx.ApplicationPath, name)
		if err := archive.SpreadIn(holders[i]); err != nil {
			return problem.Disk("make "+name, err)
		}
	}
	if err := s.write(in.Files); err != nil {
		s.discard()
		return err
	}
	if err := w.command(ctx, "Packages", placed(command, in.Env, s.packages, s.scratch)); err != nil {
		s.discard()
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
	for _, r := range in.StoreRewrites {
		if err := rewriteIn(s.packages, r); err != nil {
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
	kept, err := w.fresh(packagesLayer, libcnb.LayerTypes{Cache: true}, s.inputs)
	if err != nil {
		return err
	}
	w.put(kept)
	// While the application is being built, unless it is in the application's folder.
	w.later(func() error {
		if err := archive.ZstdFiles(filepath.Join(kept.Path, packagesArchive), s.packages, "."); err != nil {
			return err
		}
		return archive.RemoveAll(s.folder)
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

func (m *managed) installLaunch(ctx context.Context, in installation) error {
	early, err := m.w.openAhead(in)
	if err != nil {
		return err
	}
	var s *store
	err = together(ctx, m.w.needToolchain, func(ctx context.Context) (err error) {
		s, err = m.open(ctx, in, early)
		return err
	})
	if err != nil {
		s.discard()
		return err
	}
	if err := m.install(ctx, in, in.InstallLaunch, s); err != nil {
		return err
	}
	return m.vacate(in)
}

// vacate waits until what the package manager keeps has left the application's folder.
func (m *managed) vacate(in installation) error {
	if !in.LinksStore {
		return nil
	}
	return m.w.tasks.Wait()
}

func (m *managed) forLaunch(ctx context.Context, in installation, launch libcnb.Layer) ([]string, error) {
	w := m.w
	if in.builds {
		if err := w.needToolchain(ctx); err != nil {
			return nil, err
		}
	} else if err := m.installLaunch(ctx, in); err != nil {
		return nil, err
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
