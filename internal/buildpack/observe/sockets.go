package observe

import (
	"errors"
	"os"
	"os/exec"
	"runtime"
	"sync/atomic"
	"unsafe"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// Sockets learns whether a program, or one that it starts, makes a socket of the internet: who makes none opens no connection, whatever
// else is sent from this network namespace meanwhile. It needs a process that cannot get more privileges, as those of a sandbox; this is
// never made one. See seccomp_unotify(2).
type Sockets struct {
	made, known atomic.Bool
}

// Made reports whether a socket was made, or may have been; it is true where that is not known.
func (s *Sockets) Made() bool { return !s.known.Load() || s.made.Load() }

// Start starts a program, and learns of its sockets until it and all that it has started have ended.
func (s *Sockets) Start(cmd *exec.Cmd) error {
	if restricted, err := unix.PrctlRetInt(unix.PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0); err != nil || restricted != 1 {
		return cmd.Start()
	}
	started := make(chan error)
	go func() {
		// A filter is a thread's, and of what that starts. This one ends with the goroutine, which does not unlock it.
		runtime.LockOSThread()
		listener, err := filter()
		if err == nil {
			s.known.Store(true)
			go s.listen(listener)
		}
		started <- cmd.Start()
	}()
	return <-started
}

// The kernel's numbers of a notification: struct seccomp_data in seccomp(2).
const (
	offsetNumber = 0
	offsetArch   = 4
	offsetDomain = 16
	// x32 marks the calls of another way into a kernel of amd64.
	x32 = 0x40000000
)

// architectures are the kernel's names of those that Gantry builds on.
var architectures = map[string]uint32{"amd64": unix.AUDIT_ARCH_X86_64, "arm64": unix.AUDIT_ARCH_AARCH64}

// filter has the kernel tell of sockets of the internet that this thread or what it starts makes, and of calls by which one could be made
// unseen.
func filter() (listener *os.File, err error) {
	const tell, allow = unix.SECCOMP_RET_USER_NOTIF, unix.SECCOMP_RET_ALLOW
	program, err := bpf.Assemble([]bpf.Instruction{
		bpf.LoadAbsolute{Off: offsetArch, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: architectures[runtime.GOARCH], SkipTrue: 8},
		bpf.LoadAbsolute{Off: offsetNumber, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpGreaterOrEqual, Val: x32, SkipTrue: 6},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.SYS_IO_URING_SETUP, SkipTrue: 5},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: unix.SYS_SOCKET, SkipTrue: 3},
		bpf.LoadAbsolute{Off: offsetDomain, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.AF_INET, SkipTrue: 2},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.AF_INET6, SkipTrue: 1},
		bpf.RetConstant{Val: allow},
		bpf.RetConstant{Val: tell},
	})
	if err != nil {
		return nil, err
	}
	list := make([]unix.SockFilter, len(program))
	for i, instruction := range program {
		list[i] = unix.SockFilter{Code: instruction.Op, Jt: instruction.Jt, Jf: instruction.Jf, K: instruction.K}
	}
	of := unix.SockFprog{Len: uint16(len(list)), Filter: &list[0]}
	fd, _, failed := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_NEW_LISTENER, uintptr(unsafe.Pointer(&of)))
	if failed != 0 {
		return nil, failed
	}
	return os.NewFile(fd, "seccomp"), nil
}

// notification and response are struct seccomp_notif and struct seccomp_notif_resp.
type (
	notification struct {
		id        uint64
		pid, flag uint32
		data      [64]byte
	}
	response struct {
		id           uint64
		value        int64
		failure      int32
		continueFlag uint32
	}
)

// listen notes what it is told, and lets each call go on. It ends when nothing is left that could call.
func (s *Sockets) listen(listener *os.File) {
	defer func() { _ = listener.Close() }()
	fd := listener.Fd()
	for {
		poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		if _, err := unix.Poll(poll, -1); errors.Is(err, unix.EINTR) {
			continue
		} else if err != nil || poll[0].Revents&unix.POLLIN == 0 {
			return
		}
		var n notification
		if _, _, failed := unix.Syscall(unix.SYS_IOCTL, fd, unix.SECCOMP_IOCTL_NOTIF_RECV, uintptr(unsafe.Pointer(&n))); failed != 0 {
			// Who called has been killed meanwhile.
			continue
		}
		s.made.Store(true)
		answer := response{id: n.id, continueFlag: unix.SECCOMP_USER_NOTIF_FLAG_CONTINUE}
		_, _, _ = unix.Syscall(unix.SYS_IOCTL, fd, unix.SECCOMP_IOCTL_NOTIF_SEND, uintptr(unsafe.Pointer(&answer)))
	}
}
