package layers

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"syscall"

	"golang.org/x/sync/errgroup"

	"github.com/gantry-buildpack/gantry/internal/buildpack/layer"
	"github.com/gantry-buildpack/gantry/internal/install/archive"
	"github.com/gantry-buildpack/gantry/internal/install/files"
)

// Ready is a folder in which packages and toolchains wait unpacked for the next build, where the platform keeps one on the mount of the
// application: they are renamed to their places and back. What is not as it was left is unpacked from its archive, as anywhere else. While a
// build runs, what is known of them is nowhere on disk, so that no program can make something of its own wait.
type Ready struct {
	dir   string
	notes *sync.Map
}

// Waiting is what waits under a name.
type Waiting struct {
	// Key tells it from what is wanted another time, Stamp is its state.
	Key   string `json:"key"`
	Stamp string `json:"stamp"`
	// Scripts are what install scripts changed in it.
	Scripts files.Changes `json:"scripts,omitzero"`
}

// notesFile says what waits, by its names.
const notesFile = "waiting.json"

// OpenReady opens the folder for a build; empty for none. Close ends it.
func OpenReady(dir string) Ready {
	r := Ready{dir, &sync.Map{}}
	if dir == "" {
		return r
	}
	file := filepath.Join(dir, notesFile)
	text, err := os.ReadFile(file)
	notes := map[string]Waiting{}
	if err == nil && json.Unmarshal(text, &notes) == nil && os.Remove(file) == nil {
		for name, w := range notes {
			r.notes.Store(name, w)
		}
	}
	return r
}

// Close notes what waits for the next build, and removes all else.
func (r Ready) Close() {
	if r.dir == "" {
		return
	}
	notes := map[string]Waiting{}
	r.notes.Range(func(name, w any) bool {
		notes[name.(string)] = w.(Waiting)
		return true
	})
	entries, _ := os.ReadDir(r.dir)
	for _, entry := range entries {
		if _, waits := notes[entry.Name()]; !waits {
			_ = archive.RemoveAll(filepath.Join(r.dir, entry.Name()))
		}
	}
	if text, err := json.Marshal(notes); err == nil {
		// Without it nothing waits.
		_ = os.WriteFile(filepath.Join(r.dir, notesFile), text, 0o644)
	}
}

// KeyOf tells what waits from what is wanted.
func KeyOf(in layer.Inputs) string { return layer.Digest(fmt.Append(nil, in)) }

// Take renames what waits under a name to some places; ok is false where nothing does, or something else.
func (r Ready) Take(name, key string, places map[string]string) (w Waiting, ok bool) {
	known, there := r.notes.LoadAndDelete(name)
	if !there {
		return w, false
	}
	if w = known.(Waiting); w.Key != key {
		return w, false
	}
	inside := map[string]string{}
	for from := range places {
		inside[from] = filepath.Join(r.dir, name, from)
	}
	if stamp, err := stampOf(inside); err != nil || stamp != w.Stamp {
		return w, false
	}
	for from, to := range places {
		if os.MkdirAll(filepath.Dir(to), 0o755) != nil || rename(inside[from], to) != nil {
			return w, false
		}
	}
	return w, true
}

// Give lets what is at some places wait under a name, where it still has its state; ok is false where it has another.
func (r Ready) Give(name string, w Waiting, places map[string]string) (ok bool) {
	if r.dir == "" || w.Stamp == "" {
		return false
	}
	if now, err := stampOf(places); err != nil || now != w.Stamp {
		return false
	}
	if archive.RemoveAll(filepath.Join(r.dir, name)) != nil {
		return false
	}
	for to, from := range places {
		target := filepath.Join(r.dir, name, to)
		if os.MkdirAll(filepath.Dir(target), 0o755) != nil || rename(from, target) != nil {
			return false
		}
	}
	r.notes.Store(name, w)
	return true
}

// Stamp is the state of what is at some places, for Give; empty where nothing is kept.
func (r Ready) Stamp(places map[string]string) string {
	if r.dir == "" {
		return ""
	}
	stamp, err := stampOf(places)
	if err != nil {
		return ""
	}
	return stamp
}

// rename moves a file or folder, into the place of an empty folder, too; one that is not there is not moved.
func rename(from, to string) error {
	_ = os.Remove(to)
	if err := os.Rename(from, to); err != nil && !os.IsNotExist(err) {
		return err
	}
	return nil
}

// stampOf is the state of trees: names, kinds, sizes, and when each was changed last. What it says of the trees' own folders is left out, since
// renaming changes it.
func stampOf(places map[string]string) (string, error) {
	type part struct{ name, file string }
	var parts []part
	var lines []string
	for name, dir := range places {
		entries, err := os.ReadDir(dir)
		if os.IsNotExist(err) {
			continue
		}
		if errors.Is(err, syscall.ENOTDIR) {
			parts = append(parts, part{name, dir})
			continue
		}
		if err != nil {
			return "", err
		}
		lines = append(lines, name)
		for _, entry := range entries {
			parts = append(parts, part{filepath.Join(name, entry.Name()), filepath.Join(dir, entry.Name())})
		}
	}
	slices.SortFunc(parts, func(a, b part) int { return cmp.Compare(a.name, b.name) })
	var mu sync.Mutex
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for _, p := range parts {
		group.Go(func() error {
			sum := sha256.New()
			err := filepath.WalkDir(p.file, func(file string, entry fs.DirEntry, err error) error {
				if err != nil {
					return err
				}
				info, err := entry.Info()
				if err != nil {
					return err
				}
				state, _ := files.StateOf(info)
				_, err = fmt.Fprintln(sum, file[len(p.file):], info.Mode(), info.Size(), state.Inode, state.Modified, state.Changed)
				return err
			})
			mu.Lock()
			defer mu.Unlock()
			lines = append(lines, p.name+" "+hex.EncodeToString(sum.Sum(nil)))
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return "", err
	}
	slices.Sort(lines)
	return layer.Digest(fmt.Append(nil, lines)), nil
}
