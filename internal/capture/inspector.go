package capture

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"time"

	"github.com/gantry-buildpack/gantry/internal/problem"
)

// inspector is a connection to Node.js' inspector: https://chromedevtools.github.io/devtools-protocol/v8/.
type inspector struct {
	process Process
	port    int
	// opened: it was not open before.
	opened bool
	socket *socket
	// session leads to a worker thread; empty: the main thread is looked at.
	session string
	last    int
	// event is told of what the inspector says by itself.
	event func(method string, params json.RawMessage) error
}

// opening is how long a process may take to open its inspector.
const opening = 10 * time.Second

// attach opens a process's inspector, or takes the one that is open.
func attach(ctx context.Context, p Process) (*inspector, error) {
	i, found, err := tryAttach(ctx, p)
	if err != nil && found && ctx.Err() == nil {
		// It was open because of another capture, which was just closing it.
		time.Sleep(closing)
		i, _, err = tryAttach(ctx, p)
	}
	return i, err
}

// closing is how long an inspector may take to close.
const closing = 300 * time.Millisecond

// tryAttach is attach, once; found tells that the inspector was open already.
func tryAttach(ctx context.Context, p Process) (attached *inspector, found bool, err error) {
	i := &inspector{process: p, event: ignore}
	path := ""
	if i.port, path = find(p); path == "" {
		if !p.handles(int(syscall.SIGUSR1)) {
			// Without a handler the signal would end the process.
			return nil, false, &problem.Problem{
				ID:    "capture/inspector-disabled",
				Title: fmt.Sprintf("process %d does not open its inspector", p.PID),
				Why:   "it has no handler for SIGUSR1: Node.js was started with --disable-sigusr1, or is just starting",
				Hints: []string{"Start it without that option; or with BPL_DEBUG_ENABLED=true: an inspector that is open from the start is found as well."},
			}
		}
		if err := syscall.Kill(p.PID, syscall.SIGUSR1); err != nil {
			return nil, false, &problem.Problem{
				ID:    "capture/not-permitted",
				Title: fmt.Sprintf("process %d cannot be asked to open its inspector", p.PID),
				Why:   err.Error(),
				Hints: []string{"Run this as the application's user."},
				Err:   err,
			}
		}
		i.opened = true
		for deadline := time.Now().Add(opening); path == "" && time.Now().Before(deadline) && ctx.Err() == nil; {
			time.Sleep(20 * time.Millisecond)
			i.port, path = find(p)
		}
	}
	if path == "" {
		return nil, false, &problem.Problem{
			ID:    "capture/inspector-closed",
			Title: fmt.Sprintf("process %d did not open its inspector within %s", p.PID, opening),
			Why:   "the application uses SIGUSR1 itself, or the port of the inspector (9229, or that of --inspect-port) is in use",
			Hints: []string{"Look at the application's log: Node.js says there when the port is in use.", "With BPL_DEBUG_ENABLED=true and BPL_DEBUG_PORT the inspector is open from the start, and is found here as well."},
		}
	}
	if i.socket, err = open(i.port, path); err != nil {
		return nil, !i.opened, i.lost(err)
	}
	return i, !i.opened, nil
}

// find gives the port of a process's open inspector, and the path of its main thread; the path is empty when none is open.
func find(p Process) (port int, path string) {
	for _, port := range p.ports() {
		text, err := get(port, "/json/list")
		var targets []struct{ Type, WebSocketDebuggerURL string }
		if err != nil || json.Unmarshal(text, &targets) != nil {
			continue
		}
		for _, target := range targets {
			if target.Type != "node" {
				continue
			}
			if _, rest, ok := strings.Cut(strings.TrimPrefix(target.WebSocketDebuggerURL, "ws://"), "/"); ok {
				return port, "/" + rest
			}
		}
	}
	return 0, ""
}

func (i *inspector) lost(err error) error {
	return &problem.Problem{
		ID:    "capture/connection-lost",
		Title: fmt.Sprintf("the connection to process %d broke off", i.process.PID),
		Why:   err.Error(),
		Hints: []string{"Check with `gantry ps` whether the process still runs, and try again."},
		Err:   err,
	}
}

// message is what the inspector sends: an answer, or an event.
type message struct {
	ID     int
	Method string
	Params json.RawMessage
	Result json.RawMessage
	Error  *struct{ Message string }
}

