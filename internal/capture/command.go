package capture

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/gantry-buildpack/gantry/internal/problem"
)

// Usage are the lines of these commands for the program's usage.
const Usage = `  gantry ps                    lists the application's processes of Node.js
  gantry profile cpu|heap [--for 30s] [--pid N] [--output FILE]
                               a profile of the running process, for Chrome DevTools
  gantry snapshot heap [--force] [--pid N] [--output FILE]
                               all objects of the heap, for Chrome DevTools
  gantry report-process [--pid N] [--output FILE]
                               Node.js' diagnostic report, without values of variables
  gantry stacks [--pid N]      what the event loop is doing right now
  gantry lag [--for 10s] [--pid N]
                               how late the event loop is
`

// order is a command line.
type order struct {
	pid    int
	length time.Duration
	file   string
	force  bool
}

// Is reports whether a word is one of these commands.
func Is(word string) bool {
	return slices.Contains([]string{"ps", "profile", "snapshot", "report-process", "stacks", "lag"}, word)
}

// Streams are where a command writes. Terminal: what it writes to Out is read by a person.
type Streams struct {
	Out      io.Writer
	Terminal bool
	Err      io.Writer
}

// Run carries a command out, and gives the program's exit code. limit is the container's memory in bytes, 0 for none.
func Run(arguments []string, limit int64, s Streams) int {
	// The first signal ends a capture early, with what there is; nothing of it is left in the application.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	err := run(ctx, arguments, limit, s)
	if err == nil {
		return 0
	}
	if usage, ok := errors.AsType[usageError](err); ok {
		fmt.Fprintf(s.Err, "gantry: %s\n%s", string(usage), Usage)
		return 2
	}
	p := problem.As(err)
	fmt.Fprintf(s.Err, "gantry: %s  [%s]\n", p.Title, p.ID)
	if p.Why != "" {
		fmt.Fprintf(s.Err, "  why  %s\n", p.Why)
	}
	for _, hint := range p.Hints {
		fmt.Fprintf(s.Err, "  do   %s\n", hint)
	}
	return 1
}

type usageError string

func (e usageError) Error() string { return string(e) }

func run(ctx context.Context, arguments []string, limit int64, s Streams) error {
	name, rest := arguments[0], arguments[1:]
	if name == "profile" || name == "snapshot" {
		if len(rest) == 0 || strings.HasPrefix(rest[0], "-") {
			return usageError("say what of: " + name + " cpu or " + name + " heap")
		}
		name, rest = name+" "+rest[0], rest[1:]
	}
	o, err := parse(rest, map[string]time.Duration{"lag": 10 * time.Second}[name])
	if err != nil {
		return err
	}
	kinds := map[string]struct {
		take      capture
		what      string
		extension string
	}{
		"profile cpu":    {cpuProfile(o.length), "Taking a CPU profile, for " + o.length.String(), "cpuprofile"},
		"profile heap":   {heapProfile(o.length), "Taking a heap profile, for " + o.length.String(), "heapprofile"},
		"snapshot heap":  {heapSnapshot(limit, o.force), "Taking a heap snapshot, while the application stands still", "heapsnapshot"},
		"report-process": {nodeReport, "Taking a diagnostic report", "json"},
		"stacks":         {stacks, "", ""},
		"lag":            {lag(o.length), "Watching the event loop, for " + o.length.String(), ""},
	}
	if name == "ps" {
		return list(s.Out)
	}
	kind, known := kinds[name]
	if !known {
		return usageError("there is no command " + name)
	}
	process, err := choose(o.pid)
	if err != nil {
		return err
	}
	if kind.what != "" {
		fmt.Fprintf(s.Err, "%s: process %d …\n", kind.what, process.PID)
	}
	if o.file == "" && s.Terminal && kind.extension != "" {
		o.file = fmt.Sprintf("%s/%s-%d.%s", os.TempDir(), strings.ReplaceAll(name, " ", "-"), process.PID, kind.extension)
	}
	if o.file == "" {
		return take(ctx, process, kind.take, s.Out)
	}
	return toFile(ctx, process, kind.take, o.file, s.Err)
}

// take attaches, takes, and detaches, whatever happens in between.
func take(ctx context.Context, p Process, c capture, out io.Writer) error {
	i, err := attach(ctx, p)
	if err != nil {
		return err
	}
	err = c(ctx, i, out)
	return errors.Join(err, i.detach())
}

// toFile gives the file its name only when it is whole.
func toFile(ctx context.Context, p Process, c capture, file string, progress io.Writer) error {
	out, err := os.OpenFile(file+".partial", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return problem.Disk("write "+file, err)
	}
	err = take(ctx, p, c, out)
	if err = errors.Join(err, out.Close()); err != nil {
		return errors.Join(err, os.Remove(file+".partial"))
	}
	if err := os.Rename(file+".partial", file); err != nil {
		return problem.Disk("write "+file, err)
	}
	fmt.Fprintf(progress, "Written to %s\n", file)
	return nil
}

func parse(arguments []string, usual time.Duration) (order, error) {
	o := order{length: usual}
	if o.length == 0 {
		o.length = 30 * time.Second
	}
	for len(arguments) > 0 {
		name, value, joined := strings.Cut(arguments[0], "=")
		arguments = arguments[1:]
		if name == "--force" {
			o.force = true
			continue
		}
		if !joined {
			if len(arguments) == 0 {
				return o, usageError(name + " needs a value")
			}
			value, arguments = arguments[0], arguments[1:]
		}
		var err error
		switch name {
		case "--pid":
			o.pid, err = strconv.Atoi(value)
		case "--for":
			if o.length, err = time.ParseDuration(value); err == nil && (o.length <= 0 || o.length > time.Hour) {
				err = errors.New("out of range")
			}
		case "--output", "-o":
			o.file = value
		default:
			return o, usageError("there is no option " + name)
		}
		if err != nil {
			return o, usageError(fmt.Sprintf("%s is not understood: %q", name, value))
		}
	}
	return o, nil
}

func list(out io.Writer) error {
	processes := Processes()
	if len(processes) == 0 {
		_, err := choose(0)
		return err
	}
	if _, err := fmt.Fprintf(out, "%7s  %9s  %9s  %s\n", "PID", "RUNNING", "MEMORY", "COMMAND"); err != nil {
		return err
	}
	for _, p := range processes {
		if _, err := fmt.Fprintf(out, "%7d  %9s  %9s  %s\n", p.PID, p.Running, size(p.Memory), p.Command); err != nil {
			return err
		}
	}
	return nil
}

func size(bytes int64) string { return fmt.Sprintf("%.0f MB", float64(bytes)/1e6) }

func sortedKeys(m map[string]int) []string { return slices.Sorted(maps.Keys(m)) }
