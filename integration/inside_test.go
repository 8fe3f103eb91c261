package integration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gantry-buildpack/gantry/internal/inspect/profile"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"
)

const insideTag = "gantry-test/inside:latest"

// inside is a NestJS application with a function that takes time, and one that keeps what it makes.
const inside = `import { spawn } from 'node:child_process'
import { Controller, Get } from '@nestjs/common'

class Basket {
  items = new Array(60).fill(0).map((_, i) => i + 0.5)
}

const kept: Basket[] = []

function priceOf(n: number): number {
  let sum = 0
  for (let i = 0; i < n; i++) sum += Math.sqrt(i * Math.random())
  return sum
}

@Controller()
export class AppController {
  @Get()
  hello(): { sum: number } {
    return { sum: priceOf(50_000) }
  }

  @Get('keep')
  keep(): { kept: number } {
    for (let i = 0; i < 2000; i++) kept.push(new Basket())
    return { kept: kept.length }
  }

  @Get('fill')
  fill(): { kept: number } {
    setInterval(function fillBaskets() { for (let i = 0; i < 1000; i++) kept.push(new Basket()) }, 5)
    return { kept: kept.length }
  }

  @Get('buffers')
  buffers(): { kept: number } {
    const buffers: Buffer[] = []
    setInterval(() => buffers.push(Buffer.alloc(2_000_000, 1)), 20)
    return { kept: 0 }
  }

  @Get('child')
  child(): void {
    spawn(process.execPath, ['-e', 'process.kill(process.pid, "SIGSEGV")'])
  }

  @Get('abort')
  abort(): void {
    console.error('last words: canary-free')
    process.abort()
  }

  @Get('crash')
  crash(): void {
    setTimeout(() => { throw new RangeError('no basket for ' + process.env.API_TOKEN) }, 10)
  }
}
`

// deployed is a container of an image, as a cluster would start it.
type deployed struct {
	*docker
	id, address, termination string
	// closes has each request have a connection of its own.
	closes bool
}

func (d *docker) deploy(t *testing.T, options ...string) *deployed {
	d = &docker{WithT: NewWithT(t), host: d.host, home: d.home}
	c := &deployed{docker: d, closes: true, termination: filepath.Join(t.TempDir(), "termination-log")}
	d.Expect(os.WriteFile(c.termination, nil, 0o666)).To(Succeed())
	d.Expect(os.Chmod(c.termination, 0o666)).To(Succeed())
	args := append([]string{"docker", "run", "-d", "--read-only", "--cap-drop", "ALL", "--tmpfs", "/tmp:mode=1777", "-v", c.termination + ":/dev/termination-log",
		"-e", "PORT=8080", "-e", "API_TOKEN=canary-4711", "-p", "127.0.0.1::8080"}, options...)
	c.id = strings.TrimSpace(d.run(append(args, insideTag)...))
	t.Cleanup(func() { _ = d.try("docker", "rm", "-f", c.id) })
	c.address = "http://" + strings.TrimSpace(d.run("docker", "port", c.id, "8080/tcp"))
	d.Eventually(func() error { return c.get("/") }, 30*time.Second, 100*time.Millisecond).Should(Succeed(), func() string { return c.logs() })
	c.closes = false
	return c
}

func (c *deployed) get(path string) error {
	request, err := http.NewRequest(http.MethodGet, c.address+path, nil)
	if err != nil {
		return err
	}
	request.Close = c.closes
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", path, response.Status)
	}
	return nil
}

func (c *deployed) gantry(args ...string) string {
	out, said, err := c.tryGantry(args...)
	c.Expect(err).NotTo(HaveOccurred(), func() string { return fmt.Sprintf("gantry %v: %s\n%s", args, said, c.logs()) })
	return out
}

// tryGantry is for what is not there yet.
func (c *deployed) tryGantry(args ...string) (out, said string, err error) {
	cmd := c.command(append([]string{"docker", "exec", c.id, "gantry"}, args...)...)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	text, err := cmd.Output()
	return string(text), errs.String(), err
}

// eventually waits for a text in what a command of gantry prints.
func (c *deployed) eventually(matcher types.GomegaMatcher, args ...string) {
	c.Eventually(func() string {
		out, said, _ := c.tryGantry(args...)
		return out + said
	}, time.Minute, 500*time.Millisecond).Should(matcher, c.logs)
}

