package nodejs

import (
	"slices"

	"github.com/gantry-buildpack/gantry/internal/plan/nodejs/packagejson"
	"github.com/gantry-buildpack/gantry/internal/plan/nodejs/pkgmanager"
	"github.com/gantry-buildpack/gantry/internal/source/lazyregexp"
)

// runsManager finds the package managers that a script runs, where a shell expects a command.
var runsManager = lazyregexp.New(`(?:^|[;&|("'\x60]|\bcross-env\s|\s[A-Z_]+=\S*\s)\s*(?:[A-Z_]+=\S*\s+)*(yarn|yarnpkg|pnpm|pnpx|bun|bunx)(?:[\s"';&|)\x60]|$)`)

// managerOf is the package manager that brings a program.
var managerOf = map[string]string{"yarn": "yarn", "yarnpkg": "yarn", "pnpm": "pnpm", "pnpx": "pnpm", "bun": "bun", "bunx": "bun"}

// otherManagers are those, besides the one that installs, that scripts of the build or the start run: a package-lock.json, and
// "build": "yarn build:css && yarn build:js", as Rails' generators write it.
func (p *Project) otherManagers() []pkgmanager.Kind {
	found := map[string]bool{}
	manifests, members := []packagejson.Manifest{p.top, p.manifest}, p.members
	if p.selected() {
		members = p.needs(p.roots(), true)
	}
	for _, m := range members {
		manifests = append(manifests, m.Manifest)
	}
	for _, m := range manifests {
		for _, text := range m.Reachable(googleBuild) {
			for _, match := range runsManager().FindAllStringSubmatch(text, -1) {
				found[managerOf[match[1]]] = true
			}
		}
	}
	return slices.DeleteFunc(slices.Clone(pkgmanager.Kinds), func(k pkgmanager.Kind) bool {
		// A package of that name brings the program.
		return !found[k.Name] || k.Name == p.manager.Name || p.top.Has(k.Name) || p.manifest.Has(k.Name)
	})
}
