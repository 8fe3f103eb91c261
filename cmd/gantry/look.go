package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/sync/errgroup"
	"golang.org/x/term"

	"github.com/gantry-buildpack/gantry/internal/container/crash"
	"github.com/gantry-buildpack/gantry/internal/platform/target"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// look is a command that the program in the image carries out; its words and options are the same there.
type look struct {
	use, short, example string
	// words are how many it takes besides TARGET; flags are its options, by the names of lookFlags.
	words int
	flags []string
	// extension is that of the capture it gives; empty for text.
	extension string
	// judges: its exit code is its answer.
	judges bool
	// attended commands end when their standard input does.
	attended bool
}

// looks are those commands.
var looks = []look{
	{use: "ps", short: "List the application's processes; without TARGET, what gantry run has started", flags: []string{"quick", "json"}},
	{use: "stacks", short: "What every thread is doing right now", flags: []string{"pid", "all", "thread", "force"}, attended: true},
	{use: "threads", short: "What every thread is doing right now, as gantry stacks", flags: []string{"pid", "all", "thread", "force"}, attended: true},
	{use: "memory", short: "What the memory is made of (heap, Buffers, code, native code), and what grows", flags: []string{"for", "pid", "all", "thread", "force"}, attended: true},
	{use: "profile cpu", short: "Where processor time goes", example: "deploy/web --for 30s --open", flags: []string{"for", "pid", "all", "thread", "force"}, extension: "cpuprofile", attended: true},
	{use: "profile heap", short: "Node.js: where memory is allocated that is still in use", example: "pod/web-5d4f --text", flags: []string{"for", "pid", "all", "thread", "force"}, extension: "heapprofile", attended: true},
	{use: "profile allocations", short: "Ruby: which lines, classes, gems and requests allocate how much", flags: []string{"for", "exact", "pid", "all", "force"}, extension: "allocations", attended: true},
	{use: "snapshot heap", short: "All objects of the heap; the application stands still meanwhile", flags: []string{"timeout", "max-memory", "pid", "all", "thread", "force"}, extension: "heapsnapshot", attended: true},
	{use: "report-process", short: "Node.js: its diagnostic report, without values of variables", flags: []string{"pid", "all", "thread", "force"}, extension: "json", attended: true},
	{use: "lag", short: "Node.js: how late the event loop is", flags: []string{"for", "pid", "all", "thread", "force"}, attended: true},
	{use: "console EXPRESSION", short: "Node.js: an expression's value, where BPL_CONSOLE_ENABLED=true allows it", example: "deploy/web 'cache.size'", words: 1, flags: []string{"pid", "all", "thread", "force"}, attended: true},
	{use: "logpoint FILE:LINE EXPRESSION", short: "Node.js: an expression's value whenever a line is about to run", example: "deploy/web src/orders.ts:42 'order.id' --for 30s", words: 2, flags: []string{"for", "pid", "all", "thread", "force"}, attended: true},
	{use: "gc", short: "Ruby: what the garbage collector does", flags: []string{"for", "pid", "all"}, attended: true},
	{use: "doctor", short: "What stands out in the container: limits, runtime, clock, names, configuration, crashes", flags: []string{"json"}, judges: true},
	{use: "crash list", short: "The latest crashes of the application", flags: []string{"json"}},
	{use: "crash show [NAME]", short: "One crash, the latest when none is named", words: 1, flags: []string{"json", "report"}},
	{use: "preflight [TYPE…]", short: "Check the configuration of process types against the container's environment", words: -1, flags: []string{"json"}, judges: true},
}

// The words for groups of commands.
var lookGroups = map[string]string{
	"profile": "Profiles: of the processor, of memory, of allocations", "snapshot": "Snapshots of memory", "crash": "Crashes of the application",
}

// lookOptions are what the tool on a laptop does with what comes.
type lookOptions struct {
	target.Options
	allPods bool
	reportOptions
}

func lookCommands() []*cobra.Command {
	parents := map[string]*cobra.Command{}
	var list []*cobra.Command
	for _, l := range looks {
		words := strings.Fields(l.use)
		parent := parents[words[0]]
		if short := lookGroups[words[0]]; short != "" && parent == nil {
			parent = &cobra.Command{Use: words[0], Short: short, GroupID: "look"}
			parents[words[0]] = parent
			list = append(list, parent)
		}
		c := l.command(parent != nil)
		if parent == nil {
			c.GroupID = "look"
			list = append(list, c)
			continue
		}
		parent.AddCommand(c)
	}
	return append(list, allocationsCommand(), debugCommand())
}

