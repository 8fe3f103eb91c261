package capture_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/container/crash"
	"github.com/gantry-buildpack/gantry/internal/inspect/capture"
)

// steady is an application that notices for how long it could not run.
const steady = `
let last = performance.now(), gap = 0
setInterval(() => {
  const now = performance.now(); gap = Math.max(gap, now - last - 10); last = now
  for (let i = 0; i < 2e5; i++) Math.sqrt(i)
}, 10)
process.on('SIGUSR2', () => { console.log(Math.round(gap)); gap = 0 })
`

// application is a process of Node.js with the script that Gantry has it load first.
type application struct {
	*WithT
	pid, reports string
	process      *exec.Cmd
	out          *bufio.Reader
	errs         *bytes.Buffer
}

func startApplication(t *testing.T, program, script string, environ ...string) *application {
	g := NewWithT(t)
	dir := t.TempDir()
	a := &application{WithT: g, reports: filepath.Join(dir, "reports"), errs: &bytes.Buffer{}}
	watch, file := filepath.Join(dir, crash.WatchFile), filepath.Join(dir, "app.js")
	g.Expect(os.Mkdir(a.reports, 0o700)).To(Succeed())
	g.Expect(os.WriteFile(watch, []byte(crash.WatchScript), 0o644)).To(Succeed())
	g.Expect(os.WriteFile(file, []byte(script+"\nconsole.log('ready')\n"), 0o644)).To(Succeed())
	a.process = exec.Command(program, file)
	a.process.Env = append(append(os.Environ(), "NODE_OPTIONS=--require="+watch, "GANTRY_REPORTS="+a.reports), environ...)
	a.process.Stderr = a.errs
	out, err := a.process.StdoutPipe()
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(a.process.Start()).To(Succeed())
	t.Cleanup(func() {
		_ = a.process.Process.Kill()
		_ = a.process.Wait()
	})
	a.out, a.pid = bufio.NewReader(out), strconv.Itoa(a.process.Process.Pid)
	a.Expect(a.line()).To(Equal("ready"))
	return a
}

func (a *application) line() string {
	line, err := a.out.ReadString('\n')
	a.Expect(err).NotTo(HaveOccurred(), a.errs.String)
	return strings.TrimSpace(line)
}

// gap is the longest time, in milliseconds, for which the application could not run since it was asked last.
func (a *application) gap() int {
	a.Expect(a.process.Process.Signal(syscall.SIGUSR2)).To(Succeed())
	n, err := strconv.Atoi(a.line())
	a.Expect(err).NotTo(HaveOccurred())
	return n
}

// listens reports whether the process listens anywhere: it does so only while its inspector is open.
func (a *application) listens() bool {
	links, _ := filepath.Glob("/proc/" + a.pid + "/fd/*")
	open := map[string]bool{}
	for _, link := range links {
		target, _ := os.Readlink(link)
		open[target] = true
	}
	for _, table := range []string{"tcp", "tcp6"} {
		sockets, _ := os.ReadFile("/proc/" + a.pid + "/net/" + table)
		for line := range strings.Lines(string(sockets)) {
			if fields := strings.Fields(line); len(fields) > 9 && fields[3] == "0A" && open["socket:["+fields[9]+"]"] {
				return true
			}
		}
	}
	return false
}

// patient is how long a test waits for what takes two seconds at most: other packages are tested meanwhile. For the same
// reason, other bounds below are twice those that are promised.
const patient = 8 * time.Second

func (a *application) closesAgain() {
	a.Eventually(a.listens, patient.String(), "50ms").Should(BeFalse(), "the inspector is closed again")
}

// gantry is the program as a process of its own, which can be killed.
func (a *application) gantry(arguments ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], append([]string{"gantry"}, append(arguments, "--pid", a.pid)...)...)
	a.Expect(cmd.Start()).To(Succeed())
	return cmd
}

