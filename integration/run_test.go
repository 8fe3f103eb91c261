package integration

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	. "github.com/onsi/gomega"
)

// runner is the tool gantry, with an image.
type runner struct {
	*project
	tool string
}

func newRunner(t *testing.T, files map[string]string) runner {
	p := newProject(t, files)
	p.build()
	return runner{p, gantryTool(t)}
}

func gantryTool(t *testing.T) string {
	tool, err := filepath.Abs("../build/gantry")
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return tool
}

// gantry runs a command, and gives what it prints, apart, and its exit code.
func (r runner) gantry(arguments ...string) (stdout, stderr string, code int) {
	ctx, cancel := context.WithTimeout(r.t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, r.tool, arguments...)
	var out, errors bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.Dir = &out, &errors, r.dir
	err := cmd.Run()
	if _, ended := err.(*exec.ExitError); !ended {
		r.Expect(err).NotTo(HaveOccurred())
	}
	return out.String(), errors.String(), cmd.ProcessState.ExitCode()
}

// background starts the image under a name of its own, and stops it when the test ends.
func (r runner) background(name string, options ...string) string {
	name = fmt.Sprintf("%s-%d", name, os.Getpid())
	out, errors, code := r.gantry(append([]string{"run", r.last.Layout, "-d", "--name", name}, options...)...)
	r.Expect(code).To(Equal(0), errors)
	r.Expect(out).To(Equal(name + "\n"))
	r.t.Cleanup(func() { _ = exec.Command(r.tool, "stop", name).Run() })
	return name
}

// ask asks an address until it answers.
func (r runner) ask(address string) string {
	var answer bytes.Buffer
	r.Eventually(func() error {
		answer.Reset()
		response, err := http.Get(address)
		if err != nil {
			return err
		}
		defer func() { _ = response.Body.Close() }()
		_, err = answer.ReadFrom(response.Body)
		return err
	}, 20*time.Second, 50*time.Millisecond).Should(Succeed())
	return answer.String()
}

const tellsAll = `const fs = require('fs'), v8 = require('v8')
const tries = name => { try { fs.writeFileSync(name, 'x'); return 'written' } catch (e) { return e.code } }
console.log('up')
require('http').createServer((request, response) => {
  response.end(JSON.stringify({
    own: tries('/workspace/x'), data: tries('/workspace/data/x'), kept: tries('/data/x'), fixed: tries('/fixed/x'), tmp: tries('/tmp/x'),
    given: process.env.GIVEN, file: process.env.FROM_FILE, heap: Math.round(v8.getHeapStatistics().heap_size_limit / 1e6),
  }))
}).listen(process.env.PORT)
`

