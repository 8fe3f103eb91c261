package build

import (
	"context"
	"path/filepath"

	"github.com/buildpacks/libcnb/v2"

	"github.com/gantry-buildpack/gantry/internal/archive"
	"github.com/gantry-buildpack/gantry/internal/plan"
)

// Layer: "modules-cache" holds an archive of the packages for building, where the package manager has installed them
// and the application builds something.
// Rebuilt when: the inputs of "modules" change, less what the build writes.

const (
	treeLayer      = "modules-cache"
	modulesArchive = "modules.tar.zst"
)

// managed lets the package manager install. A tree that it made is kept as one archive.
type managed struct {
	w      *work
	before map[string]state
}

func (m *managed) forBuild(ctx context.Context, in installation, _ *libcnb.Layer) ([]plan.Command, error) {
	w := m.w
	if err := w.needToolchain(ctx); err != nil {
		return nil, err
	}
	kept, cause, err := w.reuse(treeLayer, libcnb.LayerTypes{Cache: true}, in.inputs.But(builtInput))
	if err != nil {
		return nil, err
	}
	file := filepath.Join(kept.Path, modulesArchive)
	if cause == "" && unpackKept(file, w.ctx.ApplicationPath) != nil {
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
		steps = append(append([]plan.Command{}, in.Hooks...), steps...)
	} else {
		if err := w.command(ctx, "Packages", in.Install); err != nil {
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

func (m *managed) changed(in installation) (string, error) {
	names, gone, err := in.trees.changes(m.before)
	if err != nil {
		return "", err
	}
	return in.trees.digest(names, gone)
}

func (m *managed) forLaunch(ctx context.Context, in installation, launch libcnb.Layer) ([]string, error) {
	command := in.Prune
	if !in.builds {
		command = in.InstallLaunch
		if err := m.w.needToolchain(ctx); err != nil {
			return nil, err
		}
	}
	if err := m.w.command(ctx, "Packages", command); err != nil {
		return nil, err
	}
	return in.trees.moveTo(launch.Path)
}
