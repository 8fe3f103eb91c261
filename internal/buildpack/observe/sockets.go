//go:build linux

package observe

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"sync/atomic"
	"unsafe"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// Sockets learns where a program, and those that it starts, connect to, whatever else is sent from this network namespace meanwhile. It
// needs a process that cannot get more privileges, as those of a sandbox; this is never made one. See seccomp_unotify(2).
type Sockets struct {
	known, streams, others, outside atomic.Bool
	// listeners are the ports of this machine at which somebody else answers.
	listeners map[uint16]bool
}

// WatchSockets gives what learns of the sockets of a program that is not started yet.
func WatchSockets() *Sockets { return &Sockets{listeners: listeners()} }

// Connected reports whether the program connected to somebody else, or may have: to another process of this machine, too, but not to what it has
// started itself. The counters decide where nothing better is known.
func (s *Sockets) Connected(before, after Traffic) bool {
	switch {
	case s.outside.Load():
		return true
	case s.known.Load() && !s.others.Load():
		// All connections were seen.
		return false
	case s.known.Load() && !s.streams.Load() && before.datagrams == after.datagrams:
		return false
	case before == after:
		return false
	case len(s.listeners) == 0 && before.outside == after.outside:
		// It can only have talked to itself.
		return false
	}
	return true
}

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
	offsetFlags  = 40
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
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: architectures[runtime.GOARCH], SkipTrue: 12},
		bpf.LoadAbsolute{Off: offsetNumber, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpGreaterOrEqual, Val: x32, SkipTrue: 10},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.SYS_IO_URING_SETUP, SkipTrue: 9},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.SYS_CONNECT, SkipTrue: 8},
		// A connection may be opened by sending, too: MSG_FASTOPEN in tcp(7).
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: unix.SYS_SENDTO, SkipTrue: 2},
		bpf.LoadAbsolute{Off: offsetFlags, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpBitsSet, Val: unix.MSG_FASTOPEN, SkipTrue: 5, SkipFalse: 4},
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
		number    int32
		arch      uint32
		address   uint64
		args      [6]uint64
	}
	response struct {
		id           uint64
		value        int64
		failure      int32
		continueFlag uint32
	}
)

// note notes what a call means. What is not understood may mean a connection.
func (s *Sockets) note(n notification) {
	switch {
	case n.arch != architectures[runtime.GOARCH]:
		s.outside.Store(true)
	case n.number == unix.SYS_SOCKET && n.args[1]&0xf == unix.SOCK_STREAM:
		s.streams.Store(true)
	case n.number == unix.SYS_SOCKET:
		s.others.Store(true)
	case n.number == unix.SYS_CONNECT:
		if s.isOutside(int(n.pid), uintptr(n.args[1]), int(n.args[2])) {
			s.outside.Store(true)
		}
	default:
		s.outside.Store(true)
	}
}

// isOutside reports whether an address, in the memory of a process, is one of the internet at which somebody else answers. See ip(7) and ipv6(7).
func (s *Sockets) isOutside(pid int, address uintptr, length int) bool {
	raw := make([]byte, min(max(length, 0), unix.SizeofSockaddrInet6))
	if len(raw) < 2 {
		return false
	}
	local := []unix.Iovec{{Base: &raw[0], Len: uint64(len(raw))}}
	n, err := unix.ProcessVMReadv(pid, local, []unix.RemoteIovec{{Base: address, Len: len(raw)}}, 0)
	if err != nil || n != len(raw) {
		return true
	}
	var to netip.Addr
	switch family := binary.NativeEndian.Uint16(raw); {
	case family == unix.AF_INET && len(raw) >= 8:
		to = netip.AddrFrom4([4]byte(raw[4:8]))
	case family == unix.AF_INET6 && len(raw) >= 24:
		to = netip.AddrFrom16([16]byte(raw[8:24])).Unmap()
	default:
		return family == unix.AF_INET || family == unix.AF_INET6
	}
	if s.others.Load() && !s.streams.Load() {
		// A datagram's socket that is connected has sent nothing yet.
		return false
	}
	return !to.IsLoopback() || s.listeners[binary.BigEndian.Uint16(raw[2:4])]
}

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
		s.note(n)
		answer := response{id: n.id, continueFlag: unix.SECCOMP_USER_NOTIF_FLAG_CONTINUE}
		_, _, _ = unix.Syscall(unix.SYS_IOCTL, fd, unix.SECCOMP_IOCTL_NOTIF_SEND, uintptr(unsafe.Pointer(&answer)))
	}
}
