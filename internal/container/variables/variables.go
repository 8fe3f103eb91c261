// Package variables knows the variables BPL_… of a container: what their values may be, and what is said of others.
package variables

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/agext/levenshtein"
)

// Prefix is what the names of all variables begin with that buildpacks read in a container:
// https://github.com/paketo-buildpacks/rfcs/blob/main/text/0003-environment-variable-naming.md.
const Prefix = "BPL_"

// variable is one of them. Adding one: a row in known, one in docs/settings.md, and a configuration in buildpack.toml.
type variable struct {
	form
	// unsafe says of a value that is not understood what the application would start without; empty: a line in the log is
	// enough.
	unsafe string
}

// form is what values may be: Type and Values are those of the variable's configuration in buildpack.toml.
type form struct {
	Type   string
	Values []string
	// read gives a value in the form in which it is passed on, or says what is expected.
	read func(value string) (string, error)
}

var (
	onOff     = form{Type: "switch", read: readSwitch}
	trueFalse = form{Type: "boolean", read: readBoolean}
	duration  = form{Type: "duration", read: readDuration}
	host      = form{Type: "host", read: readHost}
	port      = form{Type: "port", read: readPort}
	folder    = form{Type: "absolute-path", read: readFolder}
)

var known = map[string]variable{
	"BPL_CONFIG_CHECK":            {oneOf("enforce", "warn", "off"), "the check of its configuration as it was meant"},
	"BPL_LIBRARY_CHECK":           {oneOf("enforce", "warn", "off"), "the check of its libraries as it was meant"},
	"BPL_DRAIN":                   {onOff, "draining as it was meant"},
	"BPL_DRAIN_DELAY":             {duration, "draining as it was meant"},
	"BPL_DRAIN_TIMEOUT":           {duration, "draining as it was meant"},
	"BPL_DRAIN_WEBSOCKET_TIMEOUT": {duration, "draining as it was meant"},
	"BPL_DEBUG_HOST":              {host, "knowing who can reach its inspector"},
	"BPL_DEBUG_PORT":              {port, "knowing where its inspector listens"},
	"BPL_DIAGNOSTICS":             {onOff, "knowing who can look into it"},
	"BPL_DEBUG_ENABLED":           {trueFalse, ""},
	"BPL_DEBUG_SUSPEND":           {trueFalse, ""},
	"BPL_CONSOLE_ENABLED":         {trueFalse, "knowing who can change it"},
	"BPL_LAUNCH_FACTS":            {trueFalse, ""},
	"BPL_ACCESS_LOG":              {trueFalse, ""},
	"BPL_JEMALLOC":                {trueFalse, ""},
	"BPL_SOURCE_MAPS":             {onOff, ""},
	"BPL_YJIT":                    {onOff, ""},
	"BPL_CRASH_DIR":               {folder, ""},
}

// Names gives the names of all that Gantry reads, in order.
func Names() []string { return slices.Sorted(maps.Keys(known)) }

// Form gives what a variable's configuration in buildpack.toml has to say: its type and values, and whether an application does
// not start when its value is not understood.
func Form(name string) (kind string, values []string, refused bool) {
	v := known[name]
	return v.Type, v.Values, v.unsafe != ""
}

// Check tells what is expected of a value that the variable cannot have. ok is false where Gantry does not know the variable.
func Check(name, value string) (expected error, ok bool) {
	v, ok := known[name]
	if !ok || value == "" {
		return nil, ok
	}
	_, expected = v.read(value)
	return expected, true
}

// Read gives the variables BPL_… of an environment in the forms that the program and its scripts understand, and a line for
// each that it does not know or understand; what is ignored is empty. An error is a variable that changes how safe the
// application is: with another meaning than the one that was meant, it must not start.
func Read(values map[string]string) (understood map[string]string, notes []string, err error) {
	understood = map[string]string{}
	var refused []string
	for _, name := range slices.Sorted(maps.Keys(values)) {
		value := values[name]
		if !strings.HasPrefix(name, Prefix) || value == "" {
			continue
		}
		v, found := known[name]
		if !found {
			near, found := nearest(name)
			switch {
			case !found:
				notes = append(notes, name+" is not a setting of Gantry; it changes nothing here")
			case known[near].unsafe != "":
				refused = append(refused, fmt.Sprintf("%s is not a setting; did you mean %s? Without it the application would start without %s", name, near, known[near].unsafe))
			default:
				notes = append(notes, fmt.Sprintf("%s is not a setting; did you mean %s?", name, near))
			}
			continue
		}
		form, wrong := v.read(value)
		switch {
		case wrong == nil:
			understood[name] = form
		case v.unsafe != "":
			refused = append(refused, fmt.Sprintf("%s is %q; expected is %v. The application would start without %s", name, value, wrong, v.unsafe))
		default:
			understood[name] = ""
			notes = append(notes, fmt.Sprintf("%s is %q and is ignored; expected is %v", name, value, wrong))
		}
	}
	if len(refused) > 0 {
		err = errors.New(strings.Join(refused, "\ngantry: "))
	}
	return understood, notes, err
}

// misspelled is how many letters may differ between a name and the one that was meant.
const misspelled = 2

func nearest(name string) (near string, found bool) {
	best := misspelled + 1
	for _, candidate := range Names() {
		if distance := levenshtein.Distance(name, candidate, nil); distance < best {
			near, best, found = candidate, distance, true
		}
	}
	return near, found
}

// readBoolean reads what strconv.ParseBool reads, as other buildpacks do: 1, t, TRUE, 0 and the like.
func readBoolean(value string) (string, error) {
	on, err := strconv.ParseBool(value)
	if err != nil {
		return "", errors.New("true or false")
	}
	return strconv.FormatBool(on), nil
}

func readSwitch(value string) (string, error) {
	lower := strings.ToLower(value)
	if on, err := strconv.ParseBool(lower); err == nil {
		lower = map[bool]string{true: "on", false: "off"}[on]
	}
	if lower != "on" && lower != "off" {
		return "", errors.New("on or off")
	}
	return lower, nil
}

func oneOf(values ...string) form {
	return form{"text", values, func(value string) (string, error) {
		if !slices.Contains(values, strings.ToLower(value)) {
			return "", errors.New("one of " + strings.Join(values, ", "))
		}
		return strings.ToLower(value), nil
	}}
}

func readDuration(value string) (string, error) {
	if d, err := time.ParseDuration(value); err != nil || d < 0 {
		return "", errors.New("a time such as 5s or 1m30s")
	}
	return value, nil
}

// InspectorPort is Node.js' own: https://nodejs.org/api/cli.html#--inspecthostport.
const InspectorPort = 9229

func readPort(value string) (string, error) {
	if n, err := strconv.Atoi(value); err != nil || n < 1 || n > 65535 {
		return "", fmt.Errorf("a number from 1 to 65535, or nothing for %d", InspectorPort)
	}
	return value, nil
}

// readHost reads an address or a name of this machine; a port or a scheme belongs elsewhere.
func readHost(value string) (string, error) {
	plain := strings.TrimSuffix(strings.TrimPrefix(value, "["), "]")
	outside := func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune(".:-[]", r))
	}
	if strings.ContainsFunc(value, outside) || strings.Contains(plain, ":") && strings.Count(plain, ":") < 2 {
		return "", errors.New("an address such as 127.0.0.1, without a port")
	}
	return value, nil
}

func readFolder(value string) (string, error) {
	if !strings.HasPrefix(value, "/") {
		return "", errors.New("the absolute path of a folder")
	}
	return value, nil
}
