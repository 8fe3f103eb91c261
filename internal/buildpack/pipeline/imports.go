package pipeline

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/install/imports"
	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// checkImports checks that what the files of processes import is in the image. What the default process lacks is an error, what
// another one lacks a warning.
func (p pipeline) checkImports() error {
	for _, q := range p.Image.Processes {
		i := slices.IndexFunc(q.Imports, func(name string) bool {
			info, err := os.Stat(filepath.Join(p.App, name))
			return err == nil && !info.IsDir()
		})
		if i < 0 {
			continue
		}
		missing := imports.Application{Dir: p.App, Has: p.hasPackage}.Missing(q.Imports[i])
		if len(missing) == 0 {
			continue
		}
		fault := p.importsMissing(q, missing)
		if q.Default {
			return fault
		}
		p.Log.Warning(fmt.Sprintf("Process %s does not start: %s: %s. %s", q.Type, fault.Title, fault.Why, strings.Join(fault.Hints, " ")))
	}
	return nil
}

// hasPackage reports whether the lockfile has a package for the running application; known is false where it does not name it.
func (p pipeline) hasPackage(name string) (has, known bool) {
	for _, in := range p.Installs {
		for _, k := range in.List.Packages {
			if k.Name == name {
				known, has = true, has || slices.Contains(in.List.AtLaunch, k.Key)
			}
		}
	}
	return has, known
}

func (p pipeline) importsMissing(q plan.Process, missing []imports.Import) *problem.Problem {
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
		_, known := p.hasPackage(m.Package)
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