// everyRelease runs a test with the oldest and the newest release; with GANTRY_TEST_RELEASES=all, with those between them, too,
// with which TestCaptures takes each capture anyway.
func everyRelease(t *testing.T, test func(t *testing.T, program string)) {
	tested := []string{releases[0], releases[len(releases)-1]}
	if os.Getenv("GANTRY_TEST_RELEASES") == "all" {
		tested = releases
	}
	for _, version := range tested {
		t.Run(version, func(t *testing.T) { test(t, release(t, version)) })
	}
}

// Two captures at once both succeed, and the application runs all the while.
func TestOverlappingCaptures(t *testing.T) {
	everyRelease(t, func(t *testing.T, program string) {
		a := startApplication(t, program, steady)
		a.gap()
		var group sync.WaitGroup
		for i, arguments := range [][]string{{"profile", "cpu", "--for", "2s"}, {"profile", "heap", "--for", "2s"}, {"lag", "--for", "1s"}} {
			group.Go(func() {
				time.Sleep(time.Duration(i) * 700 * time.Millisecond)
				out, errors, code := run(0, append(arguments, "--pid", a.pid)...)
				a.Expect(code).To(Equal(0), errors)
				a.Expect(out).NotTo(BeEmpty())
			})
		}
		group.Wait()
		a.Expect(a.gap()).To(BeNumerically("<", 2*1000))
		a.closesAgain()
	})
}

// Two people look again and again: one comes just when the inspector that was opened for the other is being closed.
func TestSeveralLook(t *testing.T) {
	everyRelease(t, func(t *testing.T, program string) {
		a := startApplication(t, program, steady)
		var group sync.WaitGroup
		for _, pause := range []time.Duration{0, 130 * time.Millisecond} {
			group.Go(func() {
				for range 8 {
					out, errors, code := run(0, "lag", "--for", "50ms", "--pid", a.pid)
					a.Expect(code).To(Equal(0), func() string { return errors + a.errs.String() })
					a.Expect(out).NotTo(BeEmpty())
					time.Sleep(pause)
				}
			})
		}
		group.Wait()
		a.closesAgain()
	})
}

// Whatever becomes of gantry, the application goes on, and its inspector is closed.
func TestWhatBecomesOfTheClient(t *testing.T) {
	for name, signal := range map[string]syscall.Signal{"killed": syscall.SIGKILL, "stopped": syscall.SIGSTOP, "ended": syscall.SIGTERM} {
		t.Run(name, func(t *testing.T) {
			everyRelease(t, func(t *testing.T, program string) {
				a := startApplication(t, program, steady)
				client := a.gantry("profile", "cpu", "--for", "30s")
				a.Eventually(a.listens, "5s", "20ms").Should(BeTrue())
				time.Sleep(500 * time.Millisecond)
				a.gap()
				a.Expect(client.Process.Signal(signal)).To(Succeed())
				a.closesAgain()
				_ = client.Process.Kill()
				_ = client.Wait()
				a.Expect(a.gap()).To(BeNumerically("<", 2*1000))
				out, errors, code := run(0, "stacks", "--pid", a.pid)
				a.Expect(code).To(Equal(0), errors)
				a.Expect(out).To(ContainSubstring("It waits for:"))
			})
		})
	}
}

// An application that ends during a capture ends at once, and what was captured is kept.
func TestTheApplicationEnds(t *testing.T) {
	everyRelease(t, func(t *testing.T, program string) {
		a := startApplication(t, program, steady+"setTimeout(() => process.exit(3), 1500)")
		file := filepath.Join(t.TempDir(), "end.cpuprofile")
		_, errors, code := run(0, "profile", "cpu", "--for", "30s", "--pid", a.pid, "--output", file)
		a.Expect(code).To(Equal(0), errors)
		text, err := os.ReadFile(file)
		a.Expect(err).NotTo(HaveOccurred())
		a.Expect(json.Valid(text)).To(BeTrue())
		ended := make(chan error, 1)
		go func() { ended <- a.process.Wait() }()
		a.Eventually(ended, patient.String()).Should(Receive())
		a.Expect(a.process.ProcessState.ExitCode()).To(Equal(3))
	})
}

