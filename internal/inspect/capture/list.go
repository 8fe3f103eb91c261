package capture

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
)

// states says in a word what the kernel's letter of a process means: proc(5).
var states = map[byte]string{'R': "runs", 'S': "waits", 'D': "blocked", 'T': "stopped", 't': "traced", 'Z': "ended", 'I': "waits"}

// list writes a table of the processes of each runtime. Of Node.js and Bun it tells what the kernel shows, and sends no
// signal; a process of Ruby is asked. quick leaves out what takes a moment.
func list(ctx context.Context, quick bool, out io.Writer) error {
	var text, notes strings.Builder
	nodes, rubies := Processes(Node, Bun), Processes(Ruby)
	if len(nodes)+len(rubies) == 0 {
		_, err := choose("ps", 0, []Runtime{Node, Ruby})
		return err
	}
	shares := make([]string, len(nodes))
	var group sync.WaitGroup
	for i, p := range nodes {
		group.Go(func() {
			if shares[i] = "-"; !quick {
				shares[i] = fmt.Sprintf("%.0f %%", p.Watch().Used*100)
			}
		})
	}
	group.Wait()
	if len(nodes) > 0 {
		fmt.Fprintf(&text, "%7s  %-7s  %9s  %9s  %9s  %6s  %-7s  %s\n", "PID", "RUNTIME", "VERSION", "RUNNING", "MEMORY", "CPU", "STATE", "COMMAND")
	}
	for i, p := range nodes {
		fmt.Fprintf(&text, "%7d  %-7s  %9s  %9s  %9s  %6s  %-7s  %s\n", p.PID, p.Runtime, cmp.Or(p.version(), "-"), p.Running, size(p.Memory), shares[i], cmp.Or(states[p.state()], "-"), p.Shown())
	}
	if len(rubies) > 0 {
		fmt.Fprintf(&text, "%7s  %9s  %9s  %9s  %8s  %9s  %8s  %5s  %s\n", "PID", "RUBY", "RUNNING", "MEMORY", "HEAP", "OBJECTS", "THREADS", "YJIT", "COMMAND")
	}
	for _, p := range rubies {
		version, heap, objects, threads, yjit := "-", "-", "-", "-", "-"
		if !quick {
			f, err := p.RubyFacts(ctx)
			if err == nil {
				version, heap, objects, threads = f["version"], size(f.Number("slot_bytes")), fmt.Sprint(f.Number("gc_heap_live_slots")), f["threads"]
				yjit = map[bool]string{true: "on", false: "off"}[f["yjit"] == "true"]
			} else {
				fmt.Fprintf(&notes, "Process %d tells nothing of itself: %v\n", p.PID, err)
			}
		}
		fmt.Fprintf(&text, "%7d  %9s  %9s  %9s  %8s  %9s  %8s  %5s  %s\n", p.PID, version, p.Running, size(p.Memory), heap, objects, threads, yjit, p.Shown())
	}
	_, err := io.WriteString(out, text.String()+notes.String())
	return err
}

// listed is a process for programs. Used is the share of one processor; the rest is known of Ruby alone.
type listed struct {
	PID     int      `json:"pid"`
	Runtime Runtime  `json:"runtime"`
	Version string   `json:"version,omitempty"`
	Running float64  `json:"running-seconds"`
	Memory  int64    `json:"memory-bytes"`
	Used    *float64 `json:"processor,omitempty"`
	State   string   `json:"state,omitempty"`
	Command string   `json:"command"`
	Facts   Facts    `json:"ruby,omitempty"`
}

// listJSON writes the same as a list for programs.
func listJSON(ctx context.Context, quick bool, out io.Writer) error {
	processes := Processes(Node, Bun, Ruby)
	list := make([]listed, len(processes))
	var group sync.WaitGroup
	for i, p := range processes {
		group.Go(func() {
			list[i] = listed{PID: p.PID, Runtime: p.Runtime, Version: p.version(), Running: p.Running.Seconds(), Memory: p.Memory, State: states[p.state()], Command: p.Shown()}
			if quick {
				return
			}
			used := p.Watch().Used
			list[i].Used = &used
			if p.Runtime != Ruby {
				return
			}
			if facts, err := p.RubyFacts(ctx); err == nil {
				list[i].Facts, list[i].Version = facts, facts["version"]
			}
		})
	}
	group.Wait()
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(list)
}
