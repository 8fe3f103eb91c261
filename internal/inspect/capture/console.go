package capture

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/gantry-buildpack/gantry/internal/problem"
)

// console evaluates an expression in the application, and writes what it gives as Node.js' own console would. Whoever
// deploys the application allows it: an expression can change everything.
func console(expression string) capture {
	return func(ctx context.Context, i *inspector, out io.Writer) error {
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
		_, err = io.WriteString(out, problem.VisibleLines(text)+"\n")
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

// evaluation is the answer to a call that evaluates an expression.
type evaluation struct {
	Result           remoteObject
	ExceptionDetails *exception
}

// syntax reports whether an expression could not be compiled: its error does not come from within it, and V8 calls what
// is evaluated <anonymous>.
func (e exception) syntax() bool {
	return e.Exception.ClassName == "SyntaxError" && !strings.Contains(e.Exception.Description, "at <anonymous>:")
}

// line is the exception without its stack.
func (e exception) line() string {
	first, _, _ := strings.Cut(e.String(), "\n")
	return first
}

// longestEvaluation is after how long V8 breaks an expression off, which stops the application meanwhile.
const longestEvaluation = 5 * time.Second

// object evaluates an expression, and gives a handle of its value.
func (i *inspector) object(ctx context.Context, expression string, more map[string]any) (remoteObject, error) {
	// What takes longer is broken off by V8: an expression that never ends would be the end of the application.
	params := map[string]any{"expression": expression, "includeCommandLineAPI": true, "objectGroup": "gantry", "timeout": longestEvaluation.Milliseconds()}
	for name, value := range more {
		params[name] = value
	}
	var answer evaluation
	err := i.call(ctx, time.Minute, "Runtime.evaluate", params, &answer)
	if refused, ok := errors.AsType[protocolError](err); ok && refused.text == "Internal error" {
		// So V8 calls an evaluation that it has broken off.
		return remoteObject{}, &problem.Problem{
			ID: "capture/expression-stopped", Title: "the expression was broken off", Why: fmt.Sprintf("it did not come to an end within %s, in which the application did nothing else", longestEvaluation),
			Hints: []string{"Have it do less."}, Err: err,
		}
	}
	if err != nil {
		return remoteObject{}, err
	}
	if t := answer.ExceptionDetails; t != nil && t.syntax() {
		return remoteObject{}, usageError("the expression cannot be compiled: " + t.line())
	} else if t != nil {
		return remoteObject{}, failed(*t)
	}
	return answer.Result, nil
}

// settled gives what a promise comes to; any other value is given unchanged.
func (i *inspector) settled(ctx context.Context, value remoteObject) (remoteObject, error) {
	if value.Subtype != "promise" {
		return value, nil
	}
	var answer evaluation
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
	shown, err := i.inspectFunction(ctx)
	if err != nil {
		return "", err
	}
	text, err := i.show(ctx, shown, value, "{ depth: 4, breakLength: 100 }")
	if err != nil {
		return "", err
	}
	return text, i.release(ctx)
}

// inspectFunction gives a handle of util.inspect.
func (i *inspector) inspectFunction(ctx context.Context) (remoteObject, error) {
	return i.object(ctx, "require('node:util').inspect", nil)
}

// show calls util.inspect with options, in JavaScript.
func (i *inspector) show(ctx context.Context, inspect, value remoteObject, options string) (string, error) {
	params := map[string]any{
		"objectId": inspect.ObjectID, "arguments": []any{value.argument()}, "returnByValue": true,
		"functionDeclaration": fmt.Sprintf("function (value) { return this(value, %s) }", options),
	}
	var answer struct{ Result struct{ Value string } }
	err := i.call(ctx, patience, "Runtime.callFunctionOn", params, &answer)
	return answer.Result.Value, err
}
