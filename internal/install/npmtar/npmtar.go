// Package npmtar unpacks the archives of packages of the npm registry, each package manager's way.
package npmtar

import (
	"archive/tar"
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/klauspost/compress/gzip"
	"golang.org/x/sys/unix"

	"github.com/gantry-buildpack/gantry/internal/install/archive"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// unpacker holds what is worth keeping from one tarball to the next.
type unpacker struct {
	buffered *bufio.Reader
	zipped   *gzip.Reader
	content  []byte
}

var unpackers = sync.Pool{New: func() any {
	return &unpacker{buffered: bufio.NewReaderSize(nil, 64<<10), zipped: new(gzip.Reader), content: make([]byte, 256<<10)}
}}

// Rules are those of a package manager.
type Rules int

const (
	// NPM has pacote's: only regular files; .gitignore becomes .npmignore; see its lib/fetcher.js.
	NPM Rules = iota
	// Yarn1 has those of Yarn 1: every file keeps its name, and there may be empty folders; see its
	// src/fetchers/tarball-fetcher.js.
	Yarn1
)

// ErrUnusual says that a package holds what a package manager alone knows to unpack, such as links, and names that stand twice
// or lead away, or that are not plain.
var ErrUnusual = errors.New("the package holds more than files")

// Unpack writes a package's files into folders, which need not exist. The first part of a name, whatever it is, goes.
//
// Nothing can be written outside the folders: names with ".." are left out, and since no link is ever made, none can be
// followed.
func Unpack(tarball io.Reader, rules Rules, folders ...string) error {
	u := unpackers.Get().(*unpacker)
	defer unpackers.Put(u)
	w := writer{rules: rules, folders: folders, made: map[string]bool{}, modes: map[string]uint32{}, ignores: map[string]bool{}, buffer: u.content}
	return u.each(tarball, func(header *tar.Header, content io.Reader) error {
		name, ok := placeOf(header)
		switch {
		case ok:
			return w.write(name, uint32(header.Mode)&0o777, header.Size, content)
		case rules == Yarn1:
			return w.other(header)
		}
		return nil
	})
}

// Each calls a function for every entry of a package's archive, which may be compressed or not; content is the entry's. The
// archive is read to its end.
func Each(tarball io.Reader, use func(header *tar.Header, content io.Reader) error) error {
	u := unpackers.Get().(*unpacker)
	defer unpackers.Put(u)
	return u.each(tarball, use)
}

func (u *unpacker) each(tarball io.Reader, use func(header *tar.Header, content io.Reader) error) error {
	counted := &archive.Counter{From: tarball}
	u.buffered.Reset(counted)
	source := io.Reader(u.buffered)
	if isGzip(u.buffered) {
		if err := u.zipped.Reset(u.buffered); err != nil {
			return damaged(err)
		}
		u.zipped.Multistream(false)
		source = archive.Bounded(members{u.zipped, u.buffered}, counted.Count)
	}
	watched := &plain{from: source}
	for reader := tar.NewReader(watched); ; {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return damaged(err)
		}
		if why := ambiguous(header); why != "" {
			return &problem.Problem{
				ID:    "npm/package-ambiguous",
				Title: "a package holds something that programs read differently",
				Why:   why,
				Hints: []string{"Tell its maintainer. BP_NODE_INSTALLER=npm installs it as npm reads it."},
			}
		}
		if watched.why == "" && isDrive(header.Name) {
			watched.why = "a name begins as a drive of Windows"
		}
		if watched.why != "" {
			return fmt.Errorf("%w: %s", ErrUnusual, watched.why)
		}
		if err := use(header, reader); err != nil {
			return err
		}
	}
	// What is left of the stream is read, so that its checksum is of the whole file.
	if _, err := io.Copy(io.Discard, watched); err != nil {
		return damaged(err)
	}
	if why := watched.end(); why != "" {
		return fmt.Errorf("%w: %s", ErrUnusual, why)
	}
	return onlyZeros(u.buffered)
}

// onlyZeros reads the rest of a file: some old packages are padded with zeros, and Node.js refuses anything else.
func onlyZeros(rest *bufio.Reader) error {
	for {
		if _, err := rest.Peek(1); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		// What is buffered can be looked at.
		part, _ := rest.Peek(rest.Buffered())
		for _, b := range part {
			if b != 0 {
				return fmt.Errorf("%w: there is something behind it", ErrUnusual)
			}
		}
		if _, err := rest.Discard(len(part)); err != nil {
			return err
		}
	}
}

// members reads the compressed streams that follow each other.
type members struct {
	zipped *gzip.Reader
	source *bufio.Reader
}

func (m members) Read(p []byte) (int, error) {
	n, err := m.zipped.Read(p)
	if errors.Is(err, io.EOF) && isGzip(m.source) {
		if err := m.zipped.Reset(m.source); err != nil {
			// io.EOF would be the end of the archive.
			return n, fmt.Errorf("what follows the archive is damaged: %w", io.ErrUnexpectedEOF)
		}
		m.zipped.Multistream(false)
		return n, nil
	}
	return n, err
}

