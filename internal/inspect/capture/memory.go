package capture

import (
	"context"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"time"
)

// What V8 and Node.js say of their memory, in bytes: of the heap's spaces what is resident, but for code and what is in the program's file.
const memoryLook = `(() => {
	const { heapUsed, arrayBuffers } = process.memoryUsage()
	let heap = 0, code = 0
	for (const space of require('node:v8').getHeapSpaceStatistics()) {
		if (space.space_name === 'read_only_space') continue
		if (/code/.test(space.space_name)) code += space.physical_space_size
		else heap += space.physical_space_size
	}
	return { heap, code, used: heapUsed, buffers: arrayBuffers }
})()`

// The kinds that the runtime tells of.
const (
	ofHeap    = "Heap"
	ofBuffers = "Buffers"
)

// memoryOrder is that in which kinds are shown, and explained what they are, for people.
var memoryOrder = []struct{ kind, is, grows string }{
	{ofHeap, "objects", "Two snapshots and `gantry report --diff` tell which objects, and what keeps them alive."},
	{ofBuffers, "of Buffers and ArrayBuffers, outside the heap", "A snapshot of the heap tells what keeps ArrayBuffers alive: `gantry snapshot heap`."},
	{ofCode, "made while it runs", "Code that is made without an end comes from eval, new Function and vm: `gantry profile cpu` shows where."},
	{ofMalloc, "of the C library: native code, and the runtime itself", "That is native code: add-ons are listed below; jemalloc (packages = [\"libjemalloc2\"], LD_PRELOAD) often takes less."},
	{ofFiles, "from files, shared by processes of the same image", ""},
	{shared, "with other processes", ""},
	{ofStacks, "of threads", "There are more and more threads: `gantry stacks` shows workers."},
	{unnamed, "large blocks of native code, and what the runtime keeps free", "Large blocks come from native code: add-ons are listed below."},
}

// memoryNow is what a process's memory is made of.
type memoryNow struct {
	kinds  map[string]int64
	stacks int
	// used is what objects of the heap take; addons are native libraries of packages.
	used   int64
	addons []string
}

func (m memoryNow) resident() (total int64) {
	for _, bytes := range m.kinds {
		total += bytes
	}
	return total
}

// told are the runtime's own numbers.
type told struct{ Heap, Code, Used, Buffers int64 }

// measure looks at the kernel's side, and takes what the runtime tells out of what has no name there.
func measure(pid int, t told) (memoryNow, error) {
	list, err := readMappings(pid)
	if err != nil {
		return memoryNow{}, err
	}
	now := memoryNow{used: t.Used}
	now.kinds, now.stacks = byKind(list)
	for _, m := range list {
		if name := path.Base(m.name); strings.HasSuffix(name, ".node") && !slices.Contains(now.addons, name) {
			now.addons = append(now.addons, name)
		}
	}
	// Buffers may be in the heap of malloc or in blocks of their own; what was never written is not resident.
	take := func(kind string, bytes int64, from ...string) {
		for _, source := range from {
			part := min(bytes, now.kinds[source])
			now.kinds[source] -= part
			now.kinds[kind] += part
			bytes -= part
		}
	}
	take(ofHeap, t.Heap, unnamed)
	take(ofBuffers, t.Buffers, unnamed, ofMalloc)
	return now, nil
}

// memory writes what a process of Node.js' memory is made of, and what grows meanwhile.
func memory(length time.Duration, limit Limit) capture {
	return func(ctx context.Context, i *inspector, out io.Writer) error {
		look := func() (memoryNow, error) {
			var t told
			if err := i.evaluate(ctx, answering, memoryLook, &t); err != nil {
				return memoryNow{}, err
			}
			return measure(i.process.PID, t)
		}
		before, err := look()
		if err != nil {
			return err
		}
		start := time.Now()
		if err := i.wait(ctx, length); err != nil {
			return err
		}
		after := before
		took := time.Since(start)
		if ctx.Err() == nil {
			if after, err = look(); err != nil {
				return err
			}
		}
		_, err = io.WriteString(out, writeMemory(i.process, before, after, took, limit(i.process.Root())))
		return err
	}
}