// The words are those of docker run.
func TestRunSpeaksDockersWords(t *testing.T) {
	t.Parallel()
	r := newRunner(t, map[string]string{"server.js": tellsAll, "project.toml": "[_]\nschema-version = \"0.2\"\n"})
	kept, fixed := t.TempDir(), t.TempDir()
	r.write("vars.env", "FROM_FILE=\"as docker reads it\"\n")
	port, other := freePort(t), freePort(t)
	name := r.background("words", "-p", fmt.Sprintf("%d:%d", other, port), "-e", "GIVEN=here", "--env-file", "vars.env", "-v", "./data:/workspace/data", "-v", kept+":/data", "-v", fixed+":/fixed:ro")

	var told map[string]any
	r.Expect(json.Unmarshal([]byte(r.ask(fmt.Sprintf("http://127.0.0.1:%d/", other))), &told)).To(Succeed())
	r.Expect(told).To(And(
		HaveKeyWithValue("own", "EROFS"), HaveKeyWithValue("data", "written"), HaveKeyWithValue("kept", "written"), HaveKeyWithValue("fixed", "EROFS"), HaveKeyWithValue("tmp", "written"),
		HaveKeyWithValue("given", "here"), HaveKeyWithValue("file", `"as docker reads it"`),
	))
	r.Expect(filepath.Join(r.dir, "data/x")).To(BeAnExistingFile())
	r.Expect(filepath.Join(kept, "x")).To(BeAnExistingFile())

	out, _, _ := r.gantry("ps")
	r.Expect(out).To(MatchRegexp(`(?m)^%s +running +\d+s +127\.0\.0\.1:%d->%d$`, regexp.QuoteMeta(name), other, port))
	var list []map[string]any
	out, _, _ = r.gantry("ps", "--json")
	r.Expect(json.Unmarshal([]byte(out), &list)).To(Succeed())
	r.Expect(list).To(ContainElement(HaveKeyWithValue("name", name)))
	out, _, _ = r.gantry("logs", name)
	r.Expect(out).To(ContainSubstring("up\n"))

	_, errors, code := r.gantry("run", r.last.Layout, "-d", "--name", name)
	r.Expect(code).To(Equal(1))
	r.Expect(errors).To(ContainSubstring("a container called " + name + " is running  [run/name-taken]"))
	_, errors, code = r.gantry("run", r.last.Layout, "-p", fmt.Sprintf("%d:%d", other, port))
	r.Expect(code).To(Equal(1))
	r.Expect(errors).To(ContainSubstring("[run/port-taken]"))

	_, errors, code = r.gantry("run", r.last.Layout, "-d", "-p", fmt.Sprintf("%d:%d", freePort(t), port))
	r.Expect(code).To(Equal(1))
	r.Expect(errors).To(ContainSubstring(fmt.Sprintf("the container's port %d is taken  [run/port-taken]", port)))

	out, errors, code = r.gantry("stop", "nobody", name)
	r.Expect(code).To(Equal(1), "the first is not there")
	r.Expect(errors).To(ContainSubstring("[run/no-container]"))
	r.Expect(out).To(Equal(name + "\n"))
	_, errors, code = r.gantry("logs", name)
	r.Expect(code).To(Equal(1))
	r.Expect(errors).To(ContainSubstring("there is no container called " + name + "  [run/no-container]"))
}

// When the program that waits for a container is killed, the container ends, and nothing of it stays behind.
func TestAKilledRunLeavesNothing(t *testing.T) {
	t.Parallel()
	r := newRunner(t, map[string]string{"server.js": "require('http').createServer((q, r) => r.end('up')).listen(process.env.PORT)"})
	port, name := freePort(t), fmt.Sprintf("killed-%d", os.Getpid())
	home := filepath.Join(t.TempDir(), "home")
	cmd := exec.Command(r.tool, "run", r.last.Layout, "--name", name, "-p", fmt.Sprint(port), "--home", home)
	cmd.Env = append(os.Environ(), "XDG_CACHE_HOME="+filepath.Dir(home))
	r.Expect(cmd.Start()).To(Succeed())
	r.ask(fmt.Sprintf("http://127.0.0.1:%d/", port))
	left, _ := filepath.Glob(filepath.Join(home, "run", "run-*"))
	r.Expect(left).To(HaveLen(1))
	r.Expect(cmd.Process.Kill()).To(Succeed())
	_ = cmd.Wait()
	r.Eventually(func() error {
		connection, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			_ = connection.Close()
		}
		return err
	}, 5*time.Second, 20*time.Millisecond).ShouldNot(Succeed())
	_, errors, code := r.gantry("prune", "--home", home)
	r.Expect(code).To(Equal(0), errors)
	left, _ = filepath.Glob(filepath.Join(home, "run", "run-*"))
	r.Expect(left).To(BeEmpty())
}

