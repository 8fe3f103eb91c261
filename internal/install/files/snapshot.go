package files

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sync/errgroup"
)

// Snapshot is the state of files, by their names: what tells cheaply that one is not what it was.
type Snapshot map[string]state

type state struct {
	size, modified int64
	mode           fs.FileMode
}

// Record gives the state of all files below some folders, by their names relative to base, less those to skip.
func Record(base string, folders []string, skip func(file string) bool) (Snapshot, error) {
	// Trees of packages have thousands of files: each folder in them is read by itself.
	var parts []string
	for _, folder := range folders {
		entries, err := os.ReadDir(folder)
		if errors.Is(err, syscall.ENOTDIR) {
			// Plug'n'Play has files in place of folders.
			parts = append(parts, folder)
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, entry := range entries {
			parts = append(parts, filepath.Join(folder, entry.Name()))
		}
	}
	states := Snapshot{}
	var mu sync.Mutex
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for _, part := range parts {
		group.Go(func() error {
			own, err := record(base, part, skip)
			mu.Lock()
			defer mu.Unlock()
			maps.Copy(states, own)
			return err
		})
	}
	return states, group.Wait()
}

func record(base, part string, skip func(file string) bool) (Snapshot, error) {
	states := Snapshot{}
	err := filepath.WalkDir(part, func(file string, entry fs.DirEntry, err error) error {
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
	return states, err
}

// In gives what of a snapshot is in some folders.
func (s Snapshot) In(folders []string) Snapshot {
	part := Snapshot{}
	for name, state := range s {
		if slices.ContainsFunc(folders, func(folder string) bool { return name == folder || strings.HasPrefix(name, folder+"/") }) {
			part[name] = state
		}
	}
	return part
}

// Changes are the names of files that are new or not what they were, and of those that are gone, in order.
type Changes struct {
	Written []string `json:"written,omitempty"`
	Gone    []string `json:"gone,omitempty"`
}

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

// Without gives a snapshot from which another one differs by some changes, when there are no others.
func (s Snapshot) Without(c Changes) Snapshot {
	before := maps.Clone(s)
	for _, name := range c.Written {
		delete(before, name)
	}
	for _, name := range c.Gone {
		before[name] = state{}
	}
	return before
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
