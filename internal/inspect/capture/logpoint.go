package capture

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gantry-buildpack/gantry/internal/container/sourcemap"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// A line that runs often must not slow the application: of each tenth of a second, a logpoint shows the first ten times.
// Each costs a stop of less than a millisecond; in between V8 runs the line as if there were none.
const logpointWindow, logpointHits = 100 * time.Millisecond, 10

// longestExpression is how long an expression may take at a line before V8 breaks it off: the application stands still.
const longestExpression = 100 * time.Millisecond

// logpoint writes an expression's value whenever a line is about to run. The application stops there for as long as the
// expression is evaluated. What the expression may do is decided by V8: one that changes something is refused, unless the
// console is enabled.
func logpoint(place, expression string, d time.Duration, force bool) (capture, error) {
	name, digits, _ := cutLast(place, ":")
	line, err := strconv.Atoi(digits)
	if err != nil || line < 1 || name == "" {
		return nil, usageError(fmt.Sprintf("the place is not understood: %q; it is FILE:LINE, such as src/orders.ts:42", place))
	}
	return func(ctx context.Context, i *inspector, out io.Writer) error {
		heap, err := i.heapUsed(ctx)
		if err != nil {
			return err
		}
		if err := bearable("a logpoint", heap, pauseOf(heap, pauseDebugger), force, "`gantry stacks` shows what runs right now, without a pause."); err != nil {
			return err
		}
		if err := i.compiles(ctx, expression); err != nil {
			return err
		}
		l := &logging{inspector: i, sources: newSources(i.process), out: out, effects: permit(i.process, evaluating) == nil, expression: expression}
		scripts, err := i.scripts(ctx)
		if err != nil {
			return err
		}
		l.scripts = scripts
		if l.targets = l.sources.generated(scripts, name, line-1); len(l.targets) == 0 {
			return errors.Join(noSuchLine(place, len(scripts), line), i.leaveDebugger())
		}
		return l.run(ctx, d)
	}, nil
}

func noSuchLine(place string, scripts, line int) error {
	return &problem.Problem{
		ID:    "capture/no-such-line",
		Title: "the application has not loaded " + place,
		Why:   fmt.Sprintf("none of its %d scripts, nor a source in their source maps, has that name and a line %d that runs", scripts, line),
		Hints: []string{"Name the file as in the image, or as in the source: dist/orders.js:42 or src/orders.ts:42."},
	}
}

// compiles is an error when the expression is none.
func (i *inspector) compiles(ctx context.Context, expression string) error {
	// A function that is not called; a line feed ends a comment in the expression.
	params := map[string]any{"expression": "(() => (" + expression + "\n), 0)", "throwOnSideEffect": true, "silent": true}
	var answer evaluation
	if err := i.call(ctx, patience, "Runtime.evaluate", params, &answer); err != nil {
		return err
	}
	if t := answer.ExceptionDetails; t != nil && t.syntax() {
		return usageError("the expression cannot be compiled: " + t.line())
	}
	return nil
}

// logging is a logpoint that is set.
type logging struct {
	*inspector
	sources    *sources
	scripts    []script
	targets    []sourcemap.Position
	expression string
	// effects: the expression may change the application.
	effects bool
	out     io.Writer
	util    remoteObject

	breakpoints []string
	// forms are the expression as it is evaluated, by the place in the script.
	forms map[location]form
	hits  int
	// seen: the line has run; told: that it runs more often than is shown.
	seen, told bool
}

// script is a file that a thread has loaded.
type script struct{ id, file string }

// location is a place in a script: https://chromedevtools.github.io/devtools-protocol/v8/Debugger/#type-Location.
type location struct {
	ScriptID                 string
	LineNumber, ColumnNumber int
}

// paused is the event that tells that the application stands at a line.
type paused struct {
	CallFrames []struct {
		CallFrameID string
		Location    location
		ScopeChain  []scope
	}
	HitBreakpoints []string
}

// run shows values until the time is over, in windows: in each the breakpoints are set until there have been enough hits.
func (l *logging) run(ctx context.Context, d time.Duration) error {
	var err error
	if l.util, err = l.inspectFunction(ctx); err != nil {
		return errors.Join(err, l.leaveDebugger())
	}
	l.forms = map[location]form{}
	var stop *paused
	l.event = func(method string, params json.RawMessage) error {
		if method != "Debugger.paused" {
			return nil
		}
		stop = &paused{}
		return json.Unmarshal(params, stop)
	}
	beats := time.Now()
	for deadline := time.Now().Add(d); err == nil && time.Now().Before(deadline) && ctx.Err() == nil && !l.ending; {
		window := time.Now().Add(logpointWindow)
		l.hits = 0
		if err = l.set(ctx); err != nil {
			break
		}
		for err == nil && time.Now().Before(window) && ctx.Err() == nil && !l.ending {
			if stop != nil {
				at := stop
				stop = nil
				err = l.hit(context.WithoutCancel(ctx), at)
				continue
			}
			if _, failed := l.next(ctx, window); failed != nil && !errors.Is(failed, os.ErrDeadlineExceeded) && ctx.Err() == nil {
				err = failed
			}
		}
		if time.Since(beats) > beat && err == nil {
			beats = time.Now()
			err = l.renew()
		}
	}
	if stop != nil && err == nil {
		err = l.resume()
	}
	if !l.seen && err == nil {
		_, _ = fmt.Fprintln(l.log, "The line did not run. Of a line with several functions the first is looked at: put a callback on a line of its own.")
	}
	return errors.Join(err, l.leaveDebugger(), l.release(context.Background()))
}

