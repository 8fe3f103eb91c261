package capture

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/gantry-buildpack/gantry/internal/inspect/rubyprofile"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// Usage are the lines of these commands for the program's usage.
const Usage = `  gantry ps [--quick]          lists the application's processes
  gantry stacks                what every thread is doing right now; also: gantry threads
  gantry profile cpu [--for 30s]
                               where processor time goes, for gantry report
  gantry memory [--for 10s]    what its memory is made of, and what grows
  gantry snapshot heap [--timeout 10m] [--max-memory 2GB] [--force]
                               all objects of the heap, for gantry report

  Node.js
  gantry profile heap [--for 30s]
                               where memory is allocated that is still in use
  gantry report-process        Node.js' diagnostic report, without values of variables
  gantry lag [--for 10s]       how late the event loop is
  gantry console EXPRESSION    evaluates an expression in the application, where BPL_CONSOLE_ENABLED=true allows it
  gantry logpoint FILE:LINE EXPRESSION [--for 30s]
                               writes an expression's value whenever a line is about to run
  gantry debug [--for 1h]      opens the inspector for a debugger, and says how to attach

  Ruby
  gantry profile allocations [--for 30s] [--exact]
                               which lines, classes, gems and requests allocate how many objects and bytes
  gantry gc [--for 10s]        what the garbage collector does meanwhile

  --pid N       the process, where there are several      --all         all of them
  --thread N    a worker thread of Node.js                --output FILE where to write, a folder with --all
  --force       also where it may stop the application for over a second, others share its network, or it may handle SIGUSR1
`

// Limit gives the memory, in bytes, that a container may have whose root folder is given; 0 for no limit.
type Limit func(root string) int64

// Host is what the commands need to know of where they run.
type Host struct {
	Limit Limit
	// Neighbours says who else could use an inspector that a process opens; nil: nobody looks.
	Neighbours func(Process) []string
	// Prepared reports whether it is known if the application handles SIGUSR1 itself; nil: it is taken for one that does not.
	Prepared func(Process) bool
}

// Names are the words with which these commands begin.
var Names = []string{"ps", "profile", "snapshot", "report-process", "stacks", "threads", "memory", "lag", "console", "logpoint", "debug", "gc"}

// Is reports whether a word is one of these commands.
func Is(word string) bool { return slices.Contains(Names, word) }

// Streams are where a command reads and writes. Terminal: what it writes to Out is read by a person.
type Streams struct {
	In       io.Reader
	Out      io.Writer
	Terminal bool
	Err      io.Writer
}

// The exit codes beyond 0 and 1: the command was not understood; a signal ended it, as shells have it.
const exitUsage, exitInterrupted = 2, 130

// memoryLimit is what the program may take, in bytes: it counts for the container of the application.
const memoryLimit = 28 << 20

// Run carries a command out, and gives the program's exit code.
func Run(arguments []string, h Host, s Streams) int {
	debug.SetGCPercent(30)
	debug.SetMemoryLimit(memoryLimit)
	// A program that stands still would hold its connection, and the application with it.
	signal.Ignore(syscall.SIGTSTP, syscall.SIGTTOU)
	// The first signal ends a capture early, with what there is; nothing of it is left in the application.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if slices.Contains(arguments, "--help") || slices.Contains(arguments, "-h") {
		fmt.Fprint(s.Out, "usage:\n", usageOf(arguments[0]))
		return 0
	}
	err := run(ctx, arguments, h, s)
	switch usage, wrong := errors.AsType[usageError](err); {
	case err == nil:
		return 0
	case wrong:
		fmt.Fprintf(s.Err, "gantry: %s\n%s", problem.Visible(string(usage)), usageOf(arguments[0]))
		return exitUsage
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		fmt.Fprintln(s.Err, "gantry: interrupted; nothing is written, and the application goes on")
		return exitInterrupted
	}
	fmt.Fprint(s.Err, problem.As(err).Plain())
	return 1
}

