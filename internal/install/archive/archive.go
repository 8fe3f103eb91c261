// Package archive unpacks and packs tar archives. It knows how to keep an archive inside its folder: every file is
// opened through os.Root, which follows no link out of it, and names that point elsewhere are refused.
package archive

import (
	"archive/tar"
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/gantry-buildpack/gantry/internal/problem"
)

// Options say which entries are unpacked, and where.
type Options struct {
	// Strip is the number of leading folders to take off each name.
	Strip int
	// Keep chooses entries by their stripped name; nil keeps all.
	Keep func(name string) bool
	// RootFS is for a tree that will be somebody's root file system: names may begin with a slash, and symbolic links may
	// point anywhere. Writing through them stays impossible.
	RootFS bool
	// Times gives files the times that the archive holds.
	Times bool
	// Apart is for trees of thousands of files: see MkdirApart.
	Apart bool
}

// Gunzip unpacks a gzipped tar archive into a folder, which must exist.
func Gunzip(r io.Reader, dir string, options Options) error {
	counted := &Counter{From: r}
	zipped, err := gzip.NewReader(counted)
	if err != nil {
		return damaged(err)
	}
	return Extract(Bounded(zipped, counted.Count), dir, options)
}

// Unzstd unpacks an archive made by Zstd. A file with nothing in it is damaged, too: an archive of no files has an end.
func Unzstd(r io.Reader, dir string) error {
	buffered := bufio.NewReader(r)
	if _, err := buffered.Peek(1); err != nil {
		return damaged(io.ErrUnexpectedEOF)
	}
	zipped, err := zstd.NewReader(buffered)
	if err != nil {
		return damaged(err)
	}
	defer zipped.Close()
	return Extract(zipped, dir, Options{Times: true, Apart: true})
}

// UnzstdFile is Unzstd for a file.
func UnzstdFile(file, dir string) error {
	in, err := os.Open(file)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	return Unzstd(in, dir)
}

// Extract unpacks a tar archive into a folder, which must exist. Files get mode 0644 or, when anyone may execute them,
// 0755; folders 0755. Owners and special files are left out, and times unless Options.Times.
func Extract(r io.Reader, dir string, options Options) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("open %s: %w", dir, err)
	}
	tree := &tree{root: root, spread: options.Apart}
	defer tree.close()
	reader := tar.NewReader(r)
	for {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			// The end of the archive is not that of what it is read from, which may have a checksum at its end.
			if _, err := io.Copy(io.Discard, r); err != nil {
				return damaged(err)
			}
			return nil
		}
		if err != nil {
			return damaged(err)
		}
		name, ok, err := place(header.Name, options)
		if err != nil {
			return err
		}
		if !ok || (options.Keep != nil && !options.Keep(name)) {
			continue
		}
		if err := tree.extract(reader, header, name, options); err != nil {
			return err
		}
	}
}

// place gives an entry's name below the folder; ok is false for what Strip takes away entirely.
func place(name string, options Options) (stripped string, ok bool, err error) {
	if options.RootFS {
		name = "./" + strings.TrimLeft(name, "/")
	}
	if path.IsAbs(name) || !filepath.IsLocal(path.Clean(name)) {
		return "", false, escape(name)
	}
	parts := strings.Split(path.Clean(name), "/")
	if len(parts) <= options.Strip || path.Clean(name) == "." {
		return "", false, nil
	}
	return path.Join(parts[options.Strip:]...), true, nil
}

// tree is the folder that an archive is unpacked into.
type tree struct {
	root *os.Root
	// at is the folder of the last entry, called dir: the next one is mostly next to it.
	at  *os.Root
	dir string
	// spread: folders are made in places of their own.
	spread bool
}

func (t *tree) close() {
	if t.at != nil {
		_ = t.at.Close()
	}
	_ = t.root.Close()
}

