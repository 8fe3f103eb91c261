package pipeline

import (
	"slices"
	"strings"

	"github.com/buildpacks/libcnb/v2"

	"github.com/gantry-buildpack/gantry/internal/buildpack/layers"
	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// startable gives the pipeline with the processes whose packages are installed: a lockfile names more than a manifest with conditions has
// installed.
func (p pipeline) startable(made []libcnb.Layer) (pipeline, error) {
	installed := p.installedPackages(made)
	lacks := func(q plan.Process) bool {
		return slices.ContainsFunc(q.Packages, func(name string) bool { return !installed(name) })
	}
	var list []plan.Process
	for _, q := range p.Image.Processes {
		if !lacks(q) {
			list = append(list, q)
			continue
		}
		n := slices.IndexFunc(p.Image.Otherwise, func(other plan.Process) bool { return other.Type == q.Type && !lacks(other) })
		switch missing := strings.Join(q.Packages, ", "); {
		case n >= 0:
			p.Log.Line(q.Type, p.Image.Otherwise[n].String()+", since "+missing+" is not installed")
			list = append(list, p.Image.Otherwise[n])
		case q.Default:
			return p, &problem.Problem{
				ID:    "build/process-package",
				Title: "process " + q.Type + " needs " + missing + ", which is not installed",
				Why:   "it would run " + q.String() + "; a lockfile names packages for other platforms, too, and those that a condition leaves out",
				Hints: []string{"Have it installed on Linux; or say in a Procfile what starts the application."},
			}
		default:
			p.Log.Line(q.Type, "left out, since "+missing+" is not installed")
		}
	}
	p.Image.Processes = list
	return p, nil
}

// installedPackages tells by their names which packages the image has. Those of which nothing is known count as installed.
func (p pipeline) installedPackages(made []libcnb.Layer) func(name string) bool {
	known := map[string]bool{}
	unlisted := false
	for _, in := range p.Installs {
		metadata := layers.Find(made, in.Layer).Metadata
		missing := layers.Strings(metadata[notInstalledKey])
		for _, pkg := range in.List.Packages {
			known[pkg.Name] = known[pkg.Name] || !slices.Contains(missing, pkg.Key)
		}
		for _, text := range layers.Strings(metadata[unlistedKey]) {
			name, _, _ := strings.Cut(text, " ")
			known[name], unlisted = true, true
		}
	}
	return func(name string) bool {
		there, listed := known[name]
		return there || !listed && !unlisted
	}
}
