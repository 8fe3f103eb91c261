package launch

import (
	"strconv"
	"strings"
)

// MemoryUsed is the memory that the control group uses, in bytes, without the files that the kernel keeps there and gives
// up when it must; 0 when it is not known.
func (m Machine) MemoryUsed() int64 {
	current, stat, inactive := m.read("sys/fs/cgroup/memory.current"), "sys/fs/cgroup/memory.stat", "inactive_file"
	if current == "" {
		current, stat, inactive = m.read("sys/fs/cgroup/memory/memory.usage_in_bytes"), "sys/fs/cgroup/memory/memory.stat", "total_inactive_file"
	}
	used, _ := strconv.ParseInt(current, 10, 64)
	return max(0, used-m.count(stat, inactive))
}

// OOMKills counts the processes of the control group that the kernel has ended for want of memory.
func (m Machine) OOMKills() int {
	return int(m.count("sys/fs/cgroup/memory.events", "oom_kill") + m.count("sys/fs/cgroup/memory/memory.oom_control", "oom_kill"))
}

// Throttled counts the periods of the processors' quota, and those in which the control group had to wait.
func (m Machine) Throttled() (throttled, periods int64) {
	for _, file := range []string{"sys/fs/cgroup/cpu.stat", "sys/fs/cgroup/cpu/cpu.stat"} {
		if n := m.count(file, "nr_periods"); n > 0 {
			return m.count(file, "nr_throttled"), n
		}
	}
	return 0, 0
}

// count reads a line "NAME NUMBER" of a file.
func (m Machine) count(file, name string) int64 {
	for line := range strings.Lines(m.read(file)) {
		if found, digits, _ := strings.Cut(strings.TrimSpace(line), " "); found == name {
			n, _ := strconv.ParseInt(digits, 10, 64)
			return n
		}
	}
	return 0
}
