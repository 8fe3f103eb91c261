// Package verified keeps folders of files that are named by their digests whole: what is taken over from an earlier build is verified
// once, and an unchanged file costs a look at it and no reading.
package verified

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/gantry-buildpack/gantry/internal/problem"
)

// Folder is a folder of files that are named by their SHA-256, each of which is known to be whole as long as it is the same file.
type Folder struct {
	// dir is the folder, record the file that says which of its files were verified.
	dir, record string
	// digest gives the digits of the digest in a file's name; ok is false for a file that is named otherwise.
	digest func(name string) (digits string, ok bool)
	// only: files that are named otherwise are leftovers.
	only bool
}

// fileState is what changes when a file is written to, moved or replaced.
type fileState struct {
	Size, Modified, Changed int64
	Inode                   uint64
}

func stateOf(info fs.FileInfo) fileState {
	i := fileState{Size: info.Size(), Modified: info.ModTime().UnixNano()}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		i.Inode, i.Changed = stat.Ino, stat.Ctim.Nano()
	}
	return i
}

// Blobs are those of an OCI layout: https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md#blobs.
func Blobs(layout string) Folder {
	return Folder{
		dir: filepath.Join(layout, "blobs", "sha256"), record: filepath.Join(layout, "verified.json"), only: true,
		digest: func(name string) (string, bool) { return name, isDigest(name) },
	}
}

// CachedLayers are those of the lifecycle's cache in a folder.
func CachedLayers(cache string) Folder {
	return Folder{
		dir: filepath.Join(cache, "committed"), record: filepath.Join(cache, "verified.json"),
		digest: func(name string) (string, bool) {
			digits := strings.TrimSuffix(strings.TrimPrefix(name, "sha256:"), ".tar")
			return digits, isDigest(digits) && name == "sha256:"+digits+".tar"
		},
	}
}

func isDigest(text string) bool {
	return len(text) == 2*sha256.Size && strings.Trim(text, "0123456789abcdef") == ""
}

// Heal removes the files that are not what their names say, and leftovers, and gives how many were damaged.
func (v Folder) Heal() (damaged int, err error) {
	known := v.read()
	kept := map[string]fileState{}
	err = v.each(func(name, digits string, info fs.FileInfo) error {
		file := filepath.Join(v.dir, name)
		if known[name] == stateOf(info) {
			kept[name] = known[name]
			return nil
		}
		actual, err := sum(file)
		if err != nil || actual == digits {
			kept[name] = stateOf(info)
			return err
		}
		damaged++
		return os.RemoveAll(file)
	})
	// Builds of other applications may look at the same files at the same time.
	if err != nil || maps.Equal(kept, known) {
		return damaged, err
	}
	return damaged, v.write(kept)
}

// Reread is Heal for all files, whatever was noted of them.
func (v Folder) Reread() (damaged int, err error) {
	if _, err := os.Stat(v.dir); err != nil {
		return 0, nil
	}
	if err = ignoreMissing(os.Remove(v.record)); err == nil {
		damaged, err = v.Heal()
	}
	if err != nil {
		return damaged, problem.Unreadable("verify "+v.dir, err)
	}
	return damaged, nil
}

// Remember notes that the files are whole: they were verified when they were written.
func (v Folder) Remember() error {
	kept := map[string]fileState{}
	err := v.each(func(name, _ string, info fs.FileInfo) error {
		kept[name] = stateOf(info)
		return nil
	})
	if err != nil {
		return err
	}
	return v.write(kept)
}

// each hands over the files that are named by their digests.
func (v Folder) each(look func(name, digits string, info fs.FileInfo) error) error {
	entries, err := os.ReadDir(v.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, entry := range entries {
		digits, ok := v.digest(entry.Name())
		if !ok || !entry.Type().IsRegular() {
			if v.only {
				err = errors.Join(err, os.RemoveAll(filepath.Join(v.dir, entry.Name())))
			}
			continue
		}
		info, statErr := entry.Info()
		if statErr == nil {
			statErr = look(entry.Name(), digits, info)
		}
		err = errors.Join(err, statErr)
	}
	return err
}

// record is what is noted of verified files. It holds as long as the machine runs: after a power cut, a file of the right size may lack
// its content, whatever was noted.
type record struct {
	Boot  string
	Files map[string]fileState
}

// bootID is that of this run of the machine: random(4).
func bootID() string {
	text, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(text))
}

func (v Folder) read() map[string]fileState {
	var known record
	text, err := os.ReadFile(v.record)
	if err != nil || json.Unmarshal(text, &known) != nil || known.Boot != bootID() || known.Files == nil {
		// All files are read.
		return map[string]fileState{}
	}
	return known.Files
}

func (v Folder) write(kept map[string]fileState) error {
	text, err := json.Marshal(record{bootID(), kept})
	if err != nil || len(kept) == 0 {
		return errors.Join(err, ignoreMissing(os.Remove(v.record)))
	}
	partial, err := os.CreateTemp(filepath.Dir(v.record), "verified-*")
	if err != nil {
		return err
	}
	_, err = partial.Write(text)
	if err = errors.Join(err, partial.Close()); err == nil {
		err = os.Rename(partial.Name(), v.record)
	}
	if err != nil {
		_ = os.Remove(partial.Name())
	}
	return err
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func sum(file string) (digits string, err error) {
	in, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer func() { _ = in.Close() }()
	hash := sha256.New()
	if _, err := io.Copy(hash, in); err != nil {
		return "", err
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}
