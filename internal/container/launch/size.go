package launch

import (
	"fmt"
	"math"
	"path/filepath"
	"strconv"
)

// version is major.minor of a runtime.
type version struct{ major, minor int }

func parseVersion(text string) (v version) {
	_, _ = fmt.Sscanf(text, "%d.%d", &v.major, &v.minor)
	return v
}

func (v version) since(majors ...version) bool {
	for _, from := range majors {
		if v.major == from.major && v.minor >= from.minor {
			return true
		}
	}
	last := majors[len(majors)-1]
	return v.major > last.major
}

const mebibyte = 1 << 20

// heapShare is the part of the memory that Node.js' heap may take; the rest is for buffers, code and threads, of which a
// small container needs a greater part.
func heapShare(memory int64) int64 {
	switch {
	case memory <= 256*mebibyte:
		return 60
	case memory <= 512*mebibyte:
		return 70
	default:
		return 75
	}
}

// size fits the runtime to the container's limits. What the user has set stays.
func (c Check) size(f Facts, values map[string]string) (set map[string]string, warnings []string) {
	set = map[string]string{}
	if values["WEB_CONCURRENCY"] == "" && f.CPUs > 0 {
		workers := max(1, math.Floor(f.CPUs))
		if f.Memory > 0 {
			workers = max(1, min(workers, float64(f.Memory/(512*mebibyte))))
		}
		set["WEB_CONCURRENCY"] = strconv.Itoa(int(workers))
	}
	if n, err := strconv.Atoi(values["WEB_CONCURRENCY"]); err == nil && f.CPUs > 0 && float64(n) > workersPerCPU*max(1, f.CPUs) {
		warnings = append(warnings, fmt.Sprintf("WEB_CONCURRENCY is %d, and the container may use %.1f processors: the workers will wait for each other", n, f.CPUs))
	}
	if program := c.program(); c.Image.OtherRuntimes[program] != "" {
		c.Image.Runtime, c.Image.Version = program, c.Image.OtherRuntimes[program]
	}
	if c.Image.Runtime == "ruby" {
		warnings = append(warnings, c.rubyVariables(f, values, set)...)
	}
	if c.Image.Runtime == "node" {
		warnings = append(warnings, c.nodeOptions(f, values, set)...)
	}
	return set, warnings
}

// workersPerCPU is how many workers a processor can be shared by before it is worth a warning.
const workersPerCPU = 4

// program is the name of the program that is started, without its folder; empty when there is none.
func (c Check) program() string {
	if len(c.Args) == 0 {
		return ""
	}
	return filepath.Base(c.Args[0])
}
