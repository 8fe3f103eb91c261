package pnpm

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/install/prefetch"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// Prune removes from a store what belongs to none of the packages, as "pnpm store prune" does with what no application needs.
// A store with a list that is not understood stays as it is.
func Prune(packages []Package, layout Layout, s prefetch.Store) error {
	needed := map[string]bool{}
	for _, p := range packages {
		needed[p.list()] = true
	}
	root := string(layout)
	var superfluous, contents []string
	err := filepath.WalkDir(filepath.Join(s.Kept, root), func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(s.Kept, file)
		below := strings.TrimPrefix(name, root+"/")
		switch {
		case err != nil:
			return err
		case strings.HasPrefix(below, lists+"/") || strings.HasSuffix(name, listSuffix):
			if !needed[name] {
				superfluous = append(superfluous, name)
				return nil
			}
			text, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			var l list
			if err := json.Unmarshal(text, &l); err != nil {
				return err
			}
			for _, place := range l.places() {
				needed[filepath.Join(root, place)] = true
			}
		case strings.HasPrefix(below, files+"/"):
			contents = append(contents, name)
		}
		return nil
	})
	var unknown *json.SyntaxError
	var other *json.UnmarshalTypeError
	switch {
	case errors.Is(err, fs.ErrNotExist) || errors.As(err, &unknown) || errors.As(err, &other):
		return nil
	case err != nil:
		return problem.Unreadable("read pnpm's store", err)
	}
	for _, name := range append(superfluous, contents...) {
		if needed[name] {
			continue
		}
		if err := os.Remove(filepath.Join(s.Kept, name)); err != nil {
			return problem.Disk("prune pnpm's store", err)
		}
	}
	return nil
}

// places are those of all files of a package, with what its install scripts made.
func (l list) places() []string {
	var all []string
	for _, f := range l.Files {
		all = append(all, f.place())
	}
	for _, effects := range l.SideEffects {
		for _, text := range effects {
			var one file
			var more map[string]file
			if json.Unmarshal(text, &one) == nil && one.Integrity != "" {
				all = append(all, one.place())
			}
			if json.Unmarshal(text, &more) == nil {
				for _, f := range more {
					all = append(all, f.place())
				}
			}
		}
	}
	return all
}