// in gives a folder of the tree, which is made when there is none.
func (t *tree) in(dir string) (*os.Root, error) {
	if t.at != nil && t.dir == dir {
		return t.at, nil
	}
	at, err := t.root.OpenRoot(dir)
	if errors.Is(err, fs.ErrNotExist) {
		if err = t.make(dir); err == nil {
			at, err = t.root.OpenRoot(dir)
		}
	}
	if err != nil {
		return nil, err
	}
	if t.at != nil {
		_ = t.at.Close()
	}
	t.at, t.dir = at, dir
	return at, nil
}

// make makes a folder, and those above it.
func (t *tree) make(dir string) error {
	if !t.spread {
		return t.root.MkdirAll(dir, 0o755)
	}
	parent := path.Dir(dir)
	at, err := t.root.OpenRoot(parent)
	if errors.Is(err, fs.ErrNotExist) {
		if err = t.make(parent); err == nil {
			at, err = t.root.OpenRoot(parent)
		}
	}
	if err != nil {
		return err
	}
	return errors.Join(mkdirApart(at, path.Base(dir)), at.Close())
}

func (t *tree) extract(content io.Reader, header *tar.Header, name string, options Options) error {
	if header.Typeflag == tar.TypeDir {
		_, err := t.in(name)
		return writing(name, err)
	}
	folder, err := t.in(path.Dir(name))
	if err != nil {
		return writing(name, err)
	}
	base := path.Base(name)
	switch header.Typeflag {
	case tar.TypeReg:
		mode := fs.FileMode(0o644)
		if header.Mode&0o111 != 0 {
			mode = 0o755
		}
		if err := writeFile(folder, base, mode, content); err != nil || header.ModTime.Unix() <= 0 || !options.Times {
			return err
		}
		return writing(name, folder.Chtimes(base, header.ModTime, header.ModTime))
	case tar.TypeSymlink:
		target := path.Join(path.Dir(name), header.Linkname)
		if !options.RootFS && (path.IsAbs(header.Linkname) || !filepath.IsLocal(target)) {
			return escape(name + " -> " + header.Linkname)
		}
		return writing(name, replacing(folder, base, func() error { return folder.Symlink(header.Linkname, base) }))
	case tar.TypeLink:
		target, ok, err := place(header.Linkname, options)
		if err != nil || !ok {
			return escape(name + " -> " + header.Linkname)
		}
		return writing(name, replacing(folder, base, func() error { return t.root.Link(target, name) }))
	default:
		return nil
	}
}

// replacing makes an entry; one of that name that is there already makes room.
func replacing(folder *os.Root, base string, create func() error) error {
	err := create()
	if errors.Is(err, fs.ErrExist) {
		if err = folder.Remove(base); err == nil {
			err = create()
		}
	}
	return err
}

func writeFile(folder *os.Root, base string, mode fs.FileMode, content io.Reader) error {
	var file *os.File
	err := replacing(folder, base, func() (err error) {
		file, err = folder.OpenFile(base, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
		return err
	})
	if err != nil {
		return writing(base, err)
	}
	source := &reading{Reader: content}
	if _, err = io.Copy(file, source); err == nil {
		// The process's umask must not decide about the image.
		err = file.Chmod(mode)
	}
	err = errors.Join(err, file.Close())
	if source.err != nil {
		return damaged(source.err)
	}
	return writing(base, err)
}

// reading remembers an error of the archive, to tell it from an error of the disk.
type reading struct {
	io.Reader
	err error
}

func (r *reading) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		r.err = err
	}
	return n, err
}

func writing(name string, err error) error {
	if err == nil {
		return nil
	}
	return problem.Disk("unpack "+name, err)
}

func escape(name string) error {
	return &problem.Problem{
		ID:    "archive/escape",
		Title: "an archive wants to write outside its folder",
		Why:   fmt.Sprintf("the entry %q points elsewhere", name),
		Hints: []string{"Do not use this archive: it is damaged or was made to do harm. Check where it comes from."},
	}
}

func damaged(err error) error {
	if p, ok := errors.AsType[*problem.Problem](err); ok {
		return p
	}
	return &problem.Problem{
		ID:    "archive/damaged",
		Title: "an archive cannot be read",
		Why:   err.Error(),
		Hints: []string{"Build again; if it fails in the same way, the file at its source is damaged."},
		Err:   err,
	}
}
