package capture_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/inspect/capture"
)

// The test program becomes the closer, or gantry, when it is called so: these are processes of their own.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == capture.CloserCommand {
		os.Exit(capture.RunCloser(os.Args[2:]))
	}
	if len(os.Args) > 1 && os.Args[1] == "gantry" {
		code := capture.Run(os.Args[2:], capture.Host{Limit: func(string) int64 { return 0 }}, capture.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr})
		if os.Getenv("GANTRY_TEST_PEAK") != "" {
			status, _ := os.ReadFile("/proc/self/status")
			_, _ = os.Stderr.Write(status)
		}
		os.Exit(code)
	}
	os.Exit(m.Run())
}

// busy is an application with a function that takes time and a class that leaks.
const busy = `
function hotFunction(n) { let x = 0; for (let i = 0; i < n; i++) x += Math.sqrt(i * Math.random()); return x }
class Leaked { constructor() { this.data = new Array(100).fill(Math.random()) } }
const kept = []
function leak() { for (let i = 0; i < 200; i++) kept.push(new Leaked()) }
setInterval(() => { hotFunction(3e5); leak() }, 10)
console.log('ready')
`

// node starts an application, and gives its process's number as an argument. Most tests let each have an inspector's port
// of its own (--inspect-port=0), since tests of other packages may be at work.
func node(t *testing.T, script string, options ...string) (pid string, process *os.Process) {
	program, err := exec.LookPath("node")
	if err != nil {
		t.Skip("not tested with Node.js: there is no node on PATH")
	}
	return startNode(t, program, script, options...)
}

// releases are the versions of Node.js, besides the machine's own, with which the captures are tested.
var releases = []string{"20.20.2", "22.23.3", "24.22.3", "26.12.1"}

// release gives the program of a version, from the registry of npm packages.
func release(t *testing.T, version string) string {
	g := NewWithT(t)
	arch := map[string]string{"amd64": "x64", "arm64": "arm64"}[runtime.GOARCH]
	cache, err := os.UserCacheDir()
	g.Expect(err).NotTo(HaveOccurred())
	dir := filepath.Join(cache, "gantry-tests", "node-"+version)
	program := filepath.Join(dir, "package", "bin", "node")
	if _, err := os.Stat(program); err == nil {
		return program
	}
	g.Expect(os.MkdirAll(dir, 0o755)).To(Succeed())
	if out, err := exec.Command("npm", "pack", "--silent", "--pack-destination", dir, "node-linux-"+arch+"@"+version).CombinedOutput(); err != nil {
		t.Skipf("not tested with Node.js %s: npm cannot fetch it: %s", version, out)
	}
	archive := filepath.Join(dir, "node-linux-"+arch+"-"+version+".tgz")
	g.Expect(exec.Command("tar", "-xzf", archive, "-C", dir, "package/bin/node").Run()).To(Succeed())
	g.Expect(os.Remove(archive)).To(Succeed())
	return program
}

func startNode(t *testing.T, program, script string, options ...string) (pid string, process *os.Process) {
	file := filepath.Join(t.TempDir(), "app.js")
	NewWithT(t).Expect(os.WriteFile(file, []byte(script), 0o644)).To(Succeed())
	return startScript(t, program, file, []string{"CANARY=canary-91c2", "BPL_CONSOLE_ENABLED=true"}, options...)
}

// startFile starts an application as it is deployed, without a console.
func startFile(t *testing.T, program, file string, options ...string) (pid string) {
	pid, _ = startScript(t, program, file, nil, options...)
	return pid
}

func startScript(t *testing.T, program, file string, environ []string, options ...string) (pid string, process *os.Process) {
	g := NewWithT(t)
	cmd := exec.Command(program, append(options, file)...)
	cmd.Env = append(os.Environ(), environ...)
	out, err := cmd.StdoutPipe()
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(cmd.Start()).To(Succeed())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(line).To(Equal("ready\n"))
	return strconv.Itoa(cmd.Process.Pid), cmd.Process
}

func run(limit int64, arguments ...string) (out, errors string, code int) {
	var stdout, stderr bytes.Buffer
	host := capture.Host{Limit: func(string) int64 { return limit }}
	code = capture.Run(arguments, host, capture.Streams{In: strings.NewReader(""), Out: &stdout, Err: &stderr})
	return stdout.String(), stderr.String(), code
}

// Each capture of a running, unprepared process; afterwards it runs on, and nothing listens.
func TestCaptures(t *testing.T) {
	t.Run("the machine's", func(t *testing.T) {
		pid, process := node(t, busy, "--inspect-port=0")
		testCaptures(t, pid, process)
	})
	for _, version := range releases {
		t.Run(version, func(t *testing.T) {
			pid, process := startNode(t, release(t, version), busy, "--inspect-port=0")
			testCaptures(t, pid, process)
		})
	}
}

