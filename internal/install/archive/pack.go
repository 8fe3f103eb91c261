package archive

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/gantry-buildpack/gantry/internal/problem"
)

// Zstd writes the named folders and files below dir as a zstd-compressed tar archive. The same tree gives the same
// bytes: entries are sorted, without owners and times. The archive appears under its name only when it is whole.
func Zstd(file, dir string, names ...string) (err error) { return pack(file, dir, packing{}, names) }

// ZstdTimes is Zstd with the files' times, for tools that compare them.
func ZstdTimes(file, dir string, names ...string) (err error) {
	return pack(file, dir, packing{times: true}, names)
}

// ZstdFiles is Zstd without symbolic links: those of caches may lead anywhere.
func ZstdFiles(file, dir string, names ...string) (err error) {
	return pack(file, dir, packing{noLinks: true}, names)
}

// packing says what is packed.
type packing struct{ times, noLinks bool }

func pack(file, dir string, options packing, names []string) (err error) {
	partial := file + ".partial"
	out, err := os.OpenFile(partial, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o644)
	if err != nil {
		return problem.Disk("write "+filepath.Base(file), err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(partial)
		}
	}()
	compressed, err := zstd.NewWriter(out, zstd.WithEncoderLevel(zstd.SpeedDefault), zstd.WithEncoderConcurrency(2))
	if err != nil {
		return fmt.Errorf("start zstd: %w", err)
	}
	archive := tar.NewWriter(compressed)
	for _, name := range names {
		if err = add(archive, dir, name, options); err != nil {
			break
		}
	}
	if err = errors.Join(err, archive.Close(), compressed.Close(), out.Close()); err != nil {
		return problem.Disk("write "+filepath.Base(file), err)
	}
	if err = os.Rename(partial, file); err != nil {
		return problem.Disk("write "+filepath.Base(file), err)
	}
	return nil
}

func add(archive *tar.Writer, dir, top string, options packing) error {
	return filepath.WalkDir(filepath.Join(dir, top), func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, file)
		if err != nil {
			return err
		}
		header := &tar.Header{Name: filepath.ToSlash(name), Mode: int64(info.Mode().Perm())}
		if options.times {
			header.ModTime = info.ModTime().Truncate(time.Second)
		}
		switch {
		case info.IsDir():
			header.Typeflag = tar.TypeDir
			header.Name += "/"
		case info.Mode().IsRegular():
			header.Typeflag, header.Size = tar.TypeReg, info.Size()
		case info.Mode()&fs.ModeSymlink != 0 && !options.noLinks:
			header.Typeflag = tar.TypeSymlink
			if header.Linkname, err = os.Readlink(file); err != nil {
				return err
			}
		default:
			return nil
		}
		if err := archive.WriteHeader(header); err != nil || header.Typeflag != tar.TypeReg {
			return err
		}
		content, err := os.Open(file)
		if err != nil {
			return err
		}
		_, err = io.Copy(archive, content)
		return errors.Join(err, content.Close())
	})
}
