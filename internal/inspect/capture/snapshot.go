package capture

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/gantry-buildpack/gantry/internal/problem"
)

// What a snapshot takes of memory while it is made, as a multiple of what the objects take: a heap of small objects, and
// one of large ones, whose contents are not copied. Measured: 2.7 to 9.7 times the whole heap.
const snapshotSmall, snapshotLarge = 10, 3

// snapshotLimits is what a snapshot may take: memory in bytes, 0 for what the container has; and time.
type snapshotLimits struct {
	memory int64
	time   time.Duration
	force  bool
}

// heapSnapshot writes all objects of the heap, while it is sent. The format is that of Chrome DevTools (.heapsnapshot).
func heapSnapshot(limit Limit, most snapshotLimits) capture {
	return func(ctx context.Context, i *inspector, out io.Writer) error {
		if err := i.roomForSnapshot(ctx, limit, most); err != nil {
			return err
		}
		shown := time.Now()
		i.event = func(method string, params json.RawMessage) error {
			switch method {
			case "HeapProfiler.reportHeapSnapshotProgress":
				var p struct{ Done, Total int }
				if json.Unmarshal(params, &p) == nil && p.Total > 0 && time.Since(shown) >= 2*time.Second {
					shown = time.Now()
					_, _ = fmt.Fprintf(i.log, "  %d %% of the objects …\n", min(100, p.Done*100/p.Total))
				}
			case "HeapProfiler.addHeapSnapshotChunk":
				var part struct{ Chunk string }
				if err := json.Unmarshal(params, &part); err != nil {
					return err
				}
				_, err := io.WriteString(out, part.Chunk)
				return err
			}
			return nil
		}
		if err := i.call(ctx, patience, "HeapProfiler.enable", nil, nil); err != nil {
			return err
		}
		err := i.call(ctx, most.time, "HeapProfiler.takeHeapSnapshot", map[string]any{"reportProgress": true}, nil)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return &problem.Problem{
				ID:    "capture/too-slow",
				Title: fmt.Sprintf("the heap snapshot was not ready within %s", most.time),
				Why:   "the application stands still until V8 has written it",
				Hints: []string{"Give it more time: --timeout 30m. It ends in the application by itself."},
			}
		}
		return err
	}
}

// roomForSnapshot is an error where a snapshot could end the container for want of memory. What it takes depends on the
// number of objects, which V8 does not tell without looking at each: the kinds of memory that they lie in bound it.
func (i *inspector) roomForSnapshot(ctx context.Context, limit Limit, most snapshotLimits) error {
	const expression = `(() => {
		const large = name => name.includes('large_object_space')
		const sum = spaces => spaces.reduce((total, space) => total + space.space_used_size, 0)
		const spaces = require('node:v8').getHeapSpaceStatistics().filter(space => !space.space_name.startsWith('read_only'))
		return { large: sum(spaces.filter(s => large(s.space_name))), small: sum(spaces.filter(s => !large(s.space_name))) }
	})()`
	var heap struct{ Large, Small int64 }
	if err := i.evaluate(ctx, answering, expression, &heap); err != nil {
		return err
	}
	need := heap.Small*snapshotSmall + heap.Large*snapshotLarge
	total := limit(i.process.Root())
	free, where := total-i.process.Memory, fmt.Sprintf("%s of the container's %s are left", size(max(0, total-i.process.Memory)), size(total))
	if most.memory > 0 {
		total, free, where = most.memory, most.memory, fmt.Sprintf("--max-memory allows %s", size(most.memory))
	}
	if total <= 0 || need <= free || most.force {
		return nil
	}
	return &problem.Problem{
		ID:    "capture/no-room",
		Title: "a heap snapshot could end the container for want of memory",
		Why:   fmt.Sprintf("the heap has %s, a snapshot may take %s while it is made, and %s", size(heap.Small+heap.Large), size(need), where),
		Hints: []string{"`gantry profile heap` shows where memory is allocated, and costs next to nothing.", "Give the container more memory; or insist with --force."},
	}
}
