package capture

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/problem"
)

// thread is one worker thread of a process: https://nodejs.org/api/worker_threads.html.
type thread struct {
	// ID is worker.threadId; the main thread has 0.
	ID int
	// Title says what it runs.
	Title string
	// session is the inspector's name for the connection to it; empty for the main thread.
	session string
}

// threads gives the main thread and the workers of a process. The messages of a worker come through the connection to the
// main thread: the domain NodeWorker, https://github.com/nodejs/node/blob/main/src/inspector/node_protocol.pdl.
func (i *inspector) threads(ctx context.Context) ([]thread, error) {
	list := []thread{{Title: "main thread"}}
	i.event = func(method string, params json.RawMessage) error {
		if method != "NodeWorker.attachedToWorker" {
			return nil
		}
		var worker struct {
			SessionID  string
			WorkerInfo struct{ WorkerID, Title, URL string }
		}
		if err := json.Unmarshal(params, &worker); err != nil {
			return err
		}
		t := thread{Title: strings.TrimSpace(worker.WorkerInfo.Title + " " + trimFile(worker.WorkerInfo.URL)), session: worker.SessionID}
		// The inspector has numbers of its own; the thread itself is asked below.
		_, _ = fmt.Sscan(worker.WorkerInfo.WorkerID, &t.ID)
		list = append(list, t)
		return nil
	}
	err := i.call(ctx, patience, "NodeWorker.enable", map[string]any{"waitForDebuggerOnStart": false}, nil)
	i.event = ignore
	for n := range list[1:] {
		t := &list[n+1]
		i.session = t.session
		// One that is blocked keeps the inspector's number.
		_ = i.evaluate(ctx, answering, "(process.getBuiltinModule?.('worker_threads') ?? require('node:worker_threads')).threadId", &t.ID)
	}
	i.session = ""
	return list, err
}

// enter has all that follows happen in one thread.
func (i *inspector) enter(ctx context.Context, id int) error {
	if id == 0 {
		return nil
	}
	list, err := i.threads(ctx)
	if err != nil {
		return err
	}
	var ids []int
	for _, t := range list {
		if t.ID == id {
			i.session = t.session
			return nil
		}
		ids = append(ids, t.ID)
	}
	return &problem.Problem{
		ID:    "capture/no-thread",
		Title: fmt.Sprintf("process %d has no thread %d", i.process.PID, id),
		Why:   fmt.Sprintf("its threads are %v; 0 is the main thread", ids),
		Hints: []string{"`gantry threads` shows them all, and what they do."},
	}
}

func ignore(string, json.RawMessage) error { return nil }

// wrapped puts a message for a worker into one for the main thread.
func (i *inspector) wrapped(text []byte) ([]byte, error) {
	if i.session == "" {
		return text, nil
	}
	i.last++
	return json.Marshal(map[string]any{
		"id": i.last, "method": "NodeWorker.sendMessageToWorker",
		"params": map[string]any{"sessionId": i.session, "message": string(text)},
	})
}

// unwrapped gives what a message holds for the thread that is being looked at. What concerns another thread is no answer:
// it is empty then.
func (i *inspector) unwrapped(m message) (message, error) {
	switch {
	case i.session == "" || m.Method == "NodeWorker.attachedToWorker":
		return m, nil
	case m.Method == "NodeWorker.receivedMessageFromWorker":
		var inner struct{ SessionID, Message string }
		if err := json.Unmarshal(m.Params, &inner); err != nil || inner.SessionID != i.session {
			return message{}, err
		}
		var answer message
		err := json.Unmarshal([]byte(inner.Message), &answer)
		return answer, err
	case m.Method == "NodeWorker.detachedFromWorker":
		var gone struct{ SessionID string }
		if err := json.Unmarshal(m.Params, &gone); err != nil || gone.SessionID != i.session {
			return message{}, err
		}
		return message{}, i.lost(errors.New("the worker thread has ended"))
	case m.Error != nil:
		return message{}, errors.New(m.Error.Message)
	}
	return message{}, nil
}
