// Package app is the read-only view of an application's source tree. It knows how to read; what the files mean is
// known elsewhere.
package app

import (
	"errors"
	"io/fs"
	"os"
	"path"

	"github.com/gantry-buildpack/gantry/internal/problem"
)

// App is a source tree. Names are slash-separated and relative to its root.
type App struct{ FS fs.FS }

// Open gives the tree below dir.
func Open(dir string) App { return App{FS: os.DirFS(dir)} }

// Read gives a file's content; found is false when there is none. A folder of that name counts as none.
func (a App) Read(name string) (content []byte, found bool, err error) {
	content, err = fs.ReadFile(a.FS, name)
	switch {
	case err == nil:
		return content, true, nil
	case errors.Is(err, fs.ErrNotExist) || a.IsDir(name):
		return nil, false, nil
	default:
		return nil, false, &problem.Problem{
			ID:    "app/unreadable",
			Title: name + " cannot be read",
			Where: problem.Position{File: name},
			Why:   err.Error(),
			Hints: []string{"Check the file's permissions, and that it is a file or a link to one inside the application."},
			Err:   err,
		}
	}
}

// Has reports whether there is a file (not a folder) of that name.
func (a App) Has(name string) bool {
	info, err := fs.Stat(a.FS, name)
	return err == nil && !info.IsDir()
}

// IsDir reports whether there is a folder of that name.
func (a App) IsDir(name string) bool {
	info, err := fs.Stat(a.FS, name)
	return err == nil && info.IsDir()
}

// FirstOf gives the first of some files that exists; empty when none does.
func (a App) FirstOf(names []string) string {
	for _, name := range names {
		if a.Has(name) {
			return name
		}
	}
	return ""
}

// InDir gives the names of files of a folder in the source tree.
func InDir(dir string, names []string) []string {
	var list []string
	for _, name := range names {
		list = append(list, path.Join(dir, name))
	}
	return list
}
