package pipeline

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/buildpacks/libcnb/v2"

	"github.com/gantry-buildpack/gantry/internal/buildpack/command"
	"github.com/gantry-buildpack/gantry/internal/buildpack/layers"
	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// runSteps runs the application's own steps: the hooks of installations, then those of the build, with what their tools kept
// the last time. It gives the layers of what is kept for the next.
func (p pipeline) runSteps(ctx context.Context, o output, builds []built, headers map[string]bool) ([]libcnb.Layer, error) {
	var steps []plan.Step
	for _, b := range builds {
		steps = append(steps, plan.Steps(b.hooks, b.Language)...)
	}
	steps = append(steps, p.Plan.Build.Steps...)
	if len(steps) == 0 {
		return nil, nil
	}
	if !o.pure {
		return p.runWithCaches(ctx, steps, headers)
	}
	kept, nothing, err := p.runRecording(ctx, steps, headers)
	if err != nil {
		return kept, err
	}
	o.Nothing = nothing
	if len(nothing.Reads) > 0 {
		if o.spec, err = o.Spec(); err != nil {
			return kept, err
		}
	}
	into, err := p.store.Fresh(o.spec)
	if err != nil {
		return nil, err
	}
	made, err := o.Keep(o.before, into)
	return append(kept, made), err
}

// runRecording runs steps, of which the only one may record why it has made nothing.
func (p pipeline) runRecording(ctx context.Context, steps []plan.Step, headers map[string]bool) (kept []libcnb.Layer, nothing layers.Evaluated, err error) {
	if len(steps) != 1 || !steps[0].Records {
		kept, err = p.runWithCaches(ctx, steps, headers)
		return kept, nothing, err
	}
	folder, err := os.MkdirTemp("", "gantry-record-")
	if err != nil {
		return nil, nothing, problem.Disk("make a temporary folder", err)
	}
	file := filepath.Join(folder, plan.RecordFile)
	step := steps[0]
	step.Env = maps.Clone(step.Env)
	step.Env[plan.RecordVariable] = file
	if kept, err = p.runWithCaches(ctx, []plan.Step{step}, headers); err == nil {
		nothing, err = p.recorded(file)
	}
	return kept, nothing, errors.Join(err, os.RemoveAll(folder))
}

func (p pipeline) runWithCaches(ctx context.Context, steps []plan.Step, headers map[string]bool) ([]libcnb.Layer, error) {
	if len(p.Plan.Build.Caches) == 0 {
		return nil, p.runAll(ctx, steps, headers)
	}
	caches := layers.BuildCache{Session: p.Session, Build: p.Plan.Build}
	if last, cause := p.store.Reuse(caches.Spec()); cause == "" {
		caches.Restore(last)
	}
	if err := p.runAll(ctx, steps, headers); err != nil {
		return nil, err
	}
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

// runAll runs steps, one after the other.
func (p pipeline) runAll(ctx context.Context, steps []plan.Step, headers map[string]bool) error {
	for _, step := range steps {
		toolchains, err := p.openLanguages(ctx, step.Toolchains, headers)
		if err != nil {
			return err
		}
		if err := p.runCommand(ctx, "Build", step.Command, toolchains...); err != nil {
			return err
		}
	}
	return nil
}

// runCommand runs a program of toolchains in the application's folder.
func (p pipeline) runCommand(ctx context.Context, subject string, step plan.Command, toolchains ...plan.Toolchain) error {
	output := p.Log.Output()
	environ := p.Environ(toolchains...)
	for _, name := range slices.Sorted(maps.Keys(step.Env)) {
		environ = append(environ, name+"="+step.Env[name])
	}
	step.Args = p.withToolPath(step.Args, toolchains)
	var warnings []string
	warn := func(text string) { warnings = append(warnings, text) }
	end := p.Log.Step(subject, step.Title)
	err := p.run(ctx, command.Runner{Dir: filepath.Join(p.App, step.Dir), Env: environ, Output: output, Warn: warn}, step)
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
