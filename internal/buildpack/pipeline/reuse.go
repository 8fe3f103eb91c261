package pipeline

import (
	"fmt"

	"github.com/buildpacks/libcnb/v2"

	"github.com/gantry-buildpack/gantry/internal/buildpack/layers"
	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// reuseAll restores what the steps made the last time, with no package unpacked and no program run; ok is false when one of them has
// to run, or packages have to be installed.
func (p pipeline) reuseAll(r restored, h history) (out outcome, ok bool, err error) {
	steps := layers.Steps(p.Plan)
	if len(steps) == 0 || h.unrecorded != "" || !h.last.Installing.None() || len(steps) != len(h.last.Steps) || !left(r, h.last) {
		return out, false, nil
	}
	packages := map[string]layers.PackageInputs{}
	for _, d := range r.installs {
		packages[d.Layer] = d.inputs
	}
	after := h
	for n, step := range steps {
		more := packagesFor(packages, after.written)
		if n < len(p.Plan.Build.Before) {
			more = nil
		}
		record, tree, cause, known := p.reusable(after, more, step, keyOf(step, after.done.Steps))
		if !known || cause != "" || !h.output.Whole(record) {
			return out, false, nil
		}
		after.tree = tree
		after = after.with(record)
	}
	for _, record := range after.done.Steps {
		if err := h.output.Restore(record, false); err != nil {
			return out, false, err
		}
		p.logReused(record, len(steps))
	}
	for _, d := range r.installs {
		if d.hasLayer() {
			linked, err := p.link(finished{decided: d, layer: d.last})
			if err != nil {
				return out, false, err
			}
			out.layers = append(out.layers, linked)
		}
	}
	out.programs = h.last.Programs
	out.layers = layers.Merge(p.store.Keep(p.keptCaches(r)...), append(out.layers, h.output.Layer())...)
	return out, true, nil
}

// left reports whether the layers of packages for running are as the last build's steps have left them.
func left(r restored, last layers.Records) bool {
	for _, d := range r.installs {
		if !d.unchanged() {
			return false
		}
		if !d.hasLayer() {
			continue
		}
		inputs, _ := d.last.Metadata["inputs"].(map[string]any)
		state := layers.Left{Written: fmt.Sprint(inputs[layers.WrittenInput])}
		if d.Trees.Beside {
			state.Beside = fmt.Sprint(inputs[layers.BesideInput])
			if d.last.Metadata[besideKey] != d.inputs.All[layers.BesideInput] {
				return false
			}
		}
		if last.Packages[d.Layer] != state {
			return false
		}
	}
	return true
}

// with gives the history after a step whose record is known.
func (h history) with(r layers.Record) history {
	h.tree = h.tree.With(r.Source)
	h.done.Steps = append(h.done.Steps[:len(h.done.Steps):len(h.done.Steps)], r)
	if !r.Packages.None() {
		h.written = append(h.written[:len(h.written):len(h.written)], r.Packages.Sum())
	}
	return h
}

// logReused says of a step that it did not run, and why that is right; where there are several, which one it is.
func (p pipeline) logReused(r layers.Record, steps int) {
	text := "reused: "
	if steps > 1 {
		text = r.Title + " reused: "
	}
	switch {
	case r.Whole:
		text += "the source is unchanged"
	case len(r.Reads) == 0:
		text += "it read no file of the source"
	default:
		text += fmt.Sprintf("the %s it read %s unchanged", problem.Count(len(r.Reads), "file"), is(len(r.Reads)))
	}
	switch {
	case p.Plan.Build.Reuse == plan.ReuseAlways:
		text += " (BP_BUILD_REUSE=always)"
	case depends(r) == "":
		text += ", and it opened no connection"
	}
	p.Log.Line("Build", text)
}

func is(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

// keptCaches are all caches that the last build may have left.
func (p pipeline) keptCaches(r restored) []layers.Spec {
	specs := []layers.Spec{layers.BuildCache{Session: p.Session, Build: p.Plan.Build}.Spec()}
	for _, d := range r.installs {
		specs = append(specs, layers.KeptCaches(p.Session, d.Install, d.toolchain, d.inputs)...)
	}
	return specs
}

// saveHistory keeps the records for the next build.
func (p pipeline) saveHistory(h history, all []finished, programs []string) ([]libcnb.Layer, error) {
	if h.unrecorded != "" {
		p.Log.Line("Build", "not all that the steps did could be recorded, so they run again in the next build: "+h.unrecorded)
	}
	if len(h.done.Steps) == 0 {
		return nil, nil
	}
	h.done.Packages, h.done.Programs = map[string]layers.Left{}, programs
	for _, f := range all {
		if f.hasLayer() {
			h.done.Packages[f.Layer] = layers.Left{Written: f.inputs.All[layers.WrittenInput], Beside: f.inputs.All[layers.BesideInput]}
		}
	}
	l, err := h.output.Save(h.done)
	return []libcnb.Layer{l}, err
}