func (c *deployed) logs() string { return c.run("docker", "logs", c.id) }

func (c *deployed) ended() string {
	c.Eventually(func() string {
		return strings.TrimSpace(c.run("docker", "inspect", "--format", "{{.State.Status}} {{.State.ExitCode}}", c.id))
	}, time.Minute, 200*time.Millisecond).Should(HavePrefix("exited"), c.logs)
	text, err := os.ReadFile(c.termination)
	c.Expect(err).NotTo(HaveOccurred())
	return string(text)
}

// load asks with a number of clients until it is stopped, and gives how long answers took, in order, and what failed.
func (c *deployed) load(path string, clients int) (stop func() (times []time.Duration, failed []error)) {
	end := make(chan struct{})
	var group sync.WaitGroup
	var lock sync.Mutex
	var times []time.Duration
	var failed []error
	for range clients {
		group.Go(func() {
			for {
				select {
				case <-end:
					return
				default:
				}
				start := time.Now()
				err := c.get(path)
				lock.Lock()
				if times = append(times, time.Since(start)); err != nil {
					failed = append(failed, err)
				}
				lock.Unlock()
			}
		})
	}
	return func() ([]time.Duration, []error) {
		close(end)
		group.Wait()
		slices.Sort(times)
		return times, failed
	}
}

