package prune

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/gantry-buildpack/gantry/internal/install/archive"
)

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
		if w.made(place) {
			return nil
		}
		return w.remove(place)
	}
	// What a link leads to has a place of its own.
	if info, err := os.Lstat(filepath.Join(w.Base, place)); err != nil || info.Mode()&fs.ModeSymlink != 0 || w.whole[place] {
		return err
	}
	return w.clean(filepath.Join(place, modules))
}

// made reports whether scripts have made what is at a place among the packages: a generated package, a link to the source.
func (w *walk) made(place string) bool {
	if len(w.All) == 0 || w.installed[place] {
		return false
	}
	target, err := os.Readlink(filepath.Join(w.Base, place))
	if err != nil {
		return true
	}
	// Package managers make links into their stores, and to the application's own packages.
	if !filepath.IsAbs(target) {
		target = filepath.Join(w.Base, filepath.Dir(place), target)
	}
	for _, store := range stores {
		if strings.Contains(target, "/"+modules+"/"+store+"/") {
			return false
		}
	}
	for _, base := range []string{w.Base, w.App} {
		name, err := filepath.Rel(base, target)
		if name == "." {
			name = ""
		}
		if err == nil && slices.Contains(w.All, name) {
			return false
		}
	}
	return true
}

// stores are the folders in which package managers keep packages, below node_modules.
var stores = []string{".pnpm", ".bun", ".store"}

// cleanStore removes the packages of a store (.pnpm, .bun, .store) of which nothing is kept. Other folders with a dot
// belong to tools.
func (w *walk) cleanStore(dir string) error {
	if !slices.Contains(stores, filepath.Base(dir)) {
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
