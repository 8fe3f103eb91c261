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
	// alone: the command needs neither node_modules nor anything beside these folders.
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
}

// frameworks in the order in which they are looked for: those that use others come first.
var frameworks = []framework{
	{"Next.js", []string{"next"}, nextOutput, []string{".next/cache"}, "next build"},
	{"Nuxt", []string{"nuxt", "nuxt3"}, nuxtOutput, []string{".nuxt/cache", "node_modules/.cache"}, "nuxt build"},
	{"SvelteKit", []string{"@sveltejs/kit"}, svelteOutput, nil, "vite build"},
	{"Astro", []string{"astro"}, astroOutput, []string{".astro", "node_modules/.astro"}, "astro build"},
	{"React Router", []string{"@react-router/dev"}, reactRouterOutput, nil, "react-router build"},
	{"Remix", []string{"@remix-run/dev"}, remixOutput, nil, "remix vite:build"},
	{"Angular", []string{"@angular/core"}, angularOutput, []string{".angular/cache"}, "ng build"},
	{"Nitro", []string{"nitro", "nitropack"}, nitroOutput, nil, ""},
	{"TanStack Start", []string{"@tanstack/react-start", "@tanstack/solid-start"}, tanstackOutput, nil, "vite build"},
	{"NestJS", []string{"@nestjs/core"}, nestOutput, nil, ""},
	{"AdonisJS", []string{"@adonisjs/core"}, adonisOutput, nil, "node ace build"},
	{"Expo", []string{"expo"}, expoOutput, []string{".expo/web/cache"}, "expo export --platform web"},
	{"Gatsby", []string{"gatsby"}, pages("public"), []string{".cache", "node_modules/.cache"}, "gatsby build"},
	{"Docusaurus", []string{"@docusaurus/core"}, pages("build"), []string{".docusaurus"}, "docusaurus build"},
	{"VitePress", []string{"vitepress"}, vitepressOutput, nil, ""},
	{"Eleventy", []string{"@11ty/eleventy"}, pages("_site"), []string{".cache"}, "eleventy"},
	{"Hexo", []string{"hexo"}, pages("public"), nil, "hexo generate"},
	{"Create React App", []string{"react-scripts"}, served("build"), nil, "react-scripts build"},
	{"Vue CLI", []string{"@vue/cli-service"}, served("dist"), nil, "vue-cli-service build"},
	{"Ember", []string{"ember-cli"}, served("dist"), nil, "ember build --environment=production"},
	{"Nx", []string{"nx"}, nxOutput, nil, ""},
	{"Rsbuild", []string{"@rsbuild/core"}, served("dist"), nil, "rsbuild build"},
	{"Vite", []string{"vite"}, viteOutput, nil, "vite build"},
	{"Parcel", []string{"parcel"}, parcelOutput, []string{".parcel-cache"}, ""},
}

// framework gives the one that the application uses.
func (p *Project) framework() (framework, bool) {
	for _, f := range frameworks {
		for _, name := range f.packages {
			if p.manifest.has(name) {
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
	case p.manifest.has("@sveltejs/adapter-static"):
		o := output{static: option(config, "pages"), fallback: option(config, "fallback"), why: "@sveltejs/adapter-static"}
		if o.static == "" {
			o.static = "build"
		}
		return o, true
	case p.manifest.has("@sveltejs/adapter-node") && out != "":
		return output{command: "node " + plan.Quote(out)}, true
	case p.manifest.has("@sveltejs/adapter-node"):
		return output{command: "node build"}, true
	case p.manifest.has("@sveltejs/adapter-auto"):
		return adapterAuto, true
	default:
		return p.elsewhere("@sveltejs/adapter-", "@sveltejs/adapter-node", "svelte.config.js"), false
	}
}

// adapterAuto takes adapter-node where a variable says so, and would let the package manager install it, which changes what
// is installed: https://svelte.dev/docs/kit/adapter-auto. It is installed beside the packages, and kept for the next build.
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
	if p.manifest.has("@astrojs/node") {
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
	return output{command: "react-router-serve ./build/server/index.js"}, p.manifest.has("@react-router/serve")
}

func remixOutput(p *Project) (output, bool) {
	return output{command: "remix-serve ./build/server/index.js"}, p.manifest.has("@remix-run/serve")
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
