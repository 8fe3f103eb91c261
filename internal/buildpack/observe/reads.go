package observe

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// mark is the access time that watched files get: before any clock, however wrong, so that the kernel replaces it at the first read
// (relatime: it is not after the time of the last change). See mount(8).
var mark = time.Unix(1, 0)

// ErrBlind is why reads cannot be observed in a folder: its file system does not keep access times, or not those of all ways to read.
var ErrBlind = errors.New("access times do not show reads")

// Sees tries on a file of its own, which it removes, whether reads in the folder show.
func (s Source) Sees() (err error) {
	file, err := os.CreateTemp(s.Dir, ".gantry-reads-")
	if err != nil {
		return fmt.Errorf("%w: %w", ErrBlind, err)
	}
	defer func() { err = errors.Join(err, file.Close(), os.Remove(file.Name())) }()
	if _, err := file.WriteString("x"); err != nil {
		return fmt.Errorf("%w: %w", ErrBlind, err)
	}
	for _, way := range []struct {
		name string
		read func(from, to *os.File) (bool, error)
	}{{"read", plainRead}, {"copy_file_range", kernelCopy}, {"FICLONE", clone}} {
		if err := tryRead(s.Dir, file, way.name, way.read); err != nil {
			return err
		}
	}
	return nil
}

// tryRead reads a file in one way, and looks whether that shows. What a file system cannot do, programs cannot do either.
func tryRead(dir string, from *os.File, name string, read func(from, to *os.File) (bool, error)) (err error) {
	to, err := os.CreateTemp(dir, ".gantry-reads-")
	if err != nil {
		return fmt.Errorf("%w: %w", ErrBlind, err)
	}
	defer func() { err = errors.Join(err, to.Close(), os.Remove(to.Name())) }()
	if err := setMark(from.Name()); err != nil {
		return fmt.Errorf("%w: %w", ErrBlind, err)
	}
	if could, err := read(from, to); err != nil || !could {
		return err
	}
	info, err := os.Lstat(from.Name())
	if err != nil {
		return fmt.Errorf("%w: %w", ErrBlind, err)
	}
	if stateOf(info).accessed == mark.UnixNano() {
		return fmt.Errorf("%w: not of %s", ErrBlind, name)
	}
	return nil
}

func plainRead(from, _ *os.File) (bool, error) {
	_, err := from.ReadAt(make([]byte, 1), 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return false, fmt.Errorf("%w: %w", ErrBlind, err)
	}
	return true, nil
}

func kernelCopy(from, to *os.File) (bool, error) {
	var offset int64
	n, err := unix.CopyFileRange(int(from.Fd()), &offset, int(to.Fd()), nil, 1, 0)
	return err == nil && n == 1, nil
}

func clone(from, to *os.File) (bool, error) {
	return unix.IoctlFileClone(int(to.Fd()), int(from.Fd())) == nil, nil
}

func setMark(file string) error {
	times := []unix.Timespec{unix.NsecToTimespec(mark.UnixNano()), {Nsec: unix.UTIME_OMIT}}
	return unix.UtimesNanoAt(unix.AT_FDCWD, file, times, unix.AT_SYMLINK_NOFOLLOW)
}

// Watch has reads of the tree's files show, and gives the tree as it is then. ErrBlind: they do not.
func (s Source) Watch(t Tree) (Tree, error) {
	watched := maps.Clone(t)
	var device uint64
	for name, e := range t {
		if !e.isFile() {
			continue
		}
		file := filepath.Join(s.Dir, name)
		if err := setMark(file); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrBlind, err)
		}
		info, err := os.Lstat(file)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrBlind, err)
		}
		e.state = stateOf(info)
		if device == 0 {
			device = e.state.device
		}
		if e.state.accessed != mark.UnixNano() || e.state.device != device {
			return nil, fmt.Errorf("%w: %s is on another file system, or its access time cannot be set", ErrBlind, name)
		}
		watched[name] = e
	}
	return watched, nil
}

// WereRead gives the names of the files of a watched tree that have been read, or may have been, since: whatever was changed, renamed,
// linked or removed counts, and whatever has another access time.
func WereRead(watched, after Tree) []string {
	var names []string
	for name, e := range watched {
		if e.isFile() && after[name].state != e.state {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
