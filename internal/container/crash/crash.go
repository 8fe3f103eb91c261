// Package crash keeps records of how an application ended: what happened, where in its source, and how its memory was
// used. It reads what Node.js and the script watch.cjs leave behind, and never keeps the values of variables.
package crash

import (
	_ "embed" // for the script below
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/gantry-buildpack/gantry/internal/problem"
	"github.com/gantry-buildpack/gantry/internal/problem/redact"
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
	// Output is what the program wrote to its standard error before a signal ended it, the last lines of it.
	Output []string `json:"output,omitempty"`
	// Memory is what is known of it, in bytes; Limit is the container's, 0 for none.
	Memory Memory `json:"memory,omitzero"`
	// Report is Node.js' diagnostic report, without the values of variables.
	Report map[string]any `json:"report,omitempty"`

	// child: its parent told how it ended, by which signal.
	child  bool
	signal syscall.Signal
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
	fmt.Fprintf(&out, "%s\n", problem.Visible(r.Message))
	for _, line := range r.Stack[:min(len(r.Stack), lines)] {
		fmt.Fprintf(&out, "    %s\n", problem.Visible(line))
	}
	if len(r.Output) > 0 && len(r.Stack) == 0 {
		out.WriteString("  it wrote last\n")
		for _, line := range r.Output[max(0, len(r.Output)-max(lines, shownStack)):] {
			fmt.Fprintf(&out, "    %s\n", problem.Visible(line))
		}
	}
	if m := r.Memory; r.Kind == HeapLimit || r.Kind == ContainerLimit {
		if m.RSS > 0 {
			fmt.Fprintf(&out, "  memory of the process %s: heap %s of %s, outside of it %s\n", mebibytes(m.RSS), mebibytes(m.HeapUsed), mebibytes(m.HeapLimit), mebibytes(m.External))
		}
		if len(m.Sites) > 0 {
			out.WriteString("  what filled the heap was allocated in\n")
		}
		for _, s := range m.Sites[:min(len(m.Sites), shownSites)] {
			fmt.Fprintf(&out, "    %8s  %s\n", mebibytes(s.Bytes), problem.Visible(s.String()))
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
	m := r.Memory
	switch {
	case r.Kind == HeapLimit && len(m.Sites) == 0:
		return r.more("See what fills the heap: `gantry profile heap` on a running instance.")
	case r.Kind == HeapLimit:
		return r.more("See what keeps it alive: `gantry snapshot heap` on a running instance.")
	case r.Kind == ContainerLimit && m.External > m.HeapUsed:
		return []string{
			"Most of it was outside of the heap, in buffers, streams and native modules: `gantry snapshot heap` shows which objects hold buffers; a heap profile does not.",
			"Give the container more memory if the application needs that much.",
		}
	case r.Kind == ContainerLimit:
		return []string{"Give the container more memory, or see what grows: `gantry ps`, and `gantry profile heap` where it is the heap."}
	}
	return nil
}

// more adds the advice that fits where the container has a limit, and the heap's follows it.
func (r Record) more(hints ...string) []string {
	if r.Memory.Limit > 0 {
		hints = append(hints, "If it needs that much, give the container more memory: the heap grows with its limit.")
	}
	return hints
}

// The bounds of a record's parts: lines, and bytes of each text.
const maxLines, maxLine, maxMessage = 200, 1 << 10, 8 << 10

// bounded cuts what is too long, so that a record without the runtime's report is below MaxBytes.
func (r Record) bounded() Record {
	r.Message, r.Command, r.Runtime = cut(r.Message, maxMessage), cut(r.Command, maxMessage), cut(r.Runtime, maxLine)
	r.Stack, r.Output = cutLines(r.Stack), cutLines(r.Output)
	r.Memory.Sites = slices.Clone(r.Memory.Sites[:min(len(r.Memory.Sites), maxSites)])
	for i := range r.Memory.Sites {
		r.Memory.Sites[i].Function, r.Memory.Sites[i].URL = cut(r.Memory.Sites[i].Function, maxLine), cut(r.Memory.Sites[i].URL, maxLine)
	}
	return r
}

// maxSites is how many functions a record names that allocated memory.
const maxSites = 20

func cutLines(list []string) []string {
	kept := make([]string, min(len(list), maxLines))
	for i := range kept {
		kept[i] = cut(list[i], maxLine)
	}
	if len(list) > maxLines {
		kept = append(kept, fmt.Sprintf("… %d more lines", len(list)-maxLines))
	}
	return kept
}

func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + fmt.Sprintf("… (%d more bytes)", len(text)-most)
}

// without gives the record without secrets, whatever fields it has.
func (r Record) without(secrets redact.Redactor) Record {
	// A record is made of strings, numbers and times: it can be written and read.
	text, err := json.Marshal(r)
	if err == nil {
		text, err = secrets.JSON(text)
	}
	clean := Record{child: r.child, signal: r.signal}
	if err == nil {
		err = json.Unmarshal(text, &clean)
	}
	if err != nil {
		return Record{Time: r.Time, Kind: r.Kind, PID: r.PID, Message: "the application ended; its record cannot be written", child: r.child, signal: r.signal}
	}
	return clean
}

func mebibytes(bytes int64) string { return fmt.Sprintf("%d MiB", (bytes+1<<19)>>20) }