// A real image, in a container without rights on a read-only file system: everything that looks inside of it, under load,
// and how it ends.
func TestLookInside(t *testing.T) {
	d := engine(t)
	p := copySample(t, "typescript")
	p.write("src/app.controller.ts", inside)
	p.build()
	d.load(p.last.Image, insideTag)
	t.Cleanup(func() { _ = d.try("docker", "rmi", "-f", insideTag) })

	t.Run("captures under load", func(t *testing.T) {
		c := d.deploy(t, "-m", "512m")
		baseline := func() []time.Duration {
			stop := c.load("/", 2)
			time.Sleep(2 * time.Second)
			times, failed := stop()
			c.Expect(failed).To(BeEmpty())
			return times
		}
		baseline()
		for _, args := range [][]string{{"profile", "cpu", "--for", "2s"}, {"profile", "heap", "--for", "2s"}, {"lag", "--for", "2s"}, {"threads"}, {"ps"}} {
			before := baseline()
			stop := c.load("/", 2)
			out := c.gantry(args...)
			during, failed := stop()
			c.Expect(failed).To(BeEmpty(), strings.Join(args, " "))
			t.Logf("%s: the median answer took %.2f times as long, the 99th of 100 %.2f times", strings.Join(args, " "), ratio(during, before, 50), ratio(during, before, 99))
			if args[1%len(args)] == "cpu" {
				c.Expect(regexp.MustCompile(`"functionName":"priceOf"[^}]*`).FindString(out)).To(MatchRegexp(`"url":"file:///workspace/src/app\.controller\.ts","lineNumber":9,`))
			}
		}
		// The leak has a name, and what grew is told.
		dir := t.TempDir()
		for i, name := range []string{"before", "after"} {
			if i > 0 {
				c.Expect(c.get("/keep")).To(Succeed())
			}
			c.Expect(os.WriteFile(filepath.Join(dir, name+".heapsnapshot"), []byte(c.gantry("snapshot", "heap", "--force")), 0o600)).To(Succeed())
		}
		diff, err := exec.Command("../build/gantry", "report", "--text", "--diff", filepath.Join(dir, "before.heapsnapshot"), filepath.Join(dir, "after.heapsnapshot")).CombinedOutput()
		c.Expect(err).NotTo(HaveOccurred(), string(diff))
		c.Expect(string(diff)).To(MatchRegexp(`\n  Basket .* \+2000 `))

		c.Expect(c.gantry("logpoint", "src/app.controller.ts:12", "n", "--for", "1s")).To(BeEmpty(), "nobody asked meanwhile")
		stop := c.load("/", 2)
		c.Expect(c.gantry("logpoint", "src/app.controller.ts:14", "[n, sum > 0]", "--for", "1s")).To(ContainSubstring("[ 50000, true ]\n"))
		_, failed := stop()
		c.Expect(failed).To(BeEmpty())
	})

	// A container for debugging shares the namespaces of processes and of the network, as "kubectl debug --target" does.
	t.Run("from another container", func(t *testing.T) {
		c := d.deploy(t, "-m", "150m")
		out := d.run("docker", "run", "--rm", "--read-only", "--pid", "container:"+c.id, "--network", "container:"+c.id, "--entrypoint", "/cnb/process/gantry", insideTag, "ps")
		c.Expect(out).To(MatchRegexp(`(?m)^ +\d+  Node\.js +24\.\d+\.\d+ +\d+s +\d+ MB +\d+ %  \S+ +node .*dist/main`))
		refused, err := c.command("docker", "run", "--rm", "--pid", "container:"+c.id, "--network", "container:"+c.id, "--entrypoint", "/cnb/process/gantry", insideTag, "snapshot", "heap").CombinedOutput()
		c.Expect(err).To(HaveOccurred())
		c.Expect(string(refused)).To(ContainSubstring("of the container's 157 MB are left"), "the limit is that of the application's container")
	})

	t.Run("doctor", func(t *testing.T) {
		c := d.deploy(t, "-m", "512m", "--cpus", "1.5")
		out := c.gantry("doctor")
		t.Log("\n" + out)
		c.Expect(out).To(MatchRegexp(`memory +\d+ MiB of 512 MiB used`))
		c.Expect(out).To(ContainSubstring("at most 1.5, held back in"))
		c.Expect(out).To(ContainSubstring("--max-old-space-size=358"))
		c.Expect(out).NotTo(ContainSubstring("canary-4711"))
		c.Expect(c.gantry("doctor", "--json")).To(ContainSubstring(`"ok": true`))
	})

	t.Run("an exception", func(t *testing.T) {
		c := d.deploy(t)
		_ = c.get("/crash")
		termination := c.ended()
		c.Expect(termination).To(HavePrefix("gantry: the application ended with an exception that nothing caught: RangeError: no basket for ***\n"))
		c.Expect(termination).To(MatchRegexp(`at .*/workspace/src/app\.controller\.ts:\d+:\d+`))
		c.Expect(c.logs()).To(MatchRegexp(`(?m)^gantry: the application ended .*; more of it: gantry crash show \S+$`))
	})

	t.Run("a full heap", func(t *testing.T) {
		c := d.deploy(t, "-m", "256m")
		c.Expect(c.get("/fill")).To(Succeed())
		termination := c.ended()
		t.Log("\n" + termination)
		c.Expect(termination).To(MatchRegexp(`^gantry: the application's heap was full: its limit is \d+ MiB\n`))
		c.Expect(termination).To(MatchRegexp(`what filled the heap was allocated in\n +\d+ MiB  .*\(/workspace/src/app\.controller\.ts:\d+:\d+\)\n`))
	})

	// What fills the container outside of the heap is ended by the kernel, without a word of its own.
	t.Run("a full container", func(t *testing.T) {
		c := d.deploy(t, "-m", "200m", "--memory-swap", "200m")
		_ = c.get("/buffers")
		termination := c.ended()
		t.Log("\n" + termination)
		c.Expect(termination).To(HavePrefix("gantry: the kernel ended the application: the container's memory of 200 MiB was used up\n"))
		c.Expect(termination).To(ContainSubstring("Most of it was outside of the heap"))
	})

	// The words before an abort, and the end of a child, are on record; the application's text cannot fake a line of the log.
	t.Run("an abort", func(t *testing.T) {
		c := d.deploy(t)
		_ = c.get("/child")
		c.Eventually(c.logs, 20*time.Second, 200*time.Millisecond).Should(MatchRegexp(`(?m)^gantry: a child process, \d+, ended by signal 11 \(segmentation fault\); the application goes on; more of it`))
		c.Expect(c.get("/")).To(Succeed())
		_ = c.get("/abort")
		termination := c.ended()
		t.Log("\n" + termination)
		c.Expect(termination).To(HavePrefix("gantry: the application ended by signal 6 (aborted)\n"))
		c.Expect(termination).To(MatchRegexp(`app\.controller`))
		c.Expect(c.logs()).To(ContainSubstring("last words: canary-free\n"), "standard error is passed on")
	})

	// Another container in the same network could use an inspector.
	t.Run("a neighbour", func(t *testing.T) {
		c := d.deploy(t)
		c.Expect(c.gantry("stacks")).To(ContainSubstring("It waits for:"))
		sidecar := strings.TrimSpace(d.run("docker", "run", "-d", "--network", "container:"+c.id, "-e", "PORT=9090", "-e", "API_TOKEN=canary-4711", insideTag))
		t.Cleanup(func() { _ = d.try("docker", "rm", "-f", sidecar) })
		c.eventually(ContainSubstring("[capture/shared-network]"), "stacks")
		c.Expect(c.gantry("stacks", "--force")).To(ContainSubstring("It waits for:"))
	})

	t.Run("switched off", func(t *testing.T) {
		c := d.deploy(t, "-e", "BPL_DIAGNOSTICS=off")
		_, said, err := c.tryGantry("stacks")
		c.Expect(err).To(HaveOccurred())
		c.Expect(said).To(ContainSubstring("[capture/diagnostics-off]"))
		c.Expect(c.gantry("ps")).To(ContainSubstring("dist/main"))
		c.Expect(d.try("docker", "exec", c.id, "sh", "-c", "kill -USR1 $(pidof node)")).To(Succeed())
		time.Sleep(500 * time.Millisecond)
		c.Expect(c.logs()).NotTo(ContainSubstring("Debugger listening"))
		c.Expect(c.get("/")).To(Succeed())
	})

	// Debug mode listens on the loopback address of the container alone.
	t.Run("debug mode", func(t *testing.T) {
		c := d.deploy(t, "-e", "BPL_DEBUG_ENABLED=true", "-e", "BPL_DEBUG_PORT=9300")
		c.Expect(c.logs()).To(ContainSubstring("gantry: the inspector listens on 127.0.0.1:9300\n"))
		c.Expect(c.gantry("threads")).To(ContainSubstring("TCPServerWrap"))
		c.Expect(c.logs()).To(ContainSubstring("Debugger listening on ws://127.0.0.1:9300/"))
	})
}

