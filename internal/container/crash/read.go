package crash

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/gantry-buildpack/gantry/internal/container/sourcemap"
	"github.com/gantry-buildpack/gantry/internal/source/lazyregexp"
)

// exception is what the scripts write of an exception.
type exception struct {
	Origin string
	// Chain is the exception, then the errors that it holds and its causes.
	Chain   []link
	Report  map[string]any
	Version string
	// Runtime and Command are told by the script of Ruby, which makes no report.
	Runtime, Command string
}

// link is one error. Relation says what it is to the one before: "error" for one of several in an AggregateError, else its
// cause. Properties are those that say what failed: code, address, port.
type link struct {
	Message, Stack, Relation string
	Properties               map[string]string
}

// title is the message's first line, with what an error without words has to say: its code, where it connected to.
func (l link) title() string {
	first, _, _ := strings.Cut(l.Message, "\n")
	var more []string
	for _, name := range slices.Sorted(maps.Keys(l.Properties)) {
		if value := l.Properties[name]; !strings.Contains(l.Message, value) {
			more = append(more, name+" "+value)
		}
	}
	if len(more) > 0 {
		first = strings.TrimSpace(first) + " (" + strings.Join(more, ", ") + ")"
	}
	return first
}

// lines are those of the message after its first, and of the stack.
func (l link) lines() []string {
	_, rest, _ := strings.Cut(l.Message, "\n")
	var list []string
	for line := range strings.SplitSeq(rest+"\n"+strings.TrimPrefix(l.Stack, l.Message), "\n") {
		if line = strings.TrimSpace(line); line != "" {
			list = append(list, line)
		}
	}
	return list
}

// FromException reads what watch.cjs left of an exception.
func FromException(text []byte) (Record, error) {
	var e exception
	if err := json.Unmarshal(text, &e); err != nil {
		return Record{}, fmt.Errorf("read what is left of an exception: %w", err)
	}
	r := Record{Kind: Exception, Message: "the application ended with an exception that nothing caught", Runtime: cmp.Or(e.Runtime, "Node.js") + " " + e.Version, Report: e.Report}
	var within []string
	for i, l := range e.Chain {
		switch {
		case i == 0 && e.Origin == "unhandledRejection":
			r.Message = "the application ended with a promise's rejection that nothing handled: " + l.title()
		case i == 0:
			r.Message += ": " + l.title()
		case l.Relation == "error":
			within = append(within, strings.TrimPrefix(l.title(), "Error: "))
			r.Stack = append(r.Stack, "one of its errors: "+l.title())
		default:
			r.Stack = append(r.Stack, "caused by "+l.title())
		}
		r.Stack = append(r.Stack, l.lines()...)
	}
	if len(within) > 0 {
		r.Message = strings.TrimRight(r.Message, ": ") + ": " + strings.Join(within, "; ")
	}
	r.Command = cmp.Or(e.Command, r.commandLine())
	return r, nil
}

// signals are those that end a process by its own fault, by their names, and the one that the kernel sends for want of
// memory.
var signals = map[string]syscall.Signal{
	"SIGABRT": syscall.SIGABRT, "SIGBUS": syscall.SIGBUS, "SIGFPE": syscall.SIGFPE, "SIGILL": syscall.SIGILL, "SIGSEGV": syscall.SIGSEGV,
	"SIGSYS": syscall.SIGSYS, "SIGTRAP": syscall.SIGTRAP, "SIGKILL": syscall.SIGKILL,
}

// FromChild reads what watch.cjs left of the end of a child process: init learns only of those that nobody waits for.
func FromChild(text []byte) (Record, error) {
	var child struct {
		PID             int
		Signal, Command string
	}
	if err := json.Unmarshal(text, &child); err != nil {
		return Record{}, fmt.Errorf("read what is left of a child process: %w", err)
	}
	signal, known := signals[child.Signal]
	if !known {
		return Record{}, fmt.Errorf("there is no signal %q", child.Signal)
	}
	return Record{
		Kind: Signal, PID: child.PID, Command: child.Command, child: true, signal: signal,
		Message: fmt.Sprintf("a child process, %d, ended by signal %d (%s); the application goes on", child.PID, signal, signal),
	}, nil
}

// FromRuby reads what Ruby itself leaves when it crashes (RUBY_CRASH_REPORT):
// https://docs.ruby-lang.org/en/master/security/bug_triaging_rdoc.html and ruby(1).
func FromRuby(text []byte) (Record, error) {
	r := Record{Kind: FatalError}
	_, cause, found := strings.Cut(string(text), "[BUG] ")
	if !found {
		return r, errors.New("it is no crash report of Ruby")
	}
	cause, rest, _ := strings.Cut(cause, "\n")
	r.Message = "the runtime ended the application: " + strings.TrimSpace(cause)
	if version, _, found := strings.Cut(strings.TrimSpace(rest), " ("); found && strings.HasPrefix(version, "ruby ") {
		r.Runtime = "Ruby " + strings.TrimPrefix(version, "ruby ")
	}
	_, stack, _ := strings.Cut(rest, "-- Ruby level backtrace information")
	_, stack, _ = strings.Cut(stack, "\n")
	for line := range strings.Lines(stack) {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "--") {
			break
		}
		r.Stack = append(r.Stack, line)
	}
	// Ruby names the outermost call first, and stacks are read from the innermost.
	slices.Reverse(r.Stack)
	return r, nil
}

