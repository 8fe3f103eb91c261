package launch

import (
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/gantry-buildpack/gantry/internal/problem"
)

// life is what the program is started with, each time.
type life struct {
	order   order
	program string
	image   Image
	delay   time.Duration
	signals chan os.Signal
	stderr  io.Writer
}

// outcome is how a program ended.
type outcome struct {
	code int
	// asked: it was asked to end, and not only to be started again. again: for a change. failed: it could not be started.
	asked, again, failed bool
}

// run starts the program and waits for its end; started is called when it runs. A change ends it, too.
func (l life) run(started func(), changes <-chan []string) outcome {
	tail := newStderrTail(Variables(l.order.env), os.Stderr, os.Getpid())
	child, err := start(l.program, l.order, tail)
	if err != nil {
		return outcome{code: fail(l.stderr, notExecutable, fmt.Errorf("%s cannot be started: %w", l.order.args[0], err)), failed: true}
	}
	// What follows takes longer than all before, and no start waits for it.
	reporter := newCrashReporter(child, l.order.args, l.order.env, l.image, l.stderr)
	signal.Notify(l.signals)
	if started != nil {
		started()
	}
	ended := func(status syscall.WaitStatus) {
		output := tail.finish()
		reporter.ended(child, status, output, terminationLog)
		if dir, err := os.Getwd(); err == nil && exitCode(status) != 0 {
			_, _ = io.WriteString(l.stderr, readOnlyHint(output, dir))
		}
	}
	return l.forward(child, changes, ended, reporter.orphanEnded)
}

// forward sends signals to the program until it ends; SIGTERM after a delay.
func (l life) forward(child int, changes <-chan []string, ended func(syscall.WaitStatus), orphanEnded func(int, syscall.WaitStatus)) (o outcome) {
	target := child
	if l.order.group {
		target = -child
	}
	impatient := time.NewTimer(0)
	for {
		var received os.Signal
		select {
		case names, open := <-changes:
			if !open {
				changes = nil
				continue
			}
			_, _ = fmt.Fprintf(l.stderr, "gantry: %s changed: the application is started again\n", problem.Visible(problem.Some(names)))
			o.again, changes = true, nil
			_ = syscall.Kill(target, l.order.stop)
			impatient = time.AfterFunc(reloadPatience, func() { _ = syscall.Kill(target, syscall.SIGKILL) })
			continue
		case received = <-l.signals:
		}
		switch received {
		case syscall.SIGCHLD:
			if status, childEnded := reap(child, orphanEnded); childEnded {
				impatient.Stop()
				ended(status)
				o.code = exitCode(status)
				return o
			}
		case syscall.SIGURG, syscall.SIGPIPE, syscall.SIGTTIN, syscall.SIGTTOU:
			// The Go runtime and terminals send these to this process for their own reasons.
		case syscall.SIGTERM:
			o.asked = true
			// While it still serves, load balancers notice that it is going to end.
			time.AfterFunc(l.delay, func() { _ = syscall.Kill(target, l.order.stop) })
		default:
			if number, ok := received.(syscall.Signal); ok {
				o.asked = o.asked || number == syscall.SIGINT || number == syscall.SIGQUIT
				_ = syscall.Kill(target, number)
			}
		}
	}
}
