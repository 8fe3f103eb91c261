package capture_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/capture"
)

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
	g := NewWithT(t)
	program, err := exec.LookPath("node")
	if err != nil {
		t.Skip("not tested with Node.js: there is no node on PATH")
	}
	file := filepath.Join(t.TempDir(), "app.js")
	g.Expect(os.WriteFile(file, []byte(script), 0o644)).To(Succeed())
	cmd := exec.Command(program, append(options, file)...)
	cmd.Env = append(os.Environ(), "CANARY=canary-91c2")
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
	code = capture.Run(arguments, limit, capture.Streams{Out: &stdout, Err: &stderr})
	return stdout.String(), stderr.String(), code
}

// Each capture of a running, unprepared process; afterwards it runs on, and nothing listens.
func TestCaptures(t *testing.T) {
	pid, process := node(t, busy, "--inspect-port=0")
	for name, c := range map[string]struct {
		arguments []string
		contains  string
	}{
		"CPU profile":   {[]string{"profile", "cpu", "--for", "1s"}, `"functionName":"hotFunction"`},
		"heap profile":  {[]string{"profile", "heap", "--for=1s"}, `"functionName":"leak"`},
		"heap snapshot": {[]string{"snapshot", "heap"}, `"Leaked"`},
		"report":        {[]string{"report-process"}, `"CANARY"`},
		"stacks":        {[]string{"stacks"}, "Timeout"},
		"lag":           {[]string{"lag", "--for", "1s"}, "99%"},
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
			sockets, err := os.ReadFile("/proc/" + pid + "/net/tcp")
			g.Expect(err).NotTo(HaveOccurred())
			for line := range strings.Lines(string(sockets)) {
				if fields := strings.Fields(line); len(fields) > 9 && fields[3] == "0A" {
					links, _ := filepath.Glob("/proc/" + pid + "/fd/*")
					for _, link := range links {
						target, _ := os.Readlink(link)
						g.Expect(target).NotTo(Equal("socket:["+fields[9]+"]"), "the inspector is closed again")
					}
				}
			}
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
	g.Expect(errors).To(MatchRegexp(`gantry: a heap snapshot could end the container for want of memory  \[capture/no-room\]\n  why  the heap has \d+ MB, a snapshot may take 15 times that, and \d+ MB of the container's 73 MB are left`))
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
	g.Expect(errors).To(HavePrefix("gantry: process " + pid + " did not open its inspector within 10s  [capture/inspector-closed]\n"))
	g.Expect(time.Since(start)).To(BeNumerically("<", 30*time.Second))
	g.Expect(process.Signal(syscall.Signal(0))).To(Succeed())
}

func TestBadCommands(t *testing.T) {
	for arguments, want := range map[string]string{
		"profile":                      "gantry: say what of: profile cpu or profile heap\n",
		"profile disk":                 "gantry: there is no command profile disk\n",
		"profile cpu --for soon":       "gantry: --for is not understood: \"soon\"\n",
		"profile cpu --for -1s":        "gantry: --for is not understood: \"-1s\"\n",
		"profile cpu --pid":            "gantry: --pid needs a value\n",
		"stacks --all=yes":             "gantry: there is no option --all\n",
		"profile cpu --pid 1 --for 1s": "gantry: there is no process 1 of Node.js  [capture/not-node]\n  do   `gantry ps` lists those that there are.\n",
	} {
		_, errors, code := run(0, strings.Fields(arguments)...)
		NewWithT(t).Expect(code).NotTo(Equal(0))
		NewWithT(t).Expect(errors).To(HavePrefix(want), arguments)
	}
}

func TestProcesses(t *testing.T) {
	g := NewWithT(t)
	pid, _ := node(t, busy)
	out, _, code := run(0, "ps")
	g.Expect(code).To(Equal(0))
	g.Expect(out).To(MatchRegexp(`(?m)^ *` + pid + ` +\d+s +\d+ MB  node .*app\.js$`))
}
