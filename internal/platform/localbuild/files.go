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

// copyApp copies a tree: files, folders and links, with their modes. Sockets, pipes and devices are left out.
func copyApp(source, destination string) error {
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
		target := filepath.Join(destination, name)
		info, err := entry.Info()
		if err != nil {
			return err
		}
		switch {
		case entry.IsDir():
			return os.MkdirAll(target, info.Mode().Perm()|0o700)
		case entry.Type()&fs.ModeSymlink != 0:
			link, err := os.Readlink(file)
			if err != nil {
				return err
			}
			return os.Symlink(link, target)
		case entry.Type().IsRegular():
			return copyFile(file, target, info.Mode().Perm()|0o400)
		default:
			return nil
		}
	})
	if err != nil {
		return problem.Disk("copy "+source, err)
	}
	return nil
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
	return errors.Join(err, out.Close())
}

// linkLifecycle makes the phases' names: the lifecycle is one program that does what it is called.
func linkLifecycle(source, target string) error {
	for _, name := range []string{"lifecycle", "launcher"} {
		if err := copyFile(filepath.Join(source, name), filepath.Join(target, name), 0o755); err != nil {
			return problem.Disk("copy the lifecycle", err)
		}
	}
	if err := os.Symlink("lifecycle", filepath.Join(target, "creator")); err != nil {
		return problem.Disk("copy the lifecycle", err)
	}
	return nil
}

// removeAll deletes a tree even where folders in it are read-only.
func removeAll(dir string) {
	if os.RemoveAll(dir) == nil {
		return
	}
	_ = filepath.WalkDir(dir, func(file string, entry fs.DirEntry, _ error) error {
		if entry != nil && entry.IsDir() {
			_ = os.Chmod(file, 0o700)
		}
		return nil
	})
	_ = os.RemoveAll(dir)
}

var notInNames = regexp.MustCompile(`[^a-z0-9]+`)

// imageName makes a repository name of an application's folder.
func imageName(app string) string {
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
