// Package crash keeps records of how an application ended: what happened, where in its source, and how its memory was
// used. It reads what Node.js and the script watch.cjs leave behind, and never keeps the values of variables.
package crash

import (
	_ "embed" // for the script below
	"fmt"
	"strings"
	"time"
)

// WatchFile is the name, in the layer, of the script that Node.js loads before the application.
const WatchFile = "watch.cjs"

// WatchScript is that file.
//
//go:embed watch.cjs
var WatchScript string

// Kind is what ended an application.
type Kind string

// The kinds. HeapLimit: JavaScript's heap was full. ContainerLimit: the kernel ended it, since the container's memory was.
const (
	Exception      Kind = "uncaught-exception"
	HeapLimit      Kind = "heap-limit"
	ContainerLimit Kind = "container-limit"
	FatalError     Kind = "fatal-error"
	Signal         Kind = "signal"
)

// Record is one crash.
type Record struct {
	Time    time.Time `json:"time"`
	Kind    Kind      `json:"kind"`
	PID     int       `json:"pid"`
	Command string    `json:"command,omitempty"`
	Runtime string    `json:"runtime,omitempty"`
	// Message says in one line what happened.
	Message string `json:"message"`
	// Stack are the lines of the stack, in the source's positions, and those of the error's causes.
	Stack []string `json:"stack,omitempty"`
	// Memory is what is known of it, in bytes; Limit is the container's, 0 for none.
	Memory Memory `json:"memory,omitzero"`
	// Report is Node.js' diagnostic report, without the values of variables.
	Report map[string]any `json:"report,omitempty"`
}

// Memory is how memory was used shortly before the end, in bytes.
type Memory struct {
	RSS          int64  `json:"rss,omitempty"`
	HeapUsed     int64  `json:"heapUsed,omitempty"`
	HeapLimit    int64  `json:"heapLimit,omitempty"`
	External     int64  `json:"external,omitempty"`
	ArrayBuffers int64  `json:"arrayBuffers,omitempty"`
	Limit        int64  `json:"containerLimit,omitempty"`
	Sites        []Site `json:"sites,omitempty"`
}

// Site is a function that allocated what the heap was filled with; Line and Column count from 0 in what V8 gives, and
// from 1 in a record.
type Site struct {
	Function string `json:"function"`
	URL      string `json:"url"`
	Line     int    `json:"line"`
	Column   int    `json:"column"`
	Bytes    int64  `json:"bytes"`
}

// shownStack and shownSites are how many lines a summary has of each.
const shownStack, shownSites = 8, 5

// Summary gives the record for people, in a few lines: for the log and for Kubernetes.
func (r Record) Summary() string { return "gantry: " + r.text(shownStack) }

func (r Record) text(lines int) string {
	var out strings.Builder
	fmt.Fprintf(&out, "%s\n", r.Message)
	for _, line := range r.Stack[:min(len(r.Stack), lines)] {
		fmt.Fprintf(&out, "    %s\n", line)
	}
	if m := r.Memory; r.Kind == HeapLimit || r.Kind == ContainerLimit {
		if m.RSS > 0 {
			fmt.Fprintf(&out, "  memory of the process %s: heap %s of %s, outside of it %s\n", mebibytes(m.RSS), mebibytes(m.HeapUsed), mebibytes(m.HeapLimit), mebibytes(m.External))
		}
		if len(m.Sites) > 0 {
			out.WriteString("  what filled the heap was allocated in\n")
		}
		for _, s := range m.Sites[:min(len(m.Sites), shownSites)] {
			fmt.Fprintf(&out, "    %8s  %s\n", mebibytes(s.Bytes), s)
		}
	}
	for _, hint := range r.hints() {
		fmt.Fprintf(&out, "  do  %s\n", hint)
	}
	return out.String()
}

// String gives a site as a line of a stack.
func (s Site) String() string {
	name := s.Function
	if name == "" {
		name = "(anonymous)"
	}
	if s.URL == "" {
		return name
	}
	return fmt.Sprintf("%s (%s:%d:%d)", name, strings.TrimPrefix(s.URL, "file://"), s.Line, s.Column)
}

func (r Record) hints() []string {
	switch r.Kind {
	case HeapLimit:
		hints := []string{"See what keeps growing: `gantry profile heap` on a running instance."}
		if r.Memory.Limit > 0 {
			hints = append(hints, "If it needs that much, give the container more memory: the heap grows with its limit.")
		}
		return hints
	case ContainerLimit:
		hints := []string{"Give the container more memory, or see what grows: `gantry profile heap`, `gantry ps`."}
		if m := r.Memory; m.External > m.HeapUsed && m.External > 0 {
			hints = append(hints, "Most of it was outside of the heap: buffers, streams and native modules.")
		}
		return hints
	}
	return nil
}

func mebibytes(bytes int64) string { return fmt.Sprintf("%d MiB", (bytes+1<<19)>>20) }
