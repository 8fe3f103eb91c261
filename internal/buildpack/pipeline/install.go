package pipeline

import (
	"context"

	"github.com/buildpacks/libcnb/v2"
	"golang.org/x/sync/errgroup"

	"github.com/gantry-buildpack/gantry/internal/buildpack/layers"
	"github.com/gantry-buildpack/gantry/internal/install/direct"
	"github.com/gantry-buildpack/gantry/internal/install/files"
	"github.com/gantry-buildpack/gantry/internal/plan"
)

// outcome is what installing and building have made.
type outcome struct {
	layers []libcnb.Layer
	// runtimes are the layers of runtimes that were made meanwhile.
	runtimes []libcnb.Layer
	// programs are those of the packages for building.
	programs []string
}

// install installs packages and runs the application's steps, or reuses what the last build made of them.
func (p pipeline) install(ctx context.Context, r restored) (outcome, error) {
	end := p.Log.Span("Build", "look at the source, and at what the last build did")
	h, err := p.openHistory(r)
	if err == nil {
		var out outcome
		var ok bool
		if out, ok, err = p.reuseAll(r, h); ok {
			end()
			return out, err
		}
	}
	end()
	if err != nil {
		return outcome{}, err
	}
	if h, err = p.runBefore(ctx, h); err != nil {
		return outcome{}, err
	}
	choices, err := p.choose(ctx, r)
	if err != nil {
		return outcome{}, err
	}
	return p.build(ctx, h, choices)
}

// runBefore runs the application's steps that come before its packages are installed.
func (p pipeline) runBefore(ctx context.Context, h history) (history, error) {
	headers := map[string]bool{}
	for _, in := range p.Installs {
		// What these steps write may decide what is installed.
		headers[in.Language] = true
	}
	quiet := make(chan struct{})
	close(quiet)
	for _, step := range p.Plan.Build.Before {
		restored, ok, err := p.restoreStep(h, step, nil, nil, len(layers.Steps(p.Plan)))
		if err == nil && !ok {
			restored, err = p.runStep(ctx, restored, step, nil, nil, headers, quiet)
		}
		if err != nil {
			return h, err
		}
		h = restored
	}
	return h, nil
}

// build installs and builds. What the image needs of toolchains that the build does not use is downloaded meanwhile; quiet is closed
// when it is there, so that no step is taken for what has connected.
func (p pipeline) build(ctx context.Context, h history, choices []choice) (outcome, error) {
	headers, needed := p.needs(choices)
	var runtimes []libcnb.Layer
	var out outcome
	quiet := make(chan struct{})
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		defer close(quiet)
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
		out, err = p.perform(ctx, h, choices, headers, quiet)
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
func (p pipeline) choose(ctx context.Context, r restored) ([]choice, error) {
	var list []choice
	for _, d := range r.installs {
		c := choice{decided: d, skip: !d.builds && d.unchanged()}
		if !c.skip {
			by, err := p.installer(ctx, d)
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
	// ready gives the key of the packages for building, and what forBuild gives where they are there already; ok is false where they have to be
	// made.
	ready(d decided) (key string, b built, ok bool)
	// fromBuild puts the packages for running into their layer when the application is built, and gives the places where the
	// application needs links to it.
	fromBuild(ctx context.Context, b built, changes files.Changes, dir string) (links []string, err error)
	// forLaunch installs only the packages for running, into their layer.
	forLaunch(ctx context.Context, d decided, dir string) (launched, error)
}

// launched are packages for running in their layer: the places where the application needs links to it, and caches.
type launched struct {
	links  []string
	caches []libcnb.Layer
	// evaluated is what decided about them, where the manifest is a program.
	evaluated layers.Evaluated
}

// installer gives the one that installs: the lockfile's, unless there is a reason why the package manager must.
func (p pipeline) installer(ctx context.Context, d decided) (installer, error) {
	if d.Lockfile.Direct == nil {
		return byManager{p}, nil
	}
	why := d.Lockfile.NotDirect
	if why == "" {
		by, err := p.openDirect(ctx, d)
		reason, is := direct.Unsupported(err)
		if !is {
			return by, err
		}
		why = reason
	}
	if err := mustBeDirect(d, why); err != nil {
		return nil, err
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
func (p pipeline) perform(ctx context.Context, h history, choices []choice, headers map[string]bool, quiet <-chan struct{}) (outcome, error) {
	var out outcome
	var builds []built
	for _, c := range choices {
		b, err := p.prepare(ctx, c)
		if err != nil {
			return out, err
		}
		builds = append(builds, b)
		out.layers = layers.Merge(out.layers, b.caches...)
	}
	end := p.Log.Span("Build", "look at the source after the installation")
	h = h.installed()
	h.packages = known(builds)
	end()
	h, made, err := p.runSteps(ctx, h, builds, headers, quiet)
	if err != nil {
		return out, err
	}
	out.layers = layers.Merge(out.layers, made...)
	out.programs = programsIn(p.App, p.Image.Environment.Path)
	var all []finished
	for _, b := range builds {
		end := p.Log.Span("Packages", "take the packages for building away: "+b.Layer)
		f, err := p.finish(ctx, b, h.packages)
		end()
		if err != nil {
			return out, err
		}
		all = append(all, f)
	}
	end = p.Log.Span("Build", "keep the records")
	recorded, err := p.saveHistory(h, all, out.programs)
	end()
	if err != nil {
		return out, err
	}
	out.layers = layers.Merge(out.layers, recorded...)
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
