package toolchain

import (
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/gantry-buildpack/gantry/internal/install/archive"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// unpackBelow unpacks an archive whose root is found by a file in it, at whatever depth that is.
func unpackBelow(in io.Reader, dir, root string, wanted func(string) bool) error {
	scratch, err := os.MkdirTemp(dir, "unpacking-")
	if err != nil {
		return problem.Disk("unpack the runtime", err)
	}
	if err := archive.Gunzip(in, scratch, archive.Options{Apart: true}); err != nil {
		return err
	}
	found, err := doublestar.Glob(os.DirFS(scratch), "**/"+root, doublestar.WithNoFollow())
	if err != nil || len(found) == 0 {
		return &problem.Problem{
			ID:    "runtime/archive-unknown",
			Title: "the archive of the runtime does not hold one",
			Why:   "there is no " + root + " in it",
			Hints: []string{"Check the address of the archive."},
		}
	}
	// The nearest to the archive's root: what a runtime brings along may hold another.
	nearest := slices.MinFunc(found, func(a, b string) int { return strings.Count(a, "/") - strings.Count(b, "/") })
	base := filepath.Join(scratch, strings.TrimSuffix(nearest, root))
	entries, err := os.ReadDir(base)
	if err != nil {
		return problem.Disk("unpack the runtime", err)
	}
	for _, entry := range entries {
		if err := os.Rename(filepath.Join(base, entry.Name()), filepath.Join(dir, entry.Name())); err != nil {
			return problem.Disk("unpack the runtime", err)
		}
	}
	if err := archive.RemoveAll(scratch); err != nil {
		return problem.Disk("unpack the runtime", err)
	}
	return keepWanted(dir, "", wanted)
}

// keepWanted removes the files that are not wanted.
func keepWanted(dir, name string, wanted func(string) bool) error {
	entries, err := os.ReadDir(filepath.Join(dir, name))
	if err != nil {
		return problem.Disk("unpack the runtime", err)
	}
	for _, entry := range entries {
		child := path.Join(name, entry.Name())
		if entry.IsDir() {
			err = keepWanted(dir, child, wanted)
		} else if !wanted(child) {
			err = os.Remove(filepath.Join(dir, child))
		}
		if err != nil {
			return problem.Disk("unpack the runtime", err)
		}
	}
	return nil
}
