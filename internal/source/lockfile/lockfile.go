// Package lockfile reads what the lockfiles of Node.js' package managers say about packages: names, versions, checksums,
// and who needs whom. It is for telling what an image holds; nothing is installed from it.
package lockfile

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// Package is one version of one package.
type Package struct {
	Name, Version string
	// Integrity is Subresource Integrity of the package's archive; empty where the lockfile has none.
	Integrity string
	// Tarball is where pnpm's lockfile says that the archive is; empty where it does not.
	Tarball string
	// License is an SPDX expression; empty where the lockfile has none.
	License string
	// Needs are the keys of the packages that it needs itself.
	Needs []string
}

// Wanted are the dependencies that a package.json declares: a range by name.
type Wanted struct {
	// Dir is the package.json's folder, relative to the lockfile; empty for its own.
	Dir string
	// Name is the package's own name.
	Name                              string
	Dependencies, Optional, Dev, Peer map[string]string
}

// all gives what is wanted when it runs and, with dev, while it is being built.
func (w Wanted) all(dev bool) map[string]string {
	list := map[string]string{}
	for _, kind := range []map[string]string{w.Peer, w.Optional, w.Dependencies} {
		maps.Copy(list, kind)
	}
	if dev {
		maps.Copy(list, w.Dev)
	}
	return list
}

// Direct gives the keys of the packages that some of the application's own packages name themselves, in order.
func (g Graph) Direct(dirs []string) []string {
	found := map[string]bool{}
	for _, w := range g.own {
		if !slices.Contains(dirs, w.Dir) {
			continue
		}
		for name, wanted := range w.all(false) {
			if key, ok := g.find(w, name, wanted); ok {
				found[key] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// Platform is what an image runs on, in the words of npm's os, cpu and libc fields.
type Platform struct{ OS, CPU, Libc string }

// cpus maps Go's names of architectures to those of Node.js: https://nodejs.org/api/process.html#processarch.
var cpus = map[string]string{"amd64": "x64", "arm64": "arm64"}

// CPU gives Node.js' name of an architecture, from Go's.
func CPU(arch string) string { return cpus[arch] }

// Linux is the platform of an image, from Go's name of its architecture and npm's name of its C library.
func Linux(arch, libc string) Platform { return Platform{OS: "linux", CPU: CPU(arch), Libc: libc} }

// names is a list of names, or one.
type names []string

func (n *names) add(text string) {
	if text != "" && text != "none" {
		*n = append(*n, text)
	}
}

func (n *names) UnmarshalJSON(text []byte) error {
	if text[0] == '[' {
		return json.Unmarshal(text, (*[]string)(n))
	}
	var one string
	if err := json.Unmarshal(text, &one); err != nil {
		return err
	}
	n.add(one)
	return nil
}

// Allows reports whether a value is one that a package's os, cpu or libc allows: "!name" forbids one, anything else must be
// there once, unless there are only prohibitions (npm-install-checks; pnpm and Yarn have the same rule).
func Allows(list []string, value string) bool {
	if len(list) == 0 || len(list) == 1 && list[0] == "any" {
		return true
	}
	found, negated := false, 0
	for _, name := range list {
		if forbidden, ok := strings.CutPrefix(name, "!"); ok {
			if forbidden == value {
				return false
			}
			negated++
		} else if name == value {
			found = true
		}
	}
	return found || negated == len(list)
}

// requires is what a package says of the platforms that it is for.
type requires struct {
	OS   names `json:"os" yaml:"os"`
	CPU  names `json:"cpu" yaml:"cpu"`
	Libc names `json:"libc" yaml:"libc"`
}

func (r requires) fits(p Platform) bool {
	return Allows(r.OS, p.OS) && Allows(r.CPU, p.CPU) && Allows(r.Libc, p.Libc)
}

// Graph is all packages of a lockfile by a key of their own, which no two share.
type Graph struct {
	Packages map[string]Package
	// Lacks are packages for this platform that the lockfile does not have; only npm's may lack some.
	Lacks []Lacking
	// find gives the key of what a package.json's dependency is; ok is false when it is not installed, or is one of the
	// application's own packages.
	find func(from Wanted, name, wanted string) (key string, ok bool)
	own  []Wanted
	on   Platform
}

// Needed gives the keys of the packages that some of the application's own packages need, in order. dirs are the folders
// of these; with dev, development dependencies count, too.
func (g Graph) Needed(dirs []string, dev bool) []string {
	seen := map[string]bool{}
	var visit func(key string)
	visit = func(key string) {
		if _, known := g.Packages[key]; !known || seen[key] {
			return
		}
		seen[key] = true
		for _, next := range g.Packages[key].Needs {
			visit(next)
		}
	}
	visited := map[string]bool{}
	var own func(w Wanted)
	own = func(w Wanted) {
		if visited[w.Dir] {
			return
		}
		visited[w.Dir] = true
		for name, wanted := range w.all(dev) {
			if key, ok := g.find(w, name, wanted); ok {
				visit(key)
				continue
			}
			for _, other := range g.own {
				if other.Name == name {
					own(other)
				}
			}
		}
	}
	for _, w := range g.own {
		if slices.Contains(dirs, w.Dir) {
			own(w)
		}
	}
	return slices.Sorted(maps.Keys(seen))
}

// readers are the lockfiles that are understood, by their names.
var readers = map[string]func(g *Graph, text []byte){
	"package-lock.json": (*Graph).readNPM, "npm-shrinkwrap.json": (*Graph).readNPM, "pnpm-lock.yaml": (*Graph).readPNPM, "bun.lock": (*Graph).readBun,
	"yarn.lock": func(g *Graph, text []byte) {
		if strings.Contains(string(text), "# yarn lockfile v1") {
			g.readYarn(text)
			return
		}
		g.readBerry(text)
	},
}

// IsKnown reports whether a lockfile of that name is understood.
func IsKnown(name string) bool { return readers[name] != nil }

// Read reads a lockfile by its name; packages for other platforms are left out. own are the package.json files of the
// application. What is not understood gives a
// graph without packages: package managers themselves complain of their lockfiles.
func Read(name string, text []byte, own []Wanted, on Platform) Graph {
	g := Graph{Packages: map[string]Package{}, own: own, on: on, find: func(Wanted, string, string) (string, bool) { return "", false }}
	if read := readers[name]; read != nil {
		read(&g, text)
	}
	return g
}

// splitName takes "name@rest" apart; a scope's "@" is part of the name.
func splitName(text string) (name, rest string) {
	i := strings.LastIndexByte(text, '@')
	if j := strings.IndexByte(strings.TrimPrefix(text, "@"), '@'); j >= 0 {
		i = j + len(text) - len(strings.TrimPrefix(text, "@"))
	}
	if i <= 0 {
		return text, ""
	}
	return text[:i], text[i+1:]
}
