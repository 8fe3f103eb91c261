// Package files copies files and folders, and sums up what is in them.
package files

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/install/archive"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// Digest gives the SHA-256 of a file, as "sha256:" and hex digits.
func Digest(name string) (string, error) {
	file, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer func() { _ = file.Close() }()
	sum := sha256.New()
	if _, err := io.Copy(sum, file); err != nil {
		return "", err
	}
	return "sha256:" + hex.EncodeToString(sum.Sum(nil)), nil
}

// ContentDigest is Digest and, for a folder the digest of the names and contents of all files in it.
func ContentDigest(name string) (string, error) {
	info, err := os.Stat(name)
	if err != nil || !info.IsDir() {
		return Digest(name)
	}
	sum := sha256.New()
	err = filepath.WalkDir(name, func(file string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		digest, err := Digest(file)
		_, _ = fmt.Fprintf(sum, "%s\x00%s\x00", strings.TrimPrefix(file, name), digest)
		return err
	})
	return "sha256:" + hex.EncodeToString(sum.Sum(nil)), err
}

// Copy copies a file, with a mode.
func Copy(source, destination string, mode os.FileMode) (err error) {
	doing := "write " + filepath.Base(destination)
	in, err := os.Open(source)
	if err != nil {
		return problem.Unreadable("read "+filepath.Base(source), err)
	}
	defer func() { _ = in.Close() }()
	if err := os.MkdirAll(filepath.Dir(destination), 0o755); err != nil {
		return problem.Disk(doing, err)
	}
	out, err := os.OpenFile(destination, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, mode)
	if err != nil {
		return problem.Disk(doing, err)
	}
	if _, err = io.Copy(out, in); err == nil {
		err = out.Chmod(mode)
	}
	if err = errors.Join(err, out.Close()); err != nil {
		return problem.Disk(doing, err)
	}
	return nil
}

// CopyTree copies a file, or a folder with all that is in it; links are copied as links. What does not exist is left
// out.
func CopyTree(source, destination string) error {
	return filepath.WalkDir(source, func(file string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) && file == source {
			return nil
		}
		if err != nil {
			return problem.Disk("copy "+filepath.Base(source), err)
		}
		name, err := filepath.Rel(source, file)
		if err != nil {
			return err
		}
		target := filepath.Join(destination, name)
		switch {
		case entry.IsDir():
			if _, missing := os.Lstat(target); missing != nil {
				err = archive.MkdirApart(target)
			}
		case entry.Type()&fs.ModeSymlink != 0:
			err = copyLink(file, target)
		case entry.Type().IsRegular():
			var info fs.FileInfo
			if info, err = entry.Info(); err == nil {
				err = Copy(file, target, info.Mode().Perm())
			}
		}
		if err != nil {
			return problem.Disk("copy "+filepath.Base(source), err)
		}
		return nil
	})
}

// LinkTree is CopyTree for files that nobody will change: it makes hard links where the file system allows.
func LinkTree(source, destination string) error {
	info, err := os.Lstat(source)
	if err != nil || !info.Mode().IsRegular() {
		return CopyTree(source, destination)
	}
	if err := os.MkdirAll(filepath.Dir(destination), 0o755); err != nil {
		return problem.Disk("link "+filepath.Base(source), err)
	}
	if os.Link(source, destination) == nil {
		return nil
	}
	return CopyTree(source, destination)
}

func copyLink(source, destination string) error {
	target, err := os.Readlink(source)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(destination), 0o755); err != nil {
		return err
	}
	return os.Symlink(target, destination)
}

// WriteTexts writes small files into a folder, by their names in it.
func WriteTexts(dir string, texts map[string]string) error {
	for name, content := range texts {
		file := filepath.Join(dir, name)
		err := os.MkdirAll(filepath.Dir(file), 0o755)
		if err == nil {
			err = os.WriteFile(file, []byte(content), 0o644)
		}
		if err != nil {
			return problem.Disk("write "+name, err)
		}
	}
	return nil
}