// What is evaluated in an application runs between any two of its instructions, and must not change Node.js' own lists of
// timers there.
func TestTimersAreNotDisturbed(t *testing.T) {
	everyRelease(t, func(t *testing.T, program string) {
		a := startApplication(t, program, `
let fired = 0
const again = () => { fired++; for (let i = 0; i < 20; i++) { const t = setTimeout(() => {}, 20); setInterval(() => {}, 100).unref(); clearTimeout(t) }; setTimeout(again, 0) }
for (let i = 0; i < 50; i++) setTimeout(again, i % 20)
setInterval(() => {}, 20)
setInterval(() => {}, 100)
`)
		for range 12 {
			for _, arguments := range [][]string{{"lag", "--for", "50ms"}, {"stacks"}} {
				_, errors, code := run(0, append(arguments, "--pid", a.pid)...)
				a.Expect(code).To(Equal(0), errors+a.errs.String())
			}
		}
		a.Expect(a.process.Process.Signal(syscall.Signal(0))).To(Succeed(), a.errs.String())
	})
}

// A debugger that says nothing, as that of a laptop which went to sleep, keeps nothing from ending.
func TestASilentDebugger(t *testing.T) {
	everyRelease(t, func(t *testing.T, program string) {
		a := startApplication(t, program, steady)
		opened, ended := make(chan string, 1), make(chan struct{})
		go func() {
			defer close(ended)
			capture.Run([]string{"debug", "--for", "2s", "--pid", a.pid}, capture.Host{}, capture.Streams{Out: first(opened), Err: &bytes.Buffer{}})
		}()
		port := regexp.MustCompile(`127\.0\.0\.1:(\d+)`).FindStringSubmatch(<-opened)[1]
		response, err := http.Get("http://127.0.0.1:" + port + "/json/list")
		a.Expect(err).NotTo(HaveOccurred())
		var targets []struct{ ID string }
		a.Expect(json.NewDecoder(response.Body).Decode(&targets)).To(Succeed())
		a.Expect(response.Body.Close()).To(Succeed())
		connection, err := net.Dial("tcp", "127.0.0.1:"+port)
		a.Expect(err).NotTo(HaveOccurred())
		defer func() { _ = connection.Close() }()
		_, err = fmt.Fprintf(connection, "GET /%s HTTP/1.1\r\nHost: 127.0.0.1:%s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n", targets[0].ID, port)
		a.Expect(err).NotTo(HaveOccurred())
		status, err := bufio.NewReader(connection).ReadString('\n')
		a.Expect(err).NotTo(HaveOccurred())
		a.Expect(status).To(ContainSubstring("101"))
		a.gap()
		<-ended
		a.closesAgain()
		a.Expect(a.gap()).To(BeNumerically("<", 2*1000))
	})
}

