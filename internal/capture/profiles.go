package capture

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
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
		if err := i.reoptimize(ctx); err != nil {
			return err
		}
		wait(ctx, d)
		return i.stopProfile("Profiler.stop", "Profiler.disable", newSources(i.process).cpuProfile, out)
	}
}

// reoptimize has V8 compile hot functions once more: in what it compiled before the profile began, it does not know which
// functions are part of their callers, and would name only these. Counting calls begins with throwing compiled code away
// (Coverage::SelectMode, https://github.com/v8/v8/blob/main/src/debug/debug-coverage.cc); it ends at once.
func (i *inspector) reoptimize(ctx context.Context) error {
	binary := map[string]any{"callCount": false, "detailed": false}
	if err := i.call(ctx, patience, "Profiler.startPreciseCoverage", binary, nil); err != nil {
		return err
	}
	return i.call(context.Background(), patience, "Profiler.stopPreciseCoverage", nil, nil)
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
		return i.stopProfile("HeapProfiler.stopSampling", "HeapProfiler.disable", newSources(i.process).heapProfile, out)
	}
}

// stopProfile also happens after an interruption: the application must not go on being sampled. Positions become those of
// the sources, which only this place knows.
func (i *inspector) stopProfile(stop, disable string, positions func(json.RawMessage) (any, error), out io.Writer) error {
	ctx := context.Background()
	var answer struct{ Profile json.RawMessage }
	if err := i.call(ctx, time.Minute, stop, nil, &answer); err != nil {
		return err
	}
	if err := i.call(ctx, patience, disable, nil, nil); err != nil {
		return err
	}
	profile, err := positions(answer.Profile)
	if err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(profile)
}

// snapshotFactor is how many times the heap's size a snapshot may take of memory while it is made.
const snapshotFactor = 15

// heapSnapshot writes all objects of the heap, while it is sent. The format is that of Chrome DevTools (.heapsnapshot).
func heapSnapshot(limit Limit, force bool) capture {
	return func(ctx context.Context, i *inspector, out io.Writer) error {
		var heap int64
		if err := i.evaluate(ctx, "process.memoryUsage().heapUsed", &heap); err != nil {
			return err
		}
		limit := limit(i.process.root())
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