type usageError string

func (e usageError) Error() string { return string(e) }

// taker takes something from a process and writes it; log is told how that goes on.
type taker func(ctx context.Context, p Process, out, log io.Writer) error

// kind is what a command takes from a process.
type kind struct {
	// takers take it, by the runtime of the process.
	takers map[Runtime]taker
	// what is said meanwhile; extension is that of the file, empty for text that people read.
	what, extension string
}

func (k kind) runtimes() []Runtime { return slices.Sorted(maps.Keys(k.takers)) }

func (o order) kind(h Host) (kind, error) {
	if want := map[string]int{"console": 1, "logpoint": 2}[o.name]; len(o.words) != want {
		return kind{}, usageError(fmt.Sprintf("%s takes %d words behind it, and here are %d; put an expression in quotes", o.name, want, len(o.words)))
	}
	node := func(c capture) map[Runtime]taker { return map[Runtime]taker{Node: o.inspects(h, c, false)} }
	live := func(c capture) map[Runtime]taker { return map[Runtime]taker{Node: o.inspects(h, c, true)} }
	both := func(c capture, t taker) map[Runtime]taker {
		return map[Runtime]taker{Node: o.inspects(h, c, false), Ruby: t}
	}
	switch o.name {
	case "profile cpu":
		return kind{both(cpuProfile(o.length, o.force), rubyProfile(rubyprofile.CPU, o.length, false)), "Taking a CPU profile, for " + o.length.String(), "cpuprofile"}, nil
	case "profile heap":
		return kind{node(heapProfile(o.length, o.force)), "Taking a heap profile, for " + o.length.String(), "heapprofile"}, nil
	case "profile allocations":
		return kind{map[Runtime]taker{Ruby: rubyProfile(rubyprofile.Allocations, o.length, o.exact)}, "Taking a profile of allocations, for " + o.length.String(), "allocations"}, nil
	case "snapshot heap":
		most := snapshotLimits{memory: o.memory, time: cmp.Or(o.timeout, 10*time.Minute), force: o.force}
		takers := map[Runtime]taker{Node: o.inspects(h, heapSnapshot(h.Limit, most), true), Ruby: rubyHeap(h.Limit, o.force)}
		return kind{takers, "Taking a heap snapshot", "heapsnapshot"}, nil
	case "report-process":
		return kind{node(nodeReport), "Taking a diagnostic report", "json"}, nil
	case "stacks", "threads":
		return kind{takers: both(stacks, rubyStacks)}, nil
	case "memory":
		return kind{takers: both(memory(o.length, h.Limit), rubyMemory(o.length, h.Limit)), what: "Watching the memory, for " + o.length.String()}, nil
	case "gc":
		return kind{takers: map[Runtime]taker{Ruby: rubyGC(o.length)}, what: "Watching the garbage collector, for " + o.length.String()}, nil
	case "lag":
		return kind{takers: node(lag(o.length)), what: "Watching the event loop, for " + o.length.String()}, nil
	case "console":
		return kind{takers: node(console(o.words[0]))}, nil
	case "logpoint":
		take, err := logpoint(o.words[0], o.words[1], o.length, o.force)
		return kind{takers: live(take), what: "Waiting for " + o.words[0] + ", for " + o.length.String()}, err
	case "debug":
		return kind{takers: live(debugger(o.length, o.json))}, nil
	}
	return kind{}, usageError("there is no command " + o.name)
}