// set sets the breakpoints, where they are not.
func (l *logging) set(ctx context.Context) error {
	if len(l.breakpoints) > 0 {
		return nil
	}
	for _, t := range l.targets {
		params := map[string]any{"urlRegex": "^(file://)?" + regexp.QuoteMeta(t.File) + "$", "lineNumber": t.Line, "columnNumber": t.Column}
		var answer struct{ BreakpointID string }
		if err := l.call(ctx, patience, "Debugger.setBreakpointByUrl", params, &answer); err != nil {
			return err
		}
		l.breakpoints = append(l.breakpoints, answer.BreakpointID)
	}
	return nil
}

// hit shows the value where the application stands, and lets it go on.
func (l *logging) hit(ctx context.Context, at *paused) error {
	// A statement "debugger" of the application stops it, too, while somebody listens.
	if len(at.CallFrames) > 0 && slices.ContainsFunc(at.HitBreakpoints, func(id string) bool { return slices.Contains(l.breakpoints, id) }) {
		text, err := l.value(ctx, at)
		if err != nil {
			return errors.Join(err, l.resume())
		}
		if _, err := fmt.Fprintf(l.out, "%s  %s\n", time.Now().Format("15:04:05.000"), problem.Visible(text)); err != nil {
			return errors.Join(err, l.resume())
		}
		l.hits++
		l.seen = true
	}
	if l.hits >= logpointHits {
		for _, id := range l.breakpoints {
			if err := l.call(ctx, patience, "Debugger.removeBreakpoint", map[string]any{"breakpointId": id}, nil); err != nil {
				return errors.Join(err, l.resume())
			}
		}
		l.breakpoints = nil
		if !l.told {
			l.told = true
			_, _ = fmt.Fprintf(l.log, "The line runs more often than is shown: at most %d values a second.\n", logpointHits*int(time.Second/logpointWindow))
		}
	}
	return l.resume()
}

func (l *logging) resume() error {
	return l.call(context.Background(), patience, "Debugger.resume", nil, nil)
}

// value evaluates the expression where the application stands.
func (l *logging) value(ctx context.Context, at *paused) (string, error) {
	top := at.CallFrames[0]
	f, known := l.forms[top.Location]
	if !known {
		var err error
		if f, err = l.form(ctx, top.Location, top.ScopeChain); err != nil {
			return "", err
		}
		l.forms[top.Location] = f
	}
	var answer evaluation
	params := map[string]any{"callFrameId": top.CallFrameID, "expression": f.expression, "objectGroup": "gantry", "throwOnSideEffect": !l.effects, "silent": true, "timeout": longestExpression.Milliseconds()}
	if err := l.call(ctx, patience, "Debugger.evaluateOnCallFrame", params, &answer); err != nil {
		return "", err
	}
	if t := answer.ExceptionDetails; t != nil {
		return f.failure(*t, l.effects), nil
	}
	var text string
	if answer.Result.Type == "string" && json.Unmarshal(answer.Result.Value, &text) == nil {
		return text[:min(len(text), longestValue)], nil
	}
	// What an object's class says of it is the application's code, too.
	return l.show(ctx, l.util, answer.Result, "{ depth: 4, breakLength: Infinity, customInspect: false, maxStringLength: 10000 }")
}

// longestValue is how much of a text is shown, in bytes.
const longestValue = 10_000

// leaveDebugger leaves the application as it was.
func (i *inspector) leaveDebugger() error {
	i.event = ignore
	return i.call(context.Background(), patience, "Debugger.disable", nil, nil)
}

// scripts gives the files that a thread has loaded; the debugger stays enabled.
func (i *inspector) scripts(ctx context.Context) ([]script, error) {
	var files []script
	i.event = func(method string, params json.RawMessage) error {
		if method != "Debugger.scriptParsed" {
			return nil
		}
		var parsed struct{ ScriptID, URL string }
		err := json.Unmarshal(params, &parsed)
		if file := trimFile(parsed.URL); strings.HasPrefix(file, "/") {
			files = append(files, script{parsed.ScriptID, file})
		}
		return err
	}
	err := i.call(ctx, time.Minute, "Debugger.enable", nil, nil)
	i.event = ignore
	return files, err
}

// generated gives the places in scripts that a line of a file stands for, whether the file is a script or a source of
// one. line counts from 0.
func (s *sources) generated(scripts []script, file string, line int) []sourcemap.Position {
	var list []sourcemap.Position
	for _, script := range scripts {
		if sourcemap.EndsWith(script.file, file) {
			if text, err := os.ReadFile(s.root + script.file); err == nil && strings.Count(string(text), "\n") >= line {
				list = append(list, sourcemap.Position{File: script.file, Line: line})
				continue
			}
		}
		if m := s.of(script.file); m != nil {
			for _, place := range m.Generated(file, line) {
				list = append(list, sourcemap.Position{File: script.file, Line: place.Line, Column: place.Column})
			}
		}
	}
	return list
}

func cutLast(text, separator string) (before, after string, found bool) {
	at := strings.LastIndex(text, separator)
	if at < 0 {
		return text, "", false
	}
	return text[:at], text[at+len(separator):], true
}