// command makes the command; nested ones are called by their second word.
func (l look) command(nested bool) *cobra.Command {
	words := strings.Fields(l.use)
	name, rest := words[0], words[1:]
	full := name
	if nested {
		name, rest = words[1], words[2:]
		full += " " + name
	}
	var o lookOptions
	var async asyncOptions
	where := "TARGET"
	if full == "ps" {
		where = "[TARGET]"
	}
	c := &cobra.Command{Use: strings.Join(append([]string{name, where}, append(rest, "[options]")...), " "), Short: l.short}
	if l.example != "" {
		c.Example = "  gantry " + full + " " + l.example
	}
	if l.judges {
		c.Annotations = map[string]string{judges: "yes"}
	}
	lookFlags(c.Flags(), l.flags)
	o.add(c.Flags(), l.extension != "")
	if full == "stacks" {
		async.add(c)
		c.Example = "  gantry stacks deploy/web\n  gantry stacks deploy/web --async"
	}
	c.RunE = func(c *cobra.Command, words []string) error {
		if full == "ps" && len(words) == 0 {
			return listContainers(c)
		}
		least, most := 1+l.words, 1+l.words
		if strings.Contains(l.use, "[") {
			least = 1
		}
		if l.words < 0 {
			most = -1
		}
		if len(words) == 0 {
			return noTarget(full)
		}
		o.Local = localProcess
		t, err := target.Parse(words[0], o.Options)
		if err != nil {
			return err
		}
		if err := arguments(least, most, strings.TrimSpace("a TARGET "+strings.Join(rest, " ")))(c, words); err != nil {
			return err
		}
		if length, err := c.Flags().GetDuration("for"); err == nil && length < 0 {
			return usageError{c, "--for is a time such as 30s, and not below 0"}
		}
		order := append(strings.Fields(full), words[1:]...)
		order = append(order, given(c.Flags(), l.flags)...)
		if name, local := strings.CutPrefix(words[0], "run://"); local && order[0] == "crash" {
			if dir, over := endedCrashes(name); over {
				return ended(crash.Run(order[1:], crash.Open(map[string]string{"BPL_CRASH_DIR": dir}), os.Stdout, os.Stderr), nil)
			}
		}
		if l.attended {
			order = append(order, attended(t)...)
		}
		if async.async {
			return async.stacks(c.Context(), append(given(c.Flags(), l.flags), attended(t)...), t)
		}
		if l.extension != "" {
			return o.capture(c, l, full, order, t)
		}
		return o.text(c.Context(), l, order, t)
	}
	return c
}

// add adds the options of the laptop.
func (o *lookOptions) add(f *pflag.FlagSet, captures bool) {
	f.StringVarP(&o.Namespace, "namespace", "n", "", "the namespace in the cluster")
	f.StringVar(&o.Context, "context", "", "the context of the kubeconfig")
	f.StringVarP(&o.Container, "container", "c", "", "the container, where a pod has several")
	f.BoolVar(&o.allPods, "all-pods", false, "in each running pod of the object, at once")
	if !captures {
		return
	}
	f.StringVarP(&o.output, "output", "o", "", "the capture's file; - for standard output (default: named after command and TARGET)")
	f.BoolVar(&o.textOnly, "text", false, "print the summary, and keep no file")
	f.BoolVar(&o.open, "open", false, "write a page, too, and open it in the browser")
	f.StringVar(&o.pprof, "pprof", "", "also write the profile for go tool pprof and speedscope into this file")
}

func noTarget(command string) error {
	return &problem.Problem{
		ID: "target/unknown", Title: "gantry " + command + " needs to know where the application runs",
		Hints: []string{
			"Name it: gantry " + command + " deploy/web, pod/web-5d4f, docker://web or run://web.",
			"In the container itself, the same command without TARGET: kubectl exec deploy/web -- gantry " + command,
		},
	}
}

// attended has the program in the image end when its input does. A container of gantry run shares the network with this machine, whose user
// asks.
func attended(t target.Target) []string {
	if t.OnThisMachine() {
		return []string{"--attended", "--trust-network"}
	}
	return []string{"--attended"}
}

// targets gives where to look: the target, or with --all-pods each of its pods.
func (o *lookOptions) targets(ctx context.Context, t target.Target) ([]target.Target, error) {
	if !o.allPods {
		return []target.Target{t}, nil
	}
	return t.Pods(ctx)
}

// most is how many pods are looked into at a time.
const most = 8

// text passes on what the program in the image prints.
func (o *lookOptions) text(ctx context.Context, l look, order []string, t target.Target) error {
	targets, err := o.targets(ctx, t)
	if err != nil {
		return err
	}
	if len(targets) == 1 {
		code, err := targets[0].Run(detached(ctx), order, target.Streams{In: until(ctx), Out: os.Stdout, Err: os.Stderr})
		return ended(code, err)
	}
	var group errgroup.Group
	group.SetLimit(most)
	var lock sync.Mutex
	worst := 0
	for _, pod := range targets {
		group.Go(func() error {
			var out strings.Builder
			code, err := pod.Run(detached(ctx), order, target.Streams{In: until(ctx), Out: &out, Err: &out})
			lock.Lock()
			defer lock.Unlock()
			worst = max(worst, code)
			if err != nil {
				fmt.Fprint(os.Stderr, problem.As(err).Plain())
				worst = max(worst, exitFailed)
			}
			_, err = fmt.Printf("%s:\n%s\n", pod, out.String())
			return err
		})
	}
	return ended(worst, group.Wait())
}

// ended gives the exit code of the program in the image as this one's.
func ended(code int, err error) error {
	if err != nil || code == 0 {
		return err
	}
	return exitCode(code)
}

// patience is how long what was asked to end may take.
const patience = 15 * time.Second

// detached is a context that ends a while after another: what looks is asked to end by the end of its input, and gives what there is.
func detached(ctx context.Context) context.Context {
	after, cancel := context.WithCancel(context.WithoutCancel(ctx))
	context.AfterFunc(ctx, func() { time.AfterFunc(patience, cancel) })
	return after
}

// until is an input that says nothing, and ends when a context does.
func until(ctx context.Context) io.Reader {
	read, write, err := os.Pipe()
	if err != nil {
		return nil
	}
	context.AfterFunc(ctx, func() { _ = write.Close() })
	return read
}

// terminal reports whether somebody reads what is written to standard output.
func terminal() bool { return term.IsTerminal(int(os.Stdout.Fd())) }
