package sitefiles

import (
	"path"
)

// notServed are files of a source that is served as it is which are not for everybody. A README.md is: docsify's pages are written in it. What begins with a dot is not served in any case.
var notServed = []string{
	".git", ".gitignore", ".gitattributes", ".env", ".npmrc", ".dockerignore", ".github", ".gitlab-ci.yml", ".slugignore", ".vscode", ".idea", "node_modules", "package.json",
	"package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml", "bun.lock", "bun.lockb", "project.toml", "Procfile", "app.json", "Dockerfile",
	"docker-compose.yml", "docker-compose.yaml", "compose.yaml", "compose.yml", "Makefile", "Jenkinsfile", "Gemfile", "Gemfile.lock",
	StaticJSON, Staticfile, StaticfileAuth, NetlifyTOML, "vercel.json", "wrangler.toml", "wrangler.json", "wrangler.jsonc", "railpack.json", "railway.json", "railway.toml", "nixpacks.toml", "skaffold.yaml", "Tiltfile",
	"app.yaml", "manifest.yml", "Aptfile", "netlify", "Caddyfile", "nginx.conf",
}

// NotServed gives those files of a folder that are not for everybody.
func NotServed(dir string) (list []string) {
	for _, name := range notServed {
		list = append(list, path.Join(dir, name))
	}
	return list
}
