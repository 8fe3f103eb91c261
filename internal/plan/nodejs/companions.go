package nodejs

import (
	"encoding/json"
	"path"
	"slices"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/source/lazyregexp"
	"github.com/gantry-buildpack/gantry/internal/source/shell"
)

// Tools that run the source as it is, and read a configuration of the compiler at each start.
var (
	readTSConfig = []string{"ts-node", "ts-node-dev", "tsx", "@swc-node/register", "esbuild-register", "tsconfig-paths", "vite-node", "jiti", "typescript"}
	checkTypes   = []string{"ts-node", "ts-node-dev"}
	readBabel    = []string{"@babel/node", "@babel/register", "@babel/cli"}
)

// addCompanions adds what a development dependency that is kept needs of others when it starts: its own configuration names
// them.
func (p *Project) addCompanions(n *startNeeds, name string) {
	switch {
	case slices.Contains(readTSConfig, name):
		for _, file := range append([]string{p.in("tsconfig.json")}, n.configs...) {
			p.addFromTSConfig(n, file, 0)
		}
		if slices.Contains(checkTypes, name) {
			n.add("typescript", "@swc/core", "tsconfig-paths")
			for dependency := range p.manifest.DevDependencies {
				// It reports what has no types as an error.
				if strings.HasPrefix(dependency, "@types/") {
					n.add(dependency)
				}
			}
		}
	case slices.Contains(readBabel, name):
		p.addFromBabel(n)
	case name == "nodemon":
		var config struct{ Exec string }
		text, _, _ := p.app.Read(p.in("nodemon.json"))
		_ = json.Unmarshal(text, &config)
		for _, word := range append(shell.Fields(config.Exec), "ts-node", "tsx") {
			n.addWord(word, true)
		}
	}
}

var (
	// extended finds the files that a tsconfig.json builds upon, its "extends", and required the modules that ts-node loads:
	// https://typestrong.org/ts-node/docs/options.
	extended = lazyregexp.New(`"extends"\s*:\s*(\[[^\]]*\]|"[^"]*")`)
	required = lazyregexp.New(`"(?:require|transpiler|swc)"\s*:\s*(\[[^\]]*\]|"[^"]*")`)
	quoted   = lazyregexp.New(`["']([^"'\n]+)["']`)
)

// deepest is how many files may build upon one another.
const deepest = 8

func (p *Project) addFromTSConfig(n *startNeeds, file string, depth int) {
	text, found, err := p.app.Read(file)
	if !found || err != nil || depth > deepest {
		return
	}
	plain := comments().ReplaceAllString(string(text), "")
	for _, match := range required().FindAllString(plain, -1) {
		for _, each := range quoted().FindAllStringSubmatch(match, -1) {
			n.add(loaded(each[1]))
		}
	}
	for _, match := range extended().FindAllStringSubmatch(plain, -1) {
		for _, each := range quoted().FindAllStringSubmatch(match[1], -1) {
			if !strings.HasPrefix(each[1], ".") {
				n.add(loaded(each[1]))
				continue
			}
			name := path.Join(path.Dir(file), each[1])
			if path.Ext(name) != ".json" {
				name += ".json"
			}
			p.addFromTSConfig(n, name, depth+1)
		}
	}
}

// addFromBabel adds the presets and plugins that Babel's configuration names, in their short forms, too:
// https://babeljs.io/docs/options#name-normalization.
func (p *Project) addFromBabel(n *startNeeds) {
	n.add("@babel/core")
	text := p.config("babel.config")
	for _, name := range []string{".babelrc", ".babelrc.json", "babel.config.json"} {
		more, _, _ := p.app.Read(p.in(name))
		text += "\n" + string(more)
	}
	var own struct{ Babel json.RawMessage }
	_ = json.Unmarshal(p.manifest.Text, &own)
	text += "\n" + string(own.Babel)
	for _, match := range quoted().FindAllStringSubmatch(text, -1) {
		name := match[1]
		n.add(loaded(name), "babel-preset-"+name, "babel-plugin-"+name)
		if scope, rest, is := strings.Cut(name, "/"); is && scope == "@babel" {
			n.add("@babel/preset-"+rest, "@babel/plugin-"+rest)
		}
	}
}