// call calls a method, and waits for its answer as long as ctx and limit allow.
func (i *inspector) call(ctx context.Context, limit time.Duration, method string, params any, result any) error {
	i.last++
	text, err := json.Marshal(map[string]any{"id": i.last, "method": method, "params": params})
	if err != nil {
		return fmt.Errorf("call %s: %w", method, err)
	}
	id := i.last
	if text, err = i.wrapped(text); err != nil {
		return fmt.Errorf("call %s: %w", method, err)
	}
	if err := i.socket.file.SetWriteDeadline(time.Now().Add(patience)); err != nil {
		return i.lost(err)
	}
	if err := i.socket.write(frameText, text); err != nil {
		return i.lost(err)
	}
	for deadline := time.Now().Add(limit); ; {
		m, err := i.next(ctx, deadline)
		switch {
		case err != nil:
			return err
		case m.ID != id:
		case m.Error != nil:
			return fmt.Errorf("%s: %s", method, m.Error.Message)
		case result == nil:
			return nil
		default:
			return json.Unmarshal(m.Result, result)
		}
	}
}

// next gives the next answer; events are handed on.
func (i *inspector) next(ctx context.Context, deadline time.Time) (message, error) {
	var m message
	text, err := i.socket.read(ctx, deadline)
	if ctx.Err() != nil {
		return m, ctx.Err()
	}
	if err != nil {
		return m, i.lost(err)
	}
	if err := json.Unmarshal(text, &m); err != nil {
		return m, i.lost(err)
	}
	if m, err = i.unwrapped(m); err != nil {
		return m, err
	}
	if m.Method != "" {
		return m, i.event(m.Method, m.Params)
	}
	return m, nil
}

// exception is what an expression threw: https://chromedevtools.github.io/devtools-protocol/v8/Runtime/#type-ExceptionDetails.
type exception struct {
	Text      string
	Exception struct{ Description string }
}

func (e exception) String() string {
	if e.Exception.Description != "" {
		return e.Exception.Description
	}
	return e.Text
}

// evaluate runs an expression in the application, and gives its value.
func (i *inspector) evaluate(ctx context.Context, expression string, value any) error {
	params := map[string]any{"expression": expression, "includeCommandLineAPI": true, "returnByValue": true}
	return i.value(ctx, "Runtime.evaluate", params, value)
}

// value calls a method that gives a value of the application.
func (i *inspector) value(ctx context.Context, method string, params map[string]any, value any) error {
	var answer struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails *exception
	}
	if err := i.call(ctx, patience, method, params, &answer); err != nil {
		return err
	}
	if answer.ExceptionDetails != nil {
		return errors.New("the application could not be asked: " + answer.ExceptionDetails.String())
	}
	if value == nil {
		return nil
	}
	return json.Unmarshal(answer.Result.Value, value)
}

// await runs an expression that gives a promise, and gives the value that it comes to. The promise is held meanwhile:
// V8 collects one that the inspector alone waits for.
func (i *inspector) await(ctx context.Context, expression string, value any) error {
	promise, err := i.object(ctx, expression, nil)
	if err != nil {
		return err
	}
	err = i.value(ctx, "Runtime.awaitPromise", map[string]any{"promiseObjectId": promise.ObjectID, "returnByValue": true}, value)
	return errors.Join(err, i.release(ctx))
}

// detach leaves the process as it was: an inspector that this program opened is closed.
func (i *inspector) detach() error {
	// Not the context of the capture: this happens when that was interrupted, too.
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var err error
	i.session = ""
	if i.opened {
		// Closing waits for connections to end; this one ends before.
		err = i.evaluate(ctx, "{ const inspector = require('node:inspector'); setTimeout(() => inspector.close(), 50); 0 }", nil)
	}
	err = errors.Join(err, i.socket.close())
	if !i.opened || err != nil {
		return err
	}
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if _, path := find(i.process); path == "" {
			return nil
		}
	}
	return &problem.Problem{
		ID:    "capture/inspector-open",
		Title: fmt.Sprintf("process %d has not closed its inspector again", i.process.PID),
		Why:   "its event loop did not get to it",
		Hints: []string{"It listens on the loopback address only; it closes when the process ends."},
	}
}
