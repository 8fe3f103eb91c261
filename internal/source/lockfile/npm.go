package lockfile

import (
	"encoding/json"
	"path"
	"slices"
	"strings"
)

const modules = "node_modules/"

// readNPM reads versions 2 and 3: https://docs.npmjs.com/cli/configuring-npm/package-lock-json. Keys are folders.
func (g *Graph) readNPM(text []byte) {
	var lock struct {
		Packages map[string]struct {
			Name, Version, Resolved, Integrity string
			License                            any
			Link, Optional, DevOptional        bool
			requires
			Dependencies, OptionalDependencies, PeerDependencies map[string]string
		}
	}
	if json.Unmarshal(text, &lock) != nil {
		return
	}
	resolve := func(from, name string) (string, bool) {
		for dir := from; ; dir = path.Dir(dir) {
			if dir == "." {
				dir = ""
			}
			key := path.Join(dir, modules+name)
			if e, there := lock.Packages[key]; there {
				return key, !e.Link
			}
			if dir == "" {
				return "", false
			}
		}
	}
	for key, e := range lock.Packages {
		i := strings.LastIndex(key, modules)
		if i < 0 || e.Link || !e.fits(g.on) {
			continue
		}
		p := Package{Name: key[i+len(modules):], Version: e.Version, Integrity: e.Integrity}
		if e.Name != "" {
			p.Name = e.Name
		}
		p.License, _ = e.License.(string)
		for _, list := range []map[string]string{e.Dependencies, e.OptionalDependencies, e.PeerDependencies} {
			for name := range list {
				if next, ok := resolve(key, name); ok {
					p.Needs = append(p.Needs, next)
				}
			}
		}
		g.Packages[key] = p
		if name := g.on.lacking(e.OptionalDependencies, func(name string) bool { _, has := resolve(key, name); return has }); name != "" {
			g.Lacks = append(g.Lacks, Lacking{By: key, Name: name, Optional: e.Optional || e.DevOptional})
		}
	}
	slices.SortFunc(g.Lacks, func(a, b Lacking) int { return strings.Compare(a.By, b.By) })
	g.find = func(from Wanted, name, _ string) (string, bool) { return resolve(from.Dir, name) }
}
