package capture

import (
	"context"
	"fmt"
	"io"
	"time"
)

// The histogram of perf_hooks counts the turns of the event loop, and a timer when the last one was: a loop that is blocked
// has no turns, and does not get to start them. The key keeps two commands apart. Why timers change in a microtask alone,
// guardInstall says.
const (
	lagStart = `(() => {
		const name = 'gantry.lag.' + Math.random(), key = Symbol.for(name)
		const watch = { turn: performance.now(), turns: 0, longest: 0 }, load = require
		Object.defineProperty(globalThis, key, { value: watch, configurable: true, enumerable: false })
		Promise.resolve().then(() => {
			try {
				if (globalThis[key] !== watch) return
				watch.h = load('node:perf_hooks').monitorEventLoopDelay({ resolution: 10 })
				watch.h.enable()
				watch.timer = setInterval(() => {
					const now = performance.now()
					watch.longest = Math.max(watch.longest, now - watch.turn)
					watch.turn = now
					watch.turns++
				}, 20)
				watch.timer.unref()
			} catch {}
		})
		return name
	})()`
	lagStop = `(() => {
		const key = Symbol.for(%q), { h, timer, turns, turn, longest } = globalThis[key]
		delete globalThis[key]
		const since = performance.now() - turn, base = { turns: 0, since, longest: Math.max(longest, since) }
		if (!h) return base
		const ms = n => Math.max(0, n / 1e6 - 10)
		const late = turns === 0 || h.count === 0 ? base : { ...base, turns, min: ms(h.min), p50: ms(h.percentile(50)), p90: ms(h.percentile(90)), p99: ms(h.percentile(99)), max: Math.max(ms(h.max), since - 20) }
		Promise.resolve().then(() => { try { h.disable(); clearInterval(timer) } catch {} })
		return late
	})()`
)

// blockedNow is from when on an event loop that has not turned is called blocked.
const blockedNow = time.Second

// lag writes how late the event loop gets to things, over a time: the histogram of perf_hooks' monitorEventLoopDelay, less
// its own resolution. A loop that is blocked meanwhile is told of as such.
func lag(d time.Duration) capture {
	return func(ctx context.Context, i *inspector, out io.Writer) error {
		var key string
		if err := i.evaluate(ctx, answering, lagStart, &key); err != nil {
			return err
		}
		start := time.Now()
		if err := i.wait(ctx, d); err != nil {
			return err
		}
		took := time.Since(start).Round(100 * time.Millisecond)
		var late struct {
			Turns                                   int
			Since, Longest, Min, P50, P90, P99, Max float64
		}
		if err := i.evaluate(context.Background(), answering, fmt.Sprintf(lagStop, key), &late); err != nil {
			if why := i.process.Stuck(); why != "" {
				_, err = fmt.Fprintf(out, "The event loop is blocked: %s.\n", why)
			}
			return err
		}
		if late.Turns == 0 {
			_, err := fmt.Fprintf(out, "The event loop was blocked for the whole time, %s: nothing else could run. `gantry stacks` shows what runs.\n", took)
			return err
		}
		text := fmt.Sprintf("How late the event loop was, in milliseconds, over %s:\n  min %.1f  median %.1f  90%% %.1f  99%% %.1f  max %.1f\n", took, late.Min, late.P50, late.P90, late.P99, late.Max)
		if since := time.Duration(late.Since * float64(time.Millisecond)); since > blockedNow {
			text += fmt.Sprintf("It is blocked now, for %s: `gantry stacks` shows what runs.\n", since.Round(100*time.Millisecond))
		}
		_, err := io.WriteString(out, text)
		return err
	}
}
