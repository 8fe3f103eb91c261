package node

import (
	"encoding/json"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/pattern"
	"github.com/gantry-buildpack/gantry/internal/plan"
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
	// after is a shell script to run when the build is done.
	after string
	why   string
}

// framework is a tool that decides how an application is started.
type framework struct {
	name string
	// packages are those by which it is recognised; one is enough.
	packages []string
	// run gives what its build makes; ok is false where the framework does not say.
	run func(p *Project) (o output, ok bool)
	// caches are where its tools keep what makes their next run faster.
	caches []string
}

// frameworks in the order in which they are looked for: those that use others come first.
var frameworks = []framework{
	{"Next.js", []string{"next"}, nextOutput, []string{".next/cache"}},
	{"Nuxt", []string{"nuxt", "nuxt3"}, nuxtOutput, []string{".nuxt/cache", "node_modules/.cache"}},
	{"SvelteKit", []string{"@sveltejs/kit"}, svelteOutput, nil},
	{"Astro", []string{"astro"}, astroOutput, []string{".astro", "node_modules/.astro"}},
	{"React Router", []string{"@react-router/dev"}, reactRouterOutput, nil},
	{"Remix", []string{"@remix-run/dev"}, remixOutput, nil},
	{"Angular", []string{"@angular/core"}, angularOutput, []string{".angular/cache"}},
	{"Nitro", []string{"nitro", "nitropack"}, nitroOutput, nil},
	{"NestJS", []string{"@nestjs/core"}, nestOutput, nil},
	{"Gatsby", []string{"gatsby"}, pages("public"), []string{".cache", "node_modules/.cache"}},
	{"Docusaurus", []string{"@docusaurus/core"}, pages("build"), []string{".docusaurus"}},
	{"VitePress", []string{"vitepress"}, vitepressOutput, nil},
	{"Eleventy", []string{"@11ty/eleventy"}, pages("_site"), []string{".cache"}},
	{"Create React App", []string{"react-scripts"}, served("build"), nil},
	{"Vue CLI", []string{"@vue/cli-service"}, served("dist"), nil},
	{"Vite", []string{"vite"}, viteOutput, nil},
	{"Parcel", []string{"parcel"}, served("dist"), []string{".parcel-cache"}},
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
		return output{static: dir, why: "files to serve"}, len(p.scripts()) > 0
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

var comments = pattern.Lazy(`(?m)^\s*//.*$|/\*(?s:.*?)\*/`)

func nextOutput(p *Project) (output, bool) {
	switch option(p.config("next.config"), "output") {
	case "export":
		return output{static: "out", pages: true, why: `output: "export" in next.config`}, true
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
	default:
		return output{command: "node build"}, p.manifest.has("@sveltejs/adapter-node")
	}
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
	return output{static: path.Clean(dir), pages: true, why: "no adapter for a server"}, true
}

func reactRouterOutput(p *Project) (output, bool) {
	if regexp.MustCompile(`\bssr\s*:\s*false`).MatchString(p.config("react-router.config")) {
		return output{static: "build/client", why: "ssr: false in react-router.config"}, true
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
	if !p.has("index.html") || len(p.scripts()) == 0 {
		return output{}, false
	}
	dir := option(p.config("vite.config"), "outDir")
	if dir == "" || !isBelow(dir) {
		dir = "dist"
	}
	return output{static: path.Clean(dir), why: "files to serve"}, true
}

func isBelow(dir string) bool { return !strings.HasPrefix(path.Clean(dir), "..") && !path.IsAbs(dir) }

// angularOutput reads angular.json: https://angular.dev/reference/configs/workspace-config.
func angularOutput(p *Project) (output, bool) {
	text, found, err := p.app.Read(p.in("angular.json"))
	if err != nil || !found {
		return output{}, false
	}
	var workspace struct {
		Projects map[string]struct {
			ProjectType string
			Architect   struct {
				Build struct {
					Builder string
					Options struct {
						OutputPath  any
						SSR, Server any
					}
				}
			}
		}
	}
	if json.Unmarshal(text, &workspace) != nil {
		return output{}, false
	}
	for _, name := range slices.Sorted(maps.Keys(workspace.Projects)) {
		project := workspace.Projects[name]
		if project.ProjectType != "application" {
			continue
		}
		build := project.Architect.Build
		base, browser := path.Join("dist", name), "browser"
		switch value := build.Options.OutputPath.(type) {
		case string:
			base = value
		case map[string]any:
			if text, ok := value["base"].(string); ok {
				base = text
			}
			if text, ok := value["browser"].(string); ok {
				browser = text
			}
		}
		if strings.HasSuffix(build.Builder, ":browser") {
			return output{static: base, why: "angular.json"}, true
		}
		if build.Options.SSR != nil && build.Options.SSR != false {
			return output{command: "node " + plan.Quote(path.Join(base, "server/server.mjs"))}, true
		}
		return output{static: path.Join(base, browser), why: "angular.json"}, true
	}
	return output{}, false
}

var allowedHosts = pattern.Lazy(`"allowedHosts"\s*:\s*\[\s*"`)

// allowsHosts reports whether the security options of angular.json name hosts.
func (p *Project) allowsHosts() bool {
	text, _, err := p.app.Read(p.in("angular.json"))
	return err == nil && allowedHosts().Match(text)
}

// developing are commands that serve an application while it is being written: no image is started with one.
var developing = []string{
	"react-scripts start", "vite", "vite dev", "vite serve", "vite preview", "ng serve", "astro dev", "astro preview", "next dev", "nuxt dev",
	"nuxi dev", "nuxt preview", "nuxi preview", "svelte-kit dev", "vue-cli-service serve", "remix dev", "remix vite:dev", "react-router dev",
	"gatsby develop", "gatsby serve", "docusaurus start", "docusaurus serve", "vitepress dev", "vitepress preview", "eleventy --serve", "parcel",
	"parcel serve", "webpack serve", "webpack-dev-server", "nest start",
}

// develops reports whether a command is one of those.
func develops(args []string) bool {
	if len(args) == 0 {
		return false
	}
	if args[0] == "npx" {
		args = args[1:]
	}
	if len(args) == 1 || strings.HasPrefix(args[1], "-") && args[0] != "eleventy" {
		return slices.Contains(developing, args[0])
	}
	if args[0] == "vite" || args[0] == "parcel" {
		return args[1] != "build"
	}
	return slices.Contains(developing, args[0]+" "+args[1])
}