// rubyMemory is memory of a process of Ruby.
func rubyMemory(length time.Duration, limit Limit) taker {
	return func(ctx context.Context, p Process, out, _ io.Writer) error {
		look := func() (memoryNow, error) {
			facts, err := p.RubyFacts(context.WithoutCancel(ctx))
			if err != nil {
				return memoryNow{}, err
			}
			return measure(p.PID, told{Heap: facts.Number("slot_bytes")})
		}
		before, err := look()
		if err != nil {
			return err
		}
		start := time.Now()
		select {
		case <-ctx.Done():
		case <-time.After(length):
		}
		after, err := look()
		if err != nil {
			return err
		}
		_, err = io.WriteString(out, writeMemory(p, before, after, time.Since(start), limit(p.Root())))
		return err
	}
}

// grown is from which growth on a kind is named, in bytes and as a part of what it was.
const grown, grownShare = 1 << 20, 0.02

func writeMemory(p Process, before, after memoryNow, took time.Duration, limit int64) string {
	var text strings.Builder
	fmt.Fprintf(&text, "Memory of process %d, %s: %s resident", p.PID, p.Runtime, amount(after.resident()))
	if limit > 0 {
		fmt.Fprintf(&text, "; the container may have %s", amount(limit))
	}
	fmt.Fprintf(&text, "\n\n  %-22s %10s  %12s\n", "", "now", fmt.Sprintf("in %.0f s", took.Seconds()))
	worst, worstGrowth, advice := "", int64(0), ""
	for _, row := range memoryOrder {
		bytes := after.kinds[row.kind]
		if bytes == 0 && before.kinds[row.kind] == 0 {
			continue
		}
		growth := bytes - before.kinds[row.kind]
		is := row.is
		switch row.kind {
		case ofStacks:
			is = fmt.Sprintf("of %d threads", after.stacks)
		case ofHeap:
			if after.used > 0 {
				is = amount(after.used) + " of it objects"
			} else {
				is = "Ruby's slots for objects"
			}
		}
		fmt.Fprintf(&text, "  %-22s %10s  %12s  %s\n", row.kind, amount(bytes), change(growth), is)
		if growth > worstGrowth {
			worst, worstGrowth, advice = row.kind, growth, row.grows
		}
	}
	total := after.resident() - before.resident()
	fmt.Fprintf(&text, "  %-22s %10s  %12s\n\n", "Together", amount(after.resident()), change(total))
	if worstGrowth >= grown && float64(worstGrowth) >= grownShare*float64(before.kinds[worst]) {
		fmt.Fprintf(&text, "What grows: %s, by %s in %.0f s. %s\n", worst, amount(worstGrowth), took.Seconds(), advice)
	} else {
		fmt.Fprintf(&text, "Nothing grew by more than %s in %.0f s; --for 5m looks longer.\n", amount(grown), took.Seconds())
	}
	if len(after.addons) > 0 {
		fmt.Fprintf(&text, "Native add-ons: %s\n", strings.Join(after.addons, ", "))
	}
	return text.String()
}

// amount is a number of bytes with a decimal where it is small: what changes is often little.
func amount(bytes int64) string {
	switch n := float64(bytes); {
	case bytes < 1e6:
		return fmt.Sprintf("%.0f kB", n/1e3)
	case bytes < 1e8:
		return fmt.Sprintf("%.1f MB", n/1e6)
	default:
		return fmt.Sprintf("%.0f MB", n/1e6)
	}
}

// change is a number of bytes with its sign.
func change(bytes int64) string {
	switch {
	case bytes > 0:
		return "+" + amount(bytes)
	case bytes < 0:
		return "-" + amount(-bytes)
	}
	return "0"
}
