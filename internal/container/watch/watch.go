// Package watch tells of changes in the source of an application.
package watch

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
	ignore "github.com/sabhiram/go-gitignore"

	"github.com/gantry-buildpack/gantry/internal/problem"
)

// quiet is how long nothing has to change until changes are told of: an editor or git writes several files at once.
const quiet = 150 * time.Millisecond

// never are folders that hold what tools write.
var never = []string{".git", "node_modules", "tmp", "log", "coverage", ".cache"}

// Source watches the files below a folder, without those that its .gitignore names, and gives the names of those that have changed, in order, relative to it.
// The channel ends with the context.
func Source(ctx context.Context, dir string) (<-chan []string, error) {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("watch %s: %w", dir, err)
	}
	s := source{w, dir, rules(dir)}
	if err := s.add(dir); err != nil {
		_ = w.Close()
		return nil, err
	}
	changes := make(chan []string)
	go s.tell(ctx, changes)
	return changes, nil
}

type source struct {
	*fsnotify.Watcher
	dir   string
	rules *ignore.GitIgnore
}

func rules(dir string) *ignore.GitIgnore {
	text, err := os.ReadFile(filepath.Join(dir, ".gitignore"))
	if err != nil {
		return ignore.CompileIgnoreLines()
	}
	return ignore.CompileIgnoreLines(strings.Split(string(text), "\n")...)
}

// ignored reports whether a change of a file is nobody's business.
func (s source) ignored(path string) bool {
	name, err := filepath.Rel(s.dir, path)
	if err != nil || name == "." {
		return err != nil
	}
	if slices.ContainsFunc(strings.Split(filepath.ToSlash(name), "/"), func(part string) bool { return slices.Contains(never, part) }) {
		return true
	}
	// What editors write beside a file: https://vimhelp.org/recover.txt.html, and others.
	base := filepath.Base(name)
	if strings.HasSuffix(base, "~") || strings.HasSuffix(base, ".swp") || strings.HasSuffix(base, ".swx") || base == "4913" || strings.HasPrefix(base, ".#") {
		return true
	}
	return s.rules.MatchesPath(filepath.ToSlash(name)) || s.rules.MatchesPath(filepath.ToSlash(name)+"/")
}

// add watches a folder and those below it.
func (s source) add(dir string) error {
	return filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() {
			// What is gone again, or cannot be read, is not watched.
			return nil
		}
		if s.ignored(path) {
			return filepath.SkipDir
		}
		if err := s.Add(path); err != nil {
			return &problem.Problem{
				ID: "dev/watch", Title: "the source cannot be watched", Where: problem.Position{File: path}, Why: err.Error(),
				Hints: []string{"Where there are too many folders, raise fs.inotify.max_user_watches: sysctl fs.inotify.max_user_watches=524288."}, Err: err,
			}
		}
		return nil
	})
}

func (s source) gone(name string) bool {
	_, err := os.Lstat(filepath.Join(s.dir, filepath.FromSlash(name)))
	return err != nil
}

// tell gathers changes, until nothing changes for a moment.
func (s source) tell(ctx context.Context, changes chan<- []string) {
	defer close(changes)
	defer func() { _ = s.Close() }()
	changed := map[string]bool{}
	timer := time.NewTimer(time.Hour)
	for {
		select {
		case <-ctx.Done():
			return
		case event, open := <-s.Events:
			if !open {
				return
			}
			if event.Op == fsnotify.Chmod || s.ignored(event.Name) {
				continue
			}
			if info, err := os.Lstat(event.Name); err == nil && info.IsDir() && event.Has(fsnotify.Create) {
				// A folder that cannot be watched is not; its files are told of when it is built.
				_ = s.add(event.Name)
			}
			if name, err := filepath.Rel(s.dir, event.Name); err == nil {
				changed[filepath.ToSlash(name)] = true
			}
			timer.Reset(quiet)
		case err := <-s.Errors:
			if !errors.Is(err, fsnotify.ErrEventOverflow) {
				continue
			}
			// So many that the kernel lost some: all is looked at.
			changed["."] = true
			timer.Reset(quiet)
		case <-timer.C:
			if len(changed) == 0 {
				continue
			}
			var names []string
			for name := range changed {
				names = append(names, name)
			}
			slices.Sort(names)
			// An editor's file that was there for a moment says nothing, unless it is all that there is.
			if kept := slices.DeleteFunc(slices.Clone(names), s.gone); len(kept) > 0 {
				names = kept
			}
			select {
			case changes <- names:
				changed = map[string]bool{}
			case <-ctx.Done():
				return
			}
		}
	}
}