// FromReport reads Node.js' diagnostic report of a fatal error: https://nodejs.org/api/report.html.
func FromReport(text []byte) (Record, error) {
	var report struct {
		Header struct {
			Event, Trigger, NodejsVersion string
			ProcessID                     int
		}
		JavascriptStack struct {
			Message string
			Stack   []string
		}
		JavascriptHeap struct{ UsedMemory, MemoryLimit int64 }
		ResourceUsage  struct{ RSS json.RawMessage }
	}
	if err := json.Unmarshal(text, &report); err != nil {
		return Record{}, fmt.Errorf("read Node.js' report: %w", err)
	}
	r := Record{Kind: FatalError, PID: report.Header.ProcessID, Runtime: "Node.js " + report.Header.NodejsVersion}
	if err := json.Unmarshal(text, &r.Report); err != nil {
		return Record{}, fmt.Errorf("read Node.js' report: %w", err)
	}
	// Of variables the names are kept.
	if variables, ok := r.Report["environmentVariables"].(map[string]any); ok {
		names := make([]string, 0, len(variables))
		for name := range variables {
			names = append(names, name)
		}
		slices.Sort(names)
		r.Report["environmentVariables"] = names
	}
	r.Message = "the runtime ended the application: " + report.Header.Event
	r.Memory.HeapUsed, r.Memory.HeapLimit = report.JavascriptHeap.UsedMemory, report.JavascriptHeap.MemoryLimit
	r.Memory.RSS, _ = strconv.ParseInt(strings.Trim(string(report.ResourceUsage.RSS), `"`), 10, 64)
	if report.Header.Trigger == "OOMError" {
		r.Kind, r.Message = HeapLimit, heapFull(r.Memory.HeapLimit)
	}
	for _, line := range report.JavascriptStack.Stack {
		if strings.HasPrefix(line, "at ") {
			r.Stack = append(r.Stack, line)
		}
	}
	r.Command = r.commandLine()
	return r, nil
}

func (r Record) commandLine() string {
	header, _ := r.Report["header"].(map[string]any)
	words, _ := header["commandLine"].([]any)
	var line []string
	for _, word := range words {
		line = append(line, fmt.Sprint(word))
	}
	return strings.Join(line, " ")
}

func heapFull(limit int64) string {
	return "the application's heap was full: its limit is " + mebibytes(limit)
}

// addOutput takes over the last lines of a program's standard error. A stack that Node.js or Ruby has written there is the
// stack.
func (r *Record) addOutput(output string) {
	lines := strings.Split(strings.TrimRight(output, "\n"), "\n")
	if output == "" {
		return
	}
	r.Output = lines[max(0, len(lines)-maxLines):]
	maps := sourceMaps{}
	for i, line := range r.Output {
		if strings.Contains(line, "----- JavaScript stack trace -----") {
			for _, frame := range r.Output[i+1:] {
				if frame = strings.TrimSpace(frame); strings.HasPrefix(frame, "at ") || len(frame) > 3 && frame[0] >= '0' && frame[0] <= '9' {
					r.Stack = append(r.Stack, maps.line(frame))
				}
			}
		}
	}
}

// addMemory takes over what watch.cjs said of the memory last. What Node.js itself reported of its end comes first: the
// numbers of a record are of one moment.
func (r *Record) addMemory(text []byte) {
	var m Memory
	if json.Unmarshal(text, &m) != nil {
		return
	}
	r.Memory.External, r.Memory.ArrayBuffers, r.Memory.Sites = m.External, m.ArrayBuffers, m.Sites
	r.Memory.RSS = cmp.Or(r.Memory.RSS, m.RSS)
	r.Memory.HeapUsed = cmp.Or(r.Memory.HeapUsed, m.HeapUsed)
	// Node.js counts the space for young objects to its limit, up to 192 MiB, which is never full when the heap is.
	if r.Memory.HeapLimit = cmp.Or(m.HeapLimit, r.Memory.HeapLimit); r.Kind == HeapLimit && r.Memory.HeapLimit > 0 {
		r.Message = heapFull(r.Memory.HeapLimit)
	}
	maps := sourceMaps{}
	for i := range r.Memory.Sites {
		s := &r.Memory.Sites[i]
		if at, ok := maps.original(strings.TrimPrefix(s.URL, "file://"), s.Line, s.Column); ok {
			s.URL, s.Line, s.Column = at.File, at.Line, at.Column
		}
		s.Line, s.Column = s.Line+1, s.Column+1
	}
}

// sourceMaps are those of the scripts that were asked for, by their files.
type sourceMaps map[string]*sourcemap.Map

// original gives the source of a place; line and column count from 0.
func (m sourceMaps) original(file string, line, column int) (sourcemap.Position, bool) {
	if _, seen := m[file]; !seen && strings.HasPrefix(file, "/") {
		m[file] = sourcemap.Find(file)
	}
	if m[file] == nil {
		return sourcemap.Position{}, false
	}
	return m[file].Original(line, column)
}

// place is the end of a line of a stack: /FILE:LINE:COLUMN.
var place = lazyregexp.New(`(/[^\s()]+):(\d+):(\d+)\)?$`)

// line gives a line of a stack with the place in the source.
func (m sourceMaps) line(text string) string {
	match := place().FindStringSubmatchIndex(text)
	if match == nil {
		return text
	}
	line, _ := strconv.Atoi(text[match[4]:match[5]])
	column, _ := strconv.Atoi(text[match[6]:match[7]])
	at, ok := m.original(text[match[2]:match[3]], line-1, max(0, column-1))
	if !ok {
		return text
	}
	return fmt.Sprintf("%s%s:%d:%d%s", text[:match[2]], at.File, at.Line+1, at.Column+1, text[match[7]:])
}
