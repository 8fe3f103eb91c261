//go:build linux

package observe

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// opens learns of the files of a folder that are opened: see inotify(7). It needs no access times, and sees who only looks at an open
// file's size; its limits are the user's, so that a machine with many watchers may refuse it.
type opens struct {
	file *os.File
	// folders are the names of the watched folders, by the numbers of their watches.
	folders map[int32]string

	mu    sync.Mutex
	names map[string]bool
	lost  bool
	ended chan struct{}
}

// watchOpens watches the folders of a tree.
func watchOpens(dir string, t Tree) (*opens, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("%w: inotify: %w", ErrBlind, err)
	}
	o := &opens{file: os.NewFile(uintptr(fd), "inotify"), folders: map[int32]string{}, names: map[string]bool{}, ended: make(chan struct{})}
	add := func(name string) error {
		watch, err := unix.InotifyAddWatch(fd, filepath.Join(dir, name), unix.IN_OPEN|unix.IN_ONLYDIR|unix.IN_DONT_FOLLOW)
		o.folders[int32(watch)] = name
		return err
	}
	err = add("")
	for name, e := range t {
		if e.Kind == Folder && err == nil {
			err = add(name)
		}
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%w: inotify: %w", ErrBlind, err), o.file.Close())
	}
	go o.collect()
	return o, nil
}

// collect reads events while the program runs, so that the kernel's queue does not overflow.
func (o *opens) collect() {
	defer close(o.ended)
	buffer := make([]byte, 1<<16)
	for {
		n, err := o.file.Read(buffer)
		if err != nil {
			return
		}
		o.note(buffer[:n])
	}
}

// note reads struct inotify_event.
func (o *opens) note(events []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for len(events) >= unix.SizeofInotifyEvent {
		watch := int32(binary.NativeEndian.Uint32(events))
		mask, length := binary.NativeEndian.Uint32(events[4:]), binary.NativeEndian.Uint32(events[12:])
		name := string(bytes.TrimRight(events[unix.SizeofInotifyEvent:unix.SizeofInotifyEvent+length], "\x00"))
		events = events[unix.SizeofInotifyEvent+length:]
		switch {
		case mask&unix.IN_Q_OVERFLOW != 0:
			o.lost = true
		case mask&unix.IN_OPEN != 0 && mask&unix.IN_ISDIR == 0:
			o.names[path.Join(o.folders[watch], name)] = true
		}
	}
}

// end gives the names of what was opened; lost: some are not known.
func (o *opens) end() (names map[string]bool, lost bool) {
	// What has happened is in the queue: it is read until there is nothing.
	_ = o.file.SetReadDeadline(time.Now())
	<-o.ended
	buffer := make([]byte, 1<<16)
	for {
		n, err := unix.Read(int(o.file.Fd()), buffer)
		if n <= 0 || err != nil {
			break
		}
		o.note(buffer[:n])
	}
	// The kernel takes some milliseconds for it.
	go func() { _ = o.file.Close() }()
	return o.names, o.lost
}