func testCaptures(t *testing.T, pid string, process *os.Process) {
	for name, c := range map[string]struct {
		arguments []string
		contains  string
	}{
		"CPU profile":   {arguments: []string{"profile", "cpu", "--for", "1s"}, contains: `"functionName":"hotFunction"`},
		"heap profile":  {arguments: []string{"profile", "heap", "--for=1s"}, contains: `"functionName":"leak"`},
		"heap snapshot": {arguments: []string{"snapshot", "heap"}, contains: `"Leaked"`},
		"report":        {arguments: []string{"report-process"}, contains: `"CANARY"`},
		"stacks":        {arguments: []string{"stacks"}, contains: "Timeout"},
		"lag":           {arguments: []string{"lag", "--for", "1s"}, contains: "99%"},
		"console":       {arguments: []string{"console", "new Map([[1, { two: await 2n }]])"}, contains: "Map(1) { 1 => { two: 2n } }\n"},
		"log point":     {arguments: []string{"logpoint", "app.js:2", "[n, this === undefined]", "--for", "500ms"}, contains: "[ 300000, false ]\n"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			out, errors, code := run(0, append(c.arguments, "--pid", pid)...)
			g.Expect(code).To(Equal(0), errors)
			g.Expect(out).To(ContainSubstring(c.contains))
			if strings.HasPrefix(out, "{") {
				g.Expect(json.Valid([]byte(out))).To(BeTrue())
			}
			g.Expect(out).NotTo(ContainSubstring("canary-91c2"), "values of variables are nobody's business")
			g.Expect(process.Signal(syscall.Signal(0))).To(Succeed())
			(&application{WithT: g, pid: pid}).closesAgain()
		})
	}
}

// To a file: it has its name only when it is whole, and is nobody else's to read.
func TestToFile(t *testing.T) {
	g := NewWithT(t)
	pid, _ := node(t, busy, "--inspect-port=0")
	file := filepath.Join(t.TempDir(), "slow.cpuprofile")
	_, errors, code := run(0, "profile", "cpu", "--for", "200ms", "--pid", pid, "--output", file)
	g.Expect(code).To(Equal(0), errors)
	g.Expect(errors).To(ContainSubstring("Written to " + file))
	info, err := os.Stat(file)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(info.Mode().Perm()).To(Equal(os.FileMode(0o600)))
	g.Expect(file + ".partial").NotTo(BeAnExistingFile())
}

func TestSnapshotNeedsRoom(t *testing.T) {
	g := NewWithT(t)
	pid, _ := node(t, busy, "--inspect-port=0")
	out, errors, code := run(70<<20, "snapshot", "heap", "--pid", pid)
	g.Expect(code).To(Equal(1))
	g.Expect(out).To(BeEmpty())
	g.Expect(errors).To(MatchRegexp(`gantry: a heap snapshot could end the container for want of memory  \[capture/no-room\]\n  why  the heap has \d+ MB, a snapshot may take \d+ MB while it is made, and \d+ MB of the container's 73 MB are left`))
	_, errors, code = run(70<<20, "snapshot", "heap", "--force", "--pid", pid)
	g.Expect(code).To(Equal(0), errors)
}

// An application that keeps SIGUSR1 for itself gets it, and is told of; nothing hangs.
func TestInspectorThatDoesNotOpen(t *testing.T) {
	g := NewWithT(t)
	pid, process := node(t, "process.on('SIGUSR1', () => {}); setInterval(() => {}, 1000); console.log('ready')")
	start := time.Now()
	_, errors, code := run(0, "stacks", "--pid", pid)
	g.Expect(code).To(Equal(1))
	g.Expect(errors).To(HavePrefix("gantry: process " + pid + " did not open its inspector within 1.5s  [capture/inspector-closed]\n"))
	g.Expect(time.Since(start)).To(BeNumerically("<", 30*time.Second))
	g.Expect(process.Signal(syscall.Signal(0))).To(Succeed())
}

