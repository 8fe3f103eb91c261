package trees

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/problem"
)

// A package that looks for the application from its own place (`__dirname/../..`, find-up, app-root-path, Prisma's client) must
// find it there. Node.js resolves the application's link to its layer first, so that such a package looks next to the trees in
// the layer: there are links to the application's files.

// Parents are the folders of the application that trees are in, and those above them, relative to it.
func Parents(trees []string) (list []string) {
	for _, name := range trees {
		for dir := filepath.Dir(name); ; dir = filepath.Dir(dir) {
			list = append(list, dir)
			if dir == "." {
				break
			}
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// NamesBeside are the names of the application's files and folders that are next to its trees, in order; but those to remove.
func (t Trees) NamesBeside(removed []string) ([]string, error) {
	return t.beside(t.Dirs, removed)
}

func (t Trees) beside(trees, removed []string) (names []string, err error) {
	for _, dir := range Parents(trees) {
		entries, err := os.ReadDir(filepath.Join(t.App, dir))
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			return nil, problem.Unreadable("read the application", err)
		}
		for _, entry := range entries {
			name := filepath.Join(dir, entry.Name())
			own := slices.Contains(unread, entry.Name()) || strings.HasPrefix(entry.Name(), ".gantry-") || slices.Contains(t.Dirs, name) || slices.Contains(removed, name)
			if !own {
				names = append(names, name)
			}
		}
	}
	return names, nil
}

// unread are files for Git, editors, CI and the platform, which no package looks for: they are no reason to make a layer of packages again. A README is not among
// them: a package may show it.
var unread = []string{".git", ".gitattributes", ".github", ".gitlab-ci.yml", ".dockerignore", ".slugignore", ".vscode", ".idea", ".DS_Store", "project.toml", "Procfile", "Aptfile"}

// LinkBeside puts links to the application's files next to trees in a layer.
func (t Trees) LinkBeside(layer string, trees, removed []string) error {
	names, err := t.beside(trees, removed)
	if err != nil {
		return err
	}
	for _, name := range names {
		// A folder that holds a tree itself is there, and so are links to it.
		if _, err := os.Lstat(filepath.Join(layer, name)); err == nil {
			continue
		}
		if err := os.Symlink(filepath.Join(t.App, name), filepath.Join(layer, name)); err != nil {
			return problem.Disk("link "+name, err)
		}
	}
	return nil
}
