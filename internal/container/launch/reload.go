package launch

import (
	"context"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/gantry-buildpack/gantry/internal/container/watch"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// reloadPatience is how long a program may take to end before the next one is started.
const reloadPatience = 10 * time.Second

// reload runs the program again and again: for each change of a file in the working directory, until it is asked to end. It is for development: Skaffold and
// Tilt copy changed files into a container (https://skaffold.dev/docs/filesync/, https://docs.tilt.dev/live_update_reference).
func (l life) reload(check Check) int {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	dir, err := os.Getwd()
	if err != nil {
		return fail(l.stderr, notExecutable, fmt.Errorf("find the working directory: %w", err))
	}
	changes, err := watch.Source(ctx, dir)
	if err != nil {
		return fail(l.stderr, notExecutable, err)
	}
	_, _ = fmt.Fprintf(l.stderr, "gantry: a change of a file in %s starts the application again (BP_LIVE_RELOAD_ENABLED)\n", dir)
	check.Environ = l.order.env
	if l.order.check != "" {
		check.Remark()
	}
	for {
		o := l.run(nil, changes)
		if o.asked || o.failed {
			return o.code
		}
		if o.again {
			continue
		}
		_, _ = fmt.Fprintf(l.stderr, "gantry: the application ended with exit code %d; the next change of a file starts it again\n", o.code)
		if !l.wait(changes) {
			return o.code
		}
	}
}

// wait waits for a change; false where the container is asked to end before.
func (l life) wait(changes <-chan []string) bool {
	for {
		select {
		case names, open := <-changes:
			if open {
				_, _ = fmt.Fprintf(l.stderr, "gantry: %s changed\n", problem.Visible(problem.Some(names)))
			}
			return open
		case received := <-l.signals:
			switch received {
			case syscall.SIGCHLD:
				_, _ = reap(-1, func(int, syscall.WaitStatus) {})
			case syscall.SIGTERM, syscall.SIGINT, syscall.SIGQUIT:
				return false
			}
		}
	}
}
