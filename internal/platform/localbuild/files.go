package localbuild

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/problem"
)

// notCopied are folders of an application's root that no build needs.
var notCopied = map[string]bool{".git": true}

// copyApp copies a tree: files, folders and links, with the modes that Git would give them, so that an image does not show how the tree
// was checked out, and whoever runs it can read it. Sockets, pipes and devices are left out, and so are the places of ours, whole.
func copyApp(source, destination string, ours []string, keeps func(name string) bool) error {
	err := filepath.WalkDir(source, func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(source, file)
		if err != nil {
			return err
		}
		if entry.IsDir() && notCopied[name] {
			return fs.SkipDir
		}
		if name != "." && isOneOf(entry, file, ours) {
			if entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		target := filepath.Join(destination, name)
		if keeps != nil && !keeps(filepath.ToSlash(name)) {
			return nil
		}
		// A folder that is left out may hold files that are not.
		if keeps != nil {
			if err := makeFolder(filepath.Dir(target)); err != nil {
				return err
			}
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		switch {
		case entry.IsDir():
			return makeFolder(target)
		case entry.Type()&fs.ModeSymlink != 0:
			link, err := os.Readlink(file)
			if err != nil {
				return err
			}
			return os.Symlink(link, target)
		case entry.Type().IsRegular():
			return copyFile(file, target, gitMode(info.Mode()))
		default:
			return nil
		}
	})
	if err != nil {
		return problem.Disk("copy "+source, err)
	}
	return nil
}

// isOneOf tells whether an entry of a tree is one of some files and folders, by whatever path these are named.
func isOneOf(entry fs.DirEntry, file string, others []string) bool {
	for _, other := range others {
		if filepath.Base(other) != entry.Name() {
			continue
		}
		first, err := os.Stat(file)
		second, otherErr := os.Stat(other)
		if err == nil && otherErr == nil && os.SameFile(first, second) {
			return true
		}
	}
	return false
}

// gitMode is 0755 for what its owner may execute, and 0644 for other files: https://git-scm.com/book/en/v2/Git-Internals-Git-Objects.
func gitMode(mode fs.FileMode) fs.FileMode {
	if mode&0o100 != 0 {
		return 0o755
	}
	return 0o644
}

// makeFolder makes a folder that everybody can enter, whatever this process's umask.
func makeFolder(name string) error {
	if err := os.MkdirAll(name, 0o755); err != nil {
		return err
	}
	return os.Chmod(name, 0o755)
}

func copyFile(source, target string, mode fs.FileMode) error {
	in, err := os.Open(source)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	out, err := os.OpenFile(target, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Chmod(mode), out.Close())
}

// linkLifecycle makes the phases' names: the lifecycle is one program that does what it is called.
func linkLifecycle(source, target, launcher string) error {
	for _, name := range []string{"lifecycle", launcher} {
		if err := makeFolder(filepath.Dir(filepath.Join(target, name))); err != nil {
			return problem.Disk("copy the lifecycle", err)
		}
		if err := copyFile(filepath.Join(source, name), filepath.Join(target, name), 0o755); err != nil {
			return problem.Disk("copy the lifecycle", err)
		}
	}
	if err := os.Symlink("lifecycle", filepath.Join(target, "creator")); err != nil {
		return problem.Disk("copy the lifecycle", err)
	}
	return nil
}

var notInNames = regexp.MustCompile(`[^a-z0-9]+`)

// ImageName makes a repository name of an application's folder, or of what an image is called.
func ImageName(app string) string {
	name := strings.Trim(notInNames.ReplaceAllString(strings.ToLower(filepath.Base(app)), "-"), "-")
	if name == "" {
		return "app"
	}
	return name
}

func shortDigest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:4])
}
