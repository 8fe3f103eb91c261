package pipeline

import (
	"context"
	"errors"

	"github.com/buildpacks/libcnb/v2"
	"golang.org/x/sync/errgroup"

	"github.com/gantry-buildpack/gantry/internal/buildpack/layers"
	"github.com/gantry-buildpack/gantry/internal/install/direct"
	"github.com/gantry-buildpack/gantry/internal/plan"
)

// outcome is what installing and building have made.
type outcome struct {
	layers []libcnb.Layer
	// runtimes are the layers of runtimes that were made meanwhile.
	runtimes []libcnb.Layer
}

// unsupported is an installation that only its package manager can do, as was found out on the way.
type unsupported struct{ language, why string }

func (u unsupported) Error() string { return u.why }

// install installs packages and runs the application's steps, or reuses what the last build made of them.
func (p pipeline) install(ctx context.Context, r restored) (outcome, error) {
	if out, ok, err := p.reuseOutput(r); ok || err != nil {
		return out, err
	}
	if err := p.runBefore(ctx); err != nil {
		return outcome{}, err
	}
	byManager := map[string]string{}
	for {
		out, err := p.attempt(ctx, r, byManager)
		failed, ok := errors.AsType[unsupported](err)
		if !ok {
			return out, err
		}
		// The package manager starts again from nothing.
		for _, d := range r.installs {
			if err := d.trees.Remove(); err != nil {
				return out, err
			}
		}
		byManager[failed.language] = failed.why
	}
}

// reuseOutput restores what pure steps made the last time; ok is false when they have to run.
func (p pipeline) reuseOutput(r restored) (out outcome, ok bool, err error) {
	if !r.output.usable {
		return out, false, nil
	}
	for _, d := range r.installs {
		if !d.unchanged() {
			return out, false, nil
		}
	}
	if r.output.Restore(r.output.last) != nil {
		// It is damaged.
		return out, false, nil
	}
	p.Log.Line("Build", "restored what the scripts made (source, packages and variables unchanged)")
	packages := map[string]layers.PackageInputs{}
	for _, d := range r.installs {
		packages[d.Layer] = d.inputs
		if d.hasLayer() {
			linked, err := p.link(finished{decided: d, layer: d.last})
			if err != nil {
				return out, false, err
			}
			out.layers = append(out.layers, linked)
		}
	}
	out.layers = layers.Merge(p.store.Keep(layers.Caches(p.Session, p.Plan, packages)...), append(out.layers, r.output.last)...)
	return out, true, nil
}

// runBefore runs the application's steps that come before its packages are installed.
func (p pipeline) runBefore(ctx context.Context) error {
	headers := map[string]bool{}
	for _, in := range p.Installs {
		// What these steps write may decide what is installed.
		headers[in.Language] = true
	}
	return p.runAll(ctx, p.Plan.Build.Before, headers)
}

// attempt installs and builds. byManager are the languages whose package managers install, and why. The error is unsupported
// when another one is to.
func (p pipeline) attempt(ctx context.Context, r restored, byManager map[string]string) (outcome, error) {
	choices, err := p.choose(ctx, r, byManager)
	if err != nil {
		return outcome{}, err
	}
	headers, needed := p.needs(choices)
	var runtimes []libcnb.Layer
	var out outcome
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		// The build needs nothing of these: what the image needs of them is downloaded meanwhile.
		for _, t := range p.Toolchains {
			if t.AtLaunch() && !needed[t.Language] && err == nil {
				var l libcnb.Layer
				l, err = p.runtime(ctx, t)
				runtimes = append(runtimes, l)
			}
		}
		return err
	})
	group.Go(func() (err error) {
		out, err = p.perform(ctx, r.output, choices, headers)
		return err
	})
	if err := group.Wait(); err != nil {
		return outcome{}, err
	}
	out.runtimes = runtimes
	return out, nil
}

// choice is an installation, and how it is done.
type choice struct {
	decided
	// skip: nothing is to be done; by is nil then. The layer of the last build is reused where there is one.
	skip bool
	by   installer
}

