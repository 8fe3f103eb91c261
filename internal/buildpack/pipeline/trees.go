package pipeline

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/install/archive"
	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// trees are the folders of installed packages in an application: one at its root, and with workspaces one in each of
// them that needs versions of its own.
type trees struct {
	app string
	// dirs are the places where one may be.
	dirs []string
	// scratch are folders in them that hold caches of tools.
	scratch []string
	// omit are files in them that the running application does not need; patterns relative to each tree.
	omit []string
	// variants are folders of which it needs one alone.
	variants []plan.Variant
}

// find gives the trees that there are, relative to the application.
func (t trees) find() ([]string, error) {
	var found []string
	for _, name := range t.dirs {
		_, err := os.Lstat(filepath.Join(t.app, name))
		switch {
		case err == nil:
			found = append(found, name)
		case !os.IsNotExist(err):
			return nil, problem.Disk("look for "+name, err)
		}
	}
	return found, nil
}

// remove deletes the trees.
func (t trees) remove() error {
	found, err := t.find()
	if err != nil {
		return err
	}
	for _, name := range found {
		if err := archive.RemoveAll(filepath.Join(t.app, name)); err != nil {
			return problem.Disk("remove "+name, err)
		}
	}
	return nil
}

// moveTo puts the trees into a layer, less their scratch folders, and gives the places where the application needs
// links.
func (t trees) moveTo(layer string) ([]string, error) {
	found, err := t.find()
	if err != nil {
		return nil, err
	}
	for _, name := range found {
		for _, scratch := range t.scratch {
			if err := os.RemoveAll(filepath.Join(t.app, name, scratch)); err != nil {
				return nil, problem.Disk("remove "+scratch, err)
			}
		}
		if err := omit(filepath.Join(t.app, name), t.omit); err != nil {
			return nil, err
		}
		for _, v := range t.variants {
			if err := keepVariant(filepath.Join(t.app, name), v); err != nil {
				return nil, err
			}
		}
		if err := settle(filepath.Join(t.app, name)); err != nil {
			return nil, problem.Disk("prepare "+name+" for its layer", err)
		}
		source, target := filepath.Join(t.app, name), filepath.Join(layer, name)
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return nil, problem.Disk("move "+name, err)
		}
		if os.Rename(source, target) == nil {
			continue
		}
		// The application and the layers may be on different file systems.
		if err := copyTree(source, target); err != nil {
			return nil, err
		}
		if err := archive.RemoveAll(source); err != nil {
			return nil, problem.Disk("remove "+name, err)
		}
	}
	return found, nil
}

// settle makes a tree fit to leave the application. Links that lead to the application's own files become absolute. Files
// can be read by everybody and written by their owner alone, whatever the umask was when they were made: asking Ruby for
// its umask sets it to 0 for a moment, in which another of Bundler's threads may make a file.
func settle(root string) error {
	return filepath.WalkDir(root, func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.Type()&fs.ModeSymlink != 0 {
			return anchor(file, root)
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

// anchor makes a link absolute that leads out of the tree at root.
func anchor(link, root string) error {
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

// link puts links to a layer's trees into the application. names is a []string, or what TOML made of one.
func (t trees) link(layer string, names any) error {
	for _, name := range asStrings(names) {
		if !filepath.IsLocal(name) {
			return fmt.Errorf("the last build's metadata names a folder outside the application: %s", name)
		}
		link := filepath.Join(t.app, name)
		if err := os.MkdirAll(filepath.Dir(link), 0o755); err != nil {
			return problem.Disk("link "+name, err)
		}
		if err := os.Symlink(filepath.Join(layer, name), link); err != nil {
			return problem.Disk("link "+name, err)
		}
	}
	return nil
}

func asStrings(value any) []string {
	var texts []string
	switch value := value.(type) {
	case []string:
		return value
	case []any:
		for _, item := range value {
			texts = append(texts, fmt.Sprint(item))
		}
	}
	return texts
}

// state is what tells, cheaply, that a file is not the one it was.
type state struct {
	size, modified int64
	mode           fs.FileMode
}

// snapshot notes the state of every file in the trees.
func (t trees) snapshot() (map[string]state, error) {
	found, err := t.find()
	if err != nil {
		return nil, err
	}
	states := map[string]state{}
	for _, tree := range found {
		root := filepath.Join(t.app, tree)
		skip := func(file string) bool {
			return slices.Contains(t.scratch, strings.TrimPrefix(file, root+"/"))
		}
		if err := addStates(states, t.app, root, skip); err != nil {
			return nil, problem.Disk("read "+tree, err)
		}
	}
	return states, nil
}

// addStates notes the states of all files below a folder, by their names below base, less those to skip.
func addStates(states map[string]state, base, folder string, skip func(name string) bool) error {
	return filepath.WalkDir(folder, func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		switch {
		case skip(file) && entry.IsDir():
			return fs.SkipDir
		case skip(file) || entry.IsDir():
			return nil
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		states[strings.TrimPrefix(file, base+"/")] = state{info.Size(), info.ModTime().UnixNano(), info.Mode()}
		return nil
	})
}

// changes gives what was written into the trees since a snapshot, and what is gone, relative to the application.
func (t trees) changes(before map[string]state) (names, gone []string, err error) {
	after, err := t.snapshot()
	if err != nil {
		return nil, nil, err
	}
	names, gone = difference(before, after)
	return names, gone, nil
}

// difference names the files that are new or not what they were, and those that are gone.
func difference(before, after map[string]state) (names, gone []string) {
	for _, name := range slices.Sorted(maps.Keys(after)) {
		if after[name] != before[name] {
			names = append(names, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(before)) {
		if _, still := after[name]; !still {
			gone = append(gone, name)
		}
	}
	return names, gone
}

// nothingWritten is the digest of no changes.
const nothingWritten = "nothing"

// digest sums up changes by their content.
func (t trees) digest(names, gone []string) (string, error) {
	if len(names)+len(gone) == 0 {
		return nothingWritten, nil
	}
	sum := sha256.New()
	for _, name := range names {
		content, err := entryDigest(filepath.Join(t.app, name))
		if err != nil {
			return "", problem.Disk("read "+name, err)
		}
		_, _ = fmt.Fprintf(sum, "%s\x00%s\x00", name, content)
	}
	for _, name := range gone {
		_, _ = fmt.Fprintf(sum, "%s\x00gone\x00", name)
	}
	return "sha256:" + hex.EncodeToString(sum.Sum(nil)), nil
}

func entryDigest(file string) (string, error) {
	info, err := os.Lstat(file)
	if err != nil {
		return "", err
	}
	if info.Mode()&fs.ModeSymlink != 0 {
		return os.Readlink(file)
	}
	digest, err := fileDigest(file)
	return fmt.Sprint(info.Mode().Perm()&0o111 != 0, digest), err
}
