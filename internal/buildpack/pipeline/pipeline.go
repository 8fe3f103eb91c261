// Package pipeline carries out a plan for the lifecycle, stage by stage: resolve, restore, install, run steps, assemble
// layers. Each stage returns what the next one needs. It knows no language and no package manager.
package pipeline

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/buildpacks/libcnb/v2"

	"github.com/gantry-buildpack/gantry/internal/buildpack/buildlog"
	"github.com/gantry-buildpack/gantry/internal/buildpack/cnb"
	"github.com/gantry-buildpack/gantry/internal/buildpack/command"
	"github.com/gantry-buildpack/gantry/internal/buildpack/layers"
	"github.com/gantry-buildpack/gantry/internal/buildpack/observe"
	"github.com/gantry-buildpack/gantry/internal/buildpack/session"
	"github.com/gantry-buildpack/gantry/internal/container/sharedlib"
	unpack "github.com/gantry-buildpack/gantry/internal/install/toolchain"
	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/plan/resolve"
	"github.com/gantry-buildpack/gantry/internal/problem"
	"github.com/gantry-buildpack/gantry/internal/source/app"
)

// Builder builds applications.
type Builder struct {
	// Environ is the process's environment.
	Environ []string
	Log     *buildlog.Log
	// Resolve makes the plan, Run executes a command, and Unpacker gets toolchains; nil for the real ones.
	Resolve  func(source app.App, given resolve.Given, target resolve.Target, now time.Time) (resolve.Resolved, error)
	Run      func(ctx context.Context, r command.Runner, c plan.Command) error
	Unpacker layers.Unpacker
	// Traffic counts what is sent from this network namespace; nil for the kernel's counters.
	Traffic func() (observe.Traffic, error)
	// Sees tries how reads of the source show; nil for observe.Source.Sees.
	Sees func(source observe.Source) (observe.Sight, error)
}

// pipeline is one build. It does not change: what stages make is returned.
type pipeline struct {
	session.Session
	resolve.Resolved
	store layers.Store
	// ready is what waits unpacked from build to build, where the platform has a place for it.
	ready    layers.Ready
	run      func(ctx context.Context, r command.Runner, c plan.Command) error
	unpacker layers.Unpacker
	traffic  func() (observe.Traffic, error)
	sees     func(source observe.Source) (observe.Sight, error)
	// system are the packages of the distribution.
	system system
	// libc is the C library, as npm names it.
	libc string
	// required are the entries of the build plan.
	required []libcnb.BuildpackPlanEntry
	// toolchains are opened when they are first needed, writes are archives that are written in the background.
	toolchains toolchains
	writes     *writes
}

// Build is the build phase.
func (b Builder) Build(ctx context.Context, c libcnb.BuildContext) (libcnb.BuildResult, error) {
	start := time.Now()
	b.Log.Title("Gantry " + c.Buildpack.Info.Version)
	result, err := b.build(ctx, c)
	defer b.writeTimeline(c)
	if errors.Is(err, context.Canceled) {
		err = &problem.Problem{
			ID:    "build/interrupted",
			Title: "the build was interrupted",
			Why:   "it received a signal to stop",
			Hints: []string{"Nothing of it was kept; build again."},
			Err:   err,
		}
	}
	if err != nil {
		return libcnb.BuildResult{}, err
	}
	b.Log.Done(time.Since(start))
	return result, nil
}

// TimelineVariable names a file for the build's timeline.
const TimelineVariable = "BP_TIMELINE"

// writeTimeline writes down where the time went, if somebody wants to know.
func (b Builder) writeTimeline(c libcnb.BuildContext) {
	file, set := cnb.Lookup(c.Platform.Environment, b.Environ)(TimelineVariable)
	if !set || file == "" {
		return
	}
	if err := b.Log.Timeline().WriteTrace(file); err != nil {
		b.Log.Warning("The timeline could not be written: " + err.Error() + ". " + TimelineVariable + " names a file, in a folder that the build can write to: a volume, or /tmp.")
	}
}

func (b Builder) build(ctx context.Context, c libcnb.BuildContext) (libcnb.BuildResult, error) {
	end := b.Log.Span("Plan", "plan the build")
	resolved, err := b.resolve(ctx, c)
	end()
	if err != nil {
		return libcnb.BuildResult{}, err
	}
	for _, warning := range resolved.Warnings {
		b.Log.Warning(warning)
	}
	b.Log.Decisions(resolved.Decisions)
	if err := unbuildable(resolved.Unbuildable); err != nil {
		return libcnb.BuildResult{}, err
	}
	s, err := session.Open(c, b.Environ, resolved.Toolchains, b.Log)
	if err != nil {
		return libcnb.BuildResult{}, err
	}
	if resolved, err = foreign(resolved, s); err != nil {
		return libcnb.BuildResult{}, err
	}
	p := pipeline{
		Session: s, Resolved: resolved, store: layers.Open(c.Layers), ready: layers.OpenReady(s.Ready), run: b.Run, unpacker: b.Unpacker, traffic: b.Traffic, sees: b.Sees, required: c.Plan.Entries, libc: unpack.Libc("/"),
		toolchains: newToolchains(resolved.Plan), writes: &writes{},
	}
	if p.run == nil {
		p.run = func(ctx context.Context, r command.Runner, c plan.Command) error { return r.Run(ctx, c) }
	}
	if p.unpacker == nil {
		p.unpacker = unpack.Unpacker{Client: s.Client, Log: b.Log, Arch: s.Arch}
	}
	result, err := p.carryOut(ctx, c.Layers)
	if left := s.Close(); left != nil {
		b.Log.Warning("The temporary home folder of the build's programs could not be removed: " + left.Error())
	}
	return result, err
}

