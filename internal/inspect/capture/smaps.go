package capture

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/problem"
)

// mapping is a part of a process's memory: https://man7.org/linux/man-pages/man5/proc_pid_smaps.5.html. Sizes are in bytes.
type mapping struct {
	start, end uint64
	perms      string
	// name is a file, or what the kernel calls it: "[heap]"; empty for memory without a name.
	name     string
	resident int64
}

// readMappings reads the mappings of a process, in the order of their addresses.
func readMappings(pid int) ([]mapping, error) {
	in, err := os.Open(filepath.Join(proc, strconv.Itoa(pid), "smaps"))
	if err != nil {
		return nil, &problem.Problem{
			ID: "capture/memory-hidden", Title: fmt.Sprintf("the memory of process %d cannot be seen", pid), Why: problem.Reason(err),
			Hints: []string{"The kernel shows it to the same user alone, and not of a program that may not be dumped."}, Err: err,
		}
	}
	defer func() { _ = in.Close() }()
	return parseMappings(bufio.NewScanner(in))
}

func parseMappings(lines *bufio.Scanner) ([]mapping, error) {
	var list []mapping
	for lines.Scan() {
		line := lines.Text()
		if rest, found := strings.CutPrefix(line, "Rss:"); found && len(list) > 0 {
			kib, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			list[len(list)-1].resident = kib << 10
			continue
		}
		fields := strings.Fields(line)
		if len(fields) < 5 {
			continue
		}
		from, to, found := strings.Cut(fields[0], "-")
		start, startErr := strconv.ParseUint(from, 16, 64)
		end, endErr := strconv.ParseUint(to, 16, 64)
		if !found || startErr != nil || endErr != nil || end < start {
			continue
		}
		list = append(list, mapping{start: start, end: end, perms: fields[1], name: strings.Join(fields[min(5, len(fields)):], " ")})
	}
	return list, lines.Err()
}

// The kinds of memory, by what the kernel alone shows.
const (
	ofFiles  = "Program and libraries"
	ofMalloc = "malloc"
	ofStacks = "Stacks"
	ofCode   = "Compiled code"
	shared   = "Shared memory"
	unnamed  = "Other"
)

// arena is the size of what glibc reserves for a thread's allocations, at a multiple of it: https://sourceware.org/glibc/wiki/MallocInternals#Arenas_and_Heaps
const arena = 64 << 20

// stackAtMost is the largest stack of a thread that is taken for one.
const stackAtMost = 64 << 20

// byKind adds the resident memory up by kinds, and counts stacks.
func byKind(list []mapping) (kinds map[string]int64, stacks int) {
	kinds = map[string]int64{}
	for i, m := range list {
		kind := unnamed
		switch {
		case strings.HasPrefix(m.name, "/dev/shm/"), strings.HasPrefix(m.name, "/memfd:"), strings.HasPrefix(m.name, "/SYSV"), strings.HasPrefix(m.name, "/dev/zero"):
			kind = shared
		case strings.HasPrefix(m.name, "/"):
			kind = ofFiles
		case m.name == "[heap]":
			kind = ofMalloc
		case strings.HasPrefix(m.name, "[stack"):
			kind = ofStacks
			stacks++
		case m.name != "" && !strings.HasPrefix(m.name, "[anon"):
			continue
		case strings.Contains(m.perms, "x"):
			kind = ofCode
		case isArena(list, i):
			kind = ofMalloc
		case isStack(list, i):
			kind = ofStacks
			stacks++
		}
		kinds[kind] += m.resident
	}
	return kinds, stacks
}

// isArena: what can be written, and what is reserved for it behind, are together an arena.
func isArena(list []mapping, i int) bool {
	m := list[i]
	if m.start%arena != 0 || !strings.HasPrefix(m.perms, "rw-") {
		return false
	}
	end := m.end
	if i+1 < len(list) && list[i+1].start == m.end && strings.HasPrefix(list[i+1].perms, "---") {
		end = list[i+1].end
	}
	return end-m.start == arena
}

// isStack: a page that nobody may touch stands below the stack of a thread.
func isStack(list []mapping, i int) bool {
	m := list[i]
	if i == 0 || !strings.HasPrefix(m.perms, "rw-") || m.end-m.start > stackAtMost || m.end-m.start < 64<<10 {
		return false
	}
	guard := list[i-1]
	return guard.end == m.start && strings.HasPrefix(guard.perms, "---") && guard.end-guard.start <= 64<<10 && guard.name == ""
}
