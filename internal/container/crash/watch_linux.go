package crash

import (
	"errors"

	"golang.org/x/sys/unix"
)

// memoryEvents is changed by the kernel whenever it ends a process of the control group for want of memory:
// https://docs.kernel.org/admin-guide/cgroup-v2.html#memory-interface-files.
const memoryEvents = "/sys/fs/cgroup/memory.events"

// watch calls a function whenever a file in the folder is complete, and whenever the kernel has ended a process of the container. Where that
// cannot be seen, what is left is collected when the application ends.
func watch(reports string, changed func()) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC)
	if err != nil {
		return
	}
	if _, err := unix.InotifyAddWatch(fd, reports, unix.IN_CLOSE_WRITE|unix.IN_MOVED_TO); err != nil {
		_ = unix.Close(fd)
		return
	}
	// Version 1 of control groups has no such file.
	_, _ = unix.InotifyAddWatch(fd, memoryEvents, unix.IN_MODIFY)
	go func() {
		events := make([]byte, 16<<10)
		for {
			if _, err := unix.Read(fd, events); err != nil && !errors.Is(err, unix.EINTR) {
				return
			}
			changed()
		}
	}()
}
