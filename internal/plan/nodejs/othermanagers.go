package nodejs

import (
	"maps"
	"slices"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/source/lazyregexp"
)

// runsManager finds the package managers that a script runs, where a shell expects a command.
var runsManager = lazyregexp.New(`(?:^|[;&|("'\x60]|\bcross-env\s|\s[A-Z_]+=\S*\s)\s*(?:[A-Z_]+=\S*\s+)*(yarn|yarnpkg|pnpm|pnpx|bun|bunx)(?:[\s"';&|)\x60]|$)`)

// managerOf is the package manager that brings a program.
var managerOf = map[string]string{"yarn": "yarn", "yarnpkg": "yarn", "pnpm": "pnpm", "pnpx": "pnpm", "bun": "bun", "bunx": "bun"}

// otherManagers are those, besides the one that installs, that scripts of the build or the start run: a package-lock.json, and
// "build": "yarn build:css && yarn build:js", as Rails' generators write it.
func (p *Project) otherManagers() []kind {
	found := map[string]bool{}
	manifests, members := []manifest{p.top, p.manifest}, p.members
	if p.selected() {
		members = p.needs(p.roots(), true)
	}
	for _, m := range members {
		manifests = append(manifests, m.manifest)
	}
	for _, m := range manifests {
		for _, text := range m.reachable() {
			for _, match := range runsManager().FindAllStringSubmatch(text, -1) {
				found[managerOf[match[1]]] = true
			}
		}
	}
	return slices.DeleteFunc(slices.Clone(kinds), func(k kind) bool {
		// A package of that name brings the program.
		return !found[k.name] || k.name == p.manager.name || p.top.has(k.name) || p.manifest.has(k.name)
	})
}

// reachable are the texts of the scripts that installing, building and starting may run, and of those that these name.
func (m manifest) reachable() (texts []string) {
	seen := map[string]bool{}
	var visit func(name string)
	visit = func(name string) {
		text, is := m.Scripts[name]
		if !is || seen[name] {
			return
		}
		seen[name] = true
		texts = append(texts, text)
		for _, word := range shellFields(text) {
			visit(word)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(m.Scripts)) {
		if strings.HasPrefix(name, "build") || strings.HasPrefix(name, "heroku-") || slices.Contains(
			[]string{"preinstall", "install", "postinstall", "prepare", "prebuild", "postbuild", googleBuild, "prestart", "start", "poststart"}, name) {
			visit(name)
		}
	}
	return texts
}
