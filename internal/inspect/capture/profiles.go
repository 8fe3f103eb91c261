package capture

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"time"
)

// capture takes something from a process and writes it.
type capture func(ctx context.Context, i *inspector, out io.Writer) error

// briefPause is for how long V8 may stop the application to compile hot functions once more.
const briefPause = 200 * time.Millisecond

// cpuProfile samples what runs; an interruption or the end of the process ends it early, and what there is is written. The
// format is that of Chrome DevTools (.cpuprofile).
func cpuProfile(d time.Duration, force bool) capture {
	return func(ctx context.Context, i *inspector, out io.Writer) error {
		heap, err := i.heapUsed(ctx)
		if err != nil {
			return err
		}
		if err := bearable("a CPU profile", heap, pauseOf(heap, pauseCPUProfile), force, "`gantry stacks` shows what runs right now, without a pause."); err != nil {
			return err
		}
		if err := i.call(ctx, patience, "Profiler.enable", nil, nil); err != nil {
			return err
		}
		if err := i.call(ctx, time.Minute, "Profiler.start", nil, nil); err != nil {
			return err
		}
		if pauseOf(heap, pauseRecompile) <= briefPause {
			if err := i.reoptimize(ctx); err != nil {
				return err
			}
		}
		if err := i.wait(ctx, d); err != nil {
			return err
		}
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
// (.heapprofile). Where something samples already, the script of Gantry near the heap's limit or another profiler, its
// samples are read, and it goes on: V8 has one sampler for all.
func heapProfile(d time.Duration, force bool) capture {
	return func(ctx context.Context, i *inspector, out io.Writer) error {
		heap, err := i.heapUsed(ctx)
		if err != nil {
			return err
		}
		if err := bearable("a heap profile", heap, pauseOf(heap, pauseCollection), force, "`gantry stacks` and `gantry lag` do without a pause."); err != nil {
			return err
		}
		err = i.call(ctx, time.Minute, "HeapProfiler.getSamplingProfile", nil, nil)
		if _, none := errors.AsType[protocolError](err); none {
			if err := i.call(ctx, patience, "HeapProfiler.startSampling", map[string]any{"samplingInterval": samplingInterval}, nil); err != nil {
				return err
			}
			if err := i.wait(ctx, d); err != nil {
				return err
			}
			return i.stopProfile("HeapProfiler.stopSampling", "HeapProfiler.disable", newSources(i.process).heapProfile, out)
		}
		if err != nil {
			return err
		}
		if err := i.wait(ctx, d); err != nil {
			return err
		}
		return i.stopProfile("HeapProfiler.getSamplingProfile", "", newSources(i.process).heapProfile, out)
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
	if disable != "" {
		if err := i.call(ctx, patience, disable, nil, nil); err != nil {
			return err
		}
	}
	profile, err := positions(answer.Profile)
	if err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(profile)
}

// nodeReport writes Node.js' diagnostic report, with the names of variables and without their values:
// https://nodejs.org/api/report.html. The names of peers are not looked up, one after the other, while the application
// stands still.
func nodeReport(ctx context.Context, i *inspector, out io.Writer) error {
	const expression = `(() => {
		const before = process.report.excludeNetwork
		try {
			if (before !== undefined) process.report.excludeNetwork = true
			const report = process.report.getReport()
			report.environmentVariables = Object.keys(report.environmentVariables ?? process.env).sort()
			return JSON.stringify(report, null, 2)
		} finally {
			if (before !== undefined) process.report.excludeNetwork = before
		}
	})()`
	var text string
	if err := i.evaluate(ctx, patience, expression, &text); err != nil {
		return err
	}
	_, err := io.WriteString(out, text+"\n")
	return err
}
