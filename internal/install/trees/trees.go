// Package trees handles the folders of installed packages: it changes what an installation has made, finds out what was
// written into them later, and moves them into a layer.
package trees

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/install/archive"
	"github.com/gantry-buildpack/gantry/internal/install/files"
	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// Trees are the folders of installed packages in an application: one at its root, and with workspaces one in each of
// them that needs versions of its own.
type Trees struct {
	// App is the application's folder, Dirs are the places, relative to it, where a tree may be.
	App  string
	Dirs []string
	// Scratch are files and folders in each tree that hold caches of tools.
	Scratch []string
	// Omit are files in each tree that the running application does not need, and Variants folders of which it needs one.
	Omit     []string
	Variants []plan.Variant
}

// Of gives the trees of an installation in an application.
func Of(app string, in plan.Install) Trees {
	return Trees{App: app, Dirs: in.Trees.Dirs, Scratch: in.Trees.Scratch, Omit: in.Launch.Omit, Variants: in.Launch.Variants}
}

// Find gives the trees that there are, relative to the application.
func (t Trees) Find() ([]string, error) {
	var found []string
	for _, name := range t.Dirs {
		_, err := os.Lstat(filepath.Join(t.App, name))
		switch {
		case err == nil:
			found = append(found, name)
		case !os.IsNotExist(err):
			return nil, problem.Unreadable("look for "+name, err)
		}
	}
	return found, nil
}

// Remove deletes the trees.
func (t Trees) Remove() error {
	found, err := t.Find()
	if err != nil {
		return err
	}
	for _, name := range found {
		if err := archive.RemoveAll(filepath.Join(t.App, name)); err != nil {
			return problem.Disk("remove "+name, err)
		}
	}
	return nil
}

// MoveTo puts the trees into a layer, less their scratch folders, and gives the places where the application needs
// links.
func (t Trees) MoveTo(layer string) ([]string, error) {
	found, err := t.Find()
	if err != nil {
		return nil, err
	}
	for _, name := range found {
		for _, scratch := range t.Scratch {
			if err := os.RemoveAll(filepath.Join(t.App, name, scratch)); err != nil {
				return nil, problem.Disk("remove "+scratch, err)
			}
		}
		if err := Omit(filepath.Join(t.App, name), t.Omit); err != nil {
			return nil, err
		}
		for _, v := range t.Variants {
			if err := keepVariant(filepath.Join(t.App, name), v); err != nil {
				return nil, err
			}
		}
		if err := normalizeModes(filepath.Join(t.App, name)); err != nil {
			return nil, problem.Disk("prepare "+name+" for its layer", err)
		}
		source, target := filepath.Join(t.App, name), filepath.Join(layer, name)
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return nil, problem.Disk("move "+name, err)
		}
		if os.Rename(source, target) == nil {
			continue
		}
		// The application and the layers may be on different file systems.
		if err := files.CopyTree(source, target); err != nil {
			return nil, err
		}
		if err := archive.RemoveAll(source); err != nil {
			return nil, problem.Disk("remove "+name, err)
		}
	}
	return found, nil
}

// normalizeModes makes a tree fit to leave the application. Links that lead to the application's own files become absolute. Files
// can be read by everybody and written by their owner alone, whatever the umask was when they were made: asking Ruby for
// its umask sets it to 0 for a moment, in which another of Bundler's threads may make a file.
func normalizeModes(root string) error {
	return filepath.WalkDir(root, func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.Type()&fs.ModeSymlink != 0 {
			return absolutizeLink(file, root)
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		mode := info.Mode().Perm()&^0o022 | 0o444
		if entry.IsDir() {
			mode = 0o755
		}
		if mode == info.Mode().Perm() {
			return nil
		}
		return os.Chmod(file, mode)
	})
}

// absolutizeLink makes a link absolute that leads out of the tree at root.
func absolutizeLink(link, root string) error {
	target, err := os.Readlink(link)
	if err != nil || filepath.IsAbs(target) {
		return err
	}
	full := filepath.Join(filepath.Dir(link), target)
	if strings.HasPrefix(full, root+string(filepath.Separator)) {
		return nil
	}
	if err := os.Remove(link); err != nil {
		return err
	}
	return os.Symlink(full, link)
}

// LeadBack makes a link in a layer, which was copied from a tree of the application, lead where it led there, if that is outside of
// the tree.
func LeadBack(original, copied string) error {
	target, err := os.Readlink(copied)
	if err != nil || filepath.IsAbs(target) {
		// It is no link, or leads there.
		return nil
	}
	full := filepath.Join(filepath.Dir(original), target)
	const modules = "/node_modules/"
	if i := strings.Index(original, modules); i >= 0 && strings.HasPrefix(full+"/", original[:i+len(modules)]) {
		return nil
	}
	if err := os.Remove(copied); err != nil {
		return err
	}
	return os.Symlink(full, copied)
}

// Link puts links to a layer's trees into the application.
func (t Trees) Link(layer string, names []string) error {
	for _, name := range names {
		if !filepath.IsLocal(name) {
			return fmt.Errorf("the last build's metadata names a folder outside the application: %s", name)
		}
		link := filepath.Join(t.App, name)
		if err := os.MkdirAll(filepath.Dir(link), 0o755); err != nil {
			return problem.Disk("link "+name, err)
		}
		if err := os.Symlink(filepath.Join(layer, name), link); err != nil {
			return problem.Disk("link "+name, err)
		}
	}
	return nil
}

// Snapshot records the state of every file in the trees.
func (t Trees) Snapshot() (files.Snapshot, error) {
	found, err := t.Find()
	if err != nil {
		return nil, err
	}
	var folders []string
	scratch := map[string]bool{}
	for _, tree := range found {
		folders = append(folders, filepath.Join(t.App, tree))
		for _, name := range t.Scratch {
			scratch[filepath.Join(t.App, tree, name)] = true
		}
	}
	states, err := files.Record(t.App, folders, func(file string) bool { return scratch[file] })
	if err != nil {
		return nil, problem.Unreadable("read the packages", err)
	}
	return states, nil
}

// Changes gives what was written into the trees since a snapshot, and what is gone, relative to the application.
func (t Trees) Changes(before files.Snapshot) (files.Changes, error) {
	after, err := t.Snapshot()
	if err != nil {
		return files.Changes{}, err
	}
	return after.Since(before), nil
}

// NothingWritten is the digest of no changes.
const NothingWritten = "nothing"

// Digest sums up changes by their content.
func (t Trees) Digest(c files.Changes) (string, error) {
	if c.None() {
		return NothingWritten, nil
	}
	digest, err := c.Digest(t.App)
	if err != nil {
		return "", problem.Unreadable("read what was written into packages", err)
	}
	return digest, nil
}
