//go:build linux

package observe

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Git is the folder in which Git keeps what is checked out: https://git-scm.com/docs/gitrepository-layout.
const Git = ".git"

// GitOf gives the files of a folder's .git that say what is checked out, and which commits have names. ok is false without one.
func GitOf(dir, salt string) (s Source, ok bool) {
	info, err := os.Lstat(filepath.Join(dir, Git))
	if err != nil || !info.IsDir() {
		return s, false
	}
	return Source{Dir: filepath.Join(dir, Git), Salt: salt, Skip: func(name string) bool {
		top, _, _ := strings.Cut(name, "/")
		switch top {
		case "HEAD", "packed-refs", "refs", "index", "config":
			return false
		}
		return true
	}}, true
}

// Commits are what a program depends on that has read some of these files: all of them, but the index and the configuration only if it
// has read those. Both may differ between two clones of one commit.
func (s Source) Commits(t Tree, read []string) (map[string]string, error) {
	t = maps.Clone(t)
	maps.DeleteFunc(t, func(_ string, e Entry) bool { return !e.isFile() })
	for _, name := range []string{"index", "config"} {
		if !slices.Contains(read, name) {
			delete(t, name)
		}
	}
	digested, err := s.Digest(t)
	contents := map[string]string{}
	for name, e := range digested {
		contents[name] = e.Content
	}
	return contents, err
}
