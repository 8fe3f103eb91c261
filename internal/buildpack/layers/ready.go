package layers

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
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
// application: they are renamed to their places and back. What is not as it was left is unpacked from its archive, as anywhere else.
type Ready struct{ dir string }

// OpenReady gives the folder of a build; empty for none.
func OpenReady(dir string) Ready { return Ready{dir} }

// Waiting is what waits under a name.
type Waiting struct {
	// Key tells it from what is wanted another time, Stamp is its state.
	Key   string `json:"key"`
	Stamp string `json:"stamp"`
	// Scripts are what install scripts changed in it.
	Scripts files.Changes `json:"scripts,omitzero"`
}

// KeyOf tells what waits from what is wanted.
func KeyOf(in layer.Inputs) string { return layer.Digest(fmt.Append(nil, in)) }

// Take renames what waits under a name to some places; ok is false where nothing does, or something else.
func (r Ready) Take(name, key string, places map[string]string) (w Waiting, ok bool) {
	if r.dir == "" {
		return w, false
	}
	text, err := os.ReadFile(r.note(name))
	if err != nil || json.Unmarshal(text, &w) != nil || w.Key != key {
		return w, r.drop(name)
	}
	inside := map[string]string{}
	for from, to := range places {
		inside[from] = filepath.Join(r.tree(name), from)
		if os.MkdirAll(filepath.Dir(to), 0o755) != nil {
			return w, r.drop(name)
		}
	}
	stamp, err := stampOf(inside)
	if err != nil || stamp != w.Stamp {
		return w, r.drop(name)
	}
	// From here on it is the build's: one that is killed leaves nothing.
	if os.Remove(r.note(name)) != nil {
		return w, r.drop(name)
	}
	for from, to := range places {
		if err := rename(inside[from], to); err != nil {
			return w, r.drop(name)
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
	r.drop(name)
	for to, from := range places {
		target := filepath.Join(r.tree(name), to)
		if os.MkdirAll(filepath.Dir(target), 0o755) != nil || rename(from, target) != nil {
			return r.drop(name)
		}
	}
	text, err := json.Marshal(w)
	if err == nil {
		err = os.WriteFile(r.note(name), text, 0o644)
	}
	return err == nil || r.drop(name)
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

func (r Ready) tree(name string) string { return filepath.Join(r.dir, name) }
func (r Ready) note(name string) string { return filepath.Join(r.dir, name+".json") }

// drop removes what waits under a name; it is false.
func (r Ready) drop(name string) bool {
	_ = os.Remove(r.note(name))
	_ = archive.RemoveAll(r.tree(name))
	return false
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
				stat, _ := info.Sys().(*syscall.Stat_t)
				_, err = fmt.Fprintln(sum, file[len(p.file):], info.Mode(), info.Size(), stat.Ino, stat.Mtim.Nano(), stat.Ctim.Nano())
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
