// Package prune takes out of an installed tree of packages what the running application does not need. It follows
// the dependencies that package.json files declare, in the way in which Node.js finds packages
// (https://nodejs.org/api/modules.html#loading-from-node_modules-folders), and so works for the layout of every package
// manager: nested, hoisted, or links into a store below node_modules. Nothing is fetched.
package prune

import (
	"encoding/json"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/install/archive"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

const modules = "node_modules"

// Tree is an application's installed packages.
type Tree struct {
	// App is the application's folder; Base the one that its node_modules folders are in, at the same places as in App.
	App, Base string
	// Dirs are the node_modules folders, relative to Base.
	Dirs []string
	// Roots are the packages that are run, relative to App, and Also development dependencies of theirs to keep.
	Roots, Also []string
	// All are all packages of the application. What neither these nor others depend on was made by scripts, and is kept.
	All []string
}

// manifest is what decides about a package's dependencies.
type manifest struct {
	Dependencies         map[string]string `json:"dependencies"`
	OptionalDependencies map[string]string `json:"optionalDependencies"`
	PeerDependencies     map[string]string `json:"peerDependencies"`
	BundleDependencies   any               `json:"bundleDependencies"`
	BundledDependencies  any               `json:"bundledDependencies"`
	DevDependencies      map[string]string `json:"devDependencies"`
}

// walk is a Tree while it is followed.
type walk struct {
	Tree
	// kept are the places of packages and links to keep, relative to Base.
	kept map[string]bool
	// installed are the places of all packages that a package manager installs; nil while these are looked for, with what the
	// application's own packages need for development.
	installed map[string]bool
	// whole are kept packages that bring their own packages.
	whole   map[string]bool
	visited map[string]bool
	// gone holds what was taken out, until all is removed at once.
	gone  string
	count int
}

// Prune removes what is not needed.
func (t Tree) Prune() error {
	// Links into the trees are compared by where they lead.
	for _, dir := range []*string{&t.App, &t.Base} {
		resolved, err := filepath.EvalSymlinks(*dir)
		if err != nil {
			return problem.Unreadable("read the packages", err)
		}
		*dir = resolved
	}
	installed, err := t.installed()
	if err != nil {
		return err
	}
	w := t.walk(installed)
	for _, root := range t.Roots {
		if err := w.visit(root, t.Also); err != nil {
			return err
		}
	}
	if w.gone, err = os.MkdirTemp(t.Base, ".gone-"); err != nil {
		return problem.Disk("take development packages out", err)
	}
	for _, dir := range t.Dirs {
		err := w.clean(dir)
		if err == nil {
			err = w.removeEmpty(dir)
		}
		if err != nil && !os.IsNotExist(err) {
			return problem.Disk("take development packages out of "+dir, err)
		}
	}
	if err := archive.RemoveAll(w.gone); err != nil {
		return problem.Disk("remove development packages", err)
	}
	if w.count == 0 {
		return nil
	}
	for _, dir := range t.Dirs {
		// What npm remembers of the tree; without it, npm looks at the packages themselves.
		if err := os.Remove(filepath.Join(t.Base, dir, ".package-lock.json")); err != nil && !os.IsNotExist(err) {
			return problem.Disk("remove .package-lock.json", err)
		}
	}
	return nil
}

func (t Tree) walk(installed map[string]bool) *walk {
	return &walk{Tree: t, kept: map[string]bool{}, whole: map[string]bool{}, visited: map[string]bool{}, installed: installed}
}

// installed gives the places of all packages that the application's own ones depend on, for development, too.
func (t Tree) installed() (map[string]bool, error) {
	w := t.walk(nil)
	for _, root := range t.All {
		if err := w.visit(root, nil); err != nil {
			return nil, err
		}
	}
	return w.kept, nil
}

// visit keeps all that the package in a folder needs; also are names that count as its dependencies.
func (w *walk) visit(dir string, also []string) error {
	if w.visited[dir] {
		return nil
	}
	w.visited[dir] = true
	m, err := w.manifest(dir)
	if err != nil {
		return err
	}
	w.whole[dir] = m.BundleDependencies != nil || m.BundledDependencies != nil
	names := slices.Clone(also)
	for _, list := range []map[string]string{m.Dependencies, m.OptionalDependencies, m.PeerDependencies} {
		for name := range list {
			names = append(names, name)
		}
	}
	if w.installed == nil && slices.Contains(w.All, dir) {
		names = slices.AppendSeq(names, maps.Keys(m.DevDependencies))
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		if !filepath.IsLocal(name) {
			continue
		}
		if err := w.keep(dir, name); err != nil {
			return err
		}
	}
	return nil
}

// manifest reads a package.json of the trees or, for the application's own packages, of the application. One that is not
// there or not understood names no dependencies.
func (w *walk) manifest(dir string) (m manifest, err error) {
	for _, base := range []string{w.Base, w.App} {
		text, err := os.ReadFile(filepath.Join(base, dir, "package.json"))
		if err == nil {
			_ = json.Unmarshal(text, &m)
			return m, nil
		}
		if !os.IsNotExist(err) {
			return m, problem.Unreadable("read "+filepath.Join(dir, "package.json"), err)
		}
	}
	return m, nil
}

// keep finds a package from a folder, as Node.js does, and keeps it; one that is not installed is none of our concern.
func (w *walk) keep(from, name string) error {
	for dir := from; ; dir = filepath.Dir(dir) {
		if dir == "." {
			dir = ""
		}
		if filepath.Base(dir) != modules {
			place := filepath.Join(dir, modules, name)
			info, err := os.Lstat(filepath.Join(w.Base, place))
			if err == nil {
				w.kept[place] = true
				if info.Mode()&fs.ModeSymlink == 0 {
					return w.visit(place, nil)
				}
				return w.follow(place)
			}
		}
		if dir == "" {
			return nil
		}
	}
}

// follow visits what a link leads to: a package in a store below node_modules, or one of the application's own.
func (w *walk) follow(place string) error {
	target, err := filepath.EvalSymlinks(filepath.Join(w.Base, place))
	if err != nil {
		return nil
	}
	for _, base := range []string{w.Base, w.App} {
		if name, err := filepath.Rel(base, target); err == nil && filepath.IsLocal(name) {
			if strings.Contains("/"+name+"/", "/"+modules+"/") {
				w.kept[name] = true
			}
			return w.visit(name, nil)
		}
	}
	return nil
}
