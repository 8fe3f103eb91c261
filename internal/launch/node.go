package launch

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/crash"
)

// nodeOptions puts the flags for Node.js into set["NODE_OPTIONS"], by what its exact version knows: one that it does not
// know keeps it from starting (https://nodejs.org/api/cli.html#node_optionsoptions).
func (c Check) nodeOptions(f Facts, values, set map[string]string) (warnings []string, err error) {
	given := values["NODE_OPTIONS"]
	options, warnings := c.heapOptions(f, given)
	if !strings.Contains(given, "stack-trace-limit") {
		options = append(options, stackTraceLimit)
	}
	if values["BPL_DIAGNOSTICS"] != "off" {
		options = append(options, c.crashOptions(f, given, set)...)
	}
	debug, notes, err := debugOptions(values)
	if err != nil {
		return nil, err
	}
	options, warnings = append(options, debug...), append(warnings, notes...)
	if c.Image.DrainTimeout != "" && values["BPL_DRAIN"] != "off" {
		options = append(options, "--require="+filepath.Join(c.Layer, DrainFile))
		if values["BPL_DRAIN_TIMEOUT"] == "" {
			set["BPL_DRAIN_TIMEOUT"] = c.Image.DrainTimeout
		}
	}
	// What the user gave comes last: Node.js takes the last of two.
	set["NODE_OPTIONS"] = strings.TrimSpace(strings.Join(options, " ") + " " + given)
	return warnings, nil
}

// stackTraceLimit makes stacks three times as long as usual: frameworks alone fill ten lines.
const stackTraceLimit = "--stack-trace-limit=30"

func (c Check) heapOptions(f Facts, given string) (options, warnings []string) {
	v := parseVersion(c.Image.Version)
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
	return options, warnings
}

// crashOptions have Node.js leave word of its end in a folder that nobody else can read. A report holds the environment
// with its secrets, where the version cannot leave it out: Init takes it out, and removes the file.
func (c Check) crashOptions(f Facts, given string, set map[string]string) []string {
	options := []string{"--require=" + filepath.Join(c.Layer, crash.WatchFile)}
	if f.Temporary != nil || strings.Contains(given, "--report-") {
		return options
	}
	dir := filepath.Join(os.TempDir(), reportsFolder)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return options
	}
	set[reportsVariable] = dir
	options = append(options, "--report-on-fatalerror", "--report-directory="+dir)
	if parseVersion(c.Image.Version).since(version{20, 13}, version{22, 0}) {
		// Else the names of all peers are looked up, one after the other, while the application ends.
		options = append(options, "--report-exclude-network")
	}
	if parseVersion(c.Image.Version).since(version{22, 13}, version{23, 3}, version{24, 0}) {
		options = append(options, "--report-exclude-env")
	}
	return options
}

// inspectorPort is Node.js' own: https://nodejs.org/api/cli.html#--inspecthostport.
const inspectorPort = 9229

// debugOptions open the inspector from the start, when BPL_DEBUG_ENABLED says so: on the loopback address, unless
// BPL_DEBUG_HOST says otherwise.
func debugOptions(values map[string]string) (options, notes []string, err error) {
	if values["BPL_DEBUG_ENABLED"] != "true" || strings.Contains(values["NODE_OPTIONS"], "--inspect") {
		return nil, nil, nil
	}
	port := inspectorPort
	if text := values["BPL_DEBUG_PORT"]; text != "" {
		if port, err = strconv.Atoi(text); err != nil || port < 1 || port > 65535 {
			return nil, nil, fmt.Errorf("BPL_DEBUG_PORT is %q, which is no port: set a number from 1 to 65535, or nothing for %d", text, inspectorPort)
		}
	}
	host := values["BPL_DEBUG_HOST"]
	if host == "" {
		host = "127.0.0.1"
	}
	flag, state := "--inspect", ""
	if values["BPL_DEBUG_SUSPEND"] == "true" {
		flag, state = "--inspect-brk", ", and the application waits for a debugger (BPL_DEBUG_SUSPEND)"
	}
	notes = append(notes, fmt.Sprintf("the inspector listens on %s:%d%s", host, port, state))
	if host != "127.0.0.1" && host != "localhost" && host != "::1" {
		notes = append(notes, fmt.Sprintf("BPL_DEBUG_HOST opens it to the network: whoever reaches %s:%d can run any code in the application", host, port))
	}
	name, _ := os.Hostname()
	notes = append(notes, fmt.Sprintf("on your machine: kubectl port-forward pod/%s %d:%d, then attach Chrome (chrome://inspect) or VS Code to localhost:%d", name, port, port, port))
	return []string{fmt.Sprintf("%s=%s:%d", flag, host, port)}, notes, nil
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
