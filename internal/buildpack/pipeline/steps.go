package pipeline

import (
	"context"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/buildpacks/libcnb/v2"

	"github.com/gantry-buildpack/gantry/internal/buildpack/command"
	"github.com/gantry-buildpack/gantry/internal/buildpack/layer"
	"github.com/gantry-buildpack/gantry/internal/buildpack/layers"
	"github.com/gantry-buildpack/gantry/internal/plan"
)

// runSteps runs the application's own steps, those of installations and those of the build, or restores what they made the last time. It
// gives the layers of what is kept for the next build.
func (p pipeline) runSteps(ctx context.Context, h history, all []built, headers map[string]bool, quiet <-chan struct{}) (history, []libcnb.Layer, error) {
	var steps []plan.Step
	packages := map[string]layers.PackageInputs{}
	for _, b := range all {
		steps = append(steps, plan.Steps(b.hooks, b.Language)...)
		inputs, err := b.inputs.After(b.evaluated, p.Session, b.Install, b.toolchain)
		if err != nil {
			return h, nil, err
		}
		if b.installed && !b.restored && b.Lockfile.Name == "" {
			inputs.Again = "nothing says which versions were installed"
		}
		packages[b.Layer] = inputs
	}
	steps = append(steps, p.Plan.Build.Steps...)
	caches, ran := layers.BuildCache{Session: p.Session, Build: p.Plan.Build}, false
	for _, step := range steps {
		more := packagesFor(packages, h.written)
		restored, ok, err := p.restoreStep(h, step, more, all, len(steps))
		if err != nil {
			return h, nil, err
		}
		if ok {
			h = restored
			continue
		}
		if !ran {
			p.restoreCaches(caches)
			ran = true
		}
		if h, err = p.runStep(ctx, restored, step, more, all, headers, quiet); err != nil {
			return h, nil, err
		}
	}
	if !ran {
		return h, p.store.Keep(caches.Spec()), nil
	}
	kept, err := p.keepCaches(caches)
	return h, kept, err
}

// restoreStep restores what a step made the last time; ok is false when it has to run.
func (p pipeline) restoreStep(h history, step plan.Step, more layer.Inputs, all []built, steps int) (_ history, ok bool, err error) {
	if h.unrecorded != "" {
		return h, false, nil
	}
	record, tree, cause, known := p.reusable(h, more, step, keyOf(step, h.done.Steps))
	h.tree = tree
	switch {
	case known && cause == "" && len(record.Unkept) > 0:
		cause = "files that it made are in no cache"
	case known && cause == "" && len(record.Elsewhere) > 0:
		cause = "it wrote " + some(record.Elsewhere) + ", which is not kept"
	case known && cause == "" && record.Unarchived:
		cause = "nothing was kept of what it made"
	case known && cause == "" && !h.output.Whole(record):
		cause = "what it made is damaged in the cache"
	}
	if !known || cause != "" {
		if known {
			p.Log.Line("Build", step.Title+" runs again: "+cause)
		}
		return h, false, nil
	}
	installed := slices.ContainsFunc(all, func(b built) bool { return b.installed })
	if err := h.output.Restore(record, installed); err != nil {
		return h, false, err
	}
	p.logReused(record, steps)
	before := h.tree
	h = h.with(record)
	if !record.Packages.None() {
		h.packages = nil
	}
	return h.looked(before), true, nil
}

// runStep runs a step while nothing else connects anywhere.
func (p pipeline) runStep(ctx context.Context, h history, step plan.Step, more layer.Inputs, all []built, headers map[string]bool, quiet <-chan struct{}) (history, error) {
	toolchains, err := p.openLanguages(ctx, step.Toolchains, headers)
	if err != nil {
		return h, err
	}
	select {
	case <-quiet:
	case <-ctx.Done():
		return h, ctx.Err()
	}
	return p.observe(h, step, keyOf(step, h.done.Steps), more, all, func(start starter) error {
		return p.start(ctx, "Build", step.Command, start, toolchains...)
	})
}

// restoreCaches puts into the application what its tools kept the last time.
func (p pipeline) restoreCaches(caches layers.BuildCache) {
	if len(p.Plan.Build.Caches) == 0 {
		return
	}
	if last, cause := p.store.Reuse(caches.Spec()); cause == "" {
		caches.Restore(last)
	}
}

// keepCaches takes what the application's tools keep out of its folder, into a layer.
func (p pipeline) keepCaches(caches layers.BuildCache) ([]libcnb.Layer, error) {
	found, err := caches.Find()
	if err != nil || found.None() {
		return nil, err
	}
	l, err := p.store.Fresh(caches.Spec())
	if err != nil {
		return nil, err
	}
	return []libcnb.Layer{l}, caches.Keep(found, l.Path)
}

// starter starts a program; nil for its own method.
type starter func(cmd *exec.Cmd) error

// runCommand runs a program of toolchains in the application's folder.
func (p pipeline) runCommand(ctx context.Context, subject string, step plan.Command, toolchains ...plan.Toolchain) error {
	return p.start(ctx, subject, step, nil, toolchains...)
}

// start is runCommand with another way to start.
func (p pipeline) start(ctx context.Context, subject string, step plan.Command, start starter, toolchains ...plan.Toolchain) error {
	output := p.Log.Output()
	environ := slices.DeleteFunc(p.Environ(toolchains...), func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		return slices.Contains(step.Without, name)
	})
	for _, name := range slices.Sorted(maps.Keys(step.Env)) {
		environ = append(environ, name+"="+step.Env[name])
	}
	step.Args = p.withToolPath(step.Args, toolchains)
	var warnings []string
	warn := func(text string) { warnings = append(warnings, text) }
	end := p.Log.Step(subject, step.Title)
	err := p.run(ctx, command.Runner{Dir: filepath.Join(p.App, step.Dir), Env: environ, Output: output, Warn: warn, Start: start}, step)
	_ = output.Close()
	if err != nil {
		end("")
		return err
	}
	end(step.Title)
	for _, warning := range warnings {
		p.Log.Warning(warning)
	}
	return nil
}

// withToolPath takes the tools of toolchains from there, even where a package of the application brings a program of that name,
// whatever its version: semantic-release, for one, has npm among its dependencies.
func (p pipeline) withToolPath(args []string, toolchains []plan.Toolchain) []string {
	for _, t := range toolchains {
		for _, tool := range t.Tools {
			if _, is := tool.Bin[args[0]]; !is {
				continue
			}
			program := filepath.Join(p.ToolchainDir(t), "bin", args[0])
			if _, err := os.Stat(program); err == nil {
				return append([]string{program}, args[1:]...)
			}
		}
	}
	return args
}
