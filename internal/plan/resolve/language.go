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
	"github.com/gantry-buildpack/gantry/internal/source/app"
	"github.com/gantry-buildpack/gantry/internal/source/settings"
)

// Language recognises applications.
type Language interface {
	// Read looks at an application; the project is nil when it is not for this language. What is broken is an error.
	Read(a app.App, s settings.Settings) (Project, error)
	// LookedFor names the files by which an application is recognised.
	LookedFor() []string
}

// Project is an application that a language has recognised.
type Project interface {
	// Name is the language's name in the build plan.
	Name() string
	// Plan decides what is to be done, from the releases that there are.
	Plan(releases inventory.Catalog) (plan.Plan, error)
}

// languages are all languages, in the order in which they build.
var languages = []Language{rubyLanguage{}, nodeLanguage{}}

type nodeLanguage struct{}

type rubyLanguage struct{}

func (rubyLanguage) LookedFor() []string { return ruby.LookedFor }

func (rubyLanguage) Read(a app.App, s settings.Settings) (Project, error) {
	project, err := ruby.Read(a, s)
	if project == nil || err != nil {
		return nil, err
	}
	atLaunch, packages := project.NodeAtLaunch()
	needed := project.NeedsNode() || atLaunch != ""
	if project.Leads() && !needed {
		return project, nil
	}
	javascript, err := nodejs.Read(a, s)
	if err != nil || javascript != nil && !project.Leads() {
		// A Gemfile for tools, in an application of Node.js.
		return nil, err
	}
	if !needed {
		return project, nil
	}
	return both{project, cmp.Or(javascript, nodejs.Bare(a, s)), atLaunch, packages}, nil
}

// both is an application of Ruby that Node.js has a part in: assets are built with it, or the running application starts it.
type both struct {
	Project
	javascript *nodejs.Project
	// atLaunch says why the running application needs it; empty where the build alone does.
	atLaunch string
	// packages: it needs the packages, too.
	packages bool
}

func (b both) Plan(releases inventory.Catalog) (plan.Plan, error) {
	out, err := b.Project.Plan(releases)
	if err != nil {
		return out, err
	}
	provided, err := b.javascript.Beside(releases, b.atLaunch, b.packages, out.Processes)
	if err != nil {
		return out, err
	}
	out.Provides = &provided
	out.Decisions, out.Warnings = append(out.Decisions, provided.Decisions...), append(out.Warnings, provided.Warnings...)
	out.NotInImage = append(out.NotInImage, provided.NotInImage...)
	if b.atLaunch != "" {
		maps.Copy(out.LaunchEnv, provided.LaunchEnv)
		out.LaunchOptions = provided.LaunchOptions
		if b.packages {
			out.LaunchPath = append(out.LaunchPath, provided.LaunchPath...)
		}
		if out.Files == nil {
			out.Files = map[string]string{}
		}
		maps.Copy(out.Files, provided.Files)
	}
	return out, nil
}

func (nodeLanguage) LookedFor() []string { return nodejs.LookedFor }

func (nodeLanguage) Read(a app.App, s settings.Settings) (Project, error) {
	project, err := nodejs.Read(a, s)
	if project == nil || err != nil {
		return nil, err
	}
	return project, nil
}

// Read gives the first project that a language recognises, and its language; nil when none does.
func Read(a app.App, s settings.Settings) (Project, error) {
	for _, l := range languages {
		project, err := l.Read(a, s)
		if project != nil || err != nil {
			return project, err
		}
	}
	return nil, nil
}

// LookedFor names all files by which an application could have been recognised.
func LookedFor() []string {
	var names []string
	for _, l := range languages {
		names = append(names, l.LookedFor()...)
	}
	return names
}

// maxElsewhere is how many folders Elsewhere names.
const maxElsewhere = 4

// Elsewhere names folders that hold the file by which an application of a language is recognised first.
func Elsewhere(a app.App) []string {
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
