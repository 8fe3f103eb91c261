package integration

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/contract"
	"github.com/gantry-buildpack/gantry/internal/deploy/check"
	"github.com/gantry-buildpack/gantry/internal/platform/run"
)

const shopServer = `
	const version = 'VERSION'
	require('http').createServer((q, r) => {
		if (q.url === '/slow') return setTimeout(() => r.end('slow ' + version), 20000)
		if (version === '2' && !process.env.AUTH_KEY) { r.statusCode = 401; return r.end() }
		r.end('ok ' + version)
	}).listen(process.env.PORT)`

// cluster is what Kubernetes does for one Deployment, by its rules for maxSurge 1 and maxUnavailable 0: a new container
// is started, and only when it is ready does an old one leave the endpoints and get SIGTERM. Requests go to the
// containers that are ready.
type cluster struct {
	p     *project
	front *httptest.Server

	mu        sync.Mutex
	endpoints []*container
	next      int
}

func newCluster(p *project) *cluster {
	c := &cluster{p: p}
	c.front = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		target, _ := url.Parse(fmt.Sprintf("http://127.0.0.1:%d", c.pick().port))
		httputil.NewSingleHostReverseProxy(target).ServeHTTP(w, r)
	}))
	p.t.Cleanup(c.front.Close)
	return c
}

func (c *cluster) pick() *container {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.next++
	return c.endpoints[c.next%len(c.endpoints)]
}

// ready waits for a container to answer; false when it ended instead.
func (c *cluster) ready(started *container, ended <-chan struct{}) bool {
	for {
		select {
		case <-ended:
			return false
		case <-time.After(50 * time.Millisecond):
			response, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/", started.port))
			if err == nil {
				_ = response.Body.Close()
				return true
			}
		}
	}
}

// roll replaces every container by one of the newest image; it stops at the first that does not get ready, and gives
// what that printed.
func (c *cluster) roll(env map[string]string, replicas int) (stopped string) {
	old := c.endpoints
	for i := range replicas {
		given := map[string]string{"BPL_DRAIN_DELAY": "1s"} // load balancers need a moment to notice
		for name, value := range env {
			given[name] = value
		}
		started := c.p.start(run.Options{Env: given})
		ended := make(chan struct{})
		go func() { _, _ = started.Wait(); close(ended) }()
		if !c.ready(started, ended) {
			return started.out.String()
		}
		c.mu.Lock()
		c.endpoints = append(c.endpoints, started)
		var leaving *container
		if i < len(old) {
			leaving = old[i]
			c.endpoints = append([]*container{}, c.endpoints[1:]...)
		}
		c.mu.Unlock()
		if leaving != nil {
			_ = leaving.Process.Signal(syscall.SIGTERM)
		}
	}
	return ""
}

// load sends requests until it is stopped, and gives how many there were, and how many failed.
func (c *cluster) load(clients int) (stop func() (sent, failed int64)) {
	var sent, failed atomic.Int64
	ctx, cancel := context.WithCancel(context.Background())
	var group sync.WaitGroup
	for range clients {
		group.Go(func() {
			for ctx.Err() == nil {
				response, err := http.Get(c.front.URL + "/")
				sent.Add(1)
				if err != nil || response.StatusCode != http.StatusOK {
					failed.Add(1)
				}
				if err == nil {
					_, _ = io.Copy(io.Discard, response.Body)
					_ = response.Body.Close()
				}
				time.Sleep(5 * time.Millisecond)
			}
		})
	}
	return func() (int64, int64) {
		cancel()
		group.Wait()
		return sent.Load(), failed.Load()
	}
}

const deployment = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop}
spec:
  template:
    spec:
      containers:
        - name: app
          image: shop
          env:
            - {name: LOG_LEVEL, value: info}
