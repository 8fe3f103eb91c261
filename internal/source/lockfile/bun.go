package lockfile

import (
	"encoding/json"
	"strings"

	"github.com/tailscale/hujson"
)

// readBun reads Bun's text format, JSON with commas at the ends: https://bun.com/docs/pm/lockfile. Keys are the paths of
// names by which packages are found.
func (g *Graph) readBun(text []byte) {
	standard, err := hujson.Standardize(text)
	if err != nil {
		return
	}
	var lock struct{ Packages map[string][]json.RawMessage }
	if json.Unmarshal(standard, &lock) != nil {
		return
	}
	resolve := func(from, name string) (string, bool) {
		for {
			key := strings.TrimPrefix(from+"/"+name, "/")
			if entry, there := lock.Packages[key]; there {
				// The application's own packages have nothing but a name.
				return key, len(entry) > 1
			}
			if from == "" {
				return "", false
			}
			from = parent(from)
		}
	}
	for key, entry := range lock.Packages {
		var id, integrity string
		if len(entry) < 2 || json.Unmarshal(entry[0], &id) != nil {
			continue
		}
		p := Package{}
		p.Name, p.Version = splitName(id)
		_ = json.Unmarshal(entry[len(entry)-1], &integrity)
		if strings.HasPrefix(integrity, "sha") {
			p.Integrity = integrity
		}
		fits := true
		for _, field := range entry[1:] {
			var info struct {
				Dependencies, OptionalDependencies, PeerDependencies map[string]string
				requires
			}
			if json.Unmarshal(field, &info) != nil {
				continue
			}
			fits = fits && info.fits(g.on)
			for _, list := range []map[string]string{info.Dependencies, info.OptionalDependencies, info.PeerDependencies} {
				for name := range list {
					if next, ok := resolve(key, name); ok {
						p.Needs = append(p.Needs, next)
					}
				}
			}
		}
		if fits {
			g.Packages[key] = p
		}
	}
	g.find = func(from Wanted, name, _ string) (string, bool) { return resolve(from.Name, name) }
}

// parent takes the last name off a path of names; names may have a scope.
func parent(key string) string {
	i := strings.LastIndexByte(key, '/')
	if i < 0 {
		return ""
	}
	if j := strings.LastIndexByte(key[:i], '/'); strings.HasPrefix(key[j+1:], "@") {
		return strings.TrimSuffix(key[:j+1], "/")
	}
	return key[:i]
}
