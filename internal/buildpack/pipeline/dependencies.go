package pipeline

import (
	"context"
	"fmt"
	"slices"

	"github.com/buildpacks/libcnb/v2"
	"golang.org/x/sync/errgroup"

	"github.com/gantry-buildpack/gantry/internal/plan"
)

// Layer: "modules" holds the packages that the running application needs, in the folders in which they were installed;
// the application has a link to each.
// Rebuilt when: a manifest, the lockfile, the package manager, the runtime's line, the architecture or the distribution
// changes, or when the application's build writes something else into the packages.

// installer makes trees of packages. There are two: one that reads the lockfile itself, and one that lets the package
// manager do it.
type installer interface {
	// forBuild makes the tree for building in the application's folder. launch is the empty layer of the tree for
	// running, when it is certain that one is needed. steps are those of the application that the installation has not
	// run.
	forBuild(ctx context.Context, in installation, launch *libcnb.Layer) (steps []plan.Command, err error)
	// changed gives a digest of what the application's steps have written into the tree.
	changed(in installation) (string, error)
	// forLaunch puts the tree for running into its layer and gives the places where the application needs links to it.
	forLaunch(ctx context.Context, in installation, launch libcnb.Layer) (links []string, err error)
}

// modulesLayer holds the tree for running.
const modulesLayer = "modules"

// builtInput is the name of the input that is not known before the application is built.
const builtInput = "what the build wrote into the packages"

// dependencies installs, builds, and leaves in the application's folder what the image needs.
func (w *work) dependencies(ctx context.Context) error {
	if w.plan.Dependencies == nil {
		return w.withoutPackages(ctx)
	}
	in, err := w.installation()
	if err != nil {
		return err
	}
	if err := in.trees.remove(); err != nil {
		return err
	}
	if in.output, err = w.openOutput(in.inputs, in.Dirs); err != nil {
		return err
	}
	made := in.output
	// Metadata that cannot be read is as good as none.
	last, _ := w.ctx.Layers.Layer(w.layerName(modulesLayer))
	if in.NotAtLaunch || in.InPlace {
		return w.withoutLayer(ctx, in)
	}
	cause := in.inputs.Cause(last.Metadata)
	if w.beside {
		// What another language's steps write is not known where they need not run.
		cause = in.inputs.CauseBut(last.Metadata, builtInput)
	}
	if !in.builds && w.neededAnyway(cause) == "" {
		w.keepCaches()
		return w.linkModules(in, last, "")
	}
	if made != nil && made.usable && w.neededAnyway(in.inputs.CauseBut(last.Metadata, builtInput)) == "" && w.restoreOutput(made) {
		w.keepCaches()
		return w.linkModules(in, last, "")
	}
	by, err := w.prepareInstaller(ctx, in)
	if err != nil {
		return err
	}
	err = w.install(ctx, in, by, last)
	if why := unsupportedBy(err); why != "" {
		// Found out only on the way; the package manager starts again from nothing.
		if err := in.trees.remove(); err != nil {
			return err
		}
		return w.install(ctx, in, w.leaveToManager(in, why), last)
	}
	return err
}

// neededAnyway gives the cause to make the packages, which there is even where nothing changed when another buildpack needs
// them: what is only for launch is not restored.
func (w *work) neededAnyway(cause string) string {
	if cause == "" && w.requiredForBuild("node_modules", "gems") {
		return "another buildpack needs them while it builds"
	}
	return cause
}

// prepareInstaller runs the application's steps that come before, and gives the installer.
func (w *work) prepareInstaller(ctx context.Context, in installation) (installer, error) {
	if len(w.plan.Before) > 0 {
		if err := w.needToolchain(ctx); err != nil {
			return nil, err
		}
		if err := w.run(ctx, w.plan.Before); err != nil {
			return nil, err
		}
	}
	return w.chooseInstaller(ctx, in)
}

// withoutPackages builds an application that has none.
func (w *work) withoutPackages(ctx context.Context) error {
	made, err := w.openOutput(nil, nil)
	if err != nil {
		return err
	}
	if made != nil && made.usable && w.restoreOutput(made) {
		w.keepCaches()
		return nil
	}
	return made.record(ctx, w, func(ctx context.Context) error { return w.steps(ctx, slices.Concat(w.plan.Before, w.plan.Scripts)) })
}

