package nodejs

import (
	"slices"
	"strings"
)

// developing are commands that serve an application while it is being written: no image is started with one.
var developing = []string{
	"react-scripts start", "craco start", "react-app-rewired start", "wrangler dev", "vite", "vite dev", "vite serve", "vite preview", "ng serve", "astro dev", "astro preview", "next dev", "nuxt dev",
	"nuxi dev", "nuxt preview", "nuxi preview", "svelte-kit dev", "vue-cli-service serve", "remix dev", "remix vite:dev", "react-router dev",
	"gatsby develop", "gatsby serve", "docusaurus start", "docusaurus serve", "vitepress dev", "vitepress preview", "eleventy --serve", "parcel",
	"parcel serve", "webpack serve", "webpack-dev-server", "nest start", "expo start", "nx serve", "nx dev", "rsbuild dev", "rsbuild preview",
	"ember serve", "ember server", "hexo server", "hexo s",
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
	if args[0] == "nx" && args[1] == "run" && len(args) > 2 {
		_, target, _ := strings.Cut(args[2], ":")
		return target == "serve" || target == "dev"
	}
	return slices.Contains(developing, args[0]+" "+args[1])
}
