package capture

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/gantry-buildpack/gantry/internal/problem"
)

// inspector is a connection to Node.js' inspector: https://chromedevtools.github.io/devtools-protocol/v8/.
type inspector struct {
	process Process
	address netip.AddrPort
	// opened: it was not open before.
	opened bool
	socket *socket
	// session leads to a worker thread; empty: the main thread is looked at.
	session string
	last    int
	// renewal is the number of the last message that renewed the guard's patience; 0 when it has been answered.
	renewal int
	// ending: the process waits for this connection alone, to end.
	ending bool
	// event is told of what the inspector says by itself.
	event func(method string, params json.RawMessage) error
	// closer closes it when this program cannot.
	closer *closer
	// log is told how a long capture goes on.
	log io.Writer
}

// errLost is part of the error of a connection that broke off.
var errLost = errors.New("the connection broke off")

func (i *inspector) lost(err error) error {
	if errors.Is(err, io.EOF) {
		err = errors.New("the process has ended, or its inspector was closed")
	}
	return &problem.Problem{
		ID:    "capture/connection-lost",
		Title: fmt.Sprintf("the connection to process %d broke off", i.process.PID),
		Why:   err.Error(),
		Hints: []string{"Check with `gantry ps` whether the process still runs, and try again; `gantry crash list` says how others ended."},
		Err:   errors.Join(errLost, err),
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

// protocolError is what the inspector answers to a call that it refuses.
type protocolError struct{ method, text string }

func (e protocolError) Error() string { return e.method + ": " + e.text }

// send calls a method, and gives the number that its answer will have.
func (i *inspector) send(method string, params any) (id int, err error) {
	i.last++
	id = i.last
	text, err := json.Marshal(map[string]any{"id": id, "method": method, "params": params})
	if err != nil {
		return 0, fmt.Errorf("call %s: %w", method, err)
	}
	if text, err = i.wrapped(text); err != nil {
		return 0, fmt.Errorf("call %s: %w", method, err)
	}
	if err := i.socket.write(frameText, text); err != nil {
		return 0, i.lost(err)
	}
	return id, nil
}

// call calls a method, and waits for its answer as long as ctx and limit allow.
func (i *inspector) call(ctx context.Context, limit time.Duration, method string, params any, result any) error {
	id, err := i.send(method, params)
	if err != nil {
		return err
	}
	for deadline := time.Now().Add(limit); ; {
		m, err := i.next(ctx, deadline)
		switch {
		case err != nil:
			return err
		case m.ID != id:
			if i.ending && strings.HasPrefix(method, "Runtime.evaluate") {
				// It waits for this connection to close, and answers nothing more.
				return i.lost(io.EOF)
			}
		case m.Error != nil:
			return protocolError{method, m.Error.Message}
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
	switch {
	case m.Method == "NodeRuntime.waitingForDisconnect":
		i.ending = true
		return message{}, nil
	case i.renewal != 0 && m.ID == i.renewal:
		i.renewal = 0
		return message{}, nil
	}
	if m, err = i.unwrapped(m); err != nil {
		return m, err
	}
	if m.Method != "" {
		return m, i.event(m.Method, m.Params)
	}
	return m, nil
}

// beat is how often the guard learns that its client is there.
const beat = 500 * time.Millisecond

// wait lets time pass, unless it is interrupted or the process is about to end: then what there is can still be taken.
func (i *inspector) wait(ctx context.Context, d time.Duration) error {
	for deadline := time.Now().Add(d); time.Now().Before(deadline) && ctx.Err() == nil && !i.ending; {
		if err := i.renew(); err != nil {
			return err
		}
		until := time.Now().Add(beat)
		if deadline.Before(until) {
			until = deadline
		}
		for ctx.Err() == nil && !i.ending {
			if _, err := i.next(ctx, until); errors.Is(err, os.ErrDeadlineExceeded) || ctx.Err() != nil {
				break
			} else if err != nil {
				return err
			}
		}
	}
	return nil
}

// renew tells the guard that the client is there; it does not wait for the answer, which a blocked application gives late.
func (i *inspector) renew() error {
	if i.renewal != 0 {
		return nil
	}
	session := i.session
	i.session = ""
	id, err := i.send("Runtime.evaluate", map[string]any{"expression": guardRenew})
	i.session, i.renewal = session, id
	return err
}

// exception is what an expression threw: https://chromedevtools.github.io/devtools-protocol/v8/Runtime/#type-ExceptionDetails.
type exception struct {
	Text      string
	Exception struct{ ClassName, Description string }
}

func (e exception) String() string {
	if e.Exception.Description != "" {
		return e.Exception.Description
	}
	return e.Text
}

// evaluate runs an expression of Gantry's in the application, and gives its value.
func (i *inspector) evaluate(ctx context.Context, limit time.Duration, expression string, value any) error {
	if !strings.Contains(expression, "\n//# sourceURL=") {
		expression += "\n//# sourceURL=" + ownScript
	}
	params := map[string]any{"expression": expression, "includeCommandLineAPI": true, "returnByValue": true}
	return i.value(ctx, limit, "Runtime.evaluate", params, value)
}

// value calls a method that gives a value of the application.
func (i *inspector) value(ctx context.Context, limit time.Duration, method string, params map[string]any, value any) error {
	var answer struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails *exception
	}
	if err := i.call(ctx, limit, method, params, &answer); err != nil {
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
