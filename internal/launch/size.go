package launch

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
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
	if c.Image.Runtime == "node" {
		warnings = append(warnings, c.sizeNode(f, values, set)...)
	}
	return set, warnings
}

// workersPerCPU is how many workers a processor can be shared by before it is worth a warning.
const workersPerCPU = 4

func (c Check) sizeNode(f Facts, values, set map[string]string) (warnings []string) {
	given := values["NODE_OPTIONS"]
	v := parseVersion(c.Image.Version)
	var options []string
	switch chosen, isSet := heapOption(given); {
	case isSet && f.Memory > 0 && chosen*mebibyte > f.Memory:
		warnings = append(warnings, fmt.Sprintf("NODE_OPTIONS allows a heap of %d MiB, and the container has %d MiB: it will be killed before the heap is full",
			chosen, f.Memory/mebibyte))
	case isSet || f.Memory == 0:
	case v.since(version{22, 21}, version{24, 6}) && v.major != 23:
		// It follows a limit that is changed while the process runs.
		options = append(options, fmt.Sprintf("--max-old-space-size-percentage=%d", heapShare(f.Memory)))
	default:
		options = append(options, fmt.Sprintf("--max-old-space-size=%d", f.Memory*heapShare(f.Memory)/100/mebibyte))
	}
	// A report holds the environment with its secrets; where it cannot be left out, none is written.
	if v.since(version{22, 13}, version{23, 3}, version{24, 0}) && !strings.Contains(given, "--report-") && f.Temporary == nil {
		dir := filepath.Join(os.TempDir(), "gantry-reports")
		if os.MkdirAll(dir, 0o700) == nil {
			options = append(options, "--report-on-fatalerror", "--report-exclude-env", "--report-directory="+dir)
		}
	}
	if c.Image.DrainTimeout != "" && values["BPL_DRAIN"] != "off" {
		options = append(options, "--require="+filepath.Join(c.Layer, DrainFile))
		if values["BPL_DRAIN_TIMEOUT"] == "" {
			set["BPL_DRAIN_TIMEOUT"] = c.Image.DrainTimeout
		}
	}
	if len(options) > 0 {
		// What the user gave comes last: Node.js takes the last of two.
		set["NODE_OPTIONS"] = strings.TrimSpace(strings.Join(options, " ") + " " + given)
	}
	return warnings
}

// heapOption finds a heap size, in MiB, in NODE_OPTIONS; a percentage counts as set, with a size of 0.
func heapOption(options string) (size int64, isSet bool) {
	for option := range strings.FieldsSeq(options) {
		name, value, _ := strings.Cut(strings.ReplaceAll(option, "_", "-"), "=")
		switch name {
		case "--max-old-space-size":
			size, _ = strconv.ParseInt(value, 10, 64)
			return size, true
		case "--max-old-space-size-percentage", "--max-heap-size":
			return 0, true
		}
	}
	return 0, false
}
