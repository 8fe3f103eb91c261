package conventions

import "strings"

// https://docs.netlify.com/build/configure-builds/file-based-configuration/, https://developers.cloudflare.com/pages/configuration/ and
// https://vercel.com/docs/project-configuration.
var hosts = Platform{Name: "Netlify, Cloudflare Pages and Vercel", Rows: []Row{
	{File: "_headers", Honoured: true, Does: "headers of the responses, by paths; in the folder that is served"},
	{File: "_redirects", Honoured: true, Does: "redirects and rewrites; in the folder that is served"},
	{File: "netlify.toml", Honoured: true, Does: "`publish` is the folder of files to serve, `[[redirects]]` and `[[headers]]` are what the web server does"},
	{File: "netlify/functions/", Does: "functions run on Netlify only: write a server for them"},
	{File: "netlify/edge-functions/", Does: "functions run on Netlify only: write a server for them"},
	{File: "vercel.json", Only: has(`"rewrites"`, `"redirects"`, `"headers"`, `"routes"`, `"crons"`), Does: "write redirects and rewrites of a static site to a file _redirects, and headers to _headers; those of a server belong into its code"},
}}

// https://docs.docker.com/reference/dockerfile/.
var docker = Platform{Name: "Docker", Rows: []Row{
	{File: "Dockerfile", Quiet: true, Does: "what it installs, sets and starts is told by `gantry explain`, with what to write for it"},
	{File: ".dockerignore", Quiet: true, Does: "it is for Docker's build context, and names what a build makes, too; name what the image is to lack in BP_EXCLUDE_FILES, or in .slugignore"},
}}

// has reports whether a file holds one of some texts.
func has(texts ...string) func(string) bool {
	return func(text string) bool {
		for _, t := range texts {
			if strings.Contains(text, t) {
				return true
			}
		}
		return false
	}
}
