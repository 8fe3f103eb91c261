package pipeline

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/buildpack/layer"
	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// installation is how the packages of one application are installed.
type installation struct {
	*plan.Dependencies
	trees  trees
	inputs layer.Inputs
	// flags are those of inputs that decide how packages are compiled.
	flags layer.Inputs
	// builds: the application has steps of its own, which need the packages for building.
	builds bool
	// output is what those make, when they are pure; else nil.
	output *output
}

// installation gathers what decides about the packages.
func (w *work) installation() (installation, error) {
	d := w.plan.Dependencies
	line := w.plan.Runtime.ABI
	if line == "" {
		line, _, _ = strings.Cut(w.plan.Runtime.Release.Version, ".")
	}
	in := installation{
		Dependencies: d,
		trees:        w.trees(),
		builds:       len(w.plan.Before)+len(w.plan.Scripts)+len(d.Hooks) > 0 || w.guest != nil,
		inputs: layer.Inputs{
			"architecture":                 w.arch,
			"distribution":                 w.ctx.TargetDistro.Name + " " + w.ctx.TargetDistro.Version,
			w.plan.Runtime.Title + " line": line,
			d.Manager:                      d.Version,
			builtInput:                     nothingWritten,
		},
	}
	if len(d.Evidence) > 0 {
		in.inputs["how packages are found"] = strings.Join(d.Evidence, " ")
	}
	if len(d.CompiledFiles)+len(d.Twins)+len(d.Omit)+len(d.Variants) > 0 {
		in.inputs["what is kept of their files"] = layer.Digest(fmt.Append(nil, d.CompiledFiles, d.Twins, d.Omit, d.Variants))
	}
	if d.Compiled != nil {
		in.inputs["what is compiled of them"] = d.Compiled.Compile.Title
	}
	if d.Production != nil {
		in.inputs["packages that are run"] = strings.Join(slices.Concat(d.Production.Roots, d.Production.Also), " ")
	}
	in.flags = w.set(d.Flags)
	maps.Copy(in.inputs, in.flags)
	maps.Copy(in.inputs, w.set(d.Variables))
	for _, name := range d.Inputs {
		digest, err := contentDigest(filepath.Join(w.ctx.ApplicationPath, name))
		if err != nil {
			return in, problem.Disk("read "+name, err)
		}
		in.inputs[name] = digest
	}
	return in, nil
}

// set gives the values of variables of the build, by names or beginnings of names.
func (w *work) set(patterns []string) layer.Inputs {
	in := layer.Inputs{}
	for name, value := range w.variables() {
		if slices.ContainsFunc(patterns, func(pattern string) bool {
			start, open := strings.CutSuffix(pattern, "*")
			return name == pattern || open && strings.HasPrefix(name, start)
		}) {
			in["the variable "+name] = layer.Digest([]byte(value))
		}
	}
	return in
}
