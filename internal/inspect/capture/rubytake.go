package capture

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gantry-buildpack/gantry/internal/inspect/rubyprofile"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// Facts are what a process of Ruby tells of itself, by name: "version", "gc_" and the names of GC.stat, and others.
type Facts map[string]string

// Number gives a fact that is a whole number; 0 for another.
func (f Facts) Number(name string) int64 {
	n, _ := strconv.ParseInt(f[name], 10, 64)
	return n
}

// RubyFacts asks a process of Ruby for them.
func (p Process) RubyFacts(ctx context.Context) (Facts, error) {
	f := Facts{}
	return f, p.ask(ctx, "ps", func(in io.Reader) error {
		lines := bufio.NewScanner(in)
		for lines.Scan() {
			name, value, _ := strings.Cut(lines.Text(), "\t")
			f[name] = problem.Visible(value)
		}
		return lines.Err()
	})
}

// rubyProfile samples processor time or allocations. The format is that of package rubyprofile.
func rubyProfile(kind rubyprofile.Kind, length time.Duration, exact bool) taker {
	return func(ctx context.Context, p Process, out, _ io.Writer) error {
		f, err := p.RubyFacts(ctx)
		if err != nil {
			return err
		}
		if f["sampler"] != "true" {
			return &problem.Problem{
				ID:    "capture/no-sampler",
				Title: "this image can take no profiles of Ruby",
				Why:   "the build image had no C compiler, or Ruby's headers were not there, so that the sampler could not be compiled",
				Hints: []string{"Build with a builder that has gcc.", "`gantry stacks`, `gantry gc` and `gantry snapshot heap` work without it."},
			}
		}
		request := fmt.Sprintf("%s seconds=%.3f", kind, length.Seconds())
		if exact {
			request += " exact=1"
		}
		return p.ask(ctx, request, func(in io.Reader) error {
			d, err := rubyprofile.FromLines(kind, in)
			if err != nil {
				return err
			}
			d.Ruby, d.PID, d.Exact = f["version"], p.PID, exact
			return d.Write(out)
		})
	}
}

// rubyStacks writes the backtrace of every thread, innermost call first.
func rubyStacks(ctx context.Context, p Process, out, _ io.Writer) error {
	return p.ask(ctx, "stacks", func(in io.Reader) error {
		lines := bufio.NewScanner(in)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			fields := strings.Split(lines.Text(), "\t")
			for i := range fields {
				fields[i] = problem.Visible(fields[i])
			}
			text := "  " + fields[len(fields)-1]
			if fields[0] == "t" && len(fields) == 4 {
				text = fmt.Sprintf("Thread %s%s, %s:", fields[1], map[bool]string{true: " " + fields[3]}[fields[3] != ""], statusOf(fields[2]))
			}
			if _, err := fmt.Fprintln(out, text); err != nil {
				return err
			}
		}
		return lines.Err()
	})
}

// statusOf says what Thread#status means.
func statusOf(status string) string {
	switch status {
	case "run":
		return "running, or waiting for its turn"
	case "sleep", "sleep_forever":
		return "waiting"
	}
	return status
}

// rubyGC compares GC.stat (https://docs.ruby-lang.org/en/master/GC.html#method-c-stat) at two times.
func rubyGC(length time.Duration) taker {
	return func(ctx context.Context, p Process, out, _ io.Writer) error {
		before, err := p.RubyFacts(ctx)
		if err != nil {
			return err
		}
		start := time.Now()
		select {
		case <-ctx.Done():
		case <-time.After(length):
		}
		after, err := p.RubyFacts(context.WithoutCancel(ctx))
		if err != nil {
			return err
		}
		seconds := time.Since(start).Seconds()
		more := func(name string) int64 { return after.Number(name) - before.Number(name) }
		took := float64(more("gc_time_ns")) / 1e6
		lines := [][2]string{
			{"Collections", fmt.Sprintf("%d (%d of young objects, %d of all)", more("gc_count"), more("gc_minor_gc_count"), more("gc_major_gc_count"))},
			{"Time of them", fmt.Sprintf("%.1f ms, %.1f %% of %.1f s", took, took/10/seconds, seconds)},
			{"Allocated", fmt.Sprintf("%d objects, %.0f in a second", more("gc_total_allocated_objects"), float64(more("gc_total_allocated_objects"))/seconds)},
			{"Freed", fmt.Sprintf("%d objects", more("gc_total_freed_objects"))},
			{"Alive", fmt.Sprintf("%d objects, %+d", after.Number("gc_heap_live_slots"), more("gc_heap_live_slots"))},
			{"Old objects", fmt.Sprintf("%d, %+d; all are looked at when there are %d", after.Number("gc_old_objects"), more("gc_old_objects"), after.Number("gc_old_objects_limit"))},
			{"Heap", fmt.Sprintf("%s in %d pages, %+d pages", size(after.Number("slot_bytes")), after.Number("gc_heap_eden_pages"), more("gc_heap_eden_pages"))},
			{"Memory outside of it", fmt.Sprintf("%s since the last collection, which the next one comes at %s of", size(after.Number("gc_malloc_increase_bytes")), size(after.Number("gc_malloc_increase_bytes_limit")))},
		}
		if after["gc_disabled"] == "true" {
			lines = append(lines, [2]string{"Note", "the application has disabled the collector (GC.disable)"})
		}
		var text strings.Builder
		for _, line := range lines {
			fmt.Fprintf(&text, "%-21s %s\n", line[0], line[1])
		}
		_, err = io.WriteString(out, text.String())
		return err
	}
}

