package capture

import (
	"context"
	"fmt"
	"io"
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

// list writes a table of the processes; what a process itself tells is left out when it shall be quick, or when its
// inspector cannot be opened: then a line below says why.
func list(ctx context.Context, quick bool, out io.Writer) error {
	processes := Processes()
	if len(processes) == 0 {
		_, err := choose(0)
		return err
	}
	if _, err := fmt.Fprintf(out, "%7s  %9s  %9s  %9s  %8s  %8s  %5s  %s\n", "PID", "NODE", "RUNNING", "MEMORY", "HEAP", "LAG", "BUSY", "COMMAND"); err != nil {
		return err
	}
	notes := ""
	for _, p := range processes {
		version, heap, lag, busy := "-", "-", "-", "-"
		if !quick {
			l, err := p.look(ctx)
			if err == nil {
				version, heap, lag, busy = l.Version, size(l.Heap), fmt.Sprintf("%.1f ms", l.Lag), fmt.Sprintf("%.0f %%", l.Busy*100)
			} else {
				notes += fmt.Sprintf("Process %d tells nothing of itself: %v\n", p.PID, err)
			}
		}
		if _, err := fmt.Fprintf(out, "%7d  %9s  %9s  %9s  %8s  %8s  %5s  %s\n", p.PID, version, p.Running, size(p.Memory), heap, lag, busy, p.Command); err != nil {
			return err
		}
	}
	_, err := io.WriteString(out, notes)
	return err
}

func (p Process) look(ctx context.Context) (l live, err error) {
	tell := func(ctx context.Context, i *inspector, _ io.Writer) error { return i.await(ctx, look, &l) }
	return l, take(ctx, p, 0, tell, io.Discard)
}