// ratio compares percentiles of times that are in order.
func ratio(a, b []time.Duration, percent int) float64 {
	return float64(a[len(a)*percent/100]) / float64(b[len(b)*percent/100])
}

// From outside it is told which async functions are suspended, and what they wait for: what no stack shows.
func TestWhatAwaits(t *testing.T) {
	t.Parallel()
	port := freePort(t)
	r := newRunner(t, map[string]string{"server.js": `const waiters = []
async function waitForInventory() { await new Promise(resolve => waiters.push(resolve)) }
async function placeOrder(request, response) { await waitForInventory(); response.end('ordered') }
require('http').createServer((q, r) => { if (q.url === '/order') placeOrder(q, r); else r.end('up') }).listen(process.env.PORT)
`})
	p := r.project
	p.build()
	name := r.background("awaits", "-p", fmt.Sprint(port))
	p.Expect(r.ask(fmt.Sprintf("http://127.0.0.1:%d/", port))).To(Equal("up"))
	for range 3 {
		go func() { _, _ = http.Get(fmt.Sprintf("http://127.0.0.1:%d/order", port)) }()
	}
	var out, errors string
	p.Eventually(func() string {
		out, errors, _ = r.gantry("stacks", "run://"+name, "--async", "--json")
		return out
	}, "30s", "1s").Should(ContainSubstring(`"count": 3`), errors)
	var list []profile.Awaiting
	p.Expect(json.Unmarshal([]byte(out), &list)).To(Succeed())
	p.Expect(list).To(HaveLen(2))
	p.Expect(list[0]).To(And(HaveField("Function", "waitForInventory"), HaveField("File", "/workspace/server.js"), HaveField("Line", 2)))
	p.Expect(list[1].Way).To(HaveSuffix("async function waitForInventory › async function placeOrder"))
	out, errors, code := r.gantry("stacks", "run://"+name, "--async")
	p.Expect(code).To(Equal(0), errors)
	p.Expect(out).To(And(HavePrefix("What awaits: run://"+name+"\n  Suspended  6 calls of 2 async functions\n"), MatchRegexp(`3  waitForInventory  /workspace/server.js:2:32`)))
	p.Expect(r.ask(fmt.Sprintf("http://127.0.0.1:%d/", port))).To(Equal("up"))
}
