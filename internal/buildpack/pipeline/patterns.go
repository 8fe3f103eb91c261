package pipeline

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/gantry-buildpack/gantry/internal/install/archive"
	"github.com/gantry-buildpack/gantry/internal/problem"
	"github.com/gantry-buildpack/gantry/internal/source/gitignore"
	"github.com/gantry-buildpack/gantry/internal/source/shell"
)

// ignoreSource removes what is not to be there while building.
func (p pipeline) ignoreSource() error {
	return p.removeBy(".slugignore", p.Image.Source.Ignored, false)
}

// choosePatterns removes what the image is not to hold, as BP_EXCLUDE_FILES and BP_INCLUDE_FILES say.
func (p pipeline) choosePatterns() error {
	if err := p.removeBy("BP_EXCLUDE_FILES", p.Image.Source.Exclude, false); err != nil {
		return err
	}
	return p.removeBy("BP_INCLUDE_FILES", p.Image.Source.Include, true)
}

// removeBy removes the files that patterns match, or where they name what is kept, those that they do not match. What a process runs may not be among them.
func (p pipeline) removeBy(setting string, lines []string, keep bool) error {
	if len(lines) == 0 {
		return nil
	}
	run := p.namedByProcesses()
	patterns := gitignore.Parse(lines)
	err := p.removeFiles(func(name string, folder bool) bool {
		if keep {
			return !folder && !patterns.Matches(name, false)
		}
		return patterns.Matches(name, folder)
	})
	if err != nil {
		return err
	}
	for _, file := range run {
		if _, err := os.Stat(filepath.Join(p.App, file.name)); err == nil {
			continue
		}
		return &problem.Problem{
			ID:    "build/entry-missing",
			Title: "there is no " + file.name,
			Where: problem.Position{File: file.name},
			Why:   setting + " (" + strings.Join(lines, ", ") + ") removes it, and process " + file.process + " runs it",
			Hints: []string{"Take it out of " + setting + "."},
		}
	}
	return nil
}

// named is a file of the application that a process's command names.
type named struct{ name, process string }

// namedByProcesses are those that are there: scripts, configurations of servers, folders to serve.
func (p pipeline) namedByProcesses() (list []named) {
	for _, q := range p.Image.Processes {
		words := slices.Clone(q.Args)
		for _, word := range q.Args {
			words = append(words, shell.Fields(word)...)
		}
		for _, word := range append(words, q.Entry...) {
			for _, name := range []string{path.Join(q.Dir, word), path.Clean(word)} {
				if name == "." || name == "/" || !fs.ValidPath(name) {
					continue
				}
				if _, err := os.Stat(filepath.Join(p.App, name)); err == nil {
					list = append(list, named{name, q.Type})
				}
			}
		}
	}
	return list
}

// manifests are files that runtimes read wherever an application is: they stay.
var manifests = []string{"package.json", "Gemfile", "Gemfile.lock", "gems.rb", "gems.locked", "config.ru"}

// removeFiles removes the files and folders that are chosen, and the folders that are empty then. Packages are passed over: what is in their folders
// is decided by the lockfile.
func (p pipeline) removeFiles(chosen func(name string, folder bool) bool) error {
	var packages []string
	for _, in := range p.Installs {
		packages = append(packages, in.Trees.Dirs...)
	}
	err := filepath.WalkDir(p.App, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(p.App, path)
		if err != nil || name == "." {
			return err
		}
		if slices.Contains(packages, name) {
			if entry.IsDir() {
				return filepath.SkipDir
			}
			return nil
		}
		if !chosen(filepath.ToSlash(name), entry.IsDir()) || slices.Contains(manifests, entry.Name()) {
			return nil
		}
		if err := archive.RemoveAll(path); err != nil {
			return err
		}
		// A folder with something in it stays.
		for dir := filepath.Dir(path); dir != p.App && syscall.Rmdir(dir) == nil; dir = filepath.Dir(dir) {
		}
		if entry.IsDir() {
			return filepath.SkipDir
		}
		return nil
	})
	if err != nil {
		return problem.Disk("remove files that the image does not hold", err)
	}
	return nil
}