// A container is bounded, and knows it: the runtime is sized by its limits, as in a cluster.
func TestRunBoundsAContainer(t *testing.T) {
	t.Parallel()
	r := newRunner(t, map[string]string{"server.js": tellsAll, "project.toml": "[_]\nschema-version = \"0.2\"\n"})
	port := freePort(t)
	_, errors, code := r.gantry("run", r.last.Layout, "-d", "--name", fmt.Sprintf("bounded-%d", os.Getpid()), "--memory", "200m", "--cpus", "0.5", "-p", fmt.Sprint(port))
	if strings.Contains(errors, "[run/limits]") {
		t.Skip("not tested with limits: no control groups can be made here")
	}
	name := fmt.Sprintf("bounded-%d", os.Getpid())
	t.Cleanup(func() { _ = exec.Command(r.tool, "stop", name).Run() })
	r.Expect(code).To(Equal(0), errors)
	var told map[string]any
	r.Expect(json.Unmarshal([]byte(r.ask(fmt.Sprintf("http://127.0.0.1:%d/", port))), &told)).To(Succeed())
	r.Expect(told["heap"]).To(BeNumerically("<", 200))
	out, _, _ := r.gantry("doctor", "run://"+name)
	r.Expect(out).To(And(MatchRegexp(`memory +\d+ MiB of 200 MiB used`), MatchRegexp(`processors +at most 0\.5`)))
	_, _, code = r.gantry("stop", name)
	r.Expect(code).To(Equal(0))
	groups, err := filepath.Glob("/sys/fs/cgroup/*/gantry-run-*")
	r.Expect(err).NotTo(HaveOccurred())
	r.Expect(groups).To(BeEmpty(), "nothing of the group is left")
}

// What keeps an application from writing is said in its log, with what to do: Node.js' own message says that there is no such folder.
func TestAReadOnlyFileSystemIsNamed(t *testing.T) {
	t.Parallel()
	r := newRunner(t, map[string]string{
		"server.js":    "require('fs').mkdirSync('./data/', { recursive: true })\nrequire('http').createServer((q, r) => r.end('up')).listen(process.env.PORT)",
		"other.js":     "require('fs').writeFileSync('log.txt', 'x')",
		"elsewhere.js": "require('fs').mkdirSync('/tmp/a/b')",
	})
	const hint = "gantry: the file system is read-only at %s, and the application writes there: mount a volume (gantry run and docker run: -v data:%[1]s; " +
		"Kubernetes: a volume mounted at %[1]s, which gantry deploy-hints writes), or let it write everywhere (gantry run --writable, readOnlyRootFilesystem: false)\n"
	_, errors, code := r.gantry("run", r.last.Layout)
	r.Expect(code).To(Equal(1))
	r.Expect(errors).To(ContainSubstring(fmt.Sprintf(hint, "/workspace/data")))
	_, errors, code = r.gantry("run", r.last.Layout, "--", "gantry", "init", "--", "node", "other.js")
	r.Expect(code).To(Equal(1))
	r.Expect(errors).To(ContainSubstring(fmt.Sprintf(hint, "/workspace")))
	// The crash that the log names can be looked at when the container is gone.
	crashed := fmt.Sprintf("crashed-%d", os.Getpid())
	_, errors, code = r.gantry("run", r.last.Layout, "--name", crashed)
	r.Expect(code).To(Equal(1))
	r.Expect(errors).To(HaveSuffix("gantry: the record of the crash: gantry crash show run://" + crashed + "\n"))
	shown, errors, code := r.gantry("crash", "show", "run://"+crashed)
	r.Expect(code).To(Equal(0), errors)
	r.Expect(shown).To(ContainSubstring("no such file or directory, mkdir './data/'"))
	_, _, code = r.gantry("stop", crashed)
	r.Expect(code).To(Equal(0))
	_, errors, code = r.gantry("run", r.last.Layout, "--", "gantry", "init", "--", "node", "elsewhere.js")
	r.Expect(code).To(Equal(1))
	r.Expect(errors).NotTo(ContainSubstring("read-only"))

	port := freePort(t)
	r.background("writable", "--writable", "-p", fmt.Sprint(port))
	r.Expect(r.ask(fmt.Sprintf("http://127.0.0.1:%d/", port))).To(Equal("up"))
	hints, _, _ := r.gantry("deploy-hints", r.dir)
	r.Expect(hints).To(ContainSubstring("            - { name: data, mountPath: /workspace/data }   # server.js:1:15\n      volumes:\n        - { name: tmp, emptyDir: {} }\n        - { name: data, emptyDir: {} }"))
}

