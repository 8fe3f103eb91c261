package crash

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/sourcemap"
)

// left is what watch.cjs writes of an exception.
type left struct {
	Origin string
	Chain  []struct {
		Message, Stack string
	}
	Report  map[string]any
	Version string
	// Runtime and Command are told by the script of Ruby, which makes no report.
	Runtime, Command string
}

// FromException reads what watch.cjs left of an exception.
func FromException(text []byte) (Record, error) {
	var l left
	if err := json.Unmarshal(text, &l); err != nil {
		return Record{}, fmt.Errorf("read what is left of an exception: %w", err)
	}
	r := Record{Kind: Exception, Message: "the application ended with an exception that nothing caught", Runtime: cmp.Or(l.Runtime, "Node.js") + " " + l.Version, Report: l.Report}
	for i, e := range l.Chain {
		lines := strings.Split(strings.TrimPrefix(e.Stack, e.Message), "\n")
		first, rest, _ := strings.Cut(e.Message, "\n")
		if i == 0 {
			r.Message += ": " + first
			if l.Origin == "unhandledRejection" {
				r.Message = "the application ended with a promise's rejection that nothing handled: " + first
			}
		} else {
			r.Stack = append(r.Stack, "caused by "+first)
		}
		if rest != "" {
			lines = append(strings.Split(rest, "\n"), lines...)
		}
		for _, line := range lines {
			if line = strings.TrimSpace(line); line != "" {
				r.Stack = append(r.Stack, line)
			}
		}
	}
	r.Command = cmp.Or(l.Command, r.commandLine())
	return r, nil
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
		ResourceUsage  struct{ RSS json.Number }
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
	if report.Header.Trigger == "OOMError" {
		r.Kind, r.Message = HeapLimit, fmt.Sprintf("the application's heap was full: its limit is %s", mebibytes(r.Memory.HeapLimit))
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

// addMemory takes over what watch.cjs said of the memory last.
func (r *Record) addMemory(text []byte) {
	var m Memory
	if json.Unmarshal(text, &m) != nil {
		return
	}
	r.Memory.RSS, r.Memory.External, r.Memory.ArrayBuffers, r.Memory.Sites = m.RSS, m.External, m.ArrayBuffers, m.Sites
	r.Memory.HeapUsed, r.Memory.HeapLimit = max(r.Memory.HeapUsed, m.HeapUsed), max(r.Memory.HeapLimit, m.HeapLimit)
	maps := map[string]*sourcemap.Map{}
	for i := range r.Memory.Sites {
		s := &r.Memory.Sites[i]
		file := strings.TrimPrefix(s.URL, "file://")
		if _, seen := maps[file]; !seen && strings.HasPrefix(file, "/") {
			maps[file] = sourcemap.Find(file)
		}
		if m := maps[file]; m != nil {
			if at, ok := m.Original(s.Line, s.Column); ok {
				s.URL, s.Line, s.Column = at.File, at.Line, at.Column
			}
		}
		s.Line, s.Column = s.Line+1, s.Column+1
	}
}
