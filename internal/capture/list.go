package capture

import (
	"context"
	"fmt"
	"io"
	"strings"
)

// live is what only the process itself can tell. Lag is in milliseconds, Busy the share of the time that the event loop
// had something to do: performance.eventLoopUtilization().
type live struct {
	Version   string
	Heap      int64
	Lag, Busy float64
}

// look watches the event loop for a moment.
const look = `new Promise(resolve => {
	const { performance, monitorEventLoopDelay } = require('node:perf_hooks')
	const before = performance.eventLoopUtilization(), delay = monitorEventLoopDelay({ resolution: 5 })
	delay.enable()
	setTimeout(() => {
		delay.disable()
		resolve({
			version: process.version, heap: process.memoryUsage().heapUsed,
			lag: Math.max(0, delay.percentile(99) / 1e6 - 5), busy: performance.eventLoopUtilization(before).utilization,
		})
	}, 300)
})`

// list writes a table of the processes of each runtime; what a process itself tells is left out when it shall be quick, or
// when it does not answer: then a line below says why.
func list(ctx context.Context, quick bool, out io.Writer) error {
	var text, notes strings.Builder
	nodes, rubies := Processes(Node), Processes(Ruby)
	if len(nodes)+len(rubies) == 0 {
		_, err := choose("ps", 0, []Runtime{Node, Ruby})
		return err
	}
	if len(nodes) > 0 {
		fmt.Fprintf(&text, "%7s  %9s  %9s  %9s  %8s  %8s  %5s  %s\n", "PID", "NODE", "RUNNING", "MEMORY", "HEAP", "LAG", "BUSY", "COMMAND")
	}
	for _, p := range nodes {
		version, heap, lag, busy := "-", "-", "-", "-"
		if !quick {
			l, err := p.look(ctx)
			if err == nil {
				version, heap, lag, busy = l.Version, size(l.Heap), fmt.Sprintf("%.1f ms", l.Lag), fmt.Sprintf("%.0f %%", l.Busy*100)
			} else {
				fmt.Fprintf(&notes, "Process %d tells nothing of itself: %v\n", p.PID, err)
			}
		}
		fmt.Fprintf(&text, "%7d  %9s  %9s  %9s  %8s  %8s  %5s  %s\n", p.PID, version, p.Running, size(p.Memory), heap, lag, busy, p.Command)
	}
	if len(rubies) > 0 {
		fmt.Fprintf(&text, "%7s  %9s  %9s  %9s  %8s  %9s  %8s  %5s  %s\n", "PID", "RUBY", "RUNNING", "MEMORY", "HEAP", "OBJECTS", "THREADS", "YJIT", "COMMAND")
	}
	for _, p := range rubies {
		version, heap, objects, threads, yjit := "-", "-", "-", "-", "-"
		if !quick {
			f, err := p.RubyFacts(ctx)
			if err == nil {
				version, heap, objects, threads = f["version"], size(f.Number("slot_bytes")), fmt.Sprint(f.Number("gc_heap_live_slots")), f["threads"]
				yjit = map[bool]string{true: "on", false: "off"}[f["yjit"] == "true"]
			} else {
				fmt.Fprintf(&notes, "Process %d tells nothing of itself: %v\n", p.PID, err)
			}
		}
		fmt.Fprintf(&text, "%7d  %9s  %9s  %9s  %8s  %9s  %8s  %5s  %s\n", p.PID, version, p.Running, size(p.Memory), heap, objects, threads, yjit, p.Command)
	}
	_, err := io.WriteString(out, text.String()+notes.String())
	return err
}

func (p Process) look(ctx context.Context) (l live, err error) {
	tell := func(ctx context.Context, i *inspector, _ io.Writer) error { return i.await(ctx, look, &l) }
	return l, take(ctx, p, 0, tell, io.Discard)
}
