package nodejs

import (
	"path"
	"slices"

	"github.com/gantry-buildpack/gantry/internal/plan"
)

// bunEntry is the file that "bun ." would run where Node.js could not: what "bun init" names in "module", or leaves to its
// place. It runs TypeScript as it is.
func (p *Project) bunEntry() (text, origin string) {
	if p.manager.Name != "bun" {
		return "", ""
	}
	for _, named := range []struct{ key, file string }{{"module", p.manifest.Module}, {"main", p.manifest.Main}} {
		file := path.Clean(named.file)
		if named.file != "" && p.has(file) && (named.key == "module" || typescript(file)) {
			return "bun run " + plan.Quote(file), "from " + named.key + " in " + p.manifest.Where(named.key).String()
		}
	}
	if p.has("index.ts") {
		return "bun run index.ts", "index.ts is there"
	}
	return "", ""
}

func typescript(file string) bool {
	return slices.Contains([]string{".ts", ".tsx", ".mts", ".cts"}, path.Ext(file))
}
