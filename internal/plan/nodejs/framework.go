package nodejs

import (
	"path"
	"regexp"
	"slices"
	"strings"

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
		develop: []string{"next dev"}, build: "next build", caches: []string{".next/cache"},
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

func nextOutput(p *Project) (output, bool) {
	if !p.selected() && len(p.members) > 0 && p.config("next.config") == "" && !p.hasFolder("app", "pages", "src/app", "src/pages") {
		// The root of a repository often lists what its applications share.
		return output{}, false
	}
	switch option(p.config("next.config"), "output") {
	case "export":
		return output{static: "out", pages: true, instead: "next start", why: `output: "export" in next.config`}, true
	case "standalone":
		// The server's folder in a workspace is that of the application: https://nextjs.org/docs/app/api-reference/config/next-config-js/output.
		script := `cd .next/standalone
server=$(find . -name node_modules -prune -o -name server.js -print | head -n 1)
if [ -z "$server" ]; then echo "next build made no .next/standalone/server.js" >&2; exit 1; fi
home=$(dirname "$server")
mkdir -p "$home/.next"
cp -R ../static "$home/.next/"
if [ -d ../../public ]; then cp -R ../../public "$home/"; fi
if [ "$server" != ./server.js ]; then ln -s "$server" server.js; fi`
		return output{
			command: "node .next/standalone/server.js", env: map[string]string{"HOSTNAME": "0.0.0.0"}, alone: []string{".next/standalone"},
			after: script, why: `output: "standalone" in next.config`,
		}, true
	}
	return output{command: "next start"}, true
}

func nuxtOutput(p *Project) (output, bool) {
	for _, script := range p.scripts() {
		if strings.Contains(p.manifest.Scripts[script], "generate") {
			return output{static: ".output/public", why: "nuxt generate"}, true
		}
	}
	return output{command: "node .output/server/index.mjs", alone: []string{".output"}, env: map[string]string{"HOST": "0.0.0.0"}}, true
}

// nitroOutput: https://nitro.build/deploy/runtimes/node. Other presets are for other places.
func nitroOutput(p *Project) (output, bool) {
	preset := option(p.config("nitro.config")+p.config("vite.config"), "preset")
	o := output{command: "node .output/server/index.mjs", alone: []string{".output"}, env: map[string]string{"HOST": "0.0.0.0"}}
	return o, len(p.scripts()) > 0 && slices.Contains([]string{"", "node", "node-server", "node_server"}, preset)
}

func svelteOutput(p *Project) (output, bool) {
	config := p.config("svelte.config") + p.config("vite.config")
	out := option(config, "out")
	switch {
	case p.manifest.Has("@sveltejs/adapter-static"):
		o := output{static: option(config, "pages"), fallback: option(config, "fallback"), why: "@sveltejs/adapter-static"}
		if o.static == "" {
			o.static = "build"
		}
		return o, true
	case p.manifest.Has("@sveltejs/adapter-node") && out != "":
		return output{command: "node " + plan.Quote(out)}, true
	case p.manifest.Has("@sveltejs/adapter-node"):
		return output{command: "node build"}, true
	case p.manifest.Has("@sveltejs/adapter-auto"):
		return adapterAuto, true
	default:
		return p.elsewhere("@sveltejs/adapter-", "@sveltejs/adapter-node", "svelte.config.js"), false
	}
}

// adapterAuto takes adapter-node where a variable says so, and would let the package manager install it, which changes what
// is installed: https://svelte.dev/docs/kit/adapter-auto. It is installed next to the packages, and kept for the next build.
var adapterAuto = output{
	command: "node build", buildEnv: map[string]string{"GCP_BUILDPACKS": "gantry"},
	before: &plan.Command{Title: "@sveltejs/adapter-node, for adapter-auto", Args: []string{"sh", "-c", `cache=node_modules/.cache/adapter-node
if [ ! -e "$cache/node_modules/@sveltejs/adapter-node" ]; then
  npm install --prefix "$cache" --no-save --no-package-lock --legacy-peer-deps --ignore-scripts @sveltejs/adapter-node@5
fi
mkdir -p node_modules/@sveltejs
ln -sfn ../.cache/adapter-node/node_modules/@sveltejs/adapter-node node_modules/@sveltejs/adapter-node`}},
	why: "adapter-auto, which takes adapter-node here",
	warning: "SvelteKit's adapter-auto takes @sveltejs/adapter-node here, in its newest version: two builds of the same source can differ. " +
		"Add @sveltejs/adapter-node to devDependencies, and name it in svelte.config.js.",
}

func astroOutput(p *Project) (output, bool) {
	config := p.config("astro.config")
	dir := option(config, "outDir")
	if dir == "" {
		dir = "dist"
	}
	if p.manifest.Has("@astrojs/node") {
		return output{command: "node " + plan.Quote(path.Join(dir, "server/entry.mjs")), env: map[string]string{"HOST": "0.0.0.0"}}, true
	}
	if o := p.elsewhere("@astrojs/", "@astrojs/node", "astro.config"); o.hint != "" && option(config, "output") == "server" {
		return o, false
	}
	return output{static: path.Clean(dir), pages: true, why: "no adapter for a server"}, true
}

func reactRouterOutput(p *Project) (output, bool) {
	config := comments().ReplaceAllString(p.config("react-router.config"), "")
	if regexp.MustCompile(`\bssr\s*:\s*false`).MatchString(config) {
		dir := option(config, "buildDirectory")
		if dir == "" || !isBelow(dir) {
			dir = "build"
		}
		return output{static: path.Join(dir, "client"), instead: "react-router-serve", why: "ssr: false in react-router.config"}, true
	}
	return output{command: "react-router-serve ./build/server/index.js"}, p.manifest.Has("@react-router/serve")
}

func remixOutput(p *Project) (output, bool) {
	return output{command: "remix-serve ./build/server/index.js"}, p.manifest.Has("@remix-run/serve")
}

func vitepressOutput(p *Project) (output, bool) {
	for _, script := range p.scripts() {
		words := strings.Fields(p.manifest.Scripts[script])
		if i := slices.Index(words, "build"); i > 0 && words[i-1] == "vitepress" && i+1 < len(words) && !strings.HasPrefix(words[i+1], "-") {
			return output{static: path.Join(words[i+1], ".vitepress/dist"), pages: true, why: "files to serve"}, true
		}
	}
	return output{static: ".vitepress/dist", pages: true, why: "files to serve"}, len(p.scripts()) > 0
}

func viteOutput(p *Project) (output, bool) {
	if !p.has("index.html") || !p.builds() {
		return output{}, false
	}
	dir := option(p.config("vite.config"), "outDir")
	if dir == "" || !isBelow(dir) {
		dir = "dist"
	}
	return output{static: path.Clean(dir), why: "files to serve"}, true
}

func parcelOutput(p *Project) (output, bool) {
	return output{static: "dist", why: "files to serve"}, len(p.scripts()) > 0
}

func isBelow(dir string) bool { return !strings.HasPrefix(path.Clean(dir), "..") && !path.IsAbs(dir) }
