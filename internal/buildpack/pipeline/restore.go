package pipeline

import (
	"strings"

	"github.com/buildpacks/libcnb/v2"

	"github.com/gantry-buildpack/gantry/internal/buildpack/layers"
	"github.com/gantry-buildpack/gantry/internal/install/trees"
	"github.com/gantry-buildpack/gantry/internal/plan"
)

// restored is what the last build has left, and what that means for this one.
type restored struct{ installs []decided }

// decided is an installation of which nothing is on disk yet: what decides about it, and what of the last build can be used.
type decided struct {
	plan.Install
	toolchain plan.Toolchain
	trees     trees.Trees
	inputs    layers.PackageInputs
	// last is the layer of the last build, and cause why it cannot be reused; where steps run, apart from what they write into it.
	last  libcnb.Layer
	cause string
	// builds: steps of the application need the packages for building.
	builds bool
}

// hasLayer reports whether packages for running go into a layer.
func (d decided) hasLayer() bool { return !d.Launch.None && !d.Launch.InPlace }

// unchanged reports whether the layer of the last build can be reused, if steps need not run.
func (d decided) unchanged() bool { return d.Launch.None || d.hasLayer() && d.cause == "" }

// spec is the layer of the packages for running.
func (d decided) spec() layers.Spec { return layers.Packages(d.Install, d.inputs) }

// restore looks at what the last build has left. What installations have left in the application's folder is removed.
func (p pipeline) restore() (r restored, err error) {
	packages, err := layers.PackagesOf(p.Session, p.Plan)
	if err != nil {
		return r, err
	}
	for _, in := range p.Installs {
		d := decided{
			Install: in, trees: trees.Of(p.App, in), inputs: packages[in.Layer], last: p.store.Last(in.Layer), builds: layers.Builds(p.Plan, in),
		}
		d.toolchain, _ = p.Toolchain(in.Language)
		if in.Trees.Beside {
			if d.inputs.All[layers.BesideInput], err = layers.Beside(d.trees, p.Plan); err != nil {
				return r, err
			}
		}
		if d.inputs, err = d.inputs.After(layers.EvaluatedOf(d.last.Metadata), p.Session, in, d.toolchain); err != nil {
			return r, err
		}
		cause := d.inputs.Cause(d.last.Metadata)
		if d.builds {
			cause = d.inputs.Cause(d.last.Metadata, layers.WrittenInput, layers.BesideInput)
		}
		d.cause = p.orRequired(d.Install, cause)
		if d.Launch.None && !d.builds {
			// Nothing needs these packages.
			r.installs = append(r.installs, d)
			continue
		}
		if found, err := d.trees.Find(); err == nil && len(found) > 0 {
			p.Log.Line("Packages", strings.Join(found, ", ")+" of the source: replaced by an installation")
		}
		if err := d.trees.Remove(); err != nil {
			return r, err
		}
		r.installs = append(r.installs, d)
	}
	return r, nil
}

// orRequired gives a cause or, without one, why an unchanged layer must be made again: what is only for launch is not
// restored.
func (p pipeline) orRequired(in plan.Install, cause string) string {
	if cause == "" && p.requiredForBuild(in.Provides) {
		return "another buildpack needs them while it builds"
	}
	return cause
}
