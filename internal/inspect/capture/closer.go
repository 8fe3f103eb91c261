package capture

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"
)

// CloserCommand is the first word of the command that closes what a capture could not: a process of its own.
const CloserCommand = "inspector-closer"

// closer is that process, as the one that started it sees it. It closes the inspector of an application when this program
// is killed, is stopped, or gives up before the application gets to open it.
type closer struct{ orders io.WriteCloser }

// The orders that it understands; the end of the input without done means that its starter is gone.
const orderOpened, orderDone = 'o', 'd'

// startCloser gives one that does nothing where it cannot be started: the guard in the application remains.
func startCloser(p Process) *closer {
	program, err := os.Executable()
	if err != nil {
		return &closer{}
	}
	cmd := exec.Command(program, CloserCommand, strconv.Itoa(p.PID), strconv.Itoa(os.Getpid()))
	// Its own session: the terminal's signals are not for it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	orders, err := cmd.StdinPipe()
	if err != nil || cmd.Start() != nil {
		return &closer{}
	}
	go func() { _ = cmd.Wait() }()
	return &closer{orders}
}

func (c *closer) tell(order byte) {
	if c.orders != nil {
		_, _ = c.orders.Write([]byte{order})
	}
}

func (c *closer) opened() { c.tell(orderOpened) }

// done: the inspector is closed.
func (c *closer) done() {
	c.tell(orderDone)
	c.abandon()
}

// abandon leaves the rest to the closer.
func (c *closer) abandon() {
	if c.orders != nil {
		_ = c.orders.Close()
	}
}

// The closer's times: how often it looks whether its starter is stopped, how long that may be, how often it looks for an
// inspector afterwards, and how long it waits for an application that is blocked.
const (
	closerLooks   = 250 * time.Millisecond
	closerStopped = time.Second
	closerPoll    = 300 * time.Millisecond
	closerWaits   = time.Hour
)

// RunCloser carries the command out, and gives the program's exit code. A starter that is stopped is ended: nothing else
// ends its connection, at which the application would wait.
func RunCloser(arguments []string) int {
	if len(arguments) != 2 {
		return 2
	}
	pid, err := strconv.Atoi(arguments[0])
	starter, err2 := strconv.Atoi(arguments[1])
	if err != nil || err2 != nil {
		return 2
	}
	orders := make(chan byte)
	go func() {
		defer close(orders)
		var order [1]byte
		for {
			if n, err := os.Stdin.Read(order[:]); n == 0 || err != nil {
				return
			}
			orders <- order[0]
		}
	}()
	opened := false
	for stopped := time.Duration(0); ; {
		select {
		case order, alive := <-orders:
			switch {
			case !alive:
				closeInspector(Process{PID: pid}, opened)
				return 0
			case order == orderDone:
				return 0
			}
			opened = true
		case <-time.After(closerLooks):
			if (Process{PID: starter}).state() != 'T' {
				stopped = 0
			} else if stopped += closerLooks; stopped >= closerStopped {
				_ = syscall.Kill(starter, syscall.SIGKILL)
			}
		}
	}
}

// closeInspector waits until a process's inspector is closed, and has it closed. opened: it was open before, so that one
// that does not listen is closed; else the application may still be about to open it.
func closeInspector(p Process, opened bool) {
	born := p.born()
	var asked time.Time
	for deadline := time.Now().Add(closerWaits); time.Now().Before(deadline) && born != "" && p.born() == born; time.Sleep(closerPoll) {
		address, path := findInspector(p)
		if path == "" {
			if opened {
				return
			}
			continue
		}
		opened = true
		if time.Since(asked) < 5*time.Second || p.connected(address.Port()) {
			continue
		}
		asked = time.Now()
		release := p.lock(context.Background())
		i := &inspector{process: p, address: address, event: ignore, log: io.Discard, closer: &closer{}}
		socket, err := open(address, path)
		if err != nil {
			release()
			continue
		}
		i.socket = socket
		err = i.evaluate(context.Background(), patience, guardInstall(p.lockFile()), nil)
		release()
		_ = errors.Join(err, i.detach())
	}
}
