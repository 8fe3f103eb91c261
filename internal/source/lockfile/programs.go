package lockfile

import (
	"encoding/json"
	"path"
	"strings"

	"github.com/tailscale/hujson"
	"go.yaml.in/yaml/v3"
)

// Programs gives the names of the packages that bring programs, by the programs' names, as far as a lockfile tells it: npm's, Bun's,
// and that of Yarn 2 and later do. Of several packages that bring one, any is named that wanted accepts.
func Programs(name string, text []byte, wanted func(pkg string) bool) map[string]string {
	found := map[string]string{}
	read := map[string]func([]byte, func(pkg string, bins map[string]string)){
		"package-lock.json": programsOfNPM, "npm-shrinkwrap.json": programsOfNPM, "bun.lock": programsOfBun, "yarn.lock": programsOfYarn,
	}[path.Base(name)]
	if read == nil {
		return nil
	}
	read(text, func(pkg string, bins map[string]string) {
		for program := range bins {
			if wanted(pkg) {
				found[program] = pkg
			}
		}
	})
	return found
}

func programsOfNPM(text []byte, add func(string, map[string]string)) {
	var lock struct {
		Packages map[string]struct{ Bin map[string]string }
	}
	if json.Unmarshal(text, &lock) != nil {
		return
	}
	for key, e := range lock.Packages {
		if pkg, is := strings.CutPrefix(key, modules); is && !strings.Contains(pkg, modules) {
			add(pkg, e.Bin)
		}
	}
}

func programsOfBun(text []byte, add func(string, map[string]string)) {
	standard, err := hujson.Standardize(text)
	var lock struct{ Packages map[string][]json.RawMessage }
	if err != nil || json.Unmarshal(standard, &lock) != nil {
		return
	}
	for pkg, entry := range lock.Packages {
		for _, field := range entry {
			var info struct{ Bin json.RawMessage }
			if json.Unmarshal(field, &info) != nil || len(info.Bin) == 0 {
				continue
			}
			bins := map[string]string{}
			if json.Unmarshal(info.Bin, &bins) != nil {
				// A file alone has the name of its package.
				bins[path.Base(pkg)] = ""
			}
			add(pkg, bins)
		}
	}
}

func programsOfYarn(text []byte, add func(string, map[string]string)) {
	var lock map[string]struct {
		Resolution string            `yaml:"resolution"`
		Bin        map[string]string `yaml:"bin"`
	}
	// The format of Yarn 1, which names no programs, is no YAML.
	if yaml.Unmarshal(text, &lock) != nil {
		return
	}
	for _, e := range lock {
		pkg, _ := splitName(e.Resolution)
		add(pkg, e.Bin)
	}
}
