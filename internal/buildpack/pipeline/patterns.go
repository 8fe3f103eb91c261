package pipeline

import (
	"io/fs"
	"path/filepath"
	"slices"
	"syscall"

	ignore "github.com/sabhiram/go-gitignore"

	"github.com/gantry-buildpack/gantry/internal/install/archive"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// ignoreSource removes what is not to be there while building.
func (p pipeline) ignoreSource() error { return p.removeMatching(p.Image.Source.Ignored) }

// choosePatterns removes what the image is not to hold, as BP_EXCLUDE_FILES and BP_INCLUDE_FILES say.
func (p pipeline) choosePatterns() error {
	if err := p.removeMatching(p.Image.Source.Exclude); err != nil || len(p.Image.Source.Include) == 0 {
		return err
	}
	included := ignore.CompileIgnoreLines(p.Image.Source.Include...)
	return p.removeFiles(func(name string, folder bool) bool { return !folder && !included.MatchesPath(name) })
}

// removeMatching removes the files and folders of the application that patterns match.
func (p pipeline) removeMatching(patterns []string) error {
	if len(patterns) == 0 {
		return nil
	}
	matched := ignore.CompileIgnoreLines(patterns...)
	return p.removeFiles(func(name string, folder bool) bool {
		return matched.MatchesPath(name) || folder && matched.MatchesPath(name+"/")
	})
}

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
		if !chosen(filepath.ToSlash(name), entry.IsDir()) {
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
