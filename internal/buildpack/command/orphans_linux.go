package command

import (
	"bytes"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

// adopting says that all children of this process that are not waited for are orphans.
var adopting atomic.Bool

// AdoptOrphans makes this process the parent of what its programs leave behind, in whatever group or session that is, so that it can be
// ended: what goes on could change what is in the image. See PR_SET_CHILD_SUBREAPER in prctl(2). From then on, no other part of the
// process may start programs.
func AdoptOrphans() error {
	err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
	adopting.Store(err == nil)
	return err
}

// generations bounds how often children of what was ended are looked for: each time, all that there are end.
const generations = 1000

// endOrphans ends all children of this process. It is called when none of them is waited for.
func endOrphans() {
	for n := 0; adopting.Load() && n < generations; n++ {
		list := children(os.Getpid())
		if len(list) == 0 {
			return
		}
		for _, pid := range list {
			_ = syscall.Kill(pid, syscall.SIGKILL)
			_, _ = syscall.Wait4(pid, nil, 0, nil)
		}
	}
}

// children gives the processes whose parent is one: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html.
func children(parent int) (list []int) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		stat, err := os.ReadFile("/proc/" + entry.Name() + "/stat")
		if err != nil {
			continue
		}
		// The name in front may hold anything, spaces and brackets too.
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		if len(fields) > 1 && fields[1] == strconv.Itoa(parent) {
			list = append(list, pid)
		}
	}
	return list
}
