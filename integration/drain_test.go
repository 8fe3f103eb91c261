package integration

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/platform/run"
)

// After SIGTERM running requests finish, in applications without a handler of their own; the others are left alone; what
// takes too long is cut off; and the application can go on serving for a while first.
func TestDraining(t *testing.T) {
	p := newProject(t, map[string]string{
		"project.toml": "[dev.gantry.drain]\ntimeout = \"20s\"\n",
		"server.js": `if (process.env.OWN) process.on('SIGTERM', () => process.exit(9))
			require('http').createServer((q, r) => setTimeout(() => r.end('done'), q.url === '/slow' ? 1500 : 0)).listen(process.env.PORT)`,
	})
	p.build()
	for name, c := range map[string]struct {
		env      map[string]string
		finished bool
		code     int
		least    time.Duration
	}{
		"drained":         {env: nil, finished: true, code: 0, least: time.Second},
		"own handler":     {env: map[string]string{"OWN": "1"}, finished: false, code: 9, least: 0},
		"switched off":    {env: map[string]string{"BPL_DRAIN": "off"}, finished: false, code: 143, least: 0},
		"cut off":         {env: map[string]string{"BPL_DRAIN_TIMEOUT": "300ms"}, finished: false, code: 143, least: 300 * time.Millisecond},
		"serves on first": {env: map[string]string{"BPL_DRAIN_DELAY": "2s"}, finished: true, code: 0, least: 2 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			started := p.start(run.Options{Env: c.env})
			started.get("/")
			answer := make(chan error, 1)
			go func() {
				_, err := slowRequest(started.port)
				answer <- err
			}()
			time.Sleep(300 * time.Millisecond)
			code, took := started.stop()
			g.Expect(code).To(Equal(c.code), started.out.String())
			g.Expect(took).To(BeNumerically(">=", c.least))
			if err := <-answer; c.finished {
				g.Expect(err).NotTo(HaveOccurred())
			} else {
				g.Expect(err).To(HaveOccurred())
			}
		})
	}
}

func slowRequest(port int) (string, error) {
	response, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/slow", port))
	if err != nil {
		return "", err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	return string(body), err
}

// A connection that a client keeps alive does not hold the container: it ends with the last response.
func TestDrainingEndsWithTheLastResponse(t *testing.T) {
	p := newProject(t, map[string]string{
		"project.toml": "[dev.gantry.drain]\ntimeout = \"20s\"\nwebsocket-timeout = \"1s\"\n",
		"package.json": `{"scripts": {"start": "node $SERVER.js"}}`,
		"kept.js": `const server = require('http').createServer((q, r) => {
			if (q.url === '/early') { r.write('d'); return setTimeout(() => r.end('one'), 1500) }
			setTimeout(() => r.end('done'), q.url === '/slow' ? 1500 : 0)
		})
		server.keepAliveTimeout = 65000
		server.listen(process.env.PORT)`,
		// A primary that replaces workers that have ended, as people write it.
		"cluster.js": `const cluster = require('cluster')
		if (cluster.isPrimary) {
			for (let i = 0; i < 2; i++) cluster.fork()
			cluster.on('exit', () => cluster.fork())
		} else require('./kept.js')`,
		"socket.js": `const server = require('http').createServer((q, r) => setTimeout(() => r.end('done'), q.url === '/slow' ? 300 : 0))
		server.on('upgrade', (q, s) => s.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n'))
		server.listen(process.env.PORT)`,
		"http2.js": `const server = require('http2').createServer()
		server.on('stream', (s, h) => setTimeout(() => { s.respond({ ':status': 200 }); s.end('done') }, h[':path'] === '/slow' ? 1500 : 0))
		server.listen(process.env.PORT)`,
	})
	p.build()
	for name, c := range map[string]struct {
		server string
		use    func(g *WithT, port int, asked chan<- struct{}) (ended func())
		code   int
	}{
		"kept alive":               {server: "kept", use: keptAlive("/slow"), code: 0},
		"kept alive, headers sent": {server: "kept", use: keptAlive("/early"), code: 0},
		"a cluster":                {server: "cluster", use: keptAlive("/slow"), code: 0},
		"a WebSocket":              {server: "socket", use: webSocket, code: 0},
		"HTTP/2":                   {server: "http2", use: http2Client, code: 0},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			started := p.start(run.Options{Env: map[string]string{"SERVER": c.server}})
			g.Eventually(func() error {
				connection, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", started.port))
				if err == nil {
					err = connection.Close()
				}
				return err
			}, "20s", "50ms").Should(Succeed(), started.out.String)
			asked := make(chan struct{})
			ended := make(chan struct{})
			go func() { defer close(ended); c.use(g, started.port, asked)() }()
			<-asked
			time.Sleep(300 * time.Millisecond)
			code, took := started.stop()
			g.Expect(code).To(Equal(c.code), started.out.String())
			g.Expect(took).To(BeNumerically("<", 15*time.Second), "it ends with the last response, not with the 20 s it was given")
			<-ended
		})
	}
}