// dumpedObject is how many bytes a line of a snapshot takes, about; childShare the part of a process's memory that a copy
// of it may come to need while it writes.
const dumpedObject, childShare = 220, 0.3

// rubyHeap writes all objects: the lines of ObjectSpace.dump_all
// (https://docs.ruby-lang.org/en/master/ObjectSpace.html#method-i-dump_all). A child of the process writes them, while the
// application goes on.
func rubyHeap(limit Limit, force bool) taker {
	return func(ctx context.Context, p Process, out, _ io.Writer) error {
		f, err := p.RubyFacts(ctx)
		if err != nil {
			return err
		}
		if err := roomFor(p, f, limit(p.Root()), out); err != nil && !force {
			return err
		}
		return p.request(ctx, "heap", func(in *bufio.Reader) error {
			whole := &ending{out: out}
			if _, err := io.Copy(whole, in); err != nil {
				return err
			}
			if string(whole.last) != heapEnd {
				return errors.New("the child that was to write it was ended")
			}
			return nil
		})
	}
}

// heapEnd is the last line of a snapshot that is whole; it is not written.
const heapEnd = `{"type":"END"}` + "\n"

// ending holds the last bytes back.
type ending struct {
	out  io.Writer
	last []byte
}

func (e *ending) Write(part []byte) (int, error) {
	e.last = append(e.last, part...)
	if more := len(e.last) - len(heapEnd); more > 0 {
		if _, err := e.out.Write(e.last[:more]); err != nil {
			return 0, err
		}
		e.last = append(e.last[:0], e.last[more:]...)
	}
	return len(part), nil
}

func roomFor(p Process, f Facts, limit int64, out io.Writer) error {
	need := int64(float64(p.Memory) * childShare)
	free := limit - sum(Processes(Ruby), func(p Process) int64 { return p.Memory })
	if limit > 0 && need > free {
		return &problem.Problem{
			ID:    "capture/no-room",
			Title: "a heap snapshot could end the container for want of memory",
			Why:   fmt.Sprintf("it may take %s for some seconds, and %s of the container's %s are left", size(need), size(max(0, free)), size(limit)),
			Hints: []string{"`gantry profile allocations` shows where memory is allocated, and costs next to nothing.", "Give the container more memory; or insist with --force."},
		}
	}
	file, ok := out.(*os.File)
	var disk unix.Statfs_t
	if !ok || unix.Fstatfs(int(file.Fd()), &disk) != nil || disk.Blocks == 0 {
		return nil
	}
	need, free = f.Number("gc_heap_live_slots")*dumpedObject, int64(disk.Bavail)*disk.Bsize
	if need > free {
		return &problem.Problem{
			ID:    "capture/no-disk",
			Title: "there is no room on the disk for a heap snapshot",
			Why:   fmt.Sprintf("it may take %s, and %s are free in the folder of %s", size(need), size(free), file.Name()),
			Hints: []string{"Write it to another folder with --output, or to your own machine: kubectl exec POD -- gantry snapshot heap > app.heapsnapshot"},
		}
	}
	return nil
}

func sum[T any](list []T, of func(T) int64) (total int64) {
	for item := range slices.Values(list) {
		total += of(item)
	}
	return total
}
