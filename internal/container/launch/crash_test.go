package launch_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/container/crash"
)

// ending runs a program of Node.js to its end through Init, as in a container, and gives what is on record of it.
func ending(t *testing.T, script string, options ...string) (code int, log string, records []crash.Record) {
	g := NewWithT(t)
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("not tested with Node.js: there is no node on PATH")
	}
	dir := t.TempDir()
	reports, watch, app := filepath.Join(dir, "reports"), filepath.Join(dir, crash.WatchFile), filepath.Join(dir, "app.js")
	g.Expect(os.Mkdir(reports, 0o700)).To(Succeed())
	g.Expect(os.WriteFile(watch, []byte(crash.WatchScript), 0o644)).To(Succeed())
	g.Expect(os.WriteFile(app, []byte(script), 0o644)).To(Succeed())
	arguments := append([]string{"init", "--", node, "--require=" + watch}, options...)
	cmd := exec.Command(os.Args[0], append(arguments, app)...)
	cmd.Env = append(os.Environ(), "GANTRY_REPORTS="+reports, "BPL_CRASH_DIR="+filepath.Join(dir, "crashes"), "API_TOKEN=canary-4711", "PLAIN=plain-4711")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err = cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		code = exit.ExitCode()
	}
	store := crash.Store(filepath.Join(dir, "crashes"))
	names, err := store.Names()
	g.Expect(err).NotTo(HaveOccurred())
	for _, name := range names {
		r, err := store.Load(name)
		g.Expect(err).NotTo(HaveOccurred())
		text, err := json.Marshal(r)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(string(text)).NotTo(Or(ContainSubstring("canary-4711"), ContainSubstring("plain-4711")), "secrets and values of variables are not kept")
		records = append(records, r)
	}
	left, err := os.ReadDir(reports)
	g.Expect(err).NotTo(HaveOccurred())
	for _, entry := range left {
		g.Expect(entry.Name()).To(HavePrefix("memory-"), "what holds the environment is removed")
	}
	return code, out.String(), records
}

// mapped says that line 2 of a script is line 12 of src/orders.ts.
const mapped = "//# sourceMappingURL=data:application/json;base64,eyJ2ZXJzaW9uIjozLCJzb3VyY2VzIjpbInNyYy9vcmRlcnMudHMiXSwibWFwcGluZ3MiOiJBQVVBO0FBQ0E7QUFDQTtBQUNBIn0=\n"

func TestAnExceptionIsKept(t *testing.T) {
	g := NewWithT(t)
	code, log, records := ending(t, `
function charge() { throw new TypeError('no card for ' + process.env.API_TOKEN, { cause: new Error('postgres://shop:hunter2@db/shop refused') }) }
setTimeout(charge, 10)
`+mapped)
	g.Expect(code).To(Equal(1))
	g.Expect(records).To(HaveLen(1), log)
	r := records[0]
	g.Expect(r.Kind).To(Equal(crash.Exception))
	g.Expect(r.Message).To(Equal("the application ended with an exception that nothing caught: TypeError: no card for ***"))
	g.Expect(r.Stack[0]).To(MatchRegexp(`^at (Timeout\.)?charge .*/src/orders\.ts:12:`))
	g.Expect(r.Stack).To(ContainElement("caused by Error: postgres://***@db/shop refused"))
	g.Expect(r.Report["environmentVariables"]).To(ContainElement("API_TOKEN"))
	g.Expect(log).To(MatchRegexp(`(?m)^gantry: the application ended with an exception that nothing caught: TypeError: no card for \*\*\*; more of it: gantry crash show \d{8}T\d{6}\.\d{3}-\d+$`))

	code, _, records = ending(t, "async function later() { await null; throw new Error('too late') }\nlater()")
	g.Expect(code).To(Equal(1))
	g.Expect(records[0].Message).To(Equal("the application ended with a promise's rejection that nothing handled: Error: too late"))
	g.Expect(records[0].Stack[0]).To(HavePrefix("at later (/"))
}

// What the application handles, or means, is no crash.
func TestOrdinaryEndsAreNotKept(t *testing.T) {
	for name, script := range map[string]string{
		"an exit code": "process.exit(3)",
		"handled":      "process.on('uncaughtException', () => process.exit(4)); setTimeout(() => { throw new Error('x') }, 5)",
		"a signal":     "process.kill(process.pid, 'SIGTERM')",
		"captured":     "process.setUncaughtExceptionCaptureCallback(() => process.exit(5)); throw new Error('x')",
		"in a domain":  "const d = require('domain').create(); d.on('error', () => process.exit(6)); d.run(() => setTimeout(() => { throw new Error('x') }, 5))",
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			code, log, records := ending(t, script)
			g.Expect(code).NotTo(Equal(0))
			g.Expect(records).To(BeEmpty())
			g.Expect(log).NotTo(ContainSubstring("gantry:"))
		})
	}
}

