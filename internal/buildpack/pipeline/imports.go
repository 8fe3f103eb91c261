package pipeline

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/buildpacks/libcnb/v2"

	"github.com/gantry-buildpack/gantry/internal/buildpack/layers"
	"github.com/gantry-buildpack/gantry/internal/install/imports"
	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// othersKey is the name, in the metadata of a layer of packages, of those in it that the lockfile does not name, or all where there is
// none: the layer itself is not there when it is reused.
const othersKey = "other packages"

// otherPackages lists them, by the folders of the trees in a layer.
func otherPackages(in plan.Install, layer string) (list []string) {
	known := map[string]bool{}
	for _, k := range in.List.Packages {
		known[k.Name] = true
	}
	for _, tree := range in.Trees.Dirs {
		names, _ := filepath.Glob(filepath.Join(layer, tree, "*"))
		scoped, _ := filepath.Glob(filepath.Join(layer, tree, "@*", "*"))
		for _, file := range append(names, scoped...) {
			name, err := filepath.Rel(filepath.Join(layer, tree), file)
			if err == nil && !strings.HasPrefix(name, ".") && !known[name] && (!strings.HasPrefix(name, "@") || strings.Contains(name, "/")) {
				list = append(list, name)
			}
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// checkImports checks that what the files of processes import is in the image. What the default process lacks is an error, what
// another one lacks a warning.
func (p pipeline) checkImports(made []libcnb.Layer) error {
	for _, q := range p.Image.Processes {
		i := slices.IndexFunc(q.Imports, func(name string) bool {
			info, err := os.Stat(filepath.Join(p.App, name))
			return err == nil && !info.IsDir()
		})
		if i < 0 {
			continue
		}
		missing := imports.Application{Dir: p.App, Has: func(name string) bool {
			has, _ := p.hasPackage(made, name)
			return has
		}}.Missing(q.Imports[i])
		if len(missing) == 0 {
			continue
		}
		fault := p.importsMissing(q, made, missing)
		if q.Default {
			return fault
		}
		p.Log.Warning(fmt.Sprintf("Process %s does not start: %s: %s. %s", q.Type, fault.Title, fault.Why, strings.Join(fault.Hints, " ")))
	}
	return nil
}

// hasPackage reports whether the running application has a package, by its name or the beginning of it, as the lockfile and what
// is kept of the layer say; known is false where nobody names it.
func (p pipeline) hasPackage(made []libcnb.Layer, name string) (has, known bool) {
	for _, in := range p.Installs {
		for _, k := range in.List.Packages {
			if k.Name == name {
				known, has = true, has || slices.Contains(in.List.AtLaunch, k.Key)
			}
		}
		others := layers.Strings(layers.Find(made, in.Layer).Metadata[othersKey])
		scope, _, _ := strings.Cut(name, "/")
		if slices.Contains(others, name) || slices.Contains(others, scope) {
			return true, true
		}
	}
	return has, known
}

func (p pipeline) importsMissing(q plan.Process, made []libcnb.Layer, missing []imports.Import) *problem.Problem {
	first := missing[0]
	var names []string
	development := false
	for _, m := range missing {
		name := m.Package
		if name == "" {
			name = m.Name
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
		_, known := p.hasPackage(made, m.Package)
		development = development || known
	}
	fault := &problem.Problem{
		ID:    "build/import-missing",
		Title: fmt.Sprintf("process %s cannot find %s", q.Type, problem.Some(names)),
		Where: problem.Position{File: first.File, Line: first.Line},
		Why:   first.File + " imports " + first.Name + " when it is loaded, and the image does not have it",
		Hints: []string{"Correct the import, or have the build write the file."},
	}
	if first.Package != "" {
		fault.Hints = []string{"Add it to the application's dependencies, and commit the lockfile."}
	}
	if development {
		fault.Why += ": it is a development dependency, or one of those"
		for _, in := range p.Installs {
			if in.Launch.ToKeep != "" {
				fault.Hints = []string{in.Launch.ToKeep}
			}
		}
	}
	return fault
}
