package resolve

import (
	"cmp"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/plan/inventory"
	"github.com/gantry-buildpack/gantry/internal/plan/nodejs"
	"github.com/gantry-buildpack/gantry/internal/plan/ruby"
	"github.com/gantry-buildpack/gantry/internal/plan/staticsite"
	"github.com/gantry-buildpack/gantry/internal/source/app"
	"github.com/gantry-buildpack/gantry/internal/source/settings"
)

// Language recognises applications. Adding one is a package and a line in Default.
type Language interface {
	// Read looks at an application; the project is nil when it is not for this language. What is broken is an error.
	Read(a app.App, s settings.Settings) (Project, error)
	// LookedFor names the files by which an application is recognised.
	LookedFor() []string
}

// Project is an application that a language has recognised.
type Project interface {
	// Name is the language's short name, and that of its toolchain in plans.
	Name() string
	// Provides are the names, in the build plan, under which other buildpacks may require what is installed.
	Provides() []string
	// Plan decides what is to be done, from the existing releases.
	Plan(releases inventory.Catalog) (plan.Plan, error)
}

type nodeLanguage struct{}

func (nodeLanguage) LookedFor() []string { return nodejs.LookedFor }

func (nodeLanguage) Read(a app.App, s settings.Settings) (Project, error) {
	if dir := s.App.Value; dir != "" && !strings.Contains(dir, ",") && !a.Has(path.Join(dir, nodejs.LookedFor[0])) {
		// One of several folders may be one of files.
		if site, err := staticsite.Read(a, s); site != nil || err != nil {
			return nil, err
		}
	}
	project, err := nodejs.Read(a, s)
	if project == nil || err != nil {
		return nil, err
	}
	return project, nil
}

// staticLanguage is a folder of files, which is no language: what none recognises.
type staticLanguage struct{}

func (staticLanguage) LookedFor() []string { return staticsite.LookedFor }

func (staticLanguage) Read(a app.App, s settings.Settings) (Project, error) {
	project, err := staticsite.Read(a, s)
	if project == nil || err != nil {
		return nil, err
	}
	return project, nil
}

type rubyLanguage struct{}

func (rubyLanguage) LookedFor() []string { return ruby.LookedFor }

func (rubyLanguage) Read(a app.App, s settings.Settings) (Project, error) {
	project, err := ruby.Read(a, s)
	if project == nil || err != nil {
		return nil, err
	}
	atLaunch, packages := project.NodeAtLaunch()
	needed := project.NeedsNode() || atLaunch != ""
	if project.IsPrimary() && !needed {
		return project, nil
	}
	javascript, err := nodejs.Read(a, s)
	if err != nil || javascript != nil && !project.IsPrimary() {
		// A Gemfile for tools, in an application of Node.js.
		return nil, err
	}
	if !needed {
		return project, nil
	}
	return rubyWithNode{project, cmp.Or(javascript, nodejs.BuildOnly(a, s)), atLaunch, packages}, nil
}

// rubyWithNode is an application of Ruby that needs Node.js: assets are built with it, or the running application starts it.
type rubyWithNode struct {
	Project
	javascript *nodejs.Project
	// atLaunch says why the running application needs it; empty where only the build does.
	atLaunch string
	// packages: it needs the packages, too.
	packages bool
}

func (b rubyWithNode) Plan(releases inventory.Catalog) (plan.Plan, error) {
	p, err := b.Project.Plan(releases)
	if err != nil {
		return p, err
	}
	node, err := b.javascript.Add(releases, b.atLaunch, b.packages, p.Image.Processes)
	if err != nil {
		return p, err
	}
	p.Toolchains = append(p.Toolchains, node.Toolchain)
	if node.Install != nil {
		p.Installs = append(p.Installs, *node.Install)
	}
	p.Decisions, p.Warnings = append(p.Decisions, node.Notes.Decisions...), append(p.Warnings, node.Notes.Warnings...)
	for _, steps := range [][]plan.Step{p.Build.Before, p.Build.Steps} {
		for i := range steps {
			steps[i].Toolchains = append(steps[i].Toolchains, nodejs.Language)
		}
	}
	p.Image.Source.Remove = append(p.Image.Source.Remove, node.Remove...)
	if b.atLaunch != "" {
		e := p.Image.Environment
		maps.Copy(e.Variables, node.Environment.Variables)
		e.Options = node.Environment.Options
		if b.packages {
			e.Path = append(slices.Clone(e.Path), node.Environment.Path...)
		}
		if e.Files == nil {
			e.Files = map[string]string{}
		}
		maps.Copy(e.Files, node.Environment.Files)
		p.Image.Environment = e
	}
	return p, nil
}

// maxElsewhere is how many folders elsewhere names.
const maxElsewhere = 4

// elsewhere names folders that hold the file by which an application of a language is recognised first.
func elsewhere(a app.App, languages []Language) []string {
	var list []string
	for _, pattern := range []string{"*", "*/*"} {
		for _, l := range languages {
			// The pattern is right, and what cannot be read is not found.
			files, _ := fs.Glob(a.FS, pattern+"/"+l.LookedFor()[0])
			for _, file := range files {
				dir := path.Dir(file)
				if !strings.HasPrefix(file, ".") && !strings.Contains(file, "node_modules/") && !slices.Contains(list, dir) && len(list) < maxElsewhere {
					list = append(list, dir)
				}
			}
		}
	}
	return list
}
