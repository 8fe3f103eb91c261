//go:build linux

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

// ErrBlind is why reads cannot be observed in a folder.
var ErrBlind = errors.New("reads do not show")

// Sight is how reads of a folder's files are observed.
type Sight string

const (
	// Opens: the kernel tells of each file that is opened.
	Opens Sight = "opens"
	// Accesses: files have access times, which the kernel moves at the first read (relatime in mount(8)).
	Accesses Sight = "accesses"
	// Blind: in neither way.
	Blind Sight = ""
)

// Sees tries on files of its own, which it removes, how reads in the folder show; why says why they do not.
func (s Source) Sees() (sight Sight, why error) {
	opens := s.tries(func(file *os.File) error {
		watched, err := watchOpens(s.Dir, nil)
		if err != nil {
			return err
		}
		again, err := os.Open(file.Name())
		if err == nil {
			err = again.Close()
		}
		if names, _ := watched.end(); err == nil && !names[filepath.Base(file.Name())] {
			err = fmt.Errorf("%w: inotify tells nothing", ErrBlind)
		}
		return err
	})
	if opens == nil {
		return Opens, nil
	}
	accesses := s.tries(func(file *os.File) error {
		for _, way := range []struct {
			name string
			read func(from, to *os.File) (bool, error)
		}{{"read", plainRead}, {"copy_file_range", kernelCopy}, {"FICLONE", clone}} {
			if err := s.tryRead(file, way.name, way.read); err != nil {
				return err
			}
		}
		return nil
	})
	if accesses == nil {
		return Accesses, nil
	}
	return Blind, errors.Join(opens, accesses)
}

// tries tries something on a file of one byte.
func (s Source) tries(try func(file *os.File) error) (err error) {
	file, err := os.CreateTemp(s.Dir, ".gantry-reads-")
	if err != nil {
		return fmt.Errorf("%w: %w", ErrBlind, err)
	}
	defer func() { err = errors.Join(err, file.Close(), os.Remove(file.Name())) }()
	if _, err := file.WriteString("x"); err != nil {
		return fmt.Errorf("%w: %w", ErrBlind, err)
	}
	return try(file)
}

// mark is the access time that watched files get: before any clock, however wrong, so that the kernel replaces it (relatime: it is not after
// the time of the last change).
var mark = time.Unix(1, 0)

// tryRead reads a file in one way, and looks whether that moves its access time. What a file system cannot do, programs cannot do either.
func (s Source) tryRead(from *os.File, name string, read func(from, to *os.File) (bool, error)) (err error) {
	return s.tries(func(to *os.File) error {
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
			return fmt.Errorf("%w: %s does not move access times", ErrBlind, name)
		}
		return nil
	})
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

// Watch is a folder whose reads are observed until it is asked for them.
type Watch struct {
	// Tree is the folder's state when it began; observing may have changed what the file system says of it.
	Tree  Tree
	opens *opens
}

// Watch observes reads of the tree's files, in a way that was tried. An error is ErrBlind: it cannot.
func (s Source) Watch(t Tree, sight Sight) (Watch, error) {
	if sight == Opens {
		o, err := watchOpens(s.Dir, t)
		return Watch{t, o}, err
	}
	if sight == Blind {
		return Watch{}, ErrBlind
	}
	marked := maps.Clone(t)
	var device uint64
	for name, e := range t {
		if !e.isFile() {
			continue
		}
		file := filepath.Join(s.Dir, name)
		if err := setMark(file); err != nil {
			return Watch{}, fmt.Errorf("%w: %w", ErrBlind, err)
		}
		info, err := os.Lstat(file)
		if err != nil {
			return Watch{}, fmt.Errorf("%w: %w", ErrBlind, err)
		}
		e.state = stateOf(info)
		if device == 0 {
			device = e.state.device
		}
		if e.state.accessed != mark.UnixNano() || e.state.device != device {
			return Watch{}, fmt.Errorf("%w: %s is on another file system, or its access time cannot be set", ErrBlind, name)
		}
		marked[name] = e
	}
	return Watch{Tree: marked}, nil
}

// Reads ends the observation, and gives the names of the files that have been read, or may have been: what was changed, renamed, linked or
// removed, and what has several names, counts, too. Without a watch, all files may have been.
func (w Watch) Reads(after Tree) (names []string) {
	var opened map[string]bool
	lost := w.opens == nil
	if !lost {
		opened, lost = w.opens.end()
	}
	for name, e := range w.Tree {
		now := after[name].state
		switch {
		case !e.isFile():
		// Nobody needs to open an empty file to know what is in it.
		case w.opens == nil && now != e.state, w.opens != nil && lost, opened[name], !now.same(e.state), e.state.hardLinks > 1, e.state.size == 0:
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// End ends an observation that nobody asks for its reads.
func (w Watch) End() {
	if w.opens != nil {
		_, _ = w.opens.end()
	}
}

// Unwatched is what is known of reads that could not be observed: they may be all.
func Unwatched(t Tree) (names []string) {
	for name, e := range t {
		if e.isFile() {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