func TestBadCommands(t *testing.T) {
	for arguments, want := range map[string]string{
		"profile":                      "gantry: say what of: profile heap, profile cpu or profile allocations\n",
		"snapshot":                     "gantry: say what of: snapshot heap\n",
		"console":                      "gantry: console takes 1 words behind it, and here are 0; put an expression in quotes\n",
		"logpoint a.js:1 a + b":        "gantry: logpoint takes 2 words behind it, and here are 4; put an expression in quotes\n",
		"profile disk":                 "gantry: there is no command profile disk\n",
		"profile cpu --for soon":       "gantry: --for is not understood: \"soon\"\n",
		"profile cpu --for -1s":        "gantry: --for is not understood: \"-1s\"\n",
		"profile cpu --pid":            "gantry: --pid needs a value\n",
		"stacks --some=yes":            "gantry: there is no option --some\n",
		"stacks --thraed=1":            "gantry: there is no option --thraed; did you mean --thread?\n",
		"profile cpu --pid 1 --for 1s": "gantry: there is no process 1 of Node.js or Ruby  [capture/no-such-process]\n  do   `gantry ps` lists those that run here.\n",
	} {
		_, errors, code := run(0, strings.Fields(arguments)...)
		NewWithT(t).Expect(code).NotTo(Equal(0))
		NewWithT(t).Expect(errors).To(HavePrefix(want), arguments)
	}
}

// Who asks for help gets the lines of the command and of its options, and no error.
func TestHelp(t *testing.T) {
	for _, arguments := range []string{"lag --help", "profile cpu -h", "threads --help", "gc -h"} {
		g := NewWithT(t)
		out, errors, code := run(0, strings.Fields(arguments)...)
		g.Expect(code).To(Equal(0))
		g.Expect(errors).To(BeEmpty())
		g.Expect(out).To(And(HavePrefix("usage:\n  gantry "), ContainSubstring("--pid N")))
	}
	out, _, _ := run(0, "lag", "--help")
	NewWithT(t).Expect(out).To(And(ContainSubstring("gantry lag [--for 10s]"), Not(ContainSubstring("gantry console"))))
}

func TestProcesses(t *testing.T) {
	g := NewWithT(t)
	pid, _ := node(t, busy)
	out, _, code := run(0, "ps", "--quick")
	g.Expect(code).To(Equal(0))
	g.Expect(out).To(MatchRegexp(`(?m)^ *` + pid + `  Node\.js +- +\d+s +\d+ MB +-  (runs|waits) +node .*app\.js$`))
	out, _, code = run(0, "ps")
	g.Expect(code).To(Equal(0))
	g.Expect(out).To(MatchRegexp(`(?m)^ *` + pid + `  Node\.js +- +\d+s +\d+ MB +\d+ %  (runs|waits) +node .*app\.js$`))
}

// Each worker thread is seen, and can be looked at by itself.
func TestThreads(t *testing.T) {
	g := NewWithT(t)
	pid, _ := node(t, `
const { Worker } = require('node:worker_threads')
const worker = new Worker("function spin() { const end = Date.now() + 50; while (Date.now() < end); }\nsetInterval(spin, 55)", { eval: true })
worker.once('online', () => console.log('ready'))
setInterval(() => {}, 1000)
`, "--inspect-port=0")
	// Now and then the worker is between two of its turns.
	g.Eventually(func() string {
		out, errors, code := run(0, "threads", "--pid", pid)
		g.Expect(code).To(Equal(0), errors)
		return out
	}, 20*time.Second).Should(MatchRegexp(`(?s)^Thread 0, main thread:\n.*\n\nThread 1, .*[wW]orker 1.*:\n  at spin \(`))

	out, errors, code := run(0, "profile", "cpu", "--for", "500ms", "--thread", "1", "--pid", pid)
	g.Expect(code).To(Equal(0), errors)
	g.Expect(out).To(ContainSubstring(`"functionName":"spin"`))
	_, errors, code = run(0, "profile", "cpu", "--thread", "7", "--pid", pid)
	g.Expect(code).To(Equal(1))
	g.Expect(errors).To(Equal("Taking a CPU profile, for 30s: process " + pid + " …\ngantry: process " + pid + " has no thread 7  [capture/no-thread]\n" +
		"  why  its threads are [0 1]; 0 is the main thread\n  do   `gantry threads` shows them all, and what they do.\n"))
}

// compiled is an application as a compiler leaves it: line 2 of it is line 12 of src/orders.ts.
const compiled = `let total = 0
function addOrder(price) { let x = 0; for (let i = 0; i < 3e5; i++) x += Math.sqrt(i * Math.random()); total += price; return x }
setInterval(() => addOrder(5), 10)
console.log('ready')
//# sourceMappingURL=data:application/json;base64,` + "eyJ2ZXJzaW9uIjozLCJzb3VyY2VzIjpbInNyYy9vcmRlcnMudHMiXSwibWFwcGluZ3MiOiJBQVVBO0FBQ0E7QUFDQTtBQUNBIn0=\n"

