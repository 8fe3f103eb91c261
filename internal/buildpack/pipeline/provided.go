package pipeline

import (
	"context"
	"path/filepath"
	"slices"
	"strings"

	"github.com/buildpacks/libcnb/v2"

	"github.com/gantry-buildpack/gantry/internal/plan"
)

// providedWork is the build of the plan that provides another language: it has layers of its own in the same result.
func (w *work) providedWork() *work {
	if w.provided == nil {
		w.provided = &work{
			Builder: w.Builder, ctx: w.ctx, plan: *w.plan.Provides, arch: w.arch, client: w.client, home: w.home, certificates: w.certificates,
			result: libcnb.NewBuildResult(), beside: true,
		}
	}
	return w.provided
}

// atLaunch reports whether the image holds something of it.
func (w *work) atLaunch() bool { return len(w.plan.Runtime.Launch) > 0 }

// take puts the layers of another build into the result.
func (w *work) take(other *work) {
	for _, l := range other.result.Layers {
		w.put(l)
	}
}

// withProvided runs steps while the other language's runtime and packages are there.
func (w *work) withProvided(ctx context.Context, steps func() error) (err error) {
	if w.plan.Provides == nil {
		return steps()
	}
	other := w.providedWork()
	inPath := func() error {
		w.path = append(other.launchPaths(), filepath.Join(other.toolchain, "bin"))
		return steps()
	}
	if d := other.plan.Dependencies; d != nil && !d.NotAtLaunch && other.atLaunch() {
		return other.host(ctx, inPath)
	}
	// Packages come first: they decide what the toolchain must have.
	if other.plan.Dependencies != nil {
		remove, err := other.packagesForBuild(ctx)
		if err != nil {
			return err
		}
		defer func() {
			if removed := remove(); err == nil {
				err = removed
			}
		}()
	}
	if err := other.needToolchain(ctx); err != nil {
		return err
	}
	err = inPath()
	if failed := other.tasks.Wait(); err == nil {
		err = failed
	}
	return err
}

// host installs the packages, for launch as well, and has another language's steps run while those for building are there.
func (w *work) host(ctx context.Context, steps func() error) error {
	w.guest = steps
	err := w.dependencies(ctx)
	w.guest = nil
	if failed := w.tasks.Wait(); err == nil {
		err = failed
	}
	if err != nil {
		return err
	}
	// The links come last: they are not what the steps have made.
	return w.trees().remove()
}

func (w *work) trees() trees {
	d := w.plan.Dependencies
	return trees{app: w.ctx.ApplicationPath, dirs: d.Dirs, scratch: d.Scratch, omit: d.Omit, variants: d.Variants}
}

// providedAtLaunch puts the other language's runtime and packages into the image, where its plan has something for launch.
func (w *work) providedAtLaunch(ctx context.Context) error {
	if w.plan.Provides == nil {
		return nil
	}
	other := w.providedWork()
	if !other.atLaunch() {
		return nil
	}
	if d := other.plan.Dependencies; d != nil && !d.NotAtLaunch {
		var err error
		if l, made := other.inResult(modulesLayer); made {
			err = other.trees().link(l.Path, l.Metadata["links"])
		} else {
			err = other.dependencies(ctx)
		}
		if err != nil {
			return err
		}
	}
	if err := other.runtimeLayer(ctx); err != nil {
		return err
	}
	return other.tasks.Wait()
}

// inResult gives a layer that this build has decided about.
func (w *work) inResult(name string) (libcnb.Layer, bool) {
	i := slices.IndexFunc(w.result.Layers, func(l libcnb.Layer) bool { return l.Name == w.layerName(name) })
	if i < 0 {
		return libcnb.Layer{}, false
	}
	return w.result.Layers[i], true
}

// packagesForBuild installs the packages into the application's folder; remove takes them away again.
func (w *work) packagesForBuild(ctx context.Context) (remove func() error, err error) {
	in, err := w.installation()
	if err != nil {
		return nil, err
	}
	in.builds = true
	if err := in.trees.remove(); err != nil {
		return nil, err
	}
	install := func(by installer) error {
		steps, err := by.forBuild(ctx, in, nil)
		if err != nil {
			return err
		}
		return w.run(ctx, steps)
	}
	by, err := w.chooseInstaller(ctx, in)
	if err != nil {
		return nil, err
	}
	if err = install(by); unsupportedBy(err) != "" {
		why := unsupportedBy(err)
		if err := in.trees.remove(); err != nil {
			return nil, err
		}
		err = install(w.leaveToManager(in, why))
	}
	return in.trees.remove, err
}

// launchPaths are the plan's folders of programs.
func (w *work) launchPaths() []string {
	var list []string
	for _, dir := range w.plan.LaunchPath {
		list = append(list, filepath.Join(w.ctx.ApplicationPath, dir))
	}
	return list
}

// filesDir is the folder of the plan's files in the layer "gantry".
const filesDir = "files"

// inImage puts places in the image into a text of the plan.
func (w *work) inImage(text string) string {
	return strings.NewReplacer(plan.AppDir, w.ctx.ApplicationPath, plan.FilesDir, filepath.Join(w.ctx.Layers.Path, "gantry", filesDir)).Replace(text)
}
