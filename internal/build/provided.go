package build

import (
	"context"
	"path/filepath"
	"strings"

	"github.com/buildpacks/libcnb/v2"

	"github.com/gantry-buildpack/gantry/internal/plan"
)

// providedWork is the build of the plan that provides another language: it has layers of its own in the same result.
func (w *work) providedWork() *work {
	if w.provided == nil {
		w.provided = &work{
			Builder: w.Builder, ctx: w.ctx, plan: *w.plan.Provides, arch: w.arch, client: w.client, home: w.home, certificates: w.certificates,
			result: libcnb.NewBuildResult(),
		}
	}
	return w.provided
}

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
	w.path = append(other.launchPaths(), filepath.Join(other.toolchain, "bin"))
	err = steps()
	if failed := other.tasks.Wait(); err == nil {
		err = failed
	}
	return err
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
	by, err := w.chooseInstaller(in)
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
