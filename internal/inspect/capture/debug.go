package capture

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"
)

// debugger opens the inspector for a debugger to attach, keeps it open for a time, and closes it again. How to attach is
// written to out, for people or for a program. Debuggers connect to this program, which passes everything on: when it ends, so do their connections,
// also that of a laptop that went to sleep, and the application waits for none.
func debugger(d time.Duration, asJSON bool) capture {
	return func(ctx context.Context, i *inspector, out io.Writer) error {
		port := i.address.Port()
		if i.opened {
			proxy, err := startProxy(i.address)
			if err != nil {
				return err
			}
			defer proxy.close()
			port = proxy.port()
		}
		if asJSON {
			at := map[string]any{"pid": i.process.PID, "port": port, "folder": i.process.folder()}
			if err := json.NewEncoder(out).Encode(at); err != nil {
				return err
			}
			return i.wait(ctx, d)
		}
		host, _ := os.Hostname()
		const text = `The inspector of process %d can be reached at 127.0.0.1:%d, in the container alone, for %s or until Ctrl-C.
Whoever connects to it can run any code in the application.

Kubernetes, on your machine:
  kubectl port-forward pod/%s 9229:%d

Docker, on your machine (socat connects each debugger through docker exec; no port is published):
  socat TCP-LISTEN:9229,bind=127.0.0.1,reuseaddr,fork EXEC:'docker exec -i %s gantry debug --relay --port %d'

Then attach, to localhost:9229:
  Chrome   open chrome://inspect, Configure, localhost:9229, inspect
  VS Code  launch.json: {"type": "node", "request": "attach", "name": "Gantry", "port": 9229,
           "localRoot": "${workspaceFolder}", "remoteRoot": "%s", "sourceMaps": true}

A breakpoint stops the application for its users, too; a log point of the debugger does not.
`
		if _, err := fmt.Fprintf(out, text, i.process.PID, port, d, host, port, host, port, i.process.folder()); err != nil {
			return err
		}
		return i.wait(ctx, d)
	}
}

// proxy passes connections on to an inspector.
type proxy struct {
	listener net.Listener
	to       netip.AddrPort

	lock  sync.Mutex
	over  bool
	conns map[net.Conn]bool
}

// startProxy listens on Node.js' own port, or where that is taken on one that the kernel chooses.
func startProxy(to netip.AddrPort) (*proxy, error) {
	listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", defaultPort))
	if err != nil {
		listener, err = net.Listen("tcp", "127.0.0.1:0")
	}
	if err != nil {
		return nil, err
	}
	p := &proxy{listener: listener, to: to, conns: map[net.Conn]bool{}}
	go func() {
		for {
			debugger, err := listener.Accept()
			if err != nil {
				return
			}
			go p.pass(debugger)
		}
	}()
	return p, nil
}

func (p *proxy) port() uint16 { return uint16(p.listener.Addr().(*net.TCPAddr).Port) }

// pass connects a debugger with the inspector until one of them ends.
func (p *proxy) pass(debugger net.Conn) {
	inspector, err := net.DialTimeout("tcp", p.to.String(), patience)
	if err != nil {
		_ = debugger.Close()
		return
	}
	if !p.keep(debugger, inspector) {
		return
	}
	var group sync.WaitGroup
	for from, to := range map[net.Conn]net.Conn{debugger: inspector, inspector: debugger} {
		group.Go(func() {
			_, _ = io.Copy(to, from)
			_ = to.(*net.TCPConn).CloseWrite()
		})
	}
	group.Wait()
	p.lock.Lock()
	defer p.lock.Unlock()
	for _, c := range []net.Conn{debugger, inspector} {
		delete(p.conns, c)
		_ = c.Close()
	}
}

// keep notes connections, to close them at the end; false when that has come.
func (p *proxy) keep(list ...net.Conn) bool {
	p.lock.Lock()
	defer p.lock.Unlock()
	for _, c := range list {
		if p.over {
			_ = c.Close()
			continue
		}
		p.conns[c] = true
	}
	return !p.over
}

func (p *proxy) close() {
	_ = p.listener.Close()
	p.lock.Lock()
	defer p.lock.Unlock()
	p.over = true
	for c := range p.conns {
		_ = c.Close()
	}
}

// relay connects a debugger at the other end of two streams with a `gantry debug` that runs.
func relay(port int, in io.Reader, out io.Writer) error {
	address := fmt.Sprintf("127.0.0.1:%d", port)
	connection, err := net.DialTimeout("tcp", address, time.Second)
	if err != nil {
		return usageError("no `gantry debug` runs here at " + address)
	}
	go func() {
		// The debugger's end is passed on; the inspector then ends, too.
		_, _ = io.Copy(connection, in)
		_ = connection.(*net.TCPConn).CloseWrite()
		_ = connection.SetReadDeadline(time.Now().Add(patience))
	}()
	if _, err = io.Copy(out, connection); errors.Is(err, os.ErrDeadlineExceeded) {
		err = nil
	}
	return errors.Join(err, connection.Close())
}