// A process that does not answer is told of by its cause, within three seconds; what was asked of it is undone later.
func TestBlockedProcesses(t *testing.T) {
	for name, c := range map[string]struct{ script, id, why string }{
		"a child process": {script: "setTimeout(() => require('child_process').execSync('sleep 7'), 100)", id: "capture/blocked-child", why: `\(sh -c sleep 7\): execSync|\(sleep 7\): execSync`},
		"native code":     {script: "setTimeout(() => require('crypto').pbkdf2Sync('a', 'b', 1e7, 64, 'sha512'), 100)", id: "capture/blocked-native", why: "busy in native code"},
	} {
		t.Run(name, func(t *testing.T) {
			everyRelease(t, func(t *testing.T, program string) {
				a := startApplication(t, program, c.script+"; setInterval(() => {}, 1000)")
				time.Sleep(300 * time.Millisecond)
				start := time.Now()
				_, errors, code := run(0, "stacks", "--pid", a.pid)
				took := time.Since(start)
				a.Expect(code).To(Equal(1))
				a.Expect(errors).To(ContainSubstring("[" + c.id + "]"))
				a.Expect(errors).To(MatchRegexp(c.why))
				a.Expect(took).To(BeNumerically("<", 20*time.Second))
			})
		})
	}
	t.Run("the inspector closes when it can", func(t *testing.T) {
		a := startApplication(t, release(t, releases[0]), "setTimeout(() => require('child_process').execSync('sleep 4'), 100); setTimeout(() => console.log('free'), 200); setInterval(() => {}, 1000)")
		time.Sleep(300 * time.Millisecond)
		client := a.gantry("stacks")
		a.Expect(client.Wait()).NotTo(Succeed())
		a.Expect(a.line()).To(Equal("free"))
		a.closesAgain()
		a.Expect(a.errs.String()).To(ContainSubstring("Debugger listening on"))
	})
	t.Run("stopped", func(t *testing.T) {
		a := startApplication(t, release(t, releases[0]), steady)
		a.Expect(a.process.Process.Signal(syscall.SIGSTOP)).To(Succeed())
		for _, arguments := range [][]string{{"stacks"}, {"lag"}, {"profile", "cpu"}} {
			_, errors, code := run(0, append(arguments, "--pid", a.pid)...)
			a.Expect(code).To(Equal(1))
			a.Expect(errors).To(HaveSuffix("gantry: process " + a.pid + " is stopped  [capture/stopped]\n  why  a signal (SIGSTOP, SIGTSTP) or a debugger of the system holds it\n  do   `kill -CONT " + a.pid + "` lets it go on.\n"))
		}
		out, _, _ := run(0, "ps")
		a.Expect(out).To(MatchRegexp(`(?m)^ *` + a.pid + ` .* stopped `))
		a.Expect(a.process.Process.Signal(syscall.SIGCONT)).To(Succeed())
		a.Expect(a.gap()).To(BeNumerically(">", 0), "no signal was left for it")
		a.Expect(a.errs.String()).NotTo(ContainSubstring("Debugger listening"))
	})
}

// A loop that never ends, and a regular expression that backtracks, show where they are.
func TestEndlessLoops(t *testing.T) {
	everyRelease(t, func(t *testing.T, program string) {
		for script, where := range map[string]string{
			"function spin() { for (;;) ; }; setTimeout(spin, 100)":                                         `^  at spin \(`,
			"function check() { return /^(a+)+$/.test('a'.repeat(50) + 'b') }; setTimeout(check, 100)":      `^  at test \(native code\)\n  at check \(`,
			"async function work() { await null; for (;;) await null }; setTimeout(work, 100)":              `  at work \(|^The event loop is busy between functions: `,
			"const o = { set x(v) { for (;;) ; } }; function put() { o.x = 1 }; setTimeout(() => put(), 9)": `  at put \(`,
		} {
			a := startApplication(t, program, script)
			time.Sleep(300 * time.Millisecond)
			start := time.Now()
			out, errors, code := run(0, "stacks", "--pid", a.pid)
			a.Expect(code).To(Equal(0), errors)
			a.Expect(out).To(MatchRegexp(where), script)
			a.Expect(time.Since(start)).To(BeNumerically("<", 20*time.Second))
			out, errors, code = run(0, "lag", "--for", "1s", "--pid", a.pid)
			a.Expect(code).To(Equal(0), errors)
			a.Expect(out).To(HavePrefix("The event loop was blocked for the whole time, 1"))
		}
		a := startApplication(t, program, "setInterval(() => {}, 1000)")
		out, _, _ := run(0, "stacks", "--pid", a.pid)
		a.Expect(out).To(HavePrefix("The event loop is idle.\n"))
	})
}