// ambiguous says why an entry is another one for npm (node-tar), or for whoever looks at the package with other tools; empty for the
// usual ones.
func ambiguous(header *tar.Header) string {
	sparse := header.Typeflag == tar.TypeGNUSparse
	for key := range header.PAXRecords {
		sparse = sparse || strings.HasPrefix(key, "GNU.sparse.")
	}
	switch {
	case sparse:
		return fmt.Sprintf("%s is a sparse file, which node-tar does not know", strconv.Quote(header.Name))
	case !utf8.ValidString(header.Name) || strings.ContainsRune(header.Name, 0):
		return fmt.Sprintf("the name %s is no text in UTF-8", strconv.Quote(header.Name))
	}
	return ""
}

func isGzip(r *bufio.Reader) bool {
	magic, err := r.Peek(2)
	return err == nil && magic[0] == 0x1f && magic[1] == 0x8b
}

// placeOf gives the name of an entry below the package's folder; ok is false for what is not written.
func placeOf(header *tar.Header) (name string, ok bool) {
	// Types that a tar reader must take for regular files: POSIX pax, "typeflag".
	if (header.Typeflag != tar.TypeReg && header.Typeflag != '7') || strings.HasSuffix(header.Name, "/") {
		return "", false
	}
	_, rest, found := strings.Cut(header.Name, "/")
	if !found {
		return "", false
	}
	for part := range strings.FieldsFuncSeq(rest, func(r rune) bool { return r == '/' || r == '\\' }) {
		if part == ".." {
			return "", false
		}
	}
	name = strings.TrimPrefix(path.Clean("/"+rest), "/")
	return name, name != ""
}

// other is what is no file.
func (w *writer) other(header *tar.Header) error {
	_, rest, _ := strings.Cut(header.Name, "/")
	switch {
	case header.Typeflag == tar.TypeXGlobalHeader:
		return nil
	case header.Typeflag != tar.TypeDir || rest != "" && !filepath.IsLocal(rest):
		return ErrUnusual
	}
	for _, folder := range w.folders {
		if err := os.MkdirAll(filepath.Join(folder, rest), 0o755); err != nil {
			return problem.Disk("unpack "+rest, err)
		}
	}
	return nil
}

// writer writes one package's files into every folder that it belongs in.
type writer struct {
	rules   Rules
	folders []string
	made    map[string]bool
	// modes are those of the files that are there: of a file that stands twice, the first mode stays.
	modes map[string]uint32
	// ignores are the files .npmignore that the archive has itself: a .gitignore takes the place of none of them.
	ignores map[string]bool
	buffer  []byte
}

func (w *writer) write(name string, mode uint32, size int64, content io.Reader) error {
	_, twice := w.modes[name]
	if w.rules == Yarn1 && twice {
		return ErrUnusual
	}
	if w.rules == NPM && path.Base(name) == ".npmignore" {
		w.ignores[name] = true
	}
	if w.rules == NPM && path.Base(name) == ".gitignore" {
		name = path.Join(path.Dir(name), ".npmignore")
		if w.ignores[name] {
			return nil
		}
	}
	mode |= 0o666
	if first, there := w.modes[name]; there {
		mode = first
	}
	w.modes[name] = mode
	files, err := w.open(name, mode)
	defer func() {
		for _, fd := range files {
			_ = unix.Close(fd)
		}
	}()
	if err != nil {
		return problem.Disk("unpack "+name, err)
	}
	for left := size; left > 0; {
		part := w.buffer[:min(left, int64(len(w.buffer)))]
		if _, err := io.ReadFull(content, part); err != nil {
			return damaged(err)
		}
		left -= int64(len(part))
		for _, fd := range files {
			if err := writeAll(fd, part); err != nil {
				return problem.Disk("unpack "+name, err)
			}
		}
	}
	return nil
}

// open makes a file in every folder. System calls are made directly: the runtime's file objects cost as much again, and
// there are tens of thousands of files.
func (w *writer) open(name string, mode uint32) ([]int, error) {
	var files []int
	for _, folder := range w.folders {
		file := filepath.Join(folder, name)
		dir := filepath.Dir(file)
		if !w.made[dir] {
			if err := os.MkdirAll(dir, 0o777); err != nil {
				return files, err
			}
			w.made[dir] = true
		}
		fd, err := unix.Open(file, unix.O_CREAT|unix.O_TRUNC|unix.O_WRONLY|unix.O_CLOEXEC|unix.O_NOFOLLOW, mode)
		for errors.Is(err, unix.EINTR) {
			fd, err = unix.Open(file, unix.O_CREAT|unix.O_TRUNC|unix.O_WRONLY|unix.O_CLOEXEC|unix.O_NOFOLLOW, mode)
		}
		if err != nil {
			return files, fmt.Errorf("open %s: %w", file, err)
		}
		files = append(files, fd)
	}
	return files, nil
}

func writeAll(fd int, content []byte) error {
	for len(content) > 0 {
		n, err := unix.Write(fd, content)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return err
		}
		content = content[max(n, 0):]
	}
	return nil
}

func damaged(err error) error {
	if p, ok := errors.AsType[*problem.Problem](err); ok {
		return p
	}
	return &problem.Problem{
		ID:    "npm/package-damaged",
		Title: "a package cannot be unpacked",
		Why:   err.Error(),
		Hints: []string{"Build again; if it fails in the same way, the package in the registry is damaged."},
		Err:   err,
	}
}
