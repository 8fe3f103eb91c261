package packagejson

import (
	"maps"
	"slices"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/source/shell"
)

// Reachable are the texts of the scripts that installing, building and starting may run, of some others, and of those
// that these name.
func (m Manifest) Reachable(also ...string) (texts []string) {
	seen := map[string]bool{}
	var visit func(name string)
	visit = func(name string) {
		text, is := m.Scripts[name]
		if !is || seen[name] {
			return
		}
		seen[name] = true
		texts = append(texts, text)
		for _, word := range shell.Fields(text) {
			visit(word)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(m.Scripts)) {
		if strings.HasPrefix(name, "build") || strings.HasPrefix(name, "heroku-") || slices.Contains(also, name) || slices.Contains(
			[]string{"preinstall", "install", "postinstall", "prepare", "prebuild", "postbuild", "prestart", "start", "poststart"}, name) {
			visit(name)
		}
	}
	return texts
}
