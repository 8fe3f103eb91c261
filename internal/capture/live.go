package capture

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/gantry-buildpack/gantry/internal/problem"
	"github.com/gantry-buildpack/gantry/internal/sourcemap"
)

// console evaluates an expression in the application, and writes what it gives as Node.js' own console would. Whoever
// deploys the application allows it, with BPL_CONSOLE_ENABLED=true in its environment: an expression can change everything.
func console(expression string) capture {
	return func(ctx context.Context, i *inspector, out io.Writer) error {
		if allowed, err := i.process.Variable("BPL_CONSOLE_ENABLED"); err != nil || allowed != "true" {
			return &problem.Problem{
				ID:    "capture/console-disabled",
				Title: "the console is not enabled",
				Why:   fmt.Sprintf("process %d was started without BPL_CONSOLE_ENABLED=true", i.process.PID),
				Hints: []string{"Set it in the deployment where evaluating code in the running application is wanted.", "`gantry logpoint FILE:LINE EXPRESSION` prints values where a line runs."},
			}
		}
		value, err := i.object(ctx, expression, map[string]any{"replMode": true})
		if err == nil {
			value, err = i.settled(ctx, value)
		}
		if err != nil {
			return err
		}
		text, err := i.inspect(ctx, value)
		if err != nil {
			return err
		}
		_, err = io.WriteString(out, text+"\n")
		return err
	}
}

// remoteObject is a value in the application: https://chromedevtools.github.io/devtools-protocol/v8/Runtime/#type-RemoteObject.
type remoteObject struct {
	Type, Subtype, ObjectID, UnserializableValue string
	Value                                        json.RawMessage
}

// argument gives the value as an argument of a call.
func (o remoteObject) argument() map[string]any {
	switch {
	case o.ObjectID != "":
		return map[string]any{"objectId": o.ObjectID}
	case o.UnserializableValue != "":
		return map[string]any{"unserializableValue": o.UnserializableValue}
	case o.Value == nil:
		return map[string]any{}
	}
	return map[string]any{"value": o.Value}
}

// object evaluates an expression, and gives a handle of its value.
func (i *inspector) object(ctx context.Context, expression string, more map[string]any) (remoteObject, error) {
	params := map[string]any{"expression": expression, "includeCommandLineAPI": true, "objectGroup": "gantry"}
	for name, value := range more {
		params[name] = value
	}
	var answer struct {
		Result           remoteObject
		ExceptionDetails *exception
	}
	if err := i.call(ctx, time.Minute, "Runtime.evaluate", params, &answer); err != nil {
		return remoteObject{}, err
	}
	if answer.ExceptionDetails != nil {
		return remoteObject{}, failed(*answer.ExceptionDetails)
	}
	return answer.Result, nil
}

// settled gives what a promise comes to; any other value is given as it is.
func (i *inspector) settled(ctx context.Context, value remoteObject) (remoteObject, error) {
	if value.Subtype != "promise" {
		return value, nil
	}
	var answer struct {
		Result           remoteObject
		ExceptionDetails *exception
	}
	if err := i.call(ctx, time.Minute, "Runtime.awaitPromise", map[string]any{"promiseObjectId": value.ObjectID}, &answer); err != nil {
		return remoteObject{}, err
	}
	if answer.ExceptionDetails != nil {
		return remoteObject{}, failed(*answer.ExceptionDetails)
	}
	return answer.Result, nil
}

func failed(e exception) error {
	return &problem.Problem{ID: "capture/expression-failed", Title: "the expression failed", Why: e.String()}
}

// release lets go of the values that were held.
func (i *inspector) release(ctx context.Context) error {
	return i.call(ctx, patience, "Runtime.releaseObjectGroup", map[string]any{"objectGroup": "gantry"}, nil)
}

// inspect gives a value as util.inspect shows it.
func (i *inspector) inspect(ctx context.Context, value remoteObject) (string, error) {
	inspect, err := i.object(ctx, "require('node:util').inspect", nil)
	if err != nil {
		return "", err
	}
	params := map[string]any{
		"objectId": inspect.ObjectID, "arguments": []any{value.argument()}, "returnByValue": true,
		"functionDeclaration": "function (value) { return this(value, { depth: 4, breakLength: 100 }) }",
	}
	var answer struct{ Result struct{ Value string } }
	if err := i.call(ctx, patience, "Runtime.callFunctionOn", params, &answer); err != nil {
		return "", err
	}
	return answer.Result.Value, i.release(ctx)
}

// binding is the function through which a log point speaks: Runtime.addBinding.
const binding = "__gantryLogpoint"

