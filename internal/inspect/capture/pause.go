package capture

import (
	"context"
	"fmt"
	"time"

	"github.com/gantry-buildpack/gantry/internal/problem"
)

// What V8 does at the start or the end of a capture stops the application for a time that grows with its heap: it looks at
// each object. In seconds a gigabyte, for a heap of small objects, which is the worst (13 million objects a gigabyte, Node.js
// 20 to 26, 2 processors of an AMD EPYC virtual machine, 2026-11-28: 0.3, 1.3 and 1.6, with room for slower machines).
const (
	pauseDebugger   = 0.7
	pauseCPUProfile = 2.0
	pauseRecompile  = 2.0
	pauseCollection = 2.5
)

// longestPause is for how long a capture may stop the application without --force.
const longestPause = time.Second

// heapUsed is how much of the heap is in use, in bytes.
func (i *inspector) heapUsed(ctx context.Context) (bytes int64, err error) {
	return bytes, i.evaluate(ctx, answering, "process.memoryUsage().heapUsed", &bytes)
}

func pauseOf(heap int64, secondsPerGigabyte float64) time.Duration {
	return time.Duration(float64(heap) / 1e9 * secondsPerGigabyte * float64(time.Second))
}

// bearable is an error when a capture would stop the application for too long.
func bearable(what string, heap int64, pause time.Duration, force bool, instead string) error {
	if pause <= longestPause || force {
		return nil
	}
	return &problem.Problem{
		ID:    "capture/long-pause",
		Title: what + " would stop the application for about " + pause.Round(100*time.Millisecond).String(),
		Why:   fmt.Sprintf("V8 looks at each object of the heap, which has %s", size(heap)),
		Hints: []string{instead, "Take the instance out of the load balancer first; or insist with --force."},
	}
}