// An application that has a handler for SIGUSR1 does not get it from gantry, which knows.
func TestTheSignalOfTheApplication(t *testing.T) {
	everyRelease(t, func(t *testing.T, program string) {
		a := startApplication(t, program, "const on = () => { console.log('got it'); process.exit(7) }; process.on('SIGUSR1', on); process.once('SIGUSR2', () => { process.off('SIGUSR1', on); console.log('off') }); setInterval(() => {}, 1000)")
		_, errors, code := run(0, "stacks", "--pid", a.pid)
		a.Expect(code).To(Equal(1))
		a.Expect(errors).To(HavePrefix("gantry: process " + a.pid + " does not open its inspector  [capture/own-signal]\n  why  the application has a handler of its own for SIGUSR1, which it would run\n"))
		_, _, code = run(0, "ps")
		a.Expect(code).To(Equal(0))
		a.Expect(a.process.Process.Signal(syscall.SIGUSR2)).To(Succeed())
		a.Expect(a.line()).To(Equal("off"))
		a.Expect(filepath.Glob(a.reports + "/sigusr1-*")).To(BeEmpty())
	})
}

// Whose profiler samples the heap, and for how long, is not gantry's to change.
func TestOtherProfilers(t *testing.T) {
	everyRelease(t, func(t *testing.T, program string) {
		a := startApplication(t, program, `
const { Session } = require('node:inspector')
const session = new Session()
session.connect()
session.post('HeapProfiler.startSampling')
const kept = []
setInterval(function keep() { for (let i = 0; i < 100; i++) kept.push({ i: 'x' + i }) }, 10)
process.on('SIGUSR2', () => session.post('HeapProfiler.stopSampling', error => console.log(error ? error.message : 'theirs')))
`)
		out, errors, code := run(0, "profile", "heap", "--for", "500ms", "--pid", a.pid)
		a.Expect(code).To(Equal(0), errors)
		a.Expect(out).To(ContainSubstring(`"functionName":"keep"`))
		a.Expect(a.process.Process.Signal(syscall.SIGUSR2)).To(Succeed())
		a.Expect(a.line()).To(Equal("theirs"))
	})
}

// Every command is refused by every switch that forbids it, and by no other.
func TestPermissions(t *testing.T) {
	g := NewWithT(t)
	program, err := exec.LookPath("node")
	if err != nil {
		t.Skip("not tested with Node.js: there is no node on PATH")
	}
	commands := map[string][]string{
		"stacks": {"stacks"}, "threads": {"threads"}, "profile cpu": {"profile", "cpu", "--for", "100ms"}, "profile heap": {"profile", "heap", "--for", "100ms"},
		"snapshot heap": {"snapshot", "heap"}, "report-process": {"report-process"}, "lag": {"lag", "--for", "100ms"},
		"logpoint": {"logpoint", "app.js:4", "last > 0", "--for", "300ms"}, "console": {"console", "1 + 1"}, "debug": {"debug", "--for", "100ms"},
	}
	looks := "stacks threads profile cpu profile heap snapshot heap report-process lag logpoint"
	for name, c := range map[string]struct{ environ, allowed string }{
		"nothing is set":   {environ: "X=", allowed: looks + " debug"},
		"console":          {environ: "BPL_CONSOLE_ENABLED=true", allowed: looks + " debug console"},
		"console, as 1":    {environ: "BPL_CONSOLE_ENABLED=1", allowed: looks + " debug console"},
		"no console":       {environ: "BPL_CONSOLE_ENABLED=false", allowed: looks},
		"nothing":          {environ: "BPL_DIAGNOSTICS=off", allowed: ""},
		"nothing, as 0":    {environ: "BPL_DIAGNOSTICS=0", allowed: ""},
		"nothing, in caps": {environ: "BPL_DIAGNOSTICS=OFF", allowed: ""},
	} {
		t.Run(name, func(t *testing.T) {
			a := startApplication(t, program, steady, c.environ)
			for command, arguments := range commands {
				_, errors, code := run(0, append(arguments, "--pid", a.pid)...)
				refused := strings.Contains(errors, "[capture/diagnostics-off]") || strings.Contains(errors, "[capture/console-disabled]") || strings.Contains(errors, "[capture/debugging-disabled]")
				a.Expect(refused).To(Equal(!strings.Contains(c.allowed, command)), "%s: %s", command, errors)
				a.Expect(code == 0).To(Equal(!refused), "%s: %s", command, errors)
			}
			_, errors, code := run(0, "ps")
			a.Expect(code).To(Equal(0), errors)
			// What a logpoint evaluates is judged by what it does.
			out, errors, code := run(0, "logpoint", "app.js:4", "(globalThis.changed = 1)", "--for", "300ms", "--pid", a.pid)
			if code == 0 {
				a.Expect(strings.Contains(out, "failed: the expression could change the application; BPL_CONSOLE_ENABLED=true in its deployment allows that")).
					To(Equal(!strings.Contains(c.allowed, "console")), out+errors)
			}
		})
	}
	text, err := os.ReadFile("../../../docs/look-inside.md")
	g.Expect(err).NotTo(HaveOccurred())
	for command := range commands {
		g.Expect(string(text)).To(ContainSubstring("| `gantry "+command), "docs/look-inside.md has a row for each command in its table of switches")
	}
}

