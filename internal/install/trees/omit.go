package trees

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/gantry-buildpack/gantry/internal/install/archive"
	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// Omit removes from a folder what patterns match: https://github.com/bmatcuk/doublestar#patterns.
func Omit(dir string, patterns []string) error {
	for _, pattern := range patterns {
		names, err := doublestar.Glob(os.DirFS(dir), pattern, doublestar.WithNoFollow())
		if err != nil {
			return fmt.Errorf("omit %s: %w", pattern, err)
		}
		for _, name := range names {
			if err := archive.RemoveAll(filepath.Join(dir, name)); err != nil {
				return problem.Disk("remove "+name, err)
			}
		}
	}
	return nil
}

// keepVariant removes the folders next to those that were chosen.
func keepVariant(dir string, v plan.Variant) error {
	chosen, err := doublestar.Glob(os.DirFS(dir), v.Keep, doublestar.WithNoFollow())
	if err != nil {
		return fmt.Errorf("keep %s: %w", v.Keep, err)
	}
	for _, name := range chosen {
		siblings := filepath.Join(dir, filepath.Dir(name))
		entries, err := os.ReadDir(siblings)
		if err != nil {
			return problem.Unreadable("read "+filepath.Dir(name), err)
		}
		for _, entry := range entries {
			other, err := filepath.Match(v.Others, entry.Name())
			if err != nil {
				return fmt.Errorf("keep %s: %w", v.Keep, err)
			}
			if !other || !entry.IsDir() || entry.Name() == filepath.Base(name) {
				continue
			}
			if err := archive.RemoveAll(filepath.Join(siblings, entry.Name())); err != nil {
				return problem.Disk("remove "+entry.Name(), err)
			}
		}
	}
	return nil
}
