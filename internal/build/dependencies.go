package build

import (
	"context"
	"path/filepath"
	"slices"
	"strings"

	"github.com/buildpacks/libcnb/v2"

	"github.com/gantry-buildpack/gantry/internal/archive"
	"github.com/gantry-buildpack/gantry/internal/layer"
	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// Layer: "modules" holds the packages that the running application needs, in the folders in which they were installed;
// the application has a link to each.
// Rebuilt when: a manifest, the lockfile, the package manager, the runtime's line or the architecture changes, or when
// the application's build writes something else into the packages.
//
// Layer: "modules-cache" holds an archive of the packages for building; only applications that build something have it.
// Rebuilt when: the same, less what the build writes.

const modulesArchive = "modules.tar.zst"

// dependencies installs, builds and leaves in the application's folder what the image needs.
func (w *work) dependencies(ctx context.Context) error {
	d := w.plan.Dependencies
	if d == nil {
		return w.scripts(ctx, w.plan.Scripts)
	}
	inputs, err := w.dependencyInputs(d)
	if err != nil {
		return err
	}
	builds := len(w.plan.Scripts)+len(d.Hooks) > 0
	trees := trees{app: w.ctx.ApplicationPath, dirs: d.Dirs, scratch: d.Scratch}
	if err := trees.remove(); err != nil {
		return err
	}
	if builds {
		written, err := w.buildWithTree(ctx, d, trees, inputs)
		if err != nil {
			return err
		}
		inputs["what the build wrote into "+d.Dirs[0]] = written
	}
	l, cause, err := w.reuse("modules", launchOnly, inputs)
	if err != nil {
		return err
	}
	if cause != "" {
		if err := w.fillModules(ctx, d, builds); err != nil {
			return err
		}
		if l.Metadata["links"], err = trees.moveTo(l.Path); err != nil {
			return err
		}
	} else if err := trees.remove(); err != nil {
		return err
	}
	w.tell("modules", cause)
	w.add(l)
	return trees.link(l.Path, l.Metadata["links"])
}

// dependencyInputs are all things that decide what is installed.
func (w *work) dependencyInputs(d *plan.Dependencies) (layer.Inputs, error) {
	r := w.plan.Runtime
	line, _, _ := strings.Cut(r.Release.Version, ".")
	inputs := layer.Inputs{
		"architecture":    w.arch,
		"distribution":    w.ctx.TargetDistro.Name + " " + w.ctx.TargetDistro.Version,
		r.Title + " line": line,
		d.Manager:         r.Manager.Release.Version,
	}
	for _, name := range d.Inputs {
		digest, err := fileDigest(filepath.Join(w.ctx.ApplicationPath, name))
		if err != nil {
			return nil, problem.Disk("read "+name, err)
		}
		inputs[name] = digest
	}
	return inputs, nil
}

// buildWithTree makes the tree for building, runs the application's build, and says what that wrote into the tree.
func (w *work) buildWithTree(ctx context.Context, d *plan.Dependencies, trees trees, inputs layer.Inputs) (written string, err error) {
	if err := w.needToolchain(ctx); err != nil {
		return "", err
	}
	kept, cause, err := w.reuse("modules-cache", libcnb.LayerTypes{Cache: true}, inputs)
	if err != nil {
		return "", err
	}
	file := filepath.Join(kept.Path, modulesArchive)
	if cause == "" && unpackKept(file, w.ctx.ApplicationPath) != nil {
		if err := trees.remove(); err != nil {
			return "", err
		}
		cause = "the archive was damaged"
	}
	scripts := w.plan.Scripts
	if cause == "" {
		w.Report.Line("Packages", "unpacked from the cache, nothing they depend on has changed")
		scripts = slices.Concat(d.Hooks, scripts)
	} else {
		if err := w.command(ctx, "Packages", d.Install); err != nil {
			return "", err
		}
		names, err := trees.find()
		if err != nil {
			return "", err
		}
		if err := archive.Zstd(file, w.ctx.ApplicationPath, names...); err != nil {
			return "", err
		}
	}
	w.add(kept)
	before, err := trees.snapshot()
	if err != nil {
		return "", err
	}
	if err := w.scripts(ctx, scripts); err != nil {
		return "", err
	}
	return trees.changes(before)
}

// fillModules makes the tree for running, in the application's folder.
func (w *work) fillModules(ctx context.Context, d *plan.Dependencies, builds bool) error {
	if builds {
		return w.command(ctx, "Packages", d.Prune)
	}
	if err := w.needToolchain(ctx); err != nil {
		return err
	}
	return w.command(ctx, "Packages", d.InstallLaunch)
}

// scripts runs the application's own steps.
func (w *work) scripts(ctx context.Context, steps []plan.Command) error {
	if len(steps) == 0 {
		return nil
	}
	if err := w.needToolchain(ctx); err != nil {
		return err
	}
	for _, step := range steps {
		if err := w.command(ctx, "Build", step); err != nil {
			return err
		}
	}
	return nil
}