// A heap that fills up: the limit, and the function in the source that filled it.
func TestAFullHeap(t *testing.T) {
	g := NewWithT(t)
	code, log, records := ending(t, `const kept = []
setInterval(function remember() { for (let i = 0; i < 400; i++) { const items = new Array(60); for (let j = 0; j < 60; j++) items[j] = i * j + 0.5; kept.push(items) } }, 5)
`+mapped, "--max-old-space-size=64")
	g.Expect(code).To(Equal(134))
	g.Expect(records).To(HaveLen(1), log)
	r := records[0]
	g.Expect(r.Kind).To(Equal(crash.HeapLimit))
	g.Expect(r.Message).To(MatchRegexp(`^the application's heap was full: its limit is \d+ MiB$`))
	g.Expect(r.Memory.Sites).NotTo(BeEmpty(), log)
	g.Expect(r.Memory.Sites[0].String()).To(MatchRegexp(`^remember \(.*/src/orders\.ts:12:\d+\)$`))
	g.Expect(log).To(MatchRegexp(`(?s)gantry: the application's heap was full: its limit is \d+ MiB\n.*what filled the heap was allocated in\n +\d+ MiB  remember \(`))
}

func TestAFault(t *testing.T) {
	g := NewWithT(t)
	code, log, records := ending(t, "process.kill(process.pid, 'SIGSEGV')")
	g.Expect(code).To(Equal(139))
	g.Expect(records).To(HaveLen(1), log)
	g.Expect(records[0].Message).To(Equal("the application ended by signal 11 (segmentation fault)"))
}

// Whatever an application throws, it ends as it would without Gantry: the same exit code, the same words.
func TestEndingsAreNotChanged(t *testing.T) {
	for name, script := range map[string]string{
		"a symbol":                "throw Symbol('x')",
		"null":                    "throw null",
		"a name that is a symbol": "const e = new Error('x'); e.name = Symbol('y'); throw e",
		"a getter that throws":    "const e = new Error('x'); Object.defineProperty(e, 'message', { get() { throw new Error('again') } }); throw e",
		"a cause that throws":     "const e = new Error('x'); Object.defineProperty(e, 'cause', { get() { throw new Error('again') } }); throw e",
		"a Proxy":                 "throw new Proxy(new Error('x'), { get() { throw new Error('trap') }, getPrototypeOf() { throw new Error('trap') } })",
		"errors that throw":       "const e = new AggregateError([], 'x'); Object.defineProperty(e, 'errors', { get() { throw new Error('again') } }); throw e",
		"its own cause":           "const e = new Error('x'); e.cause = e; throw e",
		"a null prototype":        "throw Object.create(null)",
		"a rejection":             "Promise.reject(new Error('x'))",
		"JSON that throws":        "const e = new Error('x'); e.toJSON = () => { throw new Error('again') }; e.code = { toString() { throw new Error('again') } }; throw e",
		"reports that fail":       "process.report.getReport = () => { throw new Error('no') }; throw new Error('x')",
		"a handler that throws":   "process.on('uncaughtException', error => { undefinedFunction(error) }); throw new Error('x')",
		"a circular aggregate":    "const e = new AggregateError([new Error('a')], 'x'); e.errors.push(e); throw e",
		"undefined":               "throw undefined",
		"files that fail":         "require('node:fs').writeFileSync = () => { throw new Error('no') }; throw new Error('x')",
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			node, err := exec.LookPath("node")
			if err != nil {
				t.Skip("not tested with Node.js: there is no node on PATH")
			}
			file := filepath.Join(t.TempDir(), "app.js")
			g.Expect(os.WriteFile(file, []byte(script), 0o644)).To(Succeed())
			plain, err := exec.Command(node, "--enable-source-maps", file).CombinedOutput()
			exit, failed := errors.AsType[*exec.ExitError](err)
			g.Expect(failed).To(BeTrue())
			code, log, _ := ending(t, script)
			g.Expect(code).To(Equal(exit.ExitCode()), log)
			// Their paths differ, and what Gantry adds follows.
			lines := strings.Split(strings.TrimSpace(string(plain)), "\n")
			for _, line := range lines[1:] {
				if !strings.Contains(line, "/") && !strings.Contains(line, "node:internal") && !strings.Contains(line, "    at ") {
					g.Expect(log).To(ContainSubstring(line))
				}
			}
		})
	}
}

