package app

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"syscall"
)

// tree is a folder that no name and no link leads out of, and that has nothing to wait for: what is neither a file nor a folder, and a
// file that is too large, is an error when it is read.
type tree struct{ root *os.Root }

// maxFile is how large a file may be that is read of a source, in bytes: the largest lockfiles of public repositories have some 10 MB.
const maxFile = 32 << 20

// The reasons why something of a source is not read; they are shown to people.
var (
	errOutside = errors.New("it is a link that leads out of the application")
	errTooBig  = fmt.Errorf("it has more than %d MB", maxFile>>20)
)

// Open gives a file or a folder. It does not wait for the other end of a named pipe.
func (t tree) Open(name string) (fs.File, error) {
	file, err := t.open(name)
	if err != nil {
		return nil, err
	}
	return file, nil
}

func (t tree) open(name string) (*os.File, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	file, err := t.root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, t.explained(name, err)
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() && !info.IsDir() {
		err = &fs.PathError{Op: "open", Path: name, Err: notFile(info.Mode())}
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// ReadFile reads a file that is not too large.
func (t tree) ReadFile(name string) ([]byte, error) {
	file, err := t.open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	text, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err == nil && len(text) > maxFile {
		err = &fs.PathError{Op: "read", Path: name, Err: errTooBig}
	}
	return text, err
}

// ReadDir gives the entries of a folder in the order of their names.
func (t tree) ReadDir(name string) ([]fs.DirEntry, error) {
	file, err := t.open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	list, err := file.ReadDir(-1)
	slices.SortFunc(list, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return list, err
}

// Stat follows links.
func (t tree) Stat(name string) (fs.FileInfo, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "stat", Path: name, Err: fs.ErrInvalid}
	}
	info, err := t.root.Stat(name)
	return info, t.explained(name, err)
}

// explained says of a link that leads out of the tree that it does: os.Root has no error that could be compared.
func (t tree) explained(name string, err error) error {
	var failed *fs.PathError
	if !errors.As(err, &failed) {
		return err
	}
	errno, isErrno := failed.Err.(syscall.Errno)
	switch {
	case isErrno && errno == syscall.ENXIO:
		// https://man7.org/linux/man-pages/man2/open.2.html
		return &fs.PathError{Op: failed.Op, Path: name, Err: notFile(fs.ModeSocket)}
	case isErrno:
		return err
	}
	return &fs.PathError{Op: failed.Op, Path: name, Err: errOutside}
}

// notFile says what there is instead of a file or a folder.
func notFile(mode fs.FileMode) error {
	kind := "of another kind"
	switch {
	case mode&fs.ModeNamedPipe != 0:
		kind = "a named pipe"
	case mode&fs.ModeSocket != 0:
		kind = "a socket"
	case mode&fs.ModeDevice != 0:
		kind = "a device"
	}
	return fmt.Errorf("it is %s, not a file", kind)
}

// missing is a tree whose folder cannot be opened.
type missing struct{ err error }

func (m missing) Open(name string) (fs.File, error) {
	return nil, &fs.PathError{Op: "open", Path: name, Err: m.err}
}
