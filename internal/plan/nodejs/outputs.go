package nodejs

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/plan"
)

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