// What answers at a port need not be an inspector.
func TestHostileServers(t *testing.T) {
	for name, answer := range map[string]string{
		"a negative length":     "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
		"a huge length":         "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999\r\n\r\n",
		"no end of the head":    "HTTP/1.1 200 OK\r\n" + strings.Repeat("A: b\r\n", 1000),
		"an endless line":       "HTTP/1.1 200 OK\r\nA: " + strings.Repeat("x", 1<<20),
		"no inspector":          "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]",
		"another's address":     "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[{\"type\":\"node\",\"webSocketDebuggerUrl\":\"ws://10.0.0.1/../../x\"}]                                       ",
		"a frame of a gigabyte": "HTTP/1.1 200 OK\r\nContent-Length: 92\r\n\r\n[{\"type\":\"node\",\"webSocketDebuggerUrl\":\"ws://h/01234567-89ab-cdef-0123-456789abcdef\"}]         ",
	} {
		t.Run(name, func(t *testing.T) {
			encoded, err := json.Marshal(answer)
			NewWithT(t).Expect(err).NotTo(HaveOccurred())
			program, err := exec.LookPath("node")
			if err != nil {
				t.Skip("not tested with Node.js: there is no node on PATH")
			}
			a := startApplication(t, program, "const answer = "+string(encoded)+`
require('net').createServer(s => { s.on('error', () => {}); s.on('data', d => {
	if (String(d).includes('Upgrade')) { s.write('HTTP/1.1 101 x\r\n\r\n'); s.write(Buffer.from([0x81, 127, 0, 0, 0, 0, 64, 0, 0, 0, 1, 2])) } else s.write(answer)
}) }).listen(0, '127.0.0.1', () => console.log('listening'))
`)
			a.Expect(a.line()).To(Equal("listening"))
			out, errors, _ := run(0, "ps")
			a.Expect(out).To(ContainSubstring(a.pid), errors)
			start := time.Now()
			out, errors, code := run(0, "stacks", "--pid", a.pid)
			a.Expect(code == 0 || strings.Contains(errors, "[capture/")).To(BeTrue(), out+errors)
			a.Expect(time.Since(start)).To(BeNumerically("<", 20*time.Second))
		})
	}
}