// choose decides how packages are installed, from their lockfiles.
func (p pipeline) choose(ctx context.Context, r restored, byManager map[string]string) ([]choice, error) {
	var list []choice
	for _, d := range r.installs {
		c := choice{decided: d, skip: !d.builds && d.unchanged()}
		if !c.skip {
			by, err := p.installer(ctx, d, byManager[d.Language])
			if err != nil {
				return nil, err
			}
			c.by = by
		}
		list = append(list, c)
	}
	return list, nil
}

// installer puts packages on disk. There are two: one reads the lockfile itself, the other lets the package manager do it.
type installer interface {
	// needs tells what it needs of its toolchain.
	needs(d decided) (toolchain, headers bool)
	// forBuild installs the packages for building into the application's folder; launch is the folder of the empty layer of
	// those for running, where it is certain that they are needed, else empty.
	forBuild(ctx context.Context, d decided, launch string) (built, error)
	// fromBuild puts the packages for running into their layer when the application is built, and gives the places where the
	// application needs links to it.
	fromBuild(ctx context.Context, b built, dir string) (links []string, err error)
	// forLaunch installs only the packages for running, into their layer.
	forLaunch(ctx context.Context, d decided, dir string) (launched, error)
}

// launched are packages for running in their layer: the places where the application needs links to it, and caches.
type launched struct {
	links  []string
	caches []libcnb.Layer
}

// installer gives the one that installs: the lockfile's, unless there is a reason why the package manager must.
func (p pipeline) installer(ctx context.Context, d decided, why string) (installer, error) {
	if d.Lockfile.Direct == nil {
		return byManager{p}, nil
	}
	if why == "" {
		why = d.Lockfile.NotDirect
	}
	if why == "" {
		by, err := p.openDirect(ctx, d)
		reason, is := direct.Unsupported(err)
		if !is {
			return by, err
		}
		why = reason
	}
	p.Log.Line("Packages", d.Manager.Name+" installs them itself: "+why)
	return byManager{p}, nil
}

// needs tells which toolchains the build uses, by language, and of which it needs the headers.
func (p pipeline) needs(choices []choice) (headers, toolchains map[string]bool) {
	headers, toolchains = map[string]bool{}, map[string]bool{}
	if p.requiredForBuild() && len(p.Toolchains) > 0 {
		toolchains[p.Toolchains[0].Language] = true
	}
	for _, step := range append(append([]plan.Step{}, p.Plan.Build.Before...), p.Plan.Build.Steps...) {
		for _, language := range step.Toolchains {
			toolchains[language] = true
		}
	}
	for _, c := range choices {
		if c.by == nil {
			continue
		}
		toolchain, more := c.by.needs(c.decided)
		toolchains[c.Language] = toolchains[c.Language] || toolchain
		headers[c.Language] = headers[c.Language] || more
	}
	return headers, toolchains
}

// perform installs, runs the steps, and puts what the image needs into layers.
func (p pipeline) perform(ctx context.Context, o output, choices []choice, headers map[string]bool) (outcome, error) {
	var out outcome
	var builds []built
	for _, c := range choices {
		b, err := p.prepare(ctx, c)
		if err != nil {
			return out, unsupportedBy(c.Language, err)
		}
		builds = append(builds, b)
		out.layers = layers.Merge(out.layers, b.caches...)
	}
	made, err := p.runSteps(ctx, o, builds, headers)
	if err != nil {
		return out, err
	}
	out.layers = layers.Merge(out.layers, made...)
	var all []finished
	for _, b := range builds {
		f, err := p.finish(ctx, b)
		if err != nil {
			return out, unsupportedBy(b.Language, err)
		}
		all = append(all, f)
	}
	// The links come last: they are not what the steps have made.
	for _, f := range all {
		out.layers = layers.Merge(out.layers, f.caches...)
		if !f.hasLayer() {
			continue
		}
		l, err := p.link(f)
		if err != nil {
			return out, err
		}
		out.layers = layers.Merge(out.layers, l)
		if err := p.compile(ctx, f); err != nil {
			return out, err
		}
	}
	return out, nil
}

// unsupportedBy tells by which language an error says that its package manager must install.
func unsupportedBy(language string, err error) error {
	if why, is := direct.Unsupported(err); is {
		return unsupported{language, why}
	}
	return err
}