// An application's folder is built, and started: one command from the source to an answer. What a container is given in addition is a command.
func TestRunBuilds(t *testing.T) {
	t.Parallel()
	r := newRunner(t, map[string]string{"server.js": "require('http').createServer((q, r) => r.end('answered')).listen(process.env.PORT)"})
	port := freePort(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	cmd := exec.CommandContext(ctx, r.tool, "run", r.dir, "--cache", r.cache, "-p", fmt.Sprint(port))
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) }
	var out bytes.Buffer
	errors, err := os.Create(filepath.Join(t.TempDir(), "errors"))
	r.Expect(err).NotTo(HaveOccurred())
	cmd.Stdout, cmd.Stderr = &out, errors
	r.Expect(cmd.Start()).To(Succeed())
	r.Expect(r.ask(fmt.Sprintf("http://127.0.0.1:%d/", port))).To(Equal("answered"))
	r.Eventually(func() (string, error) {
		text, err := os.ReadFile(errors.Name())
		return string(text), err
	}).WithTimeout(10 * time.Second).Should(And(ContainSubstring("Layer       node: reused"), ContainSubstring(fmt.Sprintf("gantry: it listens, at http://127.0.0.1:%d\n", port))))
	cancel()
	_ = cmd.Wait()
	r.Expect(errors.Close()).To(Succeed())
	r.Expect(out.String()).To(BeEmpty(), "standard output is the application's")

	said, _, code := r.gantry("run", r.last.Layout, "--", "node", "-p", "40 + 2")
	r.Expect(said).To(Equal("42\n"))
	r.Expect(code).To(Equal(0))
	_, _, code = r.gantry("run", r.last.Layout, "--", "node", "-e", "process.exit(7)")
	r.Expect(code).To(Equal(7))
	// A command that has no handler for SIGTERM ends by it, as it does outside of a container.
	ctx, cancel = context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	waiting := exec.CommandContext(ctx, "timeout", "3", r.tool, "run", r.last.Layout, "--", "node", "-e", "setInterval(() => {}, 1000)")
	r.Expect(waiting.Run()).NotTo(Succeed())
	r.Expect(ctx.Err()).NotTo(HaveOccurred(), "it ends when it is asked to")
	_, complaint, code := r.gantry("run", r.last.Layout, "--process", "wep")
	r.Expect(code).To(Equal(1))
	r.Expect(complaint).To(ContainSubstring("the image has no process type called wep  [run/no-process]\n  why    it has gantry, preflight, web; did you mean web?"))
	// What is no image is not written over, nor taken for one.
	_, complaint, code = r.gantry("build", r.dir, "--cache", r.cache, "--output", r.dir)
	r.Expect(code).To(Equal(1))
	r.Expect(complaint).To(ContainSubstring("[localbuild/output]\n  why    the folder holds server.js, which belongs to no image"))
	r.Expect(filepath.Join(r.dir, "server.js")).To(BeAnExistingFile())
	for _, volume := range []string{"./data:/dev/x", "./data:/proc", "./data:/", "./data:relative", "./data:/etc/passwd", "./data:/var/run/x"} {
		_, complaint, code = r.gantry("run", r.last.Layout, "-v", volume, "--", "true")
		r.Expect(code).To(Equal(1), volume)
		r.Expect(complaint).To(ContainSubstring("[run/volume]"), volume)
	}
	_, complaint, code = r.gantry("run", "/nowhere/at/all")
	r.Expect(code).To(Equal(1))
	r.Expect(complaint).To(ContainSubstring("[localbuild/no-image]"))
}

