package capture

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// debug opens the inspector for a debugger to attach, keeps it open for a time, and closes it again. How to attach is
// written to out.
func debug(d time.Duration) capture {
	return func(ctx context.Context, i *inspector, out io.Writer) error {
		host, _ := os.Hostname()
		const text = `The inspector of process %d listens on 127.0.0.1:%d, in the container alone, for %s or until Ctrl-C.

Kubernetes, on your machine:
  kubectl port-forward pod/%s 9229:%d

Docker, on your machine (socat connects each debugger through docker exec; no port is published):
  socat TCP-LISTEN:9229,bind=127.0.0.1,reuseaddr,fork EXEC:'docker exec -i %s gantry debug --relay'

Then attach, to localhost:9229:
  Chrome   open chrome://inspect, Configure, localhost:9229, inspect
  VS Code  launch.json: {"type": "node", "request": "attach", "name": "Gantry", "port": 9229,
           "localRoot": "${workspaceFolder}", "remoteRoot": "%s", "sourceMaps": true}

A breakpoint stops the application for its users, too; a log point of the debugger does not.
`
		if _, err := fmt.Fprintf(out, text, i.process.PID, i.port, d, host, i.port, host, i.process.folder()); err != nil {
			return err
		}
		wait(ctx, d)
		return nil
	}
}

// relay connects a debugger at the other end of two streams with the process's inspector, which is open.
func relay(p Process, in io.Reader, out io.Writer) error {
	port, path := find(p)
	if path == "" {
		return usageError("the inspector is not open; `gantry debug` opens it")
	}
	connection, err := dial(port)
	if err != nil {
		return err
	}
	go func() {
		// The debugger's end is passed on; the inspector then ends, too.
		_, _ = io.Copy(connection, in)
		if raw, err := connection.SyscallConn(); err == nil {
			_ = raw.Control(func(fd uintptr) { _ = unix.Shutdown(int(fd), unix.SHUT_WR) })
		}
		_ = connection.SetReadDeadline(time.Now().Add(patience))
	}()
	if _, err = io.Copy(out, connection); errors.Is(err, os.ErrDeadlineExceeded) {
		err = nil
	}
	return errors.Join(err, connection.Close())
}