// A message of any length neither delays the end of an application nor fills its disk.
func TestEndingsAreQuick(t *testing.T) {
	g := NewWithT(t)
	start := time.Now()
	code, _, records := ending(t, "throw new Error('line\\n'.repeat(200_000) + 'x'.repeat(90_000_000))")
	took := time.Since(start)
	g.Expect(code).To(Equal(1))
	g.Expect(records).To(HaveLen(1))
	start = time.Now()
	_, _, _ = ending(t, "process.stderr.write('line\\n'.repeat(200_000) + 'x'.repeat(90_000_000)); process.exit(1)")
	// Node.js itself writes all of it, and more slowly; the factor is for a busy machine.
	g.Expect(took).To(BeNumerically("<", 5*time.Since(start)+5*time.Second))
}

// How a child process of Node.js ends is told by its parent, which goes on.
func TestChildrenAreSeen(t *testing.T) {
	g := NewWithT(t)
	_, log, records := ending(t, `
const { spawn } = require('node:child_process')
spawn(process.execPath, ['-e', 'process.kill(process.pid, "SIGSEGV")']).once('exit', () => setTimeout(() => {}, 700))
`)
	g.Expect(records).To(HaveLen(1), log)
	g.Expect(records[0].Message).To(MatchRegexp(`^a child process, \d+, ended by signal 11 \(segmentation fault\); the application goes on$`))
	_, log, records = ending(t, "require('node:child_process').spawn('sleep', ['5']).kill('SIGKILL')")
	g.Expect(records).To(BeEmpty(), log)
}

// Under Node.js' permission model the script does without what is forbidden, and says nothing.
func TestThePermissionModel(t *testing.T) {
	g := NewWithT(t)
	out, err := exec.Command("node", "--version").Output()
	if err != nil {
		t.Skip("not tested with Node.js: there is no node on PATH")
	}
	flag := "--permission"
	if strings.HasPrefix(string(out), "v20.") {
		flag = "--experimental-permission"
	}
	code, log, _ := ending(t, `const kept = []
const timer = setInterval(() => { for (let i = 0; i < 400 && process.memoryUsage().heapUsed < 50e6; i++) kept.push(new Array(60).fill(i + 0.5)) }, 5)
setTimeout(() => { clearInterval(timer); console.log('went on') }, 1500)
`, "--max-old-space-size=64", flag, "--allow-fs-read=*")
	g.Expect(code).To(Equal(0), log)
	g.Expect(log).To(ContainSubstring("went on"))
	g.Expect(log).NotTo(Or(ContainSubstring("ERR_ACCESS_DENIED"), ContainSubstring("gantry:")))
}

// What an application sees of its child processes, and whether these start, is as without Gantry.
func TestChildrenAreNotChanged(t *testing.T) {
	g := NewWithT(t)
	code, log, _ := ending(t, `
const { spawn } = require('node:child_process')
const child = spawn('true')
for (let i = 0; i < 10; i++) child.on('exit', () => {})
process.on('warning', warning => { console.log('warned', warning.message) })
child.on('close', () => { console.log('NODE_OPTIONS', process.env.NODE_OPTIONS); process.exit(0) })
`)
	g.Expect(code).To(Equal(0), log)
	g.Expect(log).NotTo(ContainSubstring("warned"))
}

func TestMessagesNameTheProcess(t *testing.T) {
	g := NewWithT(t)
	_, log, records := ending(t, `
const cluster = require('node:cluster')
if (cluster.isPrimary) { cluster.fork().once('exit', () => setTimeout(() => process.exit(0), 500)) } else { throw new RangeError('worker bad') }
`)
	g.Expect(records).To(HaveLen(1), log)
	g.Expect(records[0].Message).To(MatchRegexp(`^a child process, \d+, ended with an exception that nothing caught: RangeError: worker bad$`))
	_, log, records = ending(t, "const e = new AggregateError([new Error('a'), new Error('b')], 'both'); e.errors.push(e); e.cause = e; throw e")
	g.Expect(records[0].Message).To(Equal("the application ended with an exception that nothing caught: AggregateError: both: a; b"), log)
	_, log, records = ending(t, "throw undefined")
	g.Expect(records[0].Message).To(Equal("the application ended with an exception that nothing caught: undefined"), log)
	code, log, records := ending(t, "process.on('uncaughtException', error => { undefinedFunction(error) }); throw new Error('original')")
	g.Expect(code).To(Equal(7))
	g.Expect(records).To(HaveLen(1), log)
	g.Expect(records[0].Message).To(Equal("the application ended, since its own handler for exceptions failed (exit code 7)"))
}

// A heap that is full before the event loop begins is reported as well.
func TestAFullHeapAtTheStart(t *testing.T) {
	g := NewWithT(t)
	code, log, records := ending(t, "const kept = []; for (let i = 0; ; i++) kept.push({ i, list: [i, i + 0.5] })", "--max-old-space-size=40")
	g.Expect(code).To(Equal(134))
	g.Expect(records).To(HaveLen(1), log)
	g.Expect(records[0].Kind).To(Equal(crash.HeapLimit))
}
