package doctor

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gantry-buildpack/gantry/internal/inspect/capture"
)

// manyFiles is the share of the open files from which on a process is close to its limit.
const manyFiles = 0.8

// wholeProcessor is the share of a processor from which on a thread does nothing but compute.
const wholeProcessor = 0.9

func processes(p Target) []Finding {
	runtime, known := map[string]capture.Runtime{"node": capture.Node, "ruby": capture.Ruby, "bun": capture.Bun}[p.Image.Runtime]
	if !known {
		return nil
	}
	list := []Finding{}
	for _, process := range capture.Processes(runtime) {
		dir := filepath.Join(p.Proc, fmt.Sprint(process.PID))
		open, _ := os.ReadDir(dir + "/fd")
		limit := limitOf(dir, "Max open files")
		f := Finding{Check: "processes", Status: OK, Facts: map[string]any{
			"pid": process.PID, "memory-bytes": process.Memory, "open-files": len(open), "open-files-limit": limit, "running-seconds": int(process.Running.Seconds()),
		}}
		f.Text = fmt.Sprintf("%d  %s, %s, %d of %d files open: %s", process.PID, process.Running, mebibytes(process.Memory), len(open), limit, process.Shown())
		activity := process.Watch()
		f.Facts["main-thread-cpu"] = activity.Used
		switch {
		case activity.State == 'T':
			f.Status, f.Advice = Problem, fmt.Sprintf("It is stopped by a signal and serves nothing: kill -CONT %d lets it go on.", process.PID)
		case activity.State == 'D':
			f.Status, f.Advice = Warning, "Its main thread waits for a device or a file system: see the health of the volumes that it uses."
		case activity.Wanted >= wholeProcessor:
			f.Status, f.Advice = Warning, "Its main thread wants a whole processor, so that its event loop may be blocked: gantry stacks shows what runs, gantry lag for how long."
		}
		if limit > 0 && float64(len(open)) > manyFiles*float64(limit) {
			f.Status, f.Advice = Warning, "It is close to its limit of files and connections: raise it (ulimits, nofile), or see what it keeps open: gantry stacks."
		}
		list = append(list, f)
	}
	if len(list) == 0 {
		list = append(list, Finding{Check: "processes", Status: Warning, Text: "no process of " + string(runtime) + " can be seen", Advice: "Run this in the application's container, as the application's user."})
	}
	return list
}

// limitOf reads a line of /proc/PID/limits: its soft limit.
func limitOf(dir, name string) int64 {
	text, _ := os.ReadFile(dir + "/limits")
	for line := range strings.Lines(string(text)) {
		if rest, found := strings.CutPrefix(line, name); found {
			soft, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
			return number(soft)
		}
	}
	return 0
}

// ruby tells what each process of Ruby says of itself: whether code is compiled, and how its heap is.
func ruby(p Target) []Finding {
	if p.Image.Runtime != "ruby" {
		return nil
	}
	ctx, stop := context.WithTimeout(context.Background(), rubyPatience)
	defer stop()
	var list []Finding
	for _, process := range capture.Processes(capture.Ruby) {
		facts, err := process.RubyFacts(ctx)
		if err != nil {
			list = append(list, Finding{Check: "ruby", Status: Warning, Text: fmt.Sprintf("%d tells nothing of itself: %v", process.PID, err)})
			continue
		}
		collections := facts.Number("gc_count")
		share := float64(facts.Number("gc_time_ns")) / max(1, float64(process.Running.Nanoseconds()))
		f := Finding{Check: "ruby", Status: OK, Facts: map[string]any{
			"pid": process.PID, "version": facts["version"], "yjit": facts["yjit"] == "true", "threads": facts.Number("threads"), "gc-collections": collections,
			"gc-share": share, "heap-live-objects": facts.Number("gc_heap_live_slots"), "heap-slots-bytes": facts.Number("slot_bytes"),
		}}
		yjit := map[bool]string{true: "with YJIT", false: "without YJIT"}[facts["yjit"] == "true"]
		f.Text = fmt.Sprintf("%d  Ruby %s %s, %s threads, %s objects in %s, %d collections (%.1f %% of the time)", process.PID, facts["version"], yjit, facts["threads"],
			facts["gc_heap_live_slots"], mebibytes(facts.Number("slot_bytes")), collections, share*100)
		if facts["gc_disabled"] == "true" {
			f.Status, f.Advice = Warning, "The application has disabled the garbage collector (GC.disable): its memory only grows."
		}
		list = append(list, f)
	}
	return list
}

// rubyPatience is how long processes of Ruby may take to answer.
const rubyPatience = 3 * time.Second

// heap tells the flags that are in force: those that the launch check has added are among them.
func heap(p Target) []Finding {
	if p.Image.Runtime != "node" {
		return nil
	}
	var list []Finding
	seen := map[string]bool{}
	for _, process := range capture.Processes(capture.Node) {
		options, err := process.Variable("NODE_OPTIONS")
		if err != nil || seen[options] {
			continue
		}
		seen[options] = true
		f := Finding{Check: "runtime", Status: OK, Text: "NODE_OPTIONS " + options, Facts: map[string]any{"node-options": strings.Fields(options)}}
		if options == "" {
			f.Text = "NODE_OPTIONS is not set"
			if limit := p.Facts.Memory; limit > 0 {
				f.Status, f.Text = Warning, "NODE_OPTIONS is not set: the heap is not fitted to the container"
				f.Advice = "The application was started past the launcher: start a process type of the image."
			}
		}
		list = append(list, f)
	}
	return list
}
