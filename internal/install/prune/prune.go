// Package prune takes out of an installed tree of packages what the running application does not need. It follows
// the dependencies that package.json files declare, in the way in which Node.js finds packages
// (https://nodejs.org/api/modules.html#loading-from-node_modules-folders), and so works for the layout of every package
// manager: nested, hoisted, or links into a store below node_modules. Nothing is fetched.
package prune

import (
	"encoding/json"
	"io/fs"
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
}

// manifest is what decides about a package's dependencies.
type manifest struct {
	Dependencies         map[string]string `json:"dependencies"`
	OptionalDependencies map[string]string `json:"optionalDependencies"`
	PeerDependencies     map[string]string `json:"peerDependencies"`
	BundleDependencies   any               `json:"bundleDependencies"`
	BundledDependencies  any               `json:"bundledDependencies"`
}

// walk is a Tree while it is followed.
type walk struct {
	Tree
	// kept are the places of packages and links to keep, relative to Base.
	kept map[string]bool
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
			return problem.Disk("read the packages", err)
		}
		*dir = resolved
	}
	w := &walk{Tree: t, kept: map[string]bool{}, whole: map[string]bool{}, visited: map[string]bool{}}
	for _, root := range t.Roots {
		if err := w.visit(root, t.Also); err != nil {
			return err
		}
	}
	var err error
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
	return nil
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
			return m, problem.Disk("read "+filepath.Join(dir, "package.json"), err)
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