// What gantry takes counts for the container of the application, whatever source maps that has.
func TestOwnMemory(t *testing.T) {
	program, err := exec.LookPath("node")
	if err != nil {
		t.Skip("not tested with Node.js: there is no node on PATH")
	}
	g := NewWithT(t)
	dir := t.TempDir()
	var mappings strings.Builder
	mappings.WriteString("AAAA")
	for range 600_000 {
		mappings.WriteString(",EACAA")
	}
	sources := strings.Repeat(`,"`+strings.Repeat("x", 4000)+`"`, 2500)
	text := `{"version":3,"sources":["src/a.ts"],"names":["total"],"sourcesContent":["x"` + sources + `],"mappings":"` + mappings.String() + `"}`
	g.Expect(len(text)).To(BeNumerically(">", 13_500_000))
	g.Expect(os.WriteFile(filepath.Join(dir, "app.js.map"), []byte(text), 0o644)).To(Succeed())
	file := filepath.Join(dir, "app.js")
	script := "function spin(n) { let x = 0; for (let i = 0; i < n; i++) x += Math.sqrt(i); return x }; setInterval(() => spin(1e5), 5); console.log('ready')\n//# sourceMappingURL=app.js.map\n"
	g.Expect(os.WriteFile(file, []byte(script), 0o644)).To(Succeed())
	pid := startFile(t, program, file, "--inspect-port=0")
	// The test program itself is larger than gantry.
	peak := func(arguments ...string) int {
		cmd := exec.Command(os.Args[0], append([]string{"gantry"}, append(arguments, "--pid", pid)...)...)
		cmd.Env = append(os.Environ(), "GANTRY_TEST_PEAK=1")
		var said bytes.Buffer
		cmd.Stderr = &said
		out, err := cmd.Output()
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(out).NotTo(BeEmpty())
		kilobytes, err := strconv.Atoi(regexp.MustCompile(`VmHWM:\s*(\d+)`).FindStringSubmatch(said.String())[1])
		g.Expect(err).NotTo(HaveOccurred())
		return kilobytes
	}
	without, with := peak("lag", "--for", "1s"), peak("profile", "cpu", "--for", "1s")
	t.Logf("a large source map takes %d MB", (with-without)/1000)
	g.Expect(with - without).To(BeNumerically("<", 25_000))
}

// Where others share the network, the inspector is opened only when somebody insists.
func TestSharedNetwork(t *testing.T) {
	program, err := exec.LookPath("node")
	if err != nil {
		t.Skip("not tested with Node.js: there is no node on PATH")
	}
	a := startApplication(t, program, steady)
	shared := capture.Host{Neighbours: func(capture.Process) []string { return []string{"port 15001", "port 15006"} }}
	for _, arguments := range [][]string{{"stacks"}, {"lag", "--for", "100ms"}, {"debug", "--for", "100ms"}} {
		var out, errs bytes.Buffer
		code := capture.Run(append(arguments, "--pid", a.pid), shared, capture.Streams{Out: &out, Err: &errs})
		a.Expect(code).To(Equal(1))
		a.Expect(errs.String()).To(HaveSuffix("gantry: others share the application's network, and could use its inspector while it is open  [capture/shared-network]\n" +
			"  why  port 15001, port 15006 are held by something that is not part of the application: another container of the pod, or the host. Whoever connects to the inspector runs code in the application\n" +
			"  do   Insist with --force where you trust them: the inspector listens on a port of the loopback address that the kernel chooses, as short as possible.\n"))
		code = capture.Run(append(arguments, "--pid", a.pid, "--force"), shared, capture.Streams{Out: &out, Err: &errs})
		a.Expect(code).To(Equal(0), errs.String())
	}
	pid, err := strconv.Atoi(a.pid)
	a.Expect(err).NotTo(HaveOccurred())
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	a.Expect(err).NotTo(HaveOccurred())
	defer func() { _ = listener.Close() }()
	a.Expect(capture.Neighbours(capture.Process{PID: pid})).NotTo(ContainElement(fmt.Sprintf("port %d", listener.Addr().(*net.TCPAddr).Port)), "a process that sees the same files is part of it")
}