// The commands of the image's tool, from outside: what they take comes as a file, early when it is interrupted, and a page is made of it.
func TestLookingFromALaptop(t *testing.T) {
	t.Parallel()
	r := newRunner(t, map[string]string{"server.js": "require('http').createServer((q, r) => { let s = 0; for (let i = 0; i < 2e6; i++) s += Math.sqrt(i); r.end('' + s) }).listen(process.env.PORT)"})
	port := freePort(t)
	name := r.background("look", "-p", fmt.Sprint(port))
	r.ask(fmt.Sprintf("http://127.0.0.1:%d/", port))
	target := "run://" + name
	for command, want := range map[string]string{
		"ps": "node server.js", "ps --json": `"runtime": "Node.js"`, "stacks": "It waits for", "lag --for 1s": "milliseconds", "doctor": "process types web", "doctor --json": `"`,
		"crash list": "No crash is on record", "crash list --json": "[]", "preflight": "nothing to check", "report-process": `"javascriptHeap"`,
	} {
		words := strings.Fields(command)
		at := 1
		if words[0] == "crash" {
			at = 2
		}
		out, errors, code := r.gantry(append(append(append([]string{}, words[:at]...), target), words[at:]...)...)
		r.Expect(code).To(Equal(0), command+": "+errors)
		r.Expect(out).To(ContainSubstring(want), command)
	}
	out, errors, code := r.gantry("profile", "cpu", target, "--for", "1s", "--output", "slow.cpuprofile", "--pprof", "slow.pb.gz")
	r.Expect(code).To(Equal(0), errors)
	r.Expect(out).To(And(ContainSubstring("CPU profile: slow.cpuprofile"), ContainSubstring("The profile for pprof is slow.pb.gz")))
	r.Expect(errors).To(ContainSubstring("Written to slow.cpuprofile\n"))
	out, errors, code = r.gantry("profile", "heap", target, "--for", "1s", "--text")
	r.Expect(code).To(Equal(0), errors)
	r.Expect(out).To(ContainSubstring("Heap profile: " + target))
	out, _, _ = r.gantry("profile", "cpu", target, "--for", "1s")
	r.Expect(out).To(HavePrefix(`{"nodes":`), "what is piped goes to standard output")

	// Ctrl-C ends it early, with what there is.
	cmd := exec.CommandContext(t.Context(), r.tool, "profile", "cpu", target, "--for", "10m", "--output", "early.cpuprofile")
	cmd.Dir = r.dir
	r.Expect(cmd.Start()).To(Succeed())
	time.Sleep(2 * time.Second)
	r.Expect(cmd.Process.Signal(syscall.SIGINT)).To(Succeed())
	r.Expect(cmd.Wait()).To(Succeed())
	out, errors, code = r.gantry("report", "--text", "early.cpuprofile")
	r.Expect(code).To(Equal(0), errors)
	r.Expect(out).To(ContainSubstring("CPU profile: early.cpuprofile"))
	left, err := filepath.Glob(filepath.Join(r.dir, "*.partial"))
	r.Expect(err).NotTo(HaveOccurred())
	r.Expect(left).To(BeEmpty())

	// What the program in the container refuses is passed on, and nothing is left behind.
	_, errors, code = r.gantry("console", target, "1 + 1")
	r.Expect(code).To(Equal(1))
	r.Expect(errors).To(ContainSubstring("[capture/console-disabled]"))
	_, errors, code = r.gantry("profile", "allocations", target, "--output", "none.allocations")
	r.Expect(code).To(Equal(1))
	r.Expect(errors).To(ContainSubstring("[capture/other-runtime]"))
	r.Expect(filepath.Join(r.dir, "none.allocations")).NotTo(BeAnExistingFile())
	_, errors, code = r.gantry("stacks", "run://nobody")
	r.Expect(code).To(Equal(1))
	r.Expect(errors).To(ContainSubstring("[run/no-container]"))

	// A debugger is passed on to the inspector.
	debugPort := freePort(t)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	debugger := exec.CommandContext(ctx, r.tool, "debug", target, "--port", fmt.Sprint(debugPort))
	debugger.Cancel = func() error { return debugger.Process.Signal(syscall.SIGINT) }
	r.Expect(debugger.Start()).To(Succeed())
	r.Expect(r.ask(fmt.Sprintf("http://127.0.0.1:%d/json/version", debugPort))).To(ContainSubstring(`"Browser": "node.js/`))
	cancel()
	_ = debugger.Wait()
	r.ask(fmt.Sprintf("http://127.0.0.1:%d/", port))
}

