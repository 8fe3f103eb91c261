package files

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Snapshot is the state of files, by their names: what tells cheaply that one is not what it was.
type Snapshot map[string]state

type state struct {
	size, modified int64
	mode           fs.FileMode
}

// Record gives the state of all files below some folders, by their names relative to base, less those to skip.
func Record(base string, folders []string, skip func(file string) bool) (Snapshot, error) {
	states := Snapshot{}
	for _, folder := range folders {
		err := filepath.WalkDir(folder, func(file string, entry fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case skip(file) && entry.IsDir():
				return fs.SkipDir
			case skip(file) || entry.IsDir():
				return nil
			}
			info, err := entry.Info()
			if err != nil {
				return err
			}
			states[strings.TrimPrefix(file, base+"/")] = state{info.Size(), info.ModTime().UnixNano(), info.Mode()}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return states, nil
}

// Changes are the names of files that are new or not what they were, and of those that are gone, in order.
type Changes struct{ Written, Gone []string }

// None reports whether nothing has changed.
func (c Changes) None() bool { return len(c.Written)+len(c.Gone) == 0 }

// Since gives what has changed since another snapshot.
func (s Snapshot) Since(before Snapshot) (c Changes) {
	for _, name := range slices.Sorted(maps.Keys(s)) {
		if s[name] != before[name] {
			c.Written = append(c.Written, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(before)) {
		if _, still := s[name]; !still {
			c.Gone = append(c.Gone, name)
		}
	}
	return c
}

// Digest sums up changes by the content of the files, whose names are relative to base.
func (c Changes) Digest(base string) (string, error) {
	sum := sha256.New()
	for _, name := range c.Written {
		content, err := EntryDigest(filepath.Join(base, name))
		if err != nil {
			return "", err
		}
		_, _ = fmt.Fprintf(sum, "%s\x00%s\x00", name, content)
	}
	for _, name := range c.Gone {
		_, _ = fmt.Fprintf(sum, "%s\x00gone\x00", name)
	}
	return "sha256:" + hex.EncodeToString(sum.Sum(nil)), nil
}

// EntryDigest sums up a file by its content, and whether it can be executed; a link by where it leads.
func EntryDigest(file string) (string, error) {
	info, err := os.Lstat(file)
	if err != nil {
		return "", err
	}
	if info.Mode()&fs.ModeSymlink != 0 {
		return os.Readlink(file)
	}
	digest, err := Digest(file)
	return fmt.Sprint(info.Mode().Perm()&0o111 != 0, digest), err
}
