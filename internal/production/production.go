// Package production takes out of an installed tree of packages what the running application does not need. It follows
// the dependencies that package.json files declare, in the way in which Node.js finds packages
// (https://nodejs.org/api/modules.html#loading-from-node_modules-folders), and so works for the layout of every package
// manager: nested, hoisted, or links into a store below node_modules. Nothing is fetched.
package production

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/gantry-buildpack/gantry/internal/archive"
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

// remove takes a package out. The disk is faster with the files of many packages at a time.
func (w *walk) remove(place string) error {
	w.count++
	err := os.Rename(filepath.Join(w.Base, place), filepath.Join(w.gone, strconv.Itoa(w.count)))
	if errors.Is(err, syscall.EXDEV) {
		// An overlay does not rename a folder of the image below it.
		return archive.RemoveAll(filepath.Join(w.Base, place))
	}
	return err
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

// clean removes what is not kept from a node_modules folder, and from those of the packages in it.
func (w *walk) clean(dir string) error {
	entries, err := os.ReadDir(filepath.Join(w.Base, dir))
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, entry := range entries {
		place := filepath.Join(dir, entry.Name())
		switch {
		case entry.Name() == ".bin":
		case strings.HasPrefix(entry.Name(), ".") && entry.IsDir():
			err = w.cleanStore(place)
		case strings.HasPrefix(entry.Name(), "@") && entry.IsDir():
			err = w.cleanScope(place)
		case strings.HasPrefix(entry.Name(), "."):
		default:
			err = w.cleanPackage(place)
		}
		if err != nil {
			return err
		}
	}
	return w.cleanBins(filepath.Join(dir, ".bin"))
}

func (w *walk) cleanScope(dir string) error {
	entries, err := os.ReadDir(filepath.Join(w.Base, dir))
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if err := w.cleanPackage(filepath.Join(dir, entry.Name())); err != nil {
			return err
		}
	}
	return w.removeEmpty(dir)
}

func (w *walk) removeEmpty(dir string) error {
	if rest, err := os.ReadDir(filepath.Join(w.Base, dir)); err != nil || len(rest) > 0 {
		return err
	}
	return os.Remove(filepath.Join(w.Base, dir))
}

func (w *walk) cleanPackage(place string) error {
	if !w.kept[place] {
		return w.remove(place)
	}
	// What a link leads to has a place of its own.
	if info, err := os.Lstat(filepath.Join(w.Base, place)); err != nil || info.Mode()&fs.ModeSymlink != 0 || w.whole[place] {
		return err
	}
	return w.clean(filepath.Join(place, modules))
}

// cleanStore removes the packages of a store (.pnpm, .bun, .store) of which nothing is kept. Other folders with a dot
// belong to tools.
func (w *walk) cleanStore(dir string) error {
	if name := filepath.Base(dir); name != ".pnpm" && name != ".bun" && name != ".store" {
		return nil
	}
	entries, err := os.ReadDir(filepath.Join(w.Base, dir))
	if err != nil {
		return err
	}
	places := map[string]bool{}
	for kept := range w.kept {
		if rest, inside := strings.CutPrefix(kept, dir+"/"); inside {
			first, _, _ := strings.Cut(rest, "/")
			places[first] = true
		}
	}
	hoisted := ""
	for _, entry := range entries {
		place := filepath.Join(dir, entry.Name())
		switch {
		case !entry.IsDir():
		case entry.Name() == modules:
			hoisted = place
		case places[entry.Name()]:
			if err := w.clean(filepath.Join(place, modules)); err != nil {
				return err
			}
		default:
			if err := w.remove(place); err != nil {
				return err
			}
		}
	}
	if hoisted == "" {
		return nil
	}
	// Links for packages that do not say what they need; those that lead nowhere now go.
	return w.cleanLinks(hoisted)
}

// cleanLinks removes links that lead nowhere, of a folder and its scopes.
func (w *walk) cleanLinks(dir string) error {
	entries, err := os.ReadDir(filepath.Join(w.Base, dir))
	if err != nil {
		return err
	}
	for _, entry := range entries {
		place := filepath.Join(dir, entry.Name())
		full := filepath.Join(w.Base, place)
		if entry.IsDir() && (strings.HasPrefix(entry.Name(), "@") || entry.Name() == ".bin") {
			if err := w.cleanLinks(place); err != nil {
				return err
			}
			if err := w.removeEmpty(place); err != nil {
				return err
			}
			continue
		}
		if !w.leadsToKept(full) {
			if err := os.Remove(full); err != nil {
				return err
			}
		}
	}
	return nil
}

// leadsToKept reports whether a link leads to a package that is there, and to one of the application's own only when
// something needs it.
func (w *walk) leadsToKept(link string) bool {
	target, err := filepath.EvalSymlinks(link)
	if err != nil {
		return false
	}
	name, err := filepath.Rel(w.App, target)
	own := err == nil && filepath.IsLocal(name) && !strings.Contains("/"+name+"/", "/"+modules+"/")
	return !own || w.visited[name]
}

// target finds the program that a command file of pnpm or Bun calls.
var target = regexp.MustCompile(`"\$basedir/([^"]+)"`)

// cleanBins removes commands whose programs are gone.
func (w *walk) cleanBins(dir string) error {
	entries, err := os.ReadDir(filepath.Join(w.Base, dir))
	if err != nil {
		return nil
	}
	for _, entry := range entries {
		file := filepath.Join(w.Base, dir, entry.Name())
		gone := false
		if entry.Type()&fs.ModeSymlink != 0 {
			_, err := os.Stat(file)
			gone = os.IsNotExist(err)
		} else if text, err := os.ReadFile(file); err == nil {
			for _, match := range target.FindAllSubmatch(text, -1) {
				if strings.HasPrefix(string(match[1]), "../") {
					_, err := os.Stat(filepath.Join(w.Base, dir, string(match[1])))
					gone = gone || os.IsNotExist(err)
				}
			}
		}
		if gone {
			if err := os.Remove(file); err != nil {
				return err
			}
		}
	}
	return w.removeEmpty(dir)
}
