package nodejs

import (
	"regexp"
	"slices"

	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/source/lazyregexp"
	"github.com/gantry-buildpack/gantry/internal/source/procfile"
)

// output is what a framework's build makes, and how that is run: by a command, or served as files.
type output struct {
	// command is for the shell, in the application's folder.
	command string
	env     map[string]string
	// static is the folder of files to serve, relative to the application.
	static string
	// fallback is the page for paths that are no file, where it has a name of its own.
	fallback string
	// pages: the files are pages of their own; what is not there is not found.
	pages bool
	// alone: the command needs neither node_modules nor anything next to these folders.
	alone []string
	// instead is how a start script begins that cannot start what is made.
	instead string
	// before is what the build needs to be done first, after a shell script to run when it is done.
	before *plan.Command
	after  string
	// dir is the folder of all this, where it is not the application's.
	dir string
	// buildEnv is for the build's steps, launchEnv for the running application where nobody else sets these variables.
	buildEnv, launchEnv map[string]string
	warning             string
	// hint is what to do where the framework does not say how it is started.
	hint, why string
}

func (o output) empty() bool { return o.command == "" && o.static == "" }

// framework is a tool that decides how an application is started.
type framework struct {
	name string
	// packages are those by which it is recognised; one is enough.
	packages []string
	// run gives what its build makes; ok is false where the framework does not say.
	run func(p *Project) (o output, ok bool)
	// caches are where its tools keep what makes their next run faster.
	caches []string
	// traces are where they note how they ran.
	traces []string
	// build is the command that builds, for applications without a script that does.
	build string
	// develop are commands that serve an application while it is being written: no image is started with one. The first words
	// of a command count.
	develop []string
}

// frameworks in the order in which they are looked for: those that use others come first.
var frameworks = []framework{
	{
		name: "Next.js", packages: []string{"next"}, run: nextOutput,
		develop: []string{"next dev"}, build: "next build", caches: []string{".next/cache"}, traces: []string{".next/trace", ".next/trace-build", ".next/diagnostics"},
	},
	{
		name: "Nuxt", packages: []string{"nuxt", "nuxt3"}, run: nuxtOutput,
		develop: []string{"nuxt dev", "nuxi dev", "nuxt preview", "nuxi preview"}, build: "nuxt build", caches: []string{".nuxt/cache", "node_modules/.cache"},
	},
	{
		name: "SvelteKit", packages: []string{"@sveltejs/kit"}, run: svelteOutput,
		develop: []string{"svelte-kit dev", "vite dev"}, build: "vite build",
	},
	{
		name: "Astro", packages: []string{"astro"}, run: astroOutput,
		develop: []string{"astro dev", "astro preview"}, build: "astro build", caches: []string{".astro", "node_modules/.astro"},
	},
	{
		name: "React Router", packages: []string{"@react-router/dev"}, run: reactRouterOutput,
		develop: []string{"react-router dev"}, build: "react-router build",
	},
	{
		name: "Remix", packages: []string{"@remix-run/dev"}, run: remixOutput,
		develop: []string{"remix dev", "remix vite:dev"}, build: "remix vite:build",
	},
	{
		name: "Angular", packages: []string{"@angular/core"}, run: angularOutput,
		develop: []string{"ng serve"}, build: "ng build", caches: []string{".angular/cache"},
	},
	{
		name: "Nitro", packages: []string{"nitro", "nitropack"}, run: nitroOutput,
		develop: []string{"nitro dev", "nitropack dev"},
	},
	{
		name: "TanStack Start", packages: []string{"@tanstack/react-start", "@tanstack/solid-start"}, run: tanstackOutput,
		develop: []string{"vite dev"}, build: "vite build",
	},
	{
		name: "NestJS", packages: []string{"@nestjs/core"}, run: nestOutput,
		develop: []string{"nest start"},
	},
	{
		name: "AdonisJS", packages: []string{"@adonisjs/core"}, run: adonisOutput,
		develop: []string{"node ace serve"}, build: "node ace build",
	},
	{
		name: "Expo", packages: []string{"expo"}, run: expoOutput,
		develop: []string{"expo start"}, build: "expo export --platform web", caches: []string{".expo/web/cache"},
	},
	{
		name: "Gatsby", packages: []string{"gatsby"}, run: pages("public"),
		develop: []string{"gatsby develop", "gatsby serve"}, build: "gatsby build", caches: []string{".cache", "node_modules/.cache"},
	},
	{
		name: "Docusaurus", packages: []string{"@docusaurus/core"}, run: pages("build"),
		develop: []string{"docusaurus start", "docusaurus serve"}, build: "docusaurus build", caches: []string{".docusaurus"},
	},
	{
		name: "VitePress", packages: []string{"vitepress"}, run: vitepressOutput,
		develop: []string{"vitepress dev", "vitepress preview"},
	},
	{
		name: "Eleventy", packages: []string{"@11ty/eleventy"}, run: pages("_site"),
		develop: []string{"eleventy --serve"}, build: "eleventy", caches: []string{".cache"},
	},
	{
		name: "Hexo", packages: []string{"hexo"}, run: pages("public"),
		develop: []string{"hexo server", "hexo s"}, build: "hexo generate",
	},
	{
		name: "Create React App", packages: []string{"react-scripts"}, run: served("build"),
		develop: []string{"react-scripts start", "craco start", "react-app-rewired start"}, build: "react-scripts build",
	},
	{
		name: "Vue CLI", packages: []string{"@vue/cli-service"}, run: served("dist"),
		develop: []string{"vue-cli-service serve"}, build: "vue-cli-service build",
	},
	{
		name: "Ember", packages: []string{"ember-cli"}, run: served("dist"),
		develop: []string{"ember serve", "ember server"}, build: "ember build --environment=production",
	},
	{
		name: "Nx", packages: []string{"nx"}, run: nxOutput,
		develop: []string{"nx serve", "nx dev"},
	},
	{
		name: "Rsbuild", packages: []string{"@rsbuild/core"}, run: served("dist"),
		develop: []string{"rsbuild dev", "rsbuild preview"}, build: "rsbuild build",
	},
	{
		name: "Vite", packages: []string{"vite"}, run: viteOutput,
		develop: []string{"vite", "vite dev", "vite serve", "vite preview"}, build: "vite build",
	},
	{
		name: "Parcel", packages: []string{"parcel"}, run: parcelOutput,
		develop: []string{"parcel", "parcel serve"}, caches: []string{".parcel-cache"},
	},
}

