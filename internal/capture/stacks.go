package capture

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/gantry-buildpack/gantry/internal/sourcemap"
)

// glance is how long it takes to see that an event loop has nothing to do.
const glance = time.Second

// location is a place in a script: https://chromedevtools.github.io/devtools-protocol/v8/Debugger/#type-Location.
type location struct {
	ScriptID                 string
	LineNumber, ColumnNumber int
}

type pausedFrame struct {
	FunctionName string
	Location     location
}

// stacks writes what each thread's event loop is doing right now, and what it waits for. A thread stands still for the
// milliseconds in which its stack is read.
func stacks(ctx context.Context, i *inspector, out io.Writer) error {
	list, err := i.threads(ctx)
	if err != nil {
		return err
	}
	sources := newSources(i.process)
	for _, t := range list {
		i.session = t.session
		text, err := i.stack(ctx, sources)
		if err != nil {
			return err
		}
		if len(list) > 1 {
			text = fmt.Sprintf("Thread %d, %s:\n%s\n", t.ID, t.Title, text)
		}
		if _, err := io.WriteString(out, text); err != nil {
			return err
		}
	}
	return nil
}

// stack describes one thread.
func (i *inspector) stack(ctx context.Context, sources *sources) (string, error) {
	frames, files, err := i.pause(ctx)
	if err != nil {
		return "", err
	}
	var text strings.Builder
	if len(frames) == 0 {
		text.WriteString("The event loop is idle.\n")
	}
	for _, frame := range frames {
		at := sources.original(sourcemap.Position{File: files[frame.Location.ScriptID], Line: frame.Location.LineNumber, Column: frame.Location.ColumnNumber})
		fmt.Fprintf(&text, "  at %s (%s:%d:%d)\n", orAnonymous(frame.FunctionName), at.File, at.Line+1, at.Column+1)
	}
	var waiting map[string]int
	const expression = `(() => { const counts = {}; for (const name of process.getActiveResourcesInfo()) counts[name] = (counts[name] ?? 0) + 1; return counts })()`
	if err := i.evaluate(ctx, expression, &waiting); err != nil {
		return "", err
	}
	text.WriteString("It waits for:\n")
	for _, name := range slices.Sorted(maps.Keys(waiting)) {
		fmt.Fprintf(&text, "  %4d  %s\n", waiting[name], name)
	}
	return text.String(), nil
}

func orAnonymous(name string) string {
	if name == "" {
		return "(anonymous)"
	}
	return name
}

// pause reads the stack of what runs, none when nothing does, and the files of scripts by the inspector's numbers.
func (i *inspector) pause(ctx context.Context) ([]pausedFrame, map[string]string, error) {
	var paused struct{ CallFrames []pausedFrame }
	stopped, files := false, map[string]string{}
	i.event = func(method string, params json.RawMessage) error {
		switch method {
		case "Debugger.scriptParsed":
			var script struct{ ScriptID, URL string }
			err := json.Unmarshal(params, &script)
			files[script.ScriptID] = trimFile(script.URL)
			return err
		case "Debugger.paused":
			stopped = true
			return json.Unmarshal(params, &paused)
		}
		return nil
	}
	defer func() { i.event = ignore }()
	if err := i.call(ctx, patience, "Debugger.enable", nil, nil); err != nil {
		return nil, nil, err
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
	off := i.call(context.Background(), patience, "Debugger.disable", nil, nil)
	return paused.CallFrames, files, errors.Join(err, off)
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
