package capture

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// order is a command line.
type order struct {
	name   string
	words  []string
	pid    int
	all    bool
	thread int
	length time.Duration
	file   string
	// memory, in bytes, and timeout bound a snapshot; 0 for none.
	memory  int64
	timeout time.Duration
	port    int
	force   bool
	quick   bool
	relay   bool
	exact   bool
	// json is for programs; an attended command ends when its standard input does.
	json     bool
	attended bool
	// trustNetwork: whoever shares the application's network may use its inspector. A container of gantry run has the machine's network.
	trustNetwork bool
}

// lengths are how long commands look when nobody says.
var lengths = map[string]time.Duration{"lag": 10 * time.Second, "gc": 10 * time.Second, "memory": 10 * time.Second, "debug": time.Hour}

// longest bounds how long a command may look.
const longest = 24 * time.Hour

func parse(arguments []string) (order, error) {
	o := order{name: arguments[0], length: 30 * time.Second}
	arguments = arguments[1:]
	if o.name == "profile" || o.name == "snapshot" {
		if len(arguments) == 0 || strings.HasPrefix(arguments[0], "-") {
			return o, usageError("say what of: " + o.name + " heap" + map[bool]string{true: ", profile cpu or profile allocations"}[o.name == "profile"])
		}
		o.name, arguments = o.name+" "+arguments[0], arguments[1:]
	}
	if usual, ok := lengths[o.name]; ok {
		o.length = usual
	}
	switches := map[string]*bool{"--force": &o.force, "--all": &o.all, "--quick": &o.quick, "--relay": &o.relay, "--exact": &o.exact, "--json": &o.json, "--attended": &o.attended, "--trust-network": &o.trustNetwork}
	for len(arguments) > 0 {
		word := arguments[0]
		arguments = arguments[1:]
		if on := switches[word]; on != nil {
			*on = true
			continue
		}
		if !strings.HasPrefix(word, "--") && word != "-o" {
			o.words = append(o.words, word)
			continue
		}
		name, value, joined := strings.Cut(word, "=")
		if !joined {
			if !slices.Contains(options, name) {
				return o, usageError("there is no option " + name + meant(name))
			}
			if len(arguments) == 0 {
				return o, usageError(name + " needs a value")
			}
			value, arguments = arguments[0], arguments[1:]
		}
		if err := o.set(name, value); err != nil {
			return o, err
		}
	}
	return o, nil
}

// options are those that take a value, and those that take none.
var options = []string{
	"--port", "--timeout", "--max-memory", "--pid", "--thread", "--for", "--output", "-o",
	"--force", "--all", "--quick", "--exact", "--json",
}

func (o *order) set(name, value string) (err error) {
	switch name {
	case "--port":
		o.port, err = strconv.Atoi(value)
	case "--timeout":
		if o.timeout, err = time.ParseDuration(value); err == nil && (o.timeout <= 0 || o.timeout > longest) {
			err = errors.New("out of range")
		}
	case "--max-memory":
		o.memory, err = parseSize(value)
	case "--pid":
		o.pid, err = strconv.Atoi(value)
	case "--thread":
		o.thread, err = strconv.Atoi(value)
	case "--for":
		if o.length, err = time.ParseDuration(value); err == nil && (o.length <= 0 || o.length > longest) {
			err = errors.New("out of range")
		}
	case "--output", "-o":
		o.file = value
	default:
		return usageError("there is no option " + name + meant(name))
	}
	if err != nil {
		return usageError(fmt.Sprintf("%s is not understood: %q", name, value))
	}
	return nil
}

// parseSize reads a number of bytes: 512MB, 2GB, 1.5GiB.
func parseSize(text string) (int64, error) {
	units := []struct {
		name  string
		bytes float64
	}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"GB", 1e9}, {"MB", 1e6}, {"Gi", 1 << 30}, {"Mi", 1 << 20}, {"G", 1e9}, {"M", 1e6}}
	for _, unit := range units {
		if digits, found := strings.CutSuffix(text, unit.name); found {
			n, err := strconv.ParseFloat(strings.TrimSpace(digits), 64)
			if err == nil && n <= 0 {
				err = errors.New("out of range")
			}
			return int64(n * unit.bytes), err
		}
	}
	return 0, errors.New("no unit")
}

func size(bytes int64) string { return fmt.Sprintf("%.0f MB", float64(bytes)/1e6) }
