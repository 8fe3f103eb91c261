package pipeline

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/gantry-buildpack/gantry/internal/install/archive"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// finishApplication checks what was built, and removes from the application what the image must not have, or does not need.
func (p pipeline) finishApplication() error {
	p.runBuildChecks()
	if err := p.choosePatterns(); err != nil {
		return err
	}
	if err := p.checkEntries(); err != nil {
		return err
	}
	source := p.Image.Source
	for _, name := range source.Remove {
		if err := archive.RemoveAll(filepath.Join(p.App, name)); err != nil {
			return problem.Disk("remove "+name, err)
		}
		// A folder that was made only for it is removed, too: if nothing was made, it does not exist.
		for dir := filepath.Dir(name); dir != "." && syscall.Rmdir(filepath.Join(p.App, dir)) == nil; dir = filepath.Dir(dir) {
		}
	}
	for _, name := range source.Folders {
		if err := os.MkdirAll(filepath.Join(p.App, name), 0o755); err != nil {
			return problem.Disk("make "+name, err)
		}
	}
	if len(source.Only) == 0 {
		return nil
	}
	for _, name := range source.Only {
		if _, err := os.Stat(filepath.Join(p.App, name)); err != nil {
			return &problem.Problem{
				ID:    "build/output-missing",
				Title: "the build has not made " + name,
				Where: problem.Position{File: name},
				Why:   "the image is to hold it, and nothing else of the application",
				Hints: []string{"Check which folder the build script writes to; BP_STATIC_DIR names another for files to serve."},
			}
		}
	}
	return keepOnly(p.App, "", source.Only)
}

// keepOnly removes all from a folder but the given files and folders.
func keepOnly(app, dir string, only []string) error {
	entries, err := os.ReadDir(filepath.Join(app, dir))
	if err != nil {
		return problem.Unreadable("read the application", err)
	}
	for _, entry := range entries {
		name := filepath.Join(dir, entry.Name())
		contains := slices.ContainsFunc(only, func(kept string) bool { return strings.HasPrefix(kept, name+"/") })
		switch {
		case slices.Contains(only, name) || slices.Contains(only, "."):
		case contains:
			err = keepOnly(app, name, only)
		default:
			err = archive.RemoveAll(filepath.Join(app, name))
		}
		if err != nil {
			return problem.Disk("remove "+name, err)
		}
	}
	return nil
}
