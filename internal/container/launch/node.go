package launch

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/container/crash"
	"github.com/gantry-buildpack/gantry/internal/container/variables"
)

// nodeOptions puts the flags for Node.js into set["NODE_OPTIONS"], by what its exact version knows: one that it does not
// know keeps it from starting (https://nodejs.org/api/cli.html#node_optionsoptions).
func (c Check) nodeOptions(f Facts, values, set map[string]string) (warnings []string) {
	given := values["NODE_OPTIONS"]
	options, warnings := c.heapOptions(f, given)
	preloads := c.canPreload(given)
	switch v := parseVersion(c.Image.Version); {
	case values["BPL_DIAGNOSTICS"] != "off":
		options = append(options, c.crashOptions(f, preloads, set)...)
	case v.since(version{22, 14}, version{23, 7}, version{24, 0}):
		options = append(options, "--disable-sigusr1")
	}
	debug, notes := debugOptions(values)
	options, warnings = append(options, debug...), append(warnings, notes...)
	if c.Image.DrainTimeout != "" && values["BPL_DRAIN"] != "off" && !preloads {
		warnings = append(warnings, "running requests are cut off at SIGTERM: with --permission, Node.js "+c.Image.Version+" lets nothing be loaded before the application")
	} else if c.Image.DrainTimeout != "" && values["BPL_DRAIN"] != "off" {
		options = append(options, "--require="+filepath.Join(c.Layer, DrainFile))
		if values["BPL_DRAIN_TIMEOUT"] == "" {
			set["BPL_DRAIN_TIMEOUT"] = c.Image.DrainTimeout
		}
		if values["BPL_DRAIN_WEBSOCKET_TIMEOUT"] == "" && c.Image.DrainWebSocketTimeout != "" {
			set["BPL_DRAIN_WEBSOCKET_TIMEOUT"] = c.Image.DrainWebSocketTimeout
		}
	}
	// What the user gave comes last: Node.js takes the last of two.
	if len(options) > 0 {
		set["NODE_OPTIONS"] = strings.TrimSpace(strings.Join(options, " ") + " " + given)
	}
	return warnings
}

// canPreload reports whether Node.js can load a script of Gantry before the application. Under its permission model an
// older Node.js may read that only where the application allows it, and does not start otherwise:
// https://nodejs.org/api/permissions.html.
func (c Check) canPreload(given string) bool {
	restricts := func(option string) bool { return option == "--permission" || option == "--experimental-permission" }
	if !slices.ContainsFunc(c.Args, restricts) && !slices.ContainsFunc(strings.Fields(given), restricts) {
		return true
	}
	// A newer one may read what it loads first, where it runs a file.
	evaluates := func(word string) bool {
		return slices.Contains([]string{"-e", "--eval", "-p", "--print", "-pe", "-"}, word) || strings.HasPrefix(word, "--eval=") || strings.HasPrefix(word, "--input-type")
	}
	v := parseVersion(c.Image.Version)
	return v.since(version{22, 23}, version{24, 0}) && v.major != 23 && !slices.ContainsFunc(c.Args, evaluates)
}

func (c Check) heapOptions(f Facts, given string) (options, warnings []string) {
	switch chosen, isSet := heapOption(given); {
	case isSet && f.Memory > 0 && chosen*mebibyte > f.Memory:
		warnings = append(warnings, fmt.Sprintf("NODE_OPTIONS allows a heap of %d MiB, and the container has %d MiB: it will be killed before the heap is full",
			chosen, f.Memory/mebibyte))
	case isSet || f.Memory == 0:
	default:
		// A percentage would follow a limit that changes, and keep a child process of an older Node.js from starting.
		options = append(options, fmt.Sprintf("--max-old-space-size=%d", f.Memory*heapShare(f.Memory)/100/mebibyte))
	}
	return options, warnings
}

// crashOptions have Node.js load the script that records how it ends, in a folder that nobody else can read.
func (c Check) crashOptions(f Facts, preloads bool, set map[string]string) (options []string) {
	if preloads {
		options = append(options, "--require="+filepath.Join(c.Layer, crash.WatchFile))
	}
	if f.Temporary != nil {
		return options
	}
	dir, err := makeReports()
	if err != nil {
		return options
	}
	// The script has reports of fatal errors written there.
	set[reportsVariable] = dir
	return options
}

// debugOptions open the inspector from the start, when BPL_DEBUG_ENABLED says so: on the loopback address, unless
// BPL_DEBUG_HOST says otherwise.
func debugOptions(values map[string]string) (options, notes []string) {
	enabled := values["BPL_DEBUG_ENABLED"] == "true"
	switch {
	case !enabled:
		for _, name := range []string{"BPL_DEBUG_HOST", "BPL_DEBUG_PORT", "BPL_DEBUG_SUSPEND"} {
			if value := values[name]; value != "" && value != "false" {
				notes = append(notes, name+" changes nothing without BPL_DEBUG_ENABLED=true")
			}
		}
		return nil, notes
	case strings.Contains(values["NODE_OPTIONS"], "--inspect"):
		return nil, []string{"BPL_DEBUG_ENABLED and its port and address are ignored: NODE_OPTIONS has --inspect options of its own"}
	case values["BPL_DIAGNOSTICS"] == "off":
		return nil, []string{"BPL_DEBUG_ENABLED is ignored: BPL_DIAGNOSTICS=off forbids looking inside"}
	case values["BPL_CONSOLE_ENABLED"] == "false":
		return nil, []string{"BPL_DEBUG_ENABLED is ignored: BPL_CONSOLE_ENABLED=false forbids debugging"}
	}
	port := variables.InspectorPort
	if number, err := strconv.Atoi(values["BPL_DEBUG_PORT"]); err == nil {
		port = number
	}
	host := values["BPL_DEBUG_HOST"]
	if host == "" {
		host = "127.0.0.1"
	}
	if strings.Contains(host, ":") && !strings.HasPrefix(host, "[") {
		// https://nodejs.org/api/cli.html#--inspecthostport
		host = "[" + host + "]"
	}
	flag, state := "--inspect", ""
	if values["BPL_DEBUG_SUSPEND"] == "true" {
		flag, state = "--inspect-brk", ", and the application waits for a debugger (BPL_DEBUG_SUSPEND)"
	}
	notes = append(notes, fmt.Sprintf("the inspector listens on %s:%d%s", host, port, state))
	if host != "127.0.0.1" && host != "localhost" && host != "[::1]" {
		notes = append(notes, fmt.Sprintf("BPL_DEBUG_HOST opens it to the network: whoever reaches %s:%d can run any code in the application", host, port))
	}
	name, _ := os.Hostname()
	notes = append(notes, fmt.Sprintf("on your machine: kubectl port-forward pod/%s %d:%d, then attach Chrome (chrome://inspect) or VS Code to localhost:%d", name, port, port, port))
	return []string{fmt.Sprintf("%s=%s:%d", flag, host, port)}, notes
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
