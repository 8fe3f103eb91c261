package capture

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/gantry-buildpack/gantry/internal/problem"
)

// capture takes something from a process and writes it.
type capture func(ctx context.Context, i *inspector, out io.Writer) error

// wait lets time pass, unless it is interrupted.
func wait(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// cpuProfile samples what runs; an interruption ends it early, and what there is is written. The format is that of
// Chrome DevTools (.cpuprofile).
func cpuProfile(d time.Duration) capture {
	return func(ctx context.Context, i *inspector, out io.Writer) error {
		if err := i.call(ctx, patience, "Profiler.enable", nil, nil); err != nil {
			return err
		}
		if err := i.call(ctx, patience, "Profiler.start", nil, nil); err != nil {
			return err
		}
		wait(ctx, d)
		return i.stopProfile("Profiler.stop", "Profiler.disable", out)
	}
}

// samplingInterval is how many bytes are allocated between two samples of a heap profile, on average: V8's own choice.
const samplingInterval = 32 << 10

// heapProfile samples where memory is allocated that is still in use. The format is that of Chrome DevTools
// (.heapprofile).
func heapProfile(d time.Duration) capture {
	return func(ctx context.Context, i *inspector, out io.Writer) error {
		if err := i.call(ctx, patience, "HeapProfiler.startSampling", map[string]any{"samplingInterval": samplingInterval}, nil); err != nil {
			return err
		}
		wait(ctx, d)
		return i.stopProfile("HeapProfiler.stopSampling", "HeapProfiler.disable", out)
	}
}

// stopProfile also happens after an interruption: the application must not go on being sampled.
func (i *inspector) stopProfile(stop, disable string, out io.Writer) error {
	ctx := context.Background()
	var answer struct{ Profile json.RawMessage }
	if err := i.call(ctx, time.Minute, stop, nil, &answer); err != nil {
		return err
	}
	_, err := out.Write(append(answer.Profile, '\n'))
	return errors.Join(err, i.call(ctx, patience, disable, nil, nil))
}

// snapshotFactor is how many times the heap's size a snapshot may take of memory while it is made.
const snapshotFactor = 15

// heapSnapshot writes all objects of the heap, while it is sent. The format is that of Chrome DevTools (.heapsnapshot).
func heapSnapshot(limit int64, force bool) capture {
	return func(ctx context.Context, i *inspector, out io.Writer) error {
		var heap int64
		if err := i.evaluate(ctx, "process.memoryUsage().heapUsed", &heap); err != nil {
			return err
		}
		free := limit - i.process.Memory
		if need := heap * snapshotFactor; limit > 0 && need > free && !force {
			return &problem.Problem{
				ID:    "capture/no-room",
				Title: "a heap snapshot could end the container for want of memory",
				Why: fmt.Sprintf("the heap has %s, a snapshot may take %d times that, and %s of the container's %s are left",
					size(heap), snapshotFactor, size(max(0, free)), size(limit)),
				Hints: []string{"`gantry profile heap` shows where memory is allocated, and costs next to nothing.", "Give the container more memory; or insist with --force."},
			}
		}
		i.event = func(method string, params json.RawMessage) error {
			if method != "HeapProfiler.addHeapSnapshotChunk" {
				return nil
			}
			var part struct{ Chunk string }
			if err := json.Unmarshal(params, &part); err != nil {
				return err
			}
			_, err := io.WriteString(out, part.Chunk)
			return err
		}
		if err := i.call(ctx, patience, "HeapProfiler.enable", nil, nil); err != nil {
			return err
		}
		return i.call(ctx, 10*time.Minute, "HeapProfiler.takeHeapSnapshot", map[string]any{"reportProgress": false}, nil)
	}
}

// nodeReport writes Node.js' diagnostic report, with the names of variables and without their values:
// https://nodejs.org/api/report.html.
func nodeReport(ctx context.Context, i *inspector, out io.Writer) error {
	const expression = `(() => {
		const report = process.report.getReport()
		report.environmentVariables = Object.keys(report.environmentVariables ?? process.env).sort()
		return JSON.stringify(report, null, 2)
	})()`
	var text string
	if err := i.evaluate(ctx, expression, &text); err != nil {
		return err
	}
	_, err := io.WriteString(out, text+"\n")
	return err
}

// glance is how long it takes to see that an event loop has nothing to do.
const glance = time.Second

// stacks writes what the event loop is doing right now, and what it waits for. The application stands still for the
// milliseconds in which its stack is read.
func stacks(ctx context.Context, i *inspector, out io.Writer) error {
	var paused struct {
		CallFrames []struct {
			FunctionName string
			Location     struct {
				ScriptID                 string
				LineNumber, ColumnNumber int
			}
		}
	}
	stopped, files := false, map[string]string{}
	i.event = func(method string, params json.RawMessage) error {
		switch method {
		case "Debugger.scriptParsed":
			var script struct{ ScriptID, URL string }
			err := json.Unmarshal(params, &script)
			files[script.ScriptID] = strings.TrimPrefix(script.URL, "file://")
			return err
		case "Debugger.paused":
			stopped = true
			return json.Unmarshal(params, &paused)
		}
		return nil
	}
	if err := i.call(ctx, patience, "Debugger.enable", nil, nil); err != nil {
		return err
	}
	err := i.call(ctx, patience, "Debugger.pause", nil, nil)
	for deadline := time.Now().Add(glance); err == nil && !stopped; {
		if _, err = i.next(ctx, deadline); err != nil && time.Now().After(deadline) {
			// Nothing ran in all that time.
			err = nil
			break
		}
	}
	// Whatever happened, the application goes on.
	if off := i.call(context.Background(), patience, "Debugger.disable", nil, nil); off != nil {
		return errors.Join(err, off)
	}
	if err != nil {
		return err
	}
	var text strings.Builder
	if len(paused.CallFrames) == 0 {
		text.WriteString("The event loop is idle.\n")
	}
	for _, frame := range paused.CallFrames {
		name := frame.FunctionName
		if name == "" {
			name = "(anonymous)"
		}
		fmt.Fprintf(&text, "  at %s (%s:%d:%d)\n", name, files[frame.Location.ScriptID], frame.Location.LineNumber+1, frame.Location.ColumnNumber+1)
	}
	var waiting map[string]int
	const expression = `(() => { const counts = {}; for (const name of process.getActiveResourcesInfo()) counts[name] = (counts[name] ?? 0) + 1; return counts })()`
	if err := i.evaluate(ctx, expression, &waiting); err != nil {
		return err
	}
	text.WriteString("It waits for:\n")
	for _, name := range sortedKeys(waiting) {
		fmt.Fprintf(&text, "  %4d  %s\n", waiting[name], name)
	}
	_, err = io.WriteString(out, text.String())
	return err
}

// lag writes how late the event loop gets to things, over a time: the histogram of perf_hooks' monitorEventLoopDelay, less
// its own resolution.
func lag(d time.Duration) capture {
	return func(ctx context.Context, i *inspector, out io.Writer) error {
		const start = `{ const h = require('node:perf_hooks').monitorEventLoopDelay({ resolution: 10 }); h.enable(); globalThis[Symbol.for('gantry.lag')] = h; 0 }`
		const stop = `(() => {
			const key = Symbol.for('gantry.lag'), h = globalThis[key]
			h.disable(); delete globalThis[key]
			const ms = n => Math.max(0, n / 1e6 - 10)
			return { min: ms(h.min), p50: ms(h.percentile(50)), p90: ms(h.percentile(90)), p99: ms(h.percentile(99)), max: ms(h.max) }
		})()`
		if err := i.evaluate(ctx, start, nil); err != nil {
			return err
		}
		wait(ctx, d)
		var late struct{ Min, P50, P90, P99, Max float64 }
		if err := i.evaluate(context.Background(), stop, &late); err != nil {
			return err
		}
		_, err := fmt.Fprintf(out, "How late the event loop was, in milliseconds, over %s:\n  min %.1f  median %.1f  90%% %.1f  99%% %.1f  max %.1f\n", d, late.Min, late.P50, late.P90, late.P99, late.Max)
		return err
	}
}
