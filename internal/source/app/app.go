// Package app is the read-only view of an application's source tree. It knows how to read; what the files mean is
// known elsewhere.
package app

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"syscall"

	"github.com/gantry-buildpack/gantry/internal/problem"
)

// App is a source tree. Names are slash-separated and relative to its root.
type App struct{ FS fs.FS }

// Open gives the tree below dir. Nothing in it leads out of it: whoever sends a change to a repository must not read files of the machine
// that looks at it.
func Open(dir string) App {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return App{FS: missing{err}}
	}
	return App{FS: tree{root}}
}

// Read gives a file's content; found is false when there is none. A folder of that name counts as none.
func (a App) Read(name string) (content []byte, found bool, err error) {
	content, err = fs.ReadFile(a.FS, name)
	switch {
	case err == nil:
		return content, true, nil
	case isMissing(err) || a.IsDir(name):
		return nil, false, nil
	default:
		why := err
		var failed *fs.PathError
		if errors.As(err, &failed) {
			why = failed.Err
		}
		return nil, false, &problem.Problem{
			ID:    "app/unreadable",
			Title: name + " cannot be read",
			Where: problem.Position{File: name},
			Why:   why.Error(),
			Hints: []string{"Check the file's permissions, and that it is a file or a link to one inside the application."},
			Err:   err,
		}
	}
}

// isMissing reports whether there is nothing of a name: what should be a folder of it may be a file.
func isMissing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

// Has reports whether there is a file (not a folder) of that name. One that cannot be read is there: who reads it is told why.
func (a App) Has(name string) bool {
	info, err := fs.Stat(a.FS, name)
	return err == nil && !info.IsDir() || err != nil && !isMissing(err) && !errors.Is(err, fs.ErrInvalid)
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