func run(ctx context.Context, arguments []string, h Host, s Streams) error {
	o, err := parse(arguments)
	if err != nil {
		return err
	}
	if o.attended {
		var over context.CancelFunc
		ctx, over = context.WithCancel(ctx)
		defer over()
		go func() {
			// Who asked is gone, or wants what there is.
			_, _ = io.Copy(io.Discard, s.In)
			over()
		}()
	}
	if o.name == "ps" && o.json {
		return listJSON(ctx, o.quick, s.Out)
	}
	if o.name == "ps" {
		return list(ctx, o.quick, s.Out)
	}
	if o.relay {
		return relay(cmp.Or(o.port, defaultPort), s.In, s.Out)
	}
	if o.trustNetwork {
		h.Neighbours = nil
	}
	k, err := o.kind(h)
	if err != nil {
		return err
	}
	if o.all {
		return o.takeAll(ctx, k, s)
	}
	process, err := choose(o.name, o.pid, k.runtimes())
	if err != nil {
		return err
	}
	return o.takeOne(ctx, k, process, s)
}

// takeAll takes from every process. Those of Node.js come one after the other, since their inspectors share a port; those
// of Ruby are looked at at once.
func (o order) takeAll(ctx context.Context, k kind, s Streams) error {
	processes := Processes(k.runtimes()...)
	if len(processes) == 0 {
		_, err := choose(o.name, 0, k.runtimes())
		return err
	}
	dir := o.file
	if dir == "" {
		dir = os.TempDir()
	}
	errs := make([]error, len(processes))
	var group sync.WaitGroup
	for i, p := range processes {
		one := o
		if k.extension != "" {
			one.file = one.fileIn(dir, k, p)
		} else if _, err := fmt.Fprintf(s.Out, "Process %d, %s:\n", p.PID, p.Shown()); err != nil {
			return err
		}
		if p.Runtime == Ruby && k.extension != "" {
			group.Go(func() { errs[i] = one.takeOne(ctx, k, p, s) })
			continue
		}
		if errs[i] = one.takeOne(ctx, k, p, s); ctx.Err() != nil {
			break
		}
	}
	group.Wait()
	return errors.Join(errs...)
}

func (o order) takeOne(ctx context.Context, k kind, p Process, s Streams) error {
	if err := permit(p, accesses[o.name]); err != nil {
		return err
	}
	if k.what != "" {
		fmt.Fprintf(s.Err, "%s: process %d …\n", k.what, p.PID)
	}
	if o.file == "" && s.Terminal && k.extension != "" {
		o.file = o.fileIn(os.TempDir(), k, p)
	}
	if o.file == "" {
		return k.takers[p.Runtime](ctx, p, readers(s.Out), s.Err)
	}
	return toFile(ctx, p, k.takers[p.Runtime], o.file, s.Err)
}

func (o order) fileIn(dir string, k kind, p Process) string {
	return fmt.Sprintf("%s/%s-%d.%s", dir, strings.ReplaceAll(o.name, " ", "-"), p.PID, k.extension)
}

// inspects is a taker for processes of Node.js. One that is live writes while it is taken; the others are written when the
// application is left alone again, however slowly somebody reads.
func (o order) inspects(h Host, c capture, live bool) taker {
	return func(ctx context.Context, p Process, out, log io.Writer) error {
		i, err := h.attach(ctx, p, o.force, log)
		if err != nil {
			return err
		}
		var kept bytes.Buffer
		to := io.Writer(&kept)
		if live {
			to = out
		}
		if err = i.enter(ctx, o.thread); err == nil {
			err = c(ctx, i, to)
		}
		if err = errors.Join(err, i.detach()); err == nil {
			_, err = kept.WriteTo(out)
		}
		return err
	}
}

// toFile gives the file its name only when it is whole.
func toFile(ctx context.Context, p Process, take taker, file string, log io.Writer) error {
	out, err := os.OpenFile(file+".partial", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return problem.Disk("write "+file, err)
	}
	err = take(ctx, p, out, log)
	if err = errors.Join(err, out.Close()); err != nil {
		return errors.Join(err, os.Remove(file+".partial"))
	}
	if err := os.Rename(file+".partial", file); err != nil {
		return problem.Disk("write "+file, err)
	}
	fmt.Fprintf(log, "Written to %s\n", file)
	return nil
}
