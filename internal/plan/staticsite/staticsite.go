// Package staticsite plans a folder of files that is served as it is, without anything that builds it.
package staticsite

import (
	"bytes"
	"cmp"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/container/site"
	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/plan/inventory"
	"github.com/gantry-buildpack/gantry/internal/plan/sitefiles"
	"github.com/gantry-buildpack/gantry/internal/problem"
	"github.com/gantry-buildpack/gantry/internal/source/app"
	"github.com/gantry-buildpack/gantry/internal/source/procfile"
	"github.com/gantry-buildpack/gantry/internal/source/settings"
)

// Project is a folder of files.
type Project struct {
	app      app.App
	settings settings.Settings
	// dir is the folder that is served, relative to the source, and why says how it was found.
	dir, why string
	// from is what names the folder.
	from     settings.Setting
	declared []procfile.Entry
}

// LookedFor are the files by which one is recognised.
var LookedFor = []string{"index.html", "public/index.html", sitefiles.StaticJSON, sitefiles.Staticfile, sitefiles.NetlifyTOML}

// Read gives the project in a source tree; nil where there is none.
func Read(a app.App, s settings.Settings) (*Project, error) {
	base := s.App.Value
	if strings.Contains(base, ",") {
		return nil, nil
	}
	p := &Project{app: a, settings: s}
	var err error
	if p.declared, err = procfile.Declared(s.Descriptor); err != nil {
		return nil, err
	}
	said, err := sitefiles.Find(a, base)
	if err != nil {
		return nil, err
	}
	in := func(dir string) string { return path.Join(base, dir) }
	switch {
	case s.StaticDir.Value != "":
		p.dir, p.why, p.from = in(s.StaticDir.Value), "from "+s.StaticDir.Origin, s.StaticDir
	case said.Root != "" && a.IsDir(in(said.Root)):
		p.dir, p.why = in(said.Root), "from "+said.RootFrom
	case belongsElsewhere(a, base) && !slices.Contains(said.From, path.Join(base, sitefiles.StaticJSON)) && !slices.Contains(said.From, path.Join(base, sitefiles.Staticfile)):
		return nil, nil
	case said.Named:
		// It is not there, which is told when all is planned.
		p.dir, p.why, p.from = in(said.Root), "from "+said.RootFrom, settings.Setting{Origin: said.RootFrom}
	case a.Has(in("public/index.html")):
		p.dir, p.why = in("public"), "public/index.html is there"
	case a.Has(in("index.html")):
		p.dir, p.why = in("."), "index.html is there"
	case len(said.From) > 0 && a.IsDir(in("public")):
		p.dir, p.why = in("public"), "from "+said.From[0]
	case len(said.From) > 0 && said.From[0] != path.Join(base, sitefiles.NetlifyTOML):
		p.dir, p.why = in("."), "from "+said.From[0]
	default:
		return nil, nil
	}
	return p, nil
}

// others are files of applications in other languages, which have an index.html of their own: other buildpacks build them.
var others = []string{
	"composer.json", "index.php", "requirements.txt", "pyproject.toml", "Pipfile", "setup.py", "manage.py", "uv.lock", "poetry.lock", "go.mod", "main.go", "pom.xml", "build.gradle",
	"build.gradle.kts", "build.sbt", "project.clj", "deps.edn", "Cargo.toml", "mix.exs", "gleam.toml", "deno.json", "deno.jsonc", "Package.swift", "global.json", "pubspec.yaml", "CMakeLists.txt",
	// Generators of sites: what they are made of is not the site.
	"_config.yml", "_config.yaml", ".eleventy.js", "eleventy.config.js", "eleventy.config.mjs", "eleventy.config.cjs", "hugo.toml", "hugo.yaml", "hugo.json", "mkdocs.yml", "elm.json", "zola.toml",
	"shard.yml", "stack.yaml", "config.ru", "app.rb", "dune-project", "Project.toml", "composer.lock", "web.config.js",
}

// otherKinds are endings of files of programs that a site would give out as text.
var otherKinds = []string{".py", ".php", ".rb", ".csproj", ".fsproj", ".sln", ".cabal", ".jsp", ".aspx", ".pl", ".go", ".rs"}

// belongsElsewhere reports whether a folder holds an application in another language, or the source of a site that a generator makes.
func belongsElsewhere(a app.App, base string) bool {
	if a.FirstOf(app.InDir(base, others)) != "" {
		return true
	}
	entries, err := fs.ReadDir(a.FS, cmp.Or(base, "."))
	if err == nil && slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return !e.IsDir() && slices.Contains(otherKinds, path.Ext(e.Name())) }) {
		return true
	}
	for _, page := range []string{"index.html", "public/index.html"} {
		// Front matter is for a generator: https://jekyllrb.com/docs/front-matter/.
		if text, found, err := a.Read(path.Join(base, page)); err == nil && found && bytes.HasPrefix(text, []byte("---\n")) {
			return true
		}
	}
	return false
}

// Name is what plans call it.
func (*Project) Name() string { return "static" }

// Provides are the names under which others may require what is installed: nothing is.
func (*Project) Provides() []string { return nil }

// Plan decides what is to be done: nothing but choosing the files.
func (p *Project) Plan(inventory.Catalog) (plan.Plan, error) {
	if !p.app.IsDir(p.dir) {
		return plan.Plan{}, noFolder(p.dir, p.from)
	}
	process := plan.Process{Type: "web", Default: true, Args: []string{plan.StaticServer, p.dir}, Site: &site.Site{Pages: true}}
	image := plan.Image{Processes: []plan.Process{process}}
	decisions := []plan.Decision{{Subject: "web", Value: process.String(), Origin: p.why}}
	if p.dir == "." {
		image.Source.Remove = sitefiles.NotServed(".")
	} else {
		image.Source.Only = []string{p.dir}
	}
	return plan.Plan{Decisions: decisions, Image: image}, nil
}

func noFolder(dir string, from settings.Setting) error {
	return &problem.Problem{
		ID:    "site/no-folder",
		Title: "there is no folder " + dir + " to serve",
		Where: cmp.Or(from.Where, problem.Position{File: from.Origin}),
		Why:   from.Origin + " names it, and no build makes it: the application has no package.json",
		Hints: []string{"Name the folder that holds index.html."},
	}
}