`

// The incident: version 2 needs a variable that the deployment forgot. The rollout stops by itself and not one request
// fails; the check before the deploy would have said so; with the variable, the update completes, and a request of 20
// seconds survives it.
func TestTheIncident(t *testing.T) {
	p := newProject(t, map[string]string{
		"package.json": `{"scripts": {"start": "node server.js"}}`,
		"server.js":    strings.ReplaceAll(shopServer, "VERSION", "1"),
		"project.toml": "[dev.gantry.drain]\ntimeout = \"40s\"\n[dev.gantry.config.LOG_LEVEL]\nvalues = [\"debug\", \"info\"]\ndefault = \"info\"\n",
	})
	p.build()
	first := filepath.Join(t.TempDir(), "first")
	p.Expect(os.CopyFS(first, os.DirFS(p.last.Layout))).To(Succeed())
	c := newCluster(p)
	p.Expect(c.roll(nil, 2)).To(BeEmpty())
	stop := c.load(4)

	p.write("server.js", strings.ReplaceAll(shopServer, "VERSION", "2"))
	p.write("project.toml", "[dev.gantry.drain]\ntimeout = \"40s\"\n[dev.gantry.config.LOG_LEVEL]\nvalues = [\"debug\", \"info\"]\ndefault = \"info\"\n"+
		"[dev.gantry.config.AUTH_KEY]\nsecret = true\ndescription = \"Signs every request\"\n")
	log := p.build()
	p.Expect(log).To(MatchRegexp(`config +2 variables declared`))

	// The rollout.
	stopped := c.roll(map[string]string{"AUTH_KY": "canary"}, 2)
	p.Expect(stopped).To(ContainSubstring("gantry: the configuration is not complete; process web does not start"))
	p.Expect(stopped).To(ContainSubstring("AUTH_KEY  is not set, and it is required; expected is a text"))
	p.Expect(stopped).To(ContainSubstring("AUTH_KY is set: is that a misspelling?"))
	p.Expect(stopped).NotTo(ContainSubstring("canary"))
	for range 10 {
		_, body := c.get(t, "/")
		p.Expect(body).To(Equal("ok 1"), "the old version serves on")
	}

	// The check before the deploy.
	manifest := filepath.Join(t.TempDir(), "deployment.yaml")
	p.Expect(os.WriteFile(manifest, []byte(deployment), 0o644)).To(Succeed())
	var out bytes.Buffer
	code, err := check.Run(t.Context(), check.Options{Image: p.last.Layout, Files: []string{manifest}, Out: &out})
	p.Expect(err).NotTo(HaveOccurred())
	p.Expect(code).To(Equal(1))
	p.Expect(out.String()).To(ContainSubstring("Missing              AUTH_KEY is not set, and it is required; expected is a text"))
	out.Reset()
	code, err = check.Diff(t.Context(), check.Options{Out: &out}, first, p.last.Layout)
	p.Expect(err).NotTo(HaveOccurred())
	p.Expect(code).To(Equal(1))
	p.Expect(out.String()).To(Equal("  Newly required       AUTH_KEY  is not set, and it is required; expected is a text\n" +
		"                       the old image starts without AUTH_KEY\n"))
	out.Reset()
	code, err = check.Diff(t.Context(), check.Options{Files: []string{manifest}, Out: &out}, first, p.last.Layout)
	p.Expect(err).NotTo(HaveOccurred())
	p.Expect(code).To(Equal(1))
	p.Expect(out.String()).To(MatchRegexp(`(?s)With the new image.*would not start.*After a rollback.*Nothing keeps this deployment from starting`))

	// The variable is set.
	slow := make(chan string, 1)
	go func() {
		_, body := c.get(t, "/slow")
		slow <- body
	}()
	time.Sleep(500 * time.Millisecond)
	p.Expect(c.roll(map[string]string{"AUTH_KEY": "canary"}, 2)).To(BeEmpty())
	_, body := c.get(t, "/")
	p.Expect(body).To(Equal("ok 2"))
	p.Expect(<-slow).To(Equal("slow 1"), "a request of 20 seconds to the old version is finished")
	sent, failed := stop()
	t.Logf("requests sent: %d, failed: %d", sent, failed)
	p.Expect(failed).To(BeZero())
	p.Expect(sent).To(BeNumerically(">", 100))

	p.Expect(log).NotTo(ContainSubstring("canary"))
	config, err := p.last.Image.ConfigFile()
	p.Expect(err).NotTo(HaveOccurred())
	declared, err := contract.Parse([]byte(config.Config.Labels[contract.Label]))
	p.Expect(err).NotTo(HaveOccurred())
	p.Expect(declared.Variable("AUTH_KEY").Secret).To(BeTrue())
}

func (c *cluster) get(t *testing.T, path string) (int, string) {
	response, err := http.Get(c.front.URL + path)
	if err != nil {
		t.Error(err)
		return 0, ""
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Error(err)
	}
	return response.StatusCode, string(body)
}

// The checks do not stand in the way of a debug shell or of Gantry's own process types; preflight tells all at once.
func TestPreflightAndShells(t *testing.T) {
	t.Parallel()
	p := newProject(t, map[string]string{
		"server.js": "", "Procfile": "web: node server.js\nworker: node server.js\n",
		"project.toml": "[dev.gantry.config.KEY]\nsecret = true\n[dev.gantry.config.QUEUE]\nprocesses = [\"worker\"]\n",
	})
	p.build()
	output, code := p.run("node", "-p", "6*7")
	p.Expect(output).To(Equal("42\n"))
	p.Expect(code).To(Equal(0))

	preflight := p.start(run.Options{Process: "preflight", Args: []string{"--json"}, Env: map[string]string{"KEY": "canary"}})
	code, err := preflight.Wait()
	p.Expect(err).NotTo(HaveOccurred())
	p.Expect(code).To(Equal(1))
	var report struct{ Findings []contract.Finding }
	p.Expect(json.Unmarshal(preflight.out.Bytes(), &report)).To(Succeed(), preflight.out.String())
	p.Expect(report.Findings).To(HaveLen(1))
	p.Expect(report.Findings[0].Name).To(Equal("QUEUE"))

	worker := p.start(run.Options{Process: "worker", Env: map[string]string{"KEY": "canary"}})
	code, err = worker.Wait()
	p.Expect(err).NotTo(HaveOccurred())
	p.Expect(code).To(Equal(82), "the launcher's own code for a check that failed")
	p.Expect(worker.out.String()).To(ContainSubstring("QUEUE  is not set"))

	web := p.start(run.Options{Env: map[string]string{"KEY": "canary", "BPL_LAUNCH_FACTS": "true"}})
	code, err = web.Wait()
	p.Expect(err).NotTo(HaveOccurred())
	p.Expect(code).To(Equal(0))
	p.Expect(web.out.String()).To(ContainSubstring(`"process":"web"`))
	p.Expect(web.out.String()).NotTo(ContainSubstring("canary"))
}

// Defaults, older names and files are the environment: custom commands have them, too, and so has an application whose check is off.
func TestCustomCommandsHaveTheEnvironment(t *testing.T) {
	t.Parallel()
	const server = `console.log(JSON.stringify([process.env.LEVEL, process.env.KEY, process.env.NAME, process.env.QUEUE]))`
	p := newProject(t, map[string]string{
		"server.js": server, "key.txt": "from a file\n", "Procfile": "web: node server.js\nworker: node server.js\n",
		"project.toml": "[dev.gantry.config]\nLEVEL = {default = \"a \\\"b\\\" \\\\ \\n c\"}\nKEY = {secret = true}\nNAME = {renamed-from = [\"OLD\"]}\nQUEUE = {default = \"q\", processes = [\"worker\"]}\n",
	})
	p.build()
	env := map[string]string{"KEY_FILE": "/workspace/key.txt", "OLD": "x", "BPL_CONFIG_CHECK": "off"}
	for name, c := range map[string]struct {
		options run.Options
		want    string
	}{
		"a process type":   {options: run.Options{Env: env}, want: `["a \"b\" \\ \n c","from a file","x",null]` + "\n"},
		"a custom command": {options: run.Options{Env: env, Process: "launcher", Args: []string{"node", "server.js"}}, want: `["a \"b\" \\ \n c","from a file","x","q"]` + "\n"},
	} {
		started := p.start(c.options)
		code, err := started.Wait()
		p.Expect(err).NotTo(HaveOccurred(), name)
		p.Expect(code).To(Equal(0), name+started.out.String())
		p.Expect(started.out.String()).To(Equal(c.want), name)
	}
}

// What bundlers write into pages is checked by the build; the image knows what it was built with, and a secret only by its digest.
func TestVariablesOfTheBuild(t *testing.T) {
	t.Parallel()
	p := newProject(t, map[string]string{
		"server.js":    "",
		"project.toml": "[dev.gantry.config]\nVITE_API = {type = \"url\", phase = \"build\"}\nVITE_KEY = {secret = true, phase = \"build\"}\n",
	})
	log, err := p.tryBuild()
	p.Expect(err).To(HaveOccurred())
	p.Expect(log).To(ContainSubstring("2 variables of the build are not what they must be  [build/variables]"))
	p.Expect(log).To(ContainSubstring("VITE_API is not set, and it is required"))
	p.env = map[string]string{"VITE_API": "https://api", "VITE_KEY": "canary"}
	log = p.build()
	p.Expect(log).To(MatchRegexp(`built with +VITE_API, VITE_KEY`))
	config, err := p.last.Image.ConfigFile()
	p.Expect(err).NotTo(HaveOccurred())
	label := config.Config.Labels[contract.Label]
	p.Expect(label).To(ContainSubstring(`"VITE_API":"https://api"`))
	p.Expect(log + label).NotTo(ContainSubstring("canary"))

	file := filepath.Join(t.TempDir(), "production.env")
	p.Expect(os.WriteFile(file, []byte("VITE_API=https://other\n"), 0o644)).To(Succeed())
	var out bytes.Buffer
	code, err := check.Run(t.Context(), check.Options{Image: p.last.Layout, Files: []string{file}, Out: &out})
	p.Expect(err).NotTo(HaveOccurred())
	p.Expect(code).To(Equal(0))
	p.Expect(out.String()).To(ContainSubstring("Without effect       VITE_API has another value than the image was built with; setting it here changes nothing"))
}

// A contract that contradicts itself fails the build, with its place.
func TestAWrongContractFailsTheBuild(t *testing.T) {
	t.Parallel()
	p := newProject(t, map[string]string{"server.js": "", "project.toml": "[dev.gantry.config.A]\ntpye = \"int\"\n"})
	log, err := p.tryBuild()
	p.Expect(err).To(HaveOccurred())
	p.Expect(log).To(ContainSubstring("project.toml:2:1"))
	p.Expect(log).To(ContainSubstring("tpye is not a rule of a variable"))
	p.Expect(log).To(ContainSubstring("Did you mean type?"))
}