// The tool is one file: copied alone, under the name of a plugin of kubectl, it builds. Packaged, it comes with man pages and completions, and for macOS, too.
func TestTheToolIsOneFile(t *testing.T) {
	t.Parallel()
	p := newProject(t, map[string]string{"server.js": "console.log('up')"})
	dir := t.TempDir()
	program, err := os.ReadFile(gantryTool(t))
	p.Expect(err).NotTo(HaveOccurred())
	plugin := filepath.Join(dir, "kubectl-gantry")
	p.Expect(os.WriteFile(plugin, program, 0o755)).To(Succeed())
	out, err := exec.Command(plugin, "--help").CombinedOutput()
	p.Expect(err).NotTo(HaveOccurred(), string(out))
	p.Expect(string(out)).To(ContainSubstring("Usage:\n  kubectl gantry COMMAND\n"))
	out, err = exec.Command(plugin, "build", p.dir, "--cache", p.cache).CombinedOutput()
	p.Expect(err).NotTo(HaveOccurred(), string(out))
	p.Expect(string(out)).To(MatchRegexp(`(?m)^  Next        gantry run `))
}

// An application that listens elsewhere than at PORT is green, and answers nobody: the build says so, and the start.
func TestAnotherPort(t *testing.T) {
	t.Parallel()
	fixed := freePort(t)
	p := newProject(t, map[string]string{"server.js": fmt.Sprintf("const http = require('http')\nhttp.createServer((q, r) => r.end('answered')).listen(%d, () => console.log('up'))\n", fixed)})
	log := p.build()
	r := runner{p, gantryTool(t)}
	advice := fmt.Sprintf("has ….listen(%d, …): the port is always %[1]d, and most platforms say by PORT which one they ask at: let it be read, as process.env.PORT || %[1]d", fixed)
	r.Expect(strings.Join(strings.Fields(log), " ")).To(ContainSubstring(advice))
	port := freePort(t)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "timeout", "14", r.tool, "run", r.last.Layout, "-p", fmt.Sprint(port))
	out, _ := cmd.CombinedOutput()
	r.Expect(string(out)).To(ContainSubstring(fmt.Sprintf("gantry: web listens on port %d, and PORT is %d, where the platform asks: server.js:2:48 %s\n", fixed, port, advice)))
}

// A CI system keeps a folder of the source from job to job: the cache may be there, and an archive of the image, and neither becomes part of the image.
func TestCacheInTheSource(t *testing.T) {
	t.Parallel()
	p := newProject(t, map[string]string{"server.js": "require('http').createServer((q, r) => r.end('here')).listen(process.env.PORT)\n"})
	r := runner{p, gantryTool(t)}
	var digests []string
	for range 2 {
		out, errors, code := r.gantry("build", ".", "--cache", ".gantry", "--output", "image.tar")
		p.Expect(code).To(BeZero(), out+errors)
		digests = append(digests, regexp.MustCompile(`sha256:[0-9a-f]{64}`).FindString(out+errors))
	}
	p.Expect(digests[1]).To(Equal(digests[0]))
	// What has taken the place of such a file is the application's.
	p.Expect(os.WriteFile(filepath.Join(p.dir, "image.tar"), []byte("own"), 0o644)).To(Succeed())
	_, errors, code := r.gantry("build", ".", "--cache", ".gantry")
	p.Expect(code).To(BeZero(), errors)
	out, errors, code := r.gantry("run", filepath.Join(p.dir, ".gantry/image"), "--", "node", "-p", "require('fs').readdirSync('/workspace').join()")
	p.Expect(code).To(BeZero(), errors)
	p.Expect(strings.TrimSpace(out)).To(Equal("image.tar,server.js"))
}