func (b Builder) resolve(ctx context.Context, c libcnb.BuildContext) (resolve.Resolved, error) {
	make := b.Resolve
	if make == nil {
		resolver, err := resolve.For(c.Buildpack.Metadata)
		if err != nil {
			return resolve.Resolved{}, err
		}
		make = resolver.Plan
	}
	given := resolve.Given{Lookup: cnb.Lookup(c.Platform.Environment, b.Environ), Variables: c.Platform.Environment}
	has := func(library string) bool {
		path, _ := given.Lookup("LD_LIBRARY_PATH")
		return sharedlib.Find("/", path, library) != ""
	}
	published := func(registry, name string) ([]string, error) {
		client, err := session.NewClient(c, b.Environ, b.Log)
		if err != nil {
			return nil, err
		}
		return unpack.Versions(ctx, client, registry, name)
	}
	target := resolve.Target{Arch: session.Arch(c), Libc: unpack.Libc("/"), HasLibrary: has, Published: published}
	return make(app.Open(c.ApplicationPath), given, target, time.Now())
}

// carryOut runs the stages. Background writes are waited for, whatever comes of it.
func (p pipeline) carryOut(ctx context.Context, l libcnb.Layers) (libcnb.BuildResult, error) {
	defer p.ready.Close()
	result, err := p.stages(ctx, l)
	defer p.Log.Span("Cache", "wait for archives")()
	if failed := p.writes.wait(); err == nil {
		err = failed
	}
	if err == nil {
		err = p.putToolchainsAway()
	}
	return result, err
}

func (p pipeline) stages(ctx context.Context, l libcnb.Layers) (libcnb.BuildResult, error) {
	if err := p.ignoreSource(); err != nil {
		return libcnb.BuildResult{}, err
	}
	system, err := p.makeSystem(ctx)
	defer system.close()
	if err != nil {
		return libcnb.BuildResult{}, err
	}
	p = p.withSystem(ctx, system)
	end := p.Log.Span("Layer", "make gantry")
	gantry, err := p.gantry(ctx)
	end()
	if err != nil {
		return libcnb.BuildResult{}, err
	}
	end = p.Log.Span("Packages", "compare with the last build")
	last, err := p.restore()
	end()
	if err != nil {
		return libcnb.BuildResult{}, err
	}
	built, err := p.install(ctx, last)
	if err != nil {
		return libcnb.BuildResult{}, err
	}
	if p, err = p.startable(built.layers); err != nil {
		return libcnb.BuildResult{}, err
	}
	end = p.Log.Span("Layer", "make the runtimes")
	runtimes, err := p.runtimes(ctx, built)
	end()
	if err != nil {
		return libcnb.BuildResult{}, err
	}
	if err := gantry.again(ctx, p); err != nil {
		return libcnb.BuildResult{}, err
	}
	libraries, more, err := p.addLibraries(ctx, slices.Concat(built.layers, runtimes))
	if err != nil {
		return libcnb.BuildResult{}, err
	}
	p.system.installed = slices.Concat(p.system.installed, more)
	end = p.Log.Span("Layer", "write the bill of materials")
	err = p.writeBill(l, built)
	end()
	if err != nil {
		return libcnb.BuildResult{}, err
	}
	defer p.Log.Span("Build", "check what was built")()
	groups := p.slices()
	if err := p.finishApplication(); err != nil {
		return libcnb.BuildResult{}, err
	}
	served, err := p.serveFiles(ctx)
	if err != nil {
		return libcnb.BuildResult{}, err
	}
	if err := p.checkPrograms(built.layers, built.programs); err != nil {
		return libcnb.BuildResult{}, err
	}
	if err := p.checkImports(built.layers); err != nil {
		return libcnb.BuildResult{}, err
	}
	result := libcnb.NewBuildResult()
	result.Layers = layers.Merge(p.keepToolchains(), gantry.layer)
	result.Layers = layers.Merge(result.Layers, built.layers...)
	result.Layers = layers.Merge(result.Layers, runtimes...)
	result.Layers = layers.Merge(result.Layers, p.toolchains.layers()...)
	result.Layers = layers.Merge(result.Layers, slices.Concat(system.layers, libraries, served)...)
	for _, name := range p.store.Betrayed(result.Layers) {
		p.Log.Line("Cache", name+": not kept (the build's programs have changed it)")
		result.Layers = slices.DeleteFunc(result.Layers, func(l libcnb.Layer) bool { return l.Name == name })
	}
	if err := p.store.Seal(result.Layers); err != nil {
		return libcnb.BuildResult{}, err
	}
	result.Labels = append(gantry.labels, p.labels()...)
	result.Processes, result.Slices = p.processes(), groups
	return result, nil
}

// requiredForBuild reports whether another buildpack needs something of this one while it builds: it says so in its
// requirement, as Paketo's do. Without names, it may be anything.
func (p pipeline) requiredForBuild(names ...string) bool {
	for _, e := range p.required {
		if e.Metadata["build"] != true {
			continue
		}
		if len(names) == 0 {
			return true
		}
		for _, name := range names {
			if e.Name == name {
				return true
			}
		}
	}
	return false
}

// logLayer says in the log what became of a launch layer; cause is empty when it was reused.
func (p pipeline) logLayer(name, cause string) {
	if cause == "" {
		p.Log.Line("Layer", name+": reused (inputs unchanged)")
		return
	}
	p.Log.Line("Layer", name+": created ("+cause+")")
}