// keptAlive has a client whose connections stay open: one is idle, one waits for a response.
func keptAlive(path string) func(g *WithT, port int, asked chan<- struct{}) func() {
	return func(g *WithT, port int, asked chan<- struct{}) func() {
		client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 10, IdleConnTimeout: time.Minute}}
		get := func(path string) string {
			response, err := client.Get(fmt.Sprintf("http://127.0.0.1:%d%s", port, path))
			g.Expect(err).NotTo(HaveOccurred())
			defer func() { _ = response.Body.Close() }()
			body, err := io.ReadAll(response.Body)
			g.Expect(err).NotTo(HaveOccurred())
			return string(body)
		}
		g.Expect(get("/")).To(Equal("done"))
		close(asked)
		return func() { g.Expect(get(path)).To(HavePrefix("d")) }
	}
}

// webSocket has a client that does not go by itself: it is told that the server goes.
func webSocket(g *WithT, port int, asked chan<- struct{}) func() {
	connection, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	g.Expect(err).NotTo(HaveOccurred())
	_, err = io.WriteString(connection, "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
	g.Expect(err).NotTo(HaveOccurred())
	in := bufio.NewReader(connection)
	g.Expect(in.ReadString('\n')).To(HavePrefix("HTTP/1.1 101"))
	close(asked)
	return func() {
		defer func() { _ = connection.Close() }()
		rest, err := io.ReadAll(in)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(rest).To(HaveSuffix("\x88\x02\x03\xe9"), "a close frame with the code 1001")
	}
}

// http2Client keeps one connection for all requests.
func http2Client(g *WithT, port int, asked chan<- struct{}) func() {
	protocols := &http.Protocols{}
	protocols.SetUnencryptedHTTP2(true)
	client := &http.Client{Transport: &http.Transport{Protocols: protocols}}
	get := func(path string) (string, error) {
		response, err := client.Get(fmt.Sprintf("http://127.0.0.1:%d%s", port, path))
		if err != nil {
			return "", err
		}
		defer func() { _ = response.Body.Close() }()
		body, err := io.ReadAll(response.Body)
		return string(body), err
	}
	g.Expect(get("/")).To(Equal("done"))
	close(asked)
	return func() { g.Expect(get("/slow")).To(Equal("done")) }
}

// The program that runs an image ends it at each signal that asks for it, and waits as long as the application drains.
func TestRunWaitsForTheDrain(t *testing.T) {
	t.Parallel()
	p := newProject(t, map[string]string{
		"project.toml": "[dev.gantry.drain]\ntimeout = \"30s\"\n",
		"server.js":    "require('http').createServer((q, r) => setTimeout(() => r.end('done'), q.url === '/slow' ? 11500 : 0)).listen(process.env.PORT)",
	})
	p.build()
	tool, err := filepath.Abs("../build/gantry")
	p.Expect(err).NotTo(HaveOccurred())
	for name, signal := range map[string]syscall.Signal{"SIGTERM": syscall.SIGTERM, "SIGHUP": syscall.SIGHUP, "SIGQUIT": syscall.SIGQUIT} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			g.Expect(err).NotTo(HaveOccurred())
			port := listener.Addr().(*net.TCPAddr).Port
			g.Expect(listener.Close()).To(Succeed())
			var out bytes.Buffer
			// Where the tests run under nohup, the program would be told to go on at SIGHUP.
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			cmd := exec.CommandContext(ctx, "env", "--default-signal=HUP", tool, "run", p.last.Layout, "-e", fmt.Sprintf("PORT=%d", port))
			cmd.Stdout, cmd.Stderr = &out, &out
			g.Expect(cmd.Start()).To(Succeed())
			g.Eventually(func() error {
				response, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/", port))
				if err == nil {
					_ = response.Body.Close()
				}
				return err
			}, "30s", "100ms").Should(Succeed())
			answer := make(chan string, 1)
			go func() {
				body, _ := slowRequest(port)
				answer <- body
			}()
			time.Sleep(500 * time.Millisecond)
			g.Expect(cmd.Process.Signal(signal)).To(Succeed())
			g.Expect(<-answer).To(Equal("done"))
			_ = cmd.Wait()
			g.Expect(cmd.ProcessState.ExitCode()).To(Equal(0), out.String())
		})
	}
}