// framework gives the one that the application uses.
func (p *Project) framework() (framework, bool) {
	for _, f := range frameworks {
		for _, name := range f.packages {
			if p.manifest.Has(name) {
				return f, true
			}
		}
	}
	return framework{}, false
}

// served is for frameworks whose build makes files to be served as they are.
func served(dir string) func(*Project) (output, bool) {
	return func(p *Project) (output, bool) {
		return output{static: dir, why: "files to serve"}, p.builds()
	}
}

// pages is served, for sites of several pages.
func pages(dir string) func(*Project) (output, bool) {
	return func(p *Project) (output, bool) {
		o, ok := served(dir)(p)
		o.pages = true
		return o, ok
	}
}

// builds reports whether there is a build: a script, or the framework's own where no setting says that there is none.
func (p *Project) builds() bool { return len(p.scripts()) > 0 || !p.settings.NodeRunScripts.IsSet() }

// builtBy is the command with which the framework builds what is started, where no script does.
func (p *Project) builtBy() (text, origin string) {
	f, known := p.framework()
	if !known || f.build == "" || len(p.scripts()) > 0 || !p.builds() || len(p.startBuilds()) > 0 {
		return "", ""
	}
	if p.buildsOnInstall() {
		return "", ""
	}
	if slices.ContainsFunc(p.declared, func(e procfile.Entry) bool { return e.Type == "web" }) {
		return "", ""
	}
	_, _, made := p.web()
	if made.empty() || made.dir != "" || p.settings.StaticDir.Value != "" || p.hasFolder(made.static, ".next", ".output") {
		return "", ""
	}
	return f.build, f.name + ", since there is no script that builds"
}

// hasFolder reports whether the application has one of some folders.
func (p *Project) hasFolder(names ...string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return name != "" && p.app.IsDir(p.in(name)) })
}

// config gives the text of a configuration file in any of the languages that it may be written in.
func (p *Project) config(name string) string {
	for _, extension := range []string{".js", ".mjs", ".cjs", ".ts", ".mts", ".cts"} {
		if text, found, err := p.app.Read(p.in(name + extension)); err == nil && found {
			return string(text)
		}
	}
	return ""
}

// option gives a text that stands behind a key in a configuration file. The file is code; it is looked at, not run.
func option(config, key string) string {
	config = comments().ReplaceAllString(config, "")
	match := regexp.MustCompile(`\b` + key + `\s*:\s*['"` + "`" + `]([^'"` + "`" + `$]+)['"` + "`" + `]`).FindStringSubmatch(config)
	if match == nil {
		return ""
	}
	return match[1]
}

var comments = lazyregexp.New(`(?m)^\s*//.*$|/\*(?s:.*?)\*/`)
