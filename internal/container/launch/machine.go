package launch

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Machine is where the container runs.
type Machine struct {
	// Root is the root file system; "/" but for tests.
	Root string
	// Clock measures: the nanoseconds that one reading of the clock takes, and one system call that does nothing.
	Clock func() (reading, call float64)
	// Files is the limit of open files.
	Files func() uint64
	// Temporary reports whether the folder for temporary files can be written to.
	Temporary func() error
}

// Host is the machine that the program runs on.
func Host() Machine {
	return Machine{Root: "/", Clock: measureClock, Files: openFiles, Temporary: tryTemporary}
}

// Facts are what is known of a machine.
type Facts struct {
	// Memory is the container's limit in bytes, CPUs its quota in processors; 0 for none.
	Memory int64
	CPUs   float64
	Files  uint64
	// ClockReading and SystemCall are in nanoseconds; ClockSource is the kernel's name of the clock.
	ClockReading, SystemCall float64
	ClockSource              string
	Temporary                error
}

// Facts looks at the machine; it takes about a millisecond.
func (m Machine) Facts() Facts {
	f := m.room()
	f.Files = m.Files()
	f.ClockReading, f.SystemCall = m.Clock()
	f.ClockSource = m.read("sys/devices/system/clocksource/clocksource0/current_clocksource")
	return f
}

// room looks at what a runtime is sized for alone: limits, and whether there is room for temporary files.
func (m Machine) room() Facts {
	f := Facts{Temporary: m.Temporary()}
	f.Memory, f.CPUs = m.limits()
	return f
}

func (m Machine) read(name string) string {
	text, err := os.ReadFile(filepath.Join(m.Root, name))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

// MemoryLimit is the memory limit, in bytes, of a container whose root folder is given; 0 for none.
func MemoryLimit(root string) int64 {
	memory, _ := Machine{Root: root}.limits()
	return memory
}

// limits reads the control group's: version 2, then version 1. In a container its own group is at the root of the mount.
func (m Machine) limits() (memory int64, cpus float64) {
	if text := m.read("sys/fs/cgroup/memory.max"); text != "" {
		memory, _ = strconv.ParseInt(text, 10, 64)
	} else if text := m.read("sys/fs/cgroup/memory/memory.limit_in_bytes"); text != "" {
		memory, _ = strconv.ParseInt(text, 10, 64)
	}
	// Version 1 says "no limit" with a number near 2^63.
	if memory >= math.MaxInt64/2 || memory < 0 {
		memory = 0
	}
	quota, period, found := strings.Cut(m.read("sys/fs/cgroup/cpu.max"), " ")
	if !found {
		quota, period = m.read("sys/fs/cgroup/cpu/cpu.cfs_quota_us"), m.read("sys/fs/cgroup/cpu/cpu.cfs_period_us")
	}
	q, qErr := strconv.ParseFloat(quota, 64)
	p, pErr := strconv.ParseFloat(period, 64)
	if qErr == nil && pErr == nil && q > 0 && p > 0 {
		cpus = q / p
	}
	return memory, cpus
}

// measureClock takes the least of a few short batches, on one thread. The kernel serves the clock without a system call
// (vDSO) if and only if a reading costs less than a system call that does nothing: vdso(7).
func measureClock() (reading, call float64) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	const batches, size = 5, 100
	reading, call = math.Inf(1), math.Inf(1)
	begin := time.Now()
	for range batches {
		start := time.Now()
		for range size {
			_ = time.Since(begin)
		}
		reading = min(reading, float64(time.Since(start).Nanoseconds())/size)
		start = time.Now()
		for range size {
			_, _, _ = syscall.RawSyscall(syscall.SYS_GETPPID, 0, 0, 0)
		}
		call = min(call, float64(time.Since(start).Nanoseconds())/size)
	}
	return reading, call
}

func openFiles() uint64 {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) != nil {
		return 0
	}
	return limit.Cur
}

func tryTemporary() error { return unix.Access(os.TempDir(), unix.W_OK|unix.X_OK) }

// SlowClock reports whether reading the clock takes a system call.
func (f Facts) SlowClock() bool { return f.ClockReading >= f.SystemCall }

// minFiles is the limit of open files below which a server soon runs out.
const minFiles = 1024

// Warnings are what is wrong with the machine, or with what the environment says of it. None keeps the application from
// starting.
func (f Facts) Warnings(values map[string]string) []string {
	var list []string
	if f.SlowClock() {
		list = append(list, fmt.Sprintf("reading the clock takes a system call here (%.0f ns; a bare system call takes %.0f ns): the clock source is %s. "+
			"The operator of the host can choose tsc or kvm-clock, or another machine type", f.ClockReading, f.SystemCall, orUnknown(f.ClockSource)))
	}
	if f.Files > 0 && f.Files < minFiles {
		list = append(list, fmt.Sprintf("at most %d files and connections can be open at a time; raise the limit (ulimits, nofile)", f.Files))
	}
	if f.Temporary != nil {
		list = append(list, "temporary files cannot be written: mount a volume (an emptyDir, a tmpfs) at /tmp")
	}
	if port := values["PORT"]; port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			list = append(list, fmt.Sprintf("PORT is %q, which is no port from 1 to 65535", port))
		}
	}
	return list
}

func orUnknown(text string) string {
	if text == "" {
		return "not known"
	}
	return text
}

// JSON is one line of facts, for BPL_LAUNCH_FACTS=true.
func (f Facts) JSON(process string, image Image) string {
	text, _ := json.Marshal(map[string]any{
		"process": process, "runtime": image.Runtime, "version": image.Version, "memory-limit": f.Memory, "cpu-quota": f.CPUs,
		"open-files": f.Files, "clock-source": f.ClockSource, "clock-ns": math.Round(f.ClockReading), "syscall-ns": math.Round(f.SystemCall),
		"clock-in-vdso": !f.SlowClock(), "temporary-files": f.Temporary == nil, "declared-variables": len(image.Contract.Variables),
	})
	return string(text)
}