// restoreOutput puts what the steps made last time into the application; false when that is damaged.
func (w *work) restoreOutput(made *output) bool {
	if made.restore(w.ctx.ApplicationPath) != nil {
		return false
	}
	w.Report.Line("Build", "what the scripts made comes from the cache: source, packages and variables are the same")
	w.put(made.layer)
	return true
}

func (w *work) chooseInstaller(ctx context.Context, in installation) (installer, error) {
	if !in.Direct {
		return w.leaveToManager(in, ""), nil
	}
	direct, why, err := w.openDirect(ctx, in)
	if direct != nil || err != nil {
		return direct, err
	}
	return w.leaveToManager(in, why), nil
}

func (w *work) leaveToManager(in installation, why string) installer {
	if in.Direct {
		w.Report.Line("Packages", fmt.Sprintf("%s installs them itself: %s", in.Manager, why))
	}
	w.native = true
	return &managed{w: w}
}

// install makes what the image needs of the packages, by way of the application's build where there is one. last is the
// layer of the last build.
func (w *work) install(ctx context.Context, in installation, by installer, last libcnb.Layer) error {
	remake := w.neededAnyway(in.inputs.CauseBut(last.Metadata, builtInput)) != ""
	l := last
	var err error
	if remake {
		if l, err = w.fresh(modulesLayer, launchOnly, in.inputs); err != nil {
			return err
		}
	}
	if in.builds {
		launch := &l
		if !remake {
			launch = nil
		}
		steps, err := by.forBuild(ctx, in, launch)
		if err != nil {
			return err
		}
		if err := in.output.record(ctx, w, func(ctx context.Context) error { return w.steps(ctx, steps) }); err != nil {
			return err
		}
		if in.inputs[builtInput], err = by.changed(in); err != nil {
			return err
		}
	}
	cause := w.neededAnyway(in.inputs.Cause(last.Metadata))
	if cause != "" && !remake {
		if l, err = w.fresh(modulesLayer, launchOnly, in.inputs); err != nil {
			return err
		}
	}
	if cause != "" {
		links, err := by.forLaunch(ctx, in, l)
		if err != nil {
			return err
		}
		l.Metadata = in.inputs.Metadata()
		l.Metadata["links"] = links
		if missing := w.notInstalled(in, l.Path); len(missing) > 0 {
			l.Metadata[notInstalled] = missing
		}
		if list := listed(in, l.Path); len(list) > 0 {
			l.Metadata[listedPackages] = list
		}
	}
	if err := in.trees.remove(); err != nil {
		return err
	}
	if err := w.linkModules(in, l, cause); err != nil || cause == "" {
		return err
	}
	return w.compilePackages(ctx, in, l.Path)
}

// linkModules adds the layer to the result, and links to it to the application.
func (w *work) linkModules(in installation, l libcnb.Layer, cause string) error {
	w.tell(w.layerName(modulesLayer), cause)
	l.LayerTypes = launchOnly
	w.put(l)
	return in.trees.link(l.Path, l.Metadata["links"])
}

// keepCaches keeps what the last build kept, for a build that needs nothing of it.
func (w *work) keepCaches() {
	for _, name := range []string{toolchainCacheLayer, storeLayer, builtLayer, treeLayer, packagesLayer, cacheLayer} {
		w.keepLayer(name)
	}
	if w.plan.Provides != nil {
		w.providedWork().keepCaches()
	}
}

func (w *work) keepLayer(name string) {
	if _, made := w.inResult(name); made {
		return
	}
	if l, err := w.ctx.Layers.Layer(w.layerName(name)); err == nil && len(l.Metadata) > 0 {
		l.LayerTypes = libcnb.LayerTypes{Cache: true}
		w.put(l)
	}
}

// steps runs the application's own steps.
func (w *work) steps(ctx context.Context, steps []plan.Command) error {
	if len(steps) == 0 && w.guest == nil {
		return nil
	}
	if err := w.needToolchain(ctx); err != nil {
		return err
	}
	err := w.withProvided(ctx, func() error {
		return w.withCaches(func() error { return w.run(ctx, steps) })
	})
	if err == nil && w.guest != nil {
		err = w.guest()
	}
	return err
}

func (w *work) run(ctx context.Context, steps []plan.Command) error {
	for _, step := range steps {
		if err := w.command(ctx, "Build", step); err != nil {
			return err
		}
	}
	return nil
}

// together runs tasks at the same time; the first error ends them all.
func together(ctx context.Context, tasks ...func(context.Context) error) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, task := range tasks {
		group.Go(func() error { return task(ctx) })
	}
	return group.Wait()
}
