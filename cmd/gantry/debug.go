package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/gantry-buildpack/gantry/internal/platform/target"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// debugCommand opens the inspector in a container, and a port of this machine's loopback address for debuggers.
func debugCommand() *cobra.Command {
	var o lookOptions
	var port int
	flags := []string{"for", "pid", "thread", "force"}
	c := &cobra.Command{
		Use: "debug TARGET [options]", Short: "Node.js: let a debugger attach, at a port of this machine", GroupID: "look",
		Example: "  gantry debug deploy/web", Args: cobra.MaximumNArgs(1),
	}
	lookFlags(c.Flags(), flags)
	c.Flags().Lookup("for").Usage = "for how long (default: 1h)"
	c.Flags().IntVar(&port, "port", 9229, "the port of this machine, at 127.0.0.1")
	o.add(c.Flags(), false)
	c.RunE = func(c *cobra.Command, words []string) error {
		if len(words) == 0 {
			return noTarget("debug")
		}
		o.Local = localProcess
		t, err := target.Parse(words[0], o.Options)
		if err != nil {
			return err
		}
		if t, err = o.onePod(c, t); err != nil {
			return err
		}
		return attachable(c.Context(), t, slices.Concat([]string{"debug", "--json"}, attended(t), given(c.Flags(), flags)), port)
	}
	return c
}

// onePod gives a single pod of an object: what a debugger attaches to must stay the same from one connection to the next.
func (o *lookOptions) onePod(c *cobra.Command, t target.Target) (target.Target, error) {
	if o.allPods {
		return t, usageError{c, "a debugger attaches to one process: leave out --all-pods, or name a pod"}
	}
	if !t.InCluster() {
		return t, nil
	}
	pods, err := t.Pods(c.Context())
	if err != nil {
		return t, err
	}
	return pods[0], nil
}

// opened is what the program in the image says of an inspector that it has opened.
type opened struct {
	PID    int    `json:"pid"`
	Port   int    `json:"port"`
	Folder string `json:"folder"`
}

// attachable has the inspector opened, and passes debuggers on to it until that is closed.
func attachable(ctx context.Context, t target.Target, order []string, port int) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return &problem.Problem{
			ID: "target/port-taken", Title: fmt.Sprintf("nothing can listen at 127.0.0.1:%d", port), Why: err.Error(),
			Hints: []string{"Choose another one: --port N. Another debugger, or another `gantry debug`, has this one."}, Err: err,
		}
	}
	defer func() { _ = listener.Close() }()
	read, write := io.Pipe()
	over := make(chan error, 1)
	go func() {
		code, err := t.Run(detached(ctx), order, target.Streams{In: until(ctx), Out: write, Err: os.Stderr})
		_ = write.Close()
		over <- ended(code, err)
	}()
	var at opened
	if err := json.NewDecoder(read).Decode(&at); err != nil {
		if failed := <-over; failed != nil {
			return failed
		}
		return fmt.Errorf("read where the inspector listens: %w", err)
	}
	fmt.Printf(howToAttach, at.PID, t, port, port, port, at.Folder)
	go func() {
		for {
			debugger, err := listener.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err != nil {
				time.Sleep(10 * time.Millisecond)
				continue
			}
			go relay(ctx, t, debugger, at.Port)
		}
	}()
	return <-over
}

// howToAttach tells how to attach.
const howToAttach = `Process %d of %s can be debugged at 127.0.0.1:%d, until Ctrl-C. Attach to localhost:%d:
  Chrome   open chrome://inspect, Configure, localhost:%[4]d, inspect
  VS Code  launch.json: {"type": "node", "request": "attach", "name": "Gantry", "port": %[5]d,
           "localRoot": "${workspaceFolder}", "remoteRoot": %[6]q, "sourceMaps": true}

A breakpoint stops the application for its users, too; a log point of the debugger does not.
`

// relay passes a debugger's connection on.
func relay(ctx context.Context, t target.Target, debugger net.Conn, port int) {
	defer func() { _ = debugger.Close() }()
	order := []string{"debug", "--relay", "--port", strconv.Itoa(port)}
	if _, err := t.Run(ctx, order, target.Streams{In: debugger, Out: debugger, Err: os.Stderr}); err != nil && ctx.Err() == nil {
		fmt.Fprint(os.Stderr, problem.As(err).Plain())
	}
}