func TestSourceMaps(t *testing.T) {
	g := NewWithT(t)
	pid, _ := node(t, compiled, "--inspect-port=0")
	out, errors, code := run(0, "profile", "cpu", "--for", "500ms", "--pid", pid)
	g.Expect(code).To(Equal(0), errors)
	g.Expect(out).To(MatchRegexp(`"functionName":"addOrder","scriptId":"\d+","url":"file:///[^"]*/src/orders.ts","lineNumber":11,`))

	out, errors, code = run(0, "logpoint", "src/orders.ts:12", "total > 0 // a comment", "--for", "300ms", "--pid", pid)
	g.Expect(code).To(Equal(0), errors)
	g.Expect(out).To(MatchRegexp(`^\d\d:\d\d:\d\d\.\d{3}  true\n`))
	out, _, _ = run(0, "logpoint", "src/orders.ts:12", "missing.name", "--for", "300ms", "--pid", pid)
	g.Expect(out).To(ContainSubstring("failed: ReferenceError: missing is not defined; the names here are addOrder, price, total, x\n"))
	_, errors, code = run(0, "logpoint", "src/orders.ts:99", "total", "--pid", pid)
	g.Expect(code).To(Equal(1))
	g.Expect(errors).To(MatchRegexp("gantry: the application has not loaded src/orders.ts:99  \\[capture/no-such-line\\]\n  why  none of its \\d+ scripts, nor a source in their source maps, has that name and a line 99 that runs\n"))
	_, errors, code = run(0, "logpoint", "orders", "total", "--pid", pid)
	g.Expect(code).To(Equal(2), errors)
	g.Expect(errors).To(ContainSubstring("gantry: the place is not understood: \"orders\"; it is FILE:LINE, such as src/orders.ts:42\n"))
	out, errors, code = run(0, "console", "Object.keys(globalThis).filter(name => name.includes('antry')).length + Object.getOwnPropertySymbols(globalThis).filter(s => String(s).includes('gantry') && s !== Symbol.for('gantry.inspector')).length", "--pid", pid)
	g.Expect(code).To(Equal(0), errors)
	g.Expect(out).To(Equal("0\n"), "nothing of a log point stays")
}

// Whoever deploys decides whether code may be evaluated.
func TestConsoleIsForbidden(t *testing.T) {
	g := NewWithT(t)
	t.Setenv("BPL_CONSOLE_ENABLED", "false")
	program, err := exec.LookPath("node")
	g.Expect(err).NotTo(HaveOccurred())
	cmd := exec.Command(program, "--inspect-port=0", "-e", "setInterval(() => {}, 1000)")
	g.Expect(cmd.Start()).To(Succeed())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	time.Sleep(500 * time.Millisecond)
	pid := strconv.Itoa(cmd.Process.Pid)
	_, errors, code := run(0, "console", "1 + 1", "--pid", pid)
	g.Expect(code).To(Equal(1))
	g.Expect(errors).To(Equal("gantry: the console is not enabled  [capture/console-disabled]\n  why  process " + pid + " was started without BPL_CONSOLE_ENABLED=true\n" +
		"  do   Set it in the deployment where evaluating code in the running application is wanted.\n"))
}

// A debugger attaches while the command waits, and the inspector closes when that ends.
func TestDebug(t *testing.T) {
	g := NewWithT(t)
	pid, _ := node(t, busy, "--inspect-port=0")
	opened, ended := make(chan string, 1), make(chan struct{})
	go func() {
		defer close(ended)
		capture.Run([]string{"debug", "--for", "3s", "--pid", pid}, capture.Host{}, capture.Streams{In: strings.NewReader(""), Out: first(opened), Err: io.Discard})
	}()
	var relayed bytes.Buffer
	out := <-opened
	port := regexp.MustCompile(`127\.0\.0\.1:(\d+)`).FindStringSubmatch(out)[1]
	code := capture.Run([]string{"debug", "--relay", "--port", port}, capture.Host{}, capture.Streams{
		In:  strings.NewReader("GET /json/version HTTP/1.0\r\nHost: localhost\r\nConnection: close\r\n\r\n"),
		Out: &relayed, Err: &relayed,
	})
	g.Expect(code).To(Equal(0), relayed.String())
	g.Expect(relayed.String()).To(ContainSubstring(`"Protocol-Version"`))
	g.Expect(out).To(HavePrefix("The inspector of process " + pid + " can be reached at 127.0.0.1:"))
	g.Expect(out).To(MatchRegexp(`kubectl port-forward pod/\S+ 9229:\d+\n`))
	<-ended
	_, errors, code := run(0, "debug", "--relay", "--port", port)
	g.Expect(code).To(Equal(2))
	g.Expect(errors).To(HavePrefix("gantry: no `gantry debug` runs here at 127.0.0.1:" + port + "\n"))
}

// first gives the first text that is written.
type first chan string

func (f first) Write(text []byte) (int, error) {
	select {
	case f <- string(text):
	default:
	}
	return len(text), nil
}
