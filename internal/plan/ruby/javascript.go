package ruby

import (
	"slices"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/source/gemfile"
)

// NeedsNode reports whether building the assets takes Node.js.
func (p *Project) NeedsNode() bool {
	if _, site := p.generator(); site {
		return p.has("package.json") || p.gems.Has("execjs")
	}
	if p.task() == taskNone {
		return false
	}
	for _, name := range []string{"hanami-assets", "execjs", "jsbundling-rails", "cssbundling-rails", "vite_rails", "vite_ruby", "shakapacker", "webpacker"} {
		if p.gems.Has(name) {
			return !p.gems.Has("mini_racer") || name != "execjs"
		}
	}
	return p.precompiles() && p.has("package.json")
}

// javascriptPrograms are those of Node.js and its package managers.
var javascriptPrograms = []string{"node", "npm", "npx", "yarn", "pnpm", "pnpx", "bun", "bunx"}

// javascriptGems start Node.js in the running application: they render pages and mails with it, or drive a browser.
var javascriptGems = []string{"react_on_rails", "react-rails", "grover", "mjml-rails", "nodo", "schmooze", "node-runner"}

// NodeAtLaunch says why the running application needs Node.js, and whether it needs the packages, too; why is empty where it does not.
func (p *Project) NodeAtLaunch() (why string, packages bool) {
	if s := p.settings.NodeAtLaunch; s.Value != "" {
		if s.Value == "true" {
			return s.Origin, true
		}
		return "", false
	}
	if why := p.packagesAtLaunch(); why != "" {
		return why, true
	}
	if p.loadsExecJS() {
		return "execjs, which is among the gems, looks for it when it is loaded", false
	}
	return "", false
}

// loadsExecJS reports whether the running application loads that gem, which then wants to find a JavaScript runtime:
// https://github.com/rails/execjs#readme.
func (p *Project) loadsExecJS() bool {
	gems := p.gems.Without(gemfile.LeftOut(p.gemfile, p.bundler.groups.And(p.buildGroups()...)))
	if !gems.Has("execjs") || slices.ContainsFunc([]string{"mini_racer", "duktape"}, gems.Has) {
		return false
	}
	later, needing := gemfile.NotRequired(p.gemfile), gems.Needing("execjs")
	return !p.rails() || slices.ContainsFunc(gems.Dependencies, func(name string) bool { return !later[name] && needing[name] })
}

// packagesAtLaunch says why the running application needs Node.js and the packages; empty where it does not.
func (p *Project) packagesAtLaunch() string {
	for _, entry := range p.declared {
		words := strings.FieldsFunc(entry.Command, func(r rune) bool { return strings.ContainsRune(" \t\n;&|()`$\"'", r) })
		for _, word := range append(words, entry.Args...) {
			if slices.Contains(javascriptPrograms, word) {
				return entry.Type + " in " + entry.Where.File + " runs " + word
			}
		}
	}
	for _, name := range javascriptGems {
		if p.gems.Has(name) && (p.has("package.json") || !p.gems.Has("mini_racer")) {
			return name + " is among the gems"
		}
	}
	return ""
}
