package capture

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/gantry-buildpack/gantry/internal/problem"
)

// opening is how long a process may take to open its inspector, answering how long it may take to answer there: within
// three seconds it is known that it is blocked.
const opening, answering = 1500 * time.Millisecond, time.Second

// reattaching is how long attach tries again where the connection is lost at once.
const reattaching = 3 * time.Second

// attach opens a process's inspector, or takes the one that is open. What it has opened is closed again, whatever becomes
// of this program: detach does it, else the guard in the application, else the closer.
func (h Host) attach(ctx context.Context, p Process, force bool, log io.Writer) (*inspector, error) {
	for deadline := time.Now().Add(reattaching); ; time.Sleep(50 * time.Millisecond) {
		i, err := h.attachOnce(ctx, p, force, log)
		if !errors.Is(err, errLost) || ctx.Err() != nil || time.Now().After(deadline) || p.born() == "" {
			return i, err
		}
	}
}

func (h Host) attachOnce(ctx context.Context, p Process, force bool, log io.Writer) (*inspector, error) {
	defer p.lock(ctx)()
	closer := &closer{}
	address, path := findInspector(p)
	opened := path == ""
	if opened {
		if err := h.mayOpen(p, force); err != nil {
			return nil, err
		}
		closer = startCloser(p)
		var err error
		if address, path, err = openInspector(ctx, p); err != nil {
			closer.abandon()
			return nil, err
		}
		closer.opened()
	}
	i := &inspector{process: p, address: address, opened: opened, closer: closer, event: ignore, log: log}
	socket, err := open(address, path)
	if err != nil {
		closer.abandon()
		return nil, i.lost(err)
	}
	i.socket = socket
	if err := i.begin(ctx); err != nil {
		closer.abandon()
		return nil, errors.Join(err, i.socket.close())
	}
	return i, nil
}

// mayOpen is an error where a process's inspector cannot, or without force should not, be opened.
func (h Host) mayOpen(p Process, force bool) error {
	if err := p.canOpen(); err != nil || force {
		return err
	}
	if err := h.alone(p); err != nil {
		return err
	}
	if h.Prepared != nil && !h.Prepared(p) {
		return &problem.Problem{
			ID:    "capture/unprepared",
			Title: fmt.Sprintf("it is not known whether process %d handles SIGUSR1 itself", p.PID),
			Why:   "it was started past the launcher or with an environment of its own, or the folder for temporary files cannot be used: an application with a handler would run it",
			Hints: []string{"Insist with --force where the application has no handler for SIGUSR1."},
		}
	}
	return nil
}

// signalling is how often the signal is sent until the inspector listens: Node.js ignores one that comes while it is still
// closing the inspector of another client.
const signalling = 400 * time.Millisecond

// openInspector sends the signal at which Node.js opens its inspector, and waits until it listens.
func openInspector(ctx context.Context, p Process) (address netip.AddrPort, path string, err error) {
	var sent time.Time
	for deadline := time.Now().Add(opening); time.Now().Before(deadline); {
		if time.Since(sent) >= signalling {
			// The application may have taken the signal over meanwhile.
			if err := p.canOpen(); err != nil {
				return address, "", err
			}
			if err := p.askToOpen(); err != nil {
				return address, "", err
			}
			sent = time.Now()
		}
		if ctx.Err() != nil {
			return address, "", ctx.Err()
		}
		time.Sleep(20 * time.Millisecond)
		if address, path = findInspector(p); path != "" {
			return address, path, nil
		}
	}
	if blocked := p.blocked(); blocked != nil {
		return address, "", blocked
	}
	return address, "", &problem.Problem{
		ID:    "capture/inspector-closed",
		Title: fmt.Sprintf("process %d did not open its inspector within %s", p.PID, opening),
		Why:   "the application has a handler of its own for SIGUSR1, or the port that its options give the inspector is in use",
		Hints: []string{"Look at the application's log: Node.js says there when the port is in use.", "With BPL_DEBUG_ENABLED=true and BPL_DEBUG_PORT the inspector is open from the start, and is found here as well."},
	}
}

func (p Process) askToOpen() error {
	err := syscall.Kill(p.PID, syscall.SIGUSR1)
	if err == nil {
		return nil
	}
	return &problem.Problem{
		ID:    "capture/not-permitted",
		Title: fmt.Sprintf("process %d cannot be asked to open its inspector", p.PID),
		Why:   err.Error(),
		Hints: []string{"Run this as the application's user."},
		Err:   err,
	}
}

// begin asks for the first answers: an application that is blocked in native code gives none.
func (i *inspector) begin(ctx context.Context) error {
	install := guardInstall(i.process.lockFile())
	if !i.opened {
		install = guardRenew
	}
	err := i.evaluate(ctx, answering, install, nil)
	if err != nil && ctx.Err() == nil {
		if blocked := i.process.blocked(); blocked != nil {
			return blocked
		}
		return err
	}
	if err == nil {
		err = i.call(ctx, answering, "NodeRuntime.notifyWhenWaitingForDisconnect", map[string]any{"enabled": true}, nil)
	}
	return err
}

// canOpen is an error where the signal would not open the inspector, or would do something else.
func (p Process) canOpen() error {
	refusal := func(id, why string, hints ...string) error {
		return &problem.Problem{ID: id, Title: fmt.Sprintf("process %d does not open its inspector", p.PID), Why: why, Hints: hints}
	}
	options := p.options()
	start := "Start it without that option; or with BPL_DEBUG_ENABLED=true: an inspector that is open from the start is found as well."
	switch {
	case p.state() == 'T':
		return p.stopped()
	case slices.Contains(options, "--permission") || slices.Contains(options, "--experimental-permission"):
		return refusal("capture/permission-model", "it was started with Node.js' permission model (--permission), which keeps the inspector closed",
			"`gantry ps`, `gantry doctor` and `gantry crash` work without it.")
	case slices.Contains(options, "--disable-sigusr1") || !p.handles(int(syscall.SIGUSR1)):
		// Without a handler the signal would end the process.
		return refusal("capture/inspector-disabled", "it has no handler for SIGUSR1: Node.js was started with --disable-sigusr1, or is just starting", start)
	case p.keepsSignal():
		return refusal("capture/own-signal", "the application has a handler of its own for SIGUSR1, which it would run",
			"Start it with BPL_DEBUG_ENABLED=true: an inspector that is open from the start is found as well.")
	}
	return nil
}

// options are the words of the process's command line, and those of NODE_OPTIONS.
func (p Process) options() []string {
	options, _ := p.Variable("NODE_OPTIONS")
	return append(strings.Fields(options), p.words()...)
}

// detach leaves the process as it was: an inspector that this program opened is closed once nobody uses it.
func (i *inspector) detach() error {
	// Not the context of the capture: this happens when that was interrupted, too. An application that is blocked does not
	// answer: its guard then finds that nobody is connected.
	i.session, i.renewal = "", 0
	_ = i.evaluate(context.Background(), answering, guardRelease, nil)
	err := i.socket.close()
	if i.opened {
		for deadline := time.Now().Add(time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
			if !i.process.listens(i.address) {
				i.closer.done()
				return err
			}
		}
		i.closer.abandon()
	}
	return err
}
