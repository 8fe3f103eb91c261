// Package observe sees what a program reads and writes of a folder, and whether it connects anywhere, without tracing it: from the files
// that are opened or their access times, and from its sockets or the kernel's counters. It knows no build and no layer.
package observe

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/sync/errgroup"

	"github.com/gantry-buildpack/gantry/internal/install/files"
)

// The kinds of entries.
const (
	File    = "file"
	Program = "program"
	Folder  = "folder"
	Link    = "link"
	// Socket is in no image.
	Socket = "socket"
	Other  = "other"
)

// Entry is a file, a folder or a link.
type Entry struct {
	// Kind is one of the kinds; a file that its owner may execute is a program.
	Kind string      `json:"kind"`
	Mode fs.FileMode `json:"mode"`
	// Content is the digest of a file's content, empty where it has not been computed; for a link, where it leads.
	Content string `json:"content,omitempty"`
	// state tells cheaply that a file is not what it was.
	state state
}

// state changes with whatever is done to a file, except that it is read.
type state struct {
	inode, device     uint64
	size              int64
	modified, changed int64
	accessed          int64
	hardLinks         uint64
}

func (s state) same(other state) bool {
	s.accessed, other.accessed = 0, 0
	return s == other && s != state{}
}

// Tree is the state of a folder: its entries by their names, relative to it.
type Tree map[string]Entry

// Source is a folder whose entries are observed.
type Source struct {
	// Dir is its name; Skip reports whether an entry of that name, relative to it, is left out with all that is in it.
	Dir  string
	Skip func(name string) bool
	// Salt makes the digests of contents those of one place alone, so that nobody can look a short secret up by one.
	Salt string
}

// Read gives the folder's state. The digests of files that are as they were before are taken over.
func (s Source) Read(before Tree) (Tree, error) {
	tree := Tree{}
	err := filepath.WalkDir(s.Dir, func(file string, entry fs.DirEntry, err error) error {
		if err != nil || file == s.Dir {
			return err
		}
		name := file[len(s.Dir)+1:]
		if s.Skip != nil && s.Skip(name) {
			if entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		e, err := entryOf(file, info)
		if old := before[name]; err == nil && e.Kind != Link && e.state.same(old.state) {
			e.Content = old.Content
		}
		tree[name] = e
		return err
	})
	return tree, err
}

func entryOf(file string, info fs.FileInfo) (e Entry, err error) {
	e = Entry{Kind: Other, Mode: info.Mode() & (fs.ModePerm | fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky), state: stateOf(info)}
	switch {
	case info.IsDir():
		e.Kind = Folder
	case info.Mode()&fs.ModeSocket != 0:
		e.Kind = Socket
	case info.Mode()&fs.ModeSymlink != 0:
		e.Kind, e.Mode = Link, 0
		e.Content, err = os.Readlink(file)
	case info.Mode().IsRegular() && e.Mode&0o100 != 0:
		e.Kind = Program
	case info.Mode().IsRegular():
		e.Kind = File
	}
	return e, err
}

func stateOf(info fs.FileInfo) state {
	s, known := files.StateOf(info)
	if !known {
		return state{}
	}
	return state{inode: s.Inode, device: s.Device, size: info.Size(), modified: s.Modified, changed: s.Changed, accessed: s.Accessed, hardLinks: s.Links}
}

// isFile reports whether an entry has a content of its own.
func (e Entry) isFile() bool { return e.Kind == File || e.Kind == Program }

// Digest computes the digests of files, or of all where no names are given; those that are known already cost nothing. A name that
// the tree does not have is passed over.
func (s Source) Digest(t Tree, names ...string) (Tree, error) {
	if names == nil {
		names = slices.Collect(maps.Keys(t))
	}
	names = slices.DeleteFunc(slices.Clone(names), func(name string) bool { e, there := t[name]; return !there || !e.isFile() || e.Content != "" })
	digests := make([]string, len(names))
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, name := range names {
		group.Go(func() (err error) {
			digests[i], err = digest(s.Salt, filepath.Join(s.Dir, name))
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	all := maps.Clone(t)
	for i, name := range names {
		e := all[name]
		e.Content = digests[i]
		all[name] = e
	}
	return all, nil
}

func digest(salt, file string) (string, error) {
	content, err := os.Open(file)
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	_, _ = io.WriteString(sum, salt)
	_, err = io.Copy(sum, content)
	return hex.EncodeToString(sum.Sum(nil)), errors.Join(err, content.Close())
}

// Names are all entries, each as "KIND NAME", and for a link where it leads, in order.
func (t Tree) Names() []string {
	list := make([]string, 0, len(t))
	for name, e := range t {
		text := e.Kind + " " + name
		if e.Kind == Link {
			text += " -> " + e.Content
		}
		list = append(list, text)
	}
	slices.Sort(list)
	return list
}

// Differ says how other names differ from some, both in order; empty where they do not.
func Differ(before, now []string) string {
	for i, j := 0, 0; i < len(before) || j < len(now); {
		switch {
		case j == len(now) || i < len(before) && before[i] < now[j]:
			return nameOf(before[i]) + became(before[i], now, " was removed")
		case i == len(before) || now[j] < before[i]:
			return nameOf(now[j]) + became(now[j], before, " is new")
		}
		i, j = i+1, j+1
	}
	return ""
}

// became says how an entry differs from one of the same name among others; otherwise where there is none.
func became(text string, others []string, otherwise string) string {
	i := slices.IndexFunc(others, func(other string) bool { return nameOf(other) == nameOf(text) })
	switch {
	case i < 0:
		return otherwise
	case strings.HasPrefix(text, Link) && strings.HasPrefix(others[i], Link):
		return " leads elsewhere"
	}
	return " is another kind of file"
}

// nameOf gives the name in one of Names.
func nameOf(text string) string {
	_, name, _ := strings.Cut(text, " ")
	name, _, _ = strings.Cut(name, " -> ")
	return name
}

// Unnamed gives a name that is no text, so that it cannot be written down; empty where all are.
func (t Tree) Unnamed() string {
	for name, e := range t {
		if !utf8.ValidString(name) || !utf8.ValidString(e.Content) {
			return name
		}
	}
	return ""
}

// Entries gives the state of some entries, with their digests.
func (s Source) Entries(names []string) (Tree, error) {
	tree := Tree{}
	for _, name := range names {
		file := filepath.Join(s.Dir, name)
		info, err := os.Lstat(file)
		if err != nil {
			return nil, err
		}
		if tree[name], err = entryOf(file, info); err != nil {
			return nil, err
		}
	}
	return s.Digest(tree)
}