// A large heap is not stopped for long unless somebody insists; what does not stop it works.
func TestLargeHeaps(t *testing.T) {
	program, err := exec.LookPath("node")
	if err != nil {
		t.Skip("not tested with Node.js: there is no node on PATH")
	}
	a := startApplication(t, program, "globalThis.kept = []; while (process.memoryUsage().heapUsed < 700e6) for (let i = 0; i < 1e4; i++) kept.push({ a: i + 0.5, b: [i] })\n"+steady, "NODE_OPTIONS=--max-old-space-size=4000")
	for _, arguments := range [][]string{{"profile", "cpu"}, {"profile", "heap"}} {
		_, errors, code := run(0, append(arguments, "--for", "1s", "--pid", a.pid)...)
		a.Expect(code).To(Equal(1))
		a.Expect(errors).To(MatchRegexp(`gantry: a (CPU|heap) profile would stop the application for about \d\.\ds  \[capture/long-pause\]\n  why  V8 looks at each object of the heap, which has \d+ MB\n`))
	}
	a.gap()
	for _, arguments := range [][]string{{"stacks"}, {"lag", "--for", "1s"}} {
		_, errors, code := run(0, append(arguments, "--pid", a.pid)...)
		a.Expect(code).To(Equal(0), errors)
	}
	a.Expect(a.gap()).To(BeNumerically("<", 2*1000))
}

// A snapshot can be bounded, and broken off.
func TestSnapshotsAreBounded(t *testing.T) {
	program, err := exec.LookPath("node")
	if err != nil {
		t.Skip("not tested with Node.js: there is no node on PATH")
	}
	a := startApplication(t, program, "globalThis.kept = []; while (process.memoryUsage().heapUsed < 150e6) for (let i = 0; i < 1e4; i++) kept.push({ a: i + 0.5, b: [i] })\n"+steady)
	_, errors, code := run(0, "snapshot", "heap", "--max-memory", "200MB", "--pid", a.pid)
	a.Expect(code).To(Equal(1))
	a.Expect(errors).To(MatchRegexp(`why  the heap has \d+ MB, a snapshot may take \d+ MB while it is made, and --max-memory allows 200 MB\n`))
	_, errors, code = run(0, "snapshot", "heap", "--timeout", "200ms", "--pid", a.pid)
	a.Expect(code).To(Equal(1))
	a.Expect(errors).To(ContainSubstring("gantry: the heap snapshot was not ready within 200ms  [capture/too-slow]\n"))
	a.closesLater()
	client := exec.Command(os.Args[0], "gantry", "snapshot", "heap", "--pid", a.pid, "--output", filepath.Join(t.TempDir(), "x.heapsnapshot"))
	var said bytes.Buffer
	client.Stderr = &said
	a.Expect(client.Start()).To(Succeed())
	time.Sleep(700 * time.Millisecond)
	a.Expect(client.Process.Signal(syscall.SIGINT)).To(Succeed())
	_ = client.Wait()
	a.Expect(client.ProcessState.ExitCode()).To(Equal(130), said.String())
	a.Expect(said.String()).To(HaveSuffix("gantry: interrupted; nothing is written, and the application goes on\n"))
	a.closesLater()
}

// closesLater is for an application that stands still first.
func (a *application) closesLater() {
	a.Eventually(a.listens, "60s", "100ms").Should(BeFalse(), "the inspector is closed again")
}

// An inspector that is open from the start is found where it listens, and stays open.
func TestInspectorsThatAreOpen(t *testing.T) {
	everyRelease(t, func(t *testing.T, program string) {
		for _, option := range []string{"--inspect=[::1]:0", "--inspect=127.0.0.1:0", "--inspect=0.0.0.0:19229"} {
			pid, process := startNode(t, program, busy, option)
			g := NewWithT(t)
			out, errors, code := run(0, "stacks", "--pid", pid)
			g.Expect(code).To(Equal(0), option+errors)
			g.Expect(out).To(ContainSubstring("It waits for:"))
			a := &application{WithT: g, pid: pid}
			g.Expect(a.listens()).To(BeTrue())
			g.Expect(process.Kill()).To(Succeed())
		}
	})
}