// logpoint writes an expression's value whenever a line is about to run, without stopping there: the condition of a
// breakpoint, which is never true.
func logpoint(place, expression string, d time.Duration) (capture, error) {
	name, digits, _ := cutLast(place, ":")
	line, err := strconv.Atoi(digits)
	if err != nil || line < 1 || name == "" {
		return nil, usageError(fmt.Sprintf("the place is not understood: %q; it is FILE:LINE, such as src/orders.ts:42", place))
	}
	return func(ctx context.Context, i *inspector, out io.Writer) error {
		scripts, err := i.scripts(ctx)
		if err != nil {
			return err
		}
		targets := newSources(i.process).generated(scripts, name, line-1)
		if len(targets) == 0 {
			return &problem.Problem{
				ID:    "capture/no-such-line",
				Title: "the application has not loaded " + place,
				Why:   fmt.Sprintf("none of its %d scripts, nor a source in their source maps, has that name and a line %d that runs", len(scripts), line),
				Hints: []string{"Name the file as in the image, or as in the source: dist/orders.js:42 or src/orders.ts:42."},
			}
		}
		if err := i.plant(ctx, targets, expression); err != nil {
			return err
		}
		i.event = func(method string, params json.RawMessage) error {
			var call struct{ Name, Payload string }
			if method != "Runtime.bindingCalled" {
				return nil
			}
			if err := json.Unmarshal(params, &call); err != nil || call.Name != binding {
				return err
			}
			_, err := fmt.Fprintf(out, "%s  %s\n", time.Now().Format("15:04:05.000"), call.Payload)
			return err
		}
		for deadline := time.Now().Add(d); err == nil && time.Now().Before(deadline) && ctx.Err() == nil; {
			if _, err = i.next(ctx, deadline); err != nil && (time.Now().After(deadline) || ctx.Err() != nil) {
				err = nil
			}
		}
		return errors.Join(err, i.uproot())
	}, nil
}

// plant sets the breakpoints, and the function that they call.
func (i *inspector) plant(ctx context.Context, targets []sourcemap.Position, expression string) error {
	if err := i.call(ctx, patience, "Runtime.enable", nil, nil); err != nil {
		return err
	}
	if err := i.call(ctx, patience, "Runtime.addBinding", map[string]any{"name": binding}, nil); err != nil {
		return err
	}
	const helper = `{ const { inspect } = require('node:util'); globalThis[Symbol.for('gantry.inspect')] = v => typeof v === 'string' ? v : inspect(v, { depth: 4, breakLength: Infinity }); 0 }`
	if err := i.evaluate(ctx, helper, nil); err != nil {
		return err
	}
	// An arrow function sees what the line sees, "this" too. A line feed ends a comment in the expression.
	condition := fmt.Sprintf(`(() => { try { %s(globalThis[Symbol.for('gantry.inspect')]((%s
))) } catch (error) { %s('failed: ' + error) } return false })()`, binding, expression, binding)
	for _, t := range targets {
		params := map[string]any{
			"urlRegex": "^(file://)?" + regexp.QuoteMeta(t.File) + "$", "lineNumber": t.Line, "columnNumber": t.Column, "condition": condition,
		}
		if err := i.call(ctx, patience, "Debugger.setBreakpointByUrl", params, nil); err != nil {
			return errors.Join(err, i.uproot())
		}
	}
	return nil
}

// uproot leaves the application as it was.
func (i *inspector) uproot() error {
	i.event = ignore
	ctx := context.Background()
	return errors.Join(
		i.call(ctx, patience, "Debugger.disable", nil, nil),
		i.call(ctx, patience, "Runtime.removeBinding", map[string]any{"name": binding}, nil),
		i.evaluate(ctx, "{ delete globalThis[Symbol.for('gantry.inspect')]; delete globalThis."+binding+"; 0 }", nil),
		i.call(ctx, patience, "Runtime.disable", nil, nil),
	)
}

// scripts gives the files that a thread has loaded; the debugger stays enabled.
func (i *inspector) scripts(ctx context.Context) ([]string, error) {
	var files []string
	i.event = func(method string, params json.RawMessage) error {
		if method != "Debugger.scriptParsed" {
			return nil
		}
		var script struct{ URL string }
		err := json.Unmarshal(params, &script)
		if file := trimFile(script.URL); strings.HasPrefix(file, "/") {
			files = append(files, file)
		}
		return err
	}
	err := i.call(ctx, patience, "Debugger.enable", nil, nil)
	i.event = ignore
	return files, err
}

// generated gives the places in scripts that a line of a file stands for, whether the file is a script or a source of
// one. line counts from 0.
func (s *sources) generated(scripts []string, file string, line int) []sourcemap.Position {
	var list []sourcemap.Position
	for _, script := range scripts {
		if sourcemap.EndsWith(script, file) {
			if text, err := os.ReadFile(s.root + script); err == nil && strings.Count(string(text), "\n") >= line {
				list = append(list, sourcemap.Position{File: script, Line: line})
				continue
			}
		}
		if m := s.of(script); m != nil {
			for _, place := range m.Generated(file, line) {
				list = append(list, sourcemap.Position{File: script, Line: place.Line, Column: place.Column})
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
