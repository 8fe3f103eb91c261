// Package integration drives the real lifecycle over real applications: it builds, rebuilds, starts what came of it,
// and asks it for an answer. GANTRY_NPM_REGISTRY may name another npm registry to install from.
package integration

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/buildpack/buildlog"
	"github.com/gantry-buildpack/gantry/internal/platform/localbuild"
	"github.com/gantry-buildpack/gantry/internal/platform/run"
	"github.com/gantry-buildpack/gantry/internal/platform/sandbox"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

func TestMain(m *testing.M) {
	sandbox.Enter()
	if out, err := exec.Command("../scripts/build.sh").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "scripts/build.sh failed: %v\n%s", err, out)
		os.Exit(1)
	}
	var err error
	if scratch, err = os.MkdirTemp("", "gantry-integration-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(scratch)
	os.Exit(code)
}

// scratch is a folder for what several tests share.
var scratch string

// project is an application that is built again and again, with a cache of its own.
type project struct {
	*WithT
	t   *testing.T
	dir string
	// home is shared by all tests: the run image takes a while to make.
	cache string
	env   map[string]string
	// volumes are what the build sees next to the application.
	volumes []localbuild.Volume
	// forgetful: nothing is kept unpacked.
	forgetful bool
	last      localbuild.Result
}

// copySample makes a project of a sample.
func copySample(t *testing.T, name string) *project {
	p := &project{WithT: NewWithT(t), t: t, dir: t.TempDir(), cache: t.TempDir(), env: map[string]string{}}
	out, err := exec.Command("cp", "-R", "../samples/"+name+"/.", p.dir).CombinedOutput()
	p.Expect(err).NotTo(HaveOccurred(), string(out))
	p.Expect(os.RemoveAll(filepath.Join(p.dir, "node_modules"))).To(Succeed())
	return p
}

// newProject makes a project of files.
func newProject(t *testing.T, files map[string]string) *project {
	p := &project{WithT: NewWithT(t), t: t, dir: t.TempDir(), cache: t.TempDir(), env: map[string]string{}}
	for name, content := range files {
		p.write(name, content)
	}
	return p
}

func (p *project) write(name, content string) {
	file := filepath.Join(p.dir, name)
	p.Expect(os.MkdirAll(filepath.Dir(file), 0o755)).To(Succeed())
	p.Expect(os.WriteFile(file, []byte(content), 0o644)).To(Succeed())
}

// edit replaces a text in a file, which must be there.
func (p *project) edit(name, before, after string) {
	text, err := os.ReadFile(filepath.Join(p.dir, name))
	p.Expect(err).NotTo(HaveOccurred())
	p.Expect(string(text)).To(ContainSubstring(before))
	p.write(name, strings.Replace(string(text), before, after, 1))
}

func homeFolder() string {
	dir, err := os.UserCacheDir()
	if err != nil {
		dir = os.TempDir()
	}
	return filepath.Join(dir, "gantry")
}

func (p *project) options() localbuild.Options {
	env := map[string]string{}
	// What this machine's own downloads need is needed inside, too.
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"} {
		if value := os.Getenv(name); value != "" {
			env[name] = value
		}
	}
	if registry := os.Getenv("GANTRY_NPM_REGISTRY"); registry != "" {
		env["BP_NPM_REGISTRY"] = registry
	}
	for name, value := range p.env {
		env[name] = value
	}
	return localbuild.Options{
		App: p.dir, Buildpack: "../build/buildpack", Lifecycle: "../build/tools", Cache: p.cache, Home: homeFolder(),
		Env: env, LogLevel: "info", Volumes: p.volumes, Forgetful: p.forgetful,
	}
}

// tryBuild builds and gives everything that was printed.
func (p *project) tryBuild() (log string, err error) {
	var out bytes.Buffer
	result, err := localbuild.Build(p.t.Context(), p.options(), buildlog.New(&out, false), &out, &out)
	switch {
	case err == nil:
		p.last = result
	case !errors.Is(err, localbuild.ErrReported):
		buildlog.New(&out, false).Problem(problem.As(err))
	}
	return out.String(), err
}

func (p *project) build() (log string) {
	log, err := p.tryBuild()
	p.Expect(err).NotTo(HaveOccurred(), log)
	return log
}

// layers gives the digest of each of Gantry's launch layers.
func (p *project) layers() map[string]string {
	config, err := p.last.Image.ConfigFile()
	p.Expect(err).NotTo(HaveOccurred())
	digests := map[string]string{}
	for i, history := range nonEmpty(config.History) {
		digests[history.CreatedBy] = config.RootFS.DiffIDs[i].String()
	}
	return digests
}

func nonEmpty(list []v1.History) []v1.History {
	var kept []v1.History
	for _, h := range list {
		if !h.EmptyLayer {
			kept = append(kept, h)
		}
	}
	return kept
}

// container is a started image.
type container struct {
	*run.Container
	p    *project
	out  *bytes.Buffer
	port int

	ended sync.Once
	code  int
	err   error
}

func (p *project) start(options run.Options) *container {
	c := &container{p: p, out: &bytes.Buffer{}, port: freePort(p.t)}
	if options.Env == nil {
		options.Env = map[string]string{}
	}
	options.Env["PORT"] = fmt.Sprint(c.port)
	started, err := run.Start(context.Background(), p.last.Image, filepath.Join(homeFolder(), "run"), options, c.out, c.out)
	p.Expect(err).NotTo(HaveOccurred())
	c.Container = started
	p.t.Cleanup(func() {
		_ = started.Process.Kill()
		_, _ = c.Wait()
	})
	return c
}

// Wait waits for the end of the container, as often as it is asked and by whomever.
func (c *container) Wait() (int, error) {
	c.ended.Do(func() { c.code, c.err = c.Container.Wait() })
	return c.code, c.err
}

// get waits for the application to answer.
func (c *container) get(path string) (status int, body string) {
	c.p.Eventually(func() error {
		response, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d%s", c.port, path))
		if err != nil {
			return err
		}
		defer func() { _ = response.Body.Close() }()
		text, err := io.ReadAll(response.Body)
		status, body = response.StatusCode, string(text)
		return err
	}, 20*time.Second, 50*time.Millisecond).Should(Succeed(), func() string { return c.out.String() })
	return status, body
}

// answersAndEnds asks the container to end while it answers /slow: it does answer, and ends with 0.
func (c *container) answersAndEnds(g Gomega, want string) {
	slow := make(chan string, 1)
	go func() {
		_, body := c.get("/slow")
		slow <- body
	}()
	time.Sleep(500 * time.Millisecond)
	code, _ := c.stop()
	g.Expect(<-slow).To(Equal(want), "a running request is answered")
	g.Expect(code).To(Equal(0), c.out.String())
}

// stop is what "docker stop" does; it gives the exit code and how long it took.
func (c *container) stop() (code int, took time.Duration) {
	start := time.Now()
	c.p.Expect(c.Process.Signal(syscall.SIGTERM)).To(Succeed())
	code, err := c.Wait()
	c.p.Expect(err).NotTo(HaveOccurred())
	return code, time.Since(start)
}

// run starts a process that ends by itself and gives what it printed.
func (p *project) run(args ...string) (output string, code int) {
	c := p.start(run.Options{Process: "launcher", Args: append([]string{"--"}, args...)})
	code, err := c.Wait()
	p.Expect(err).NotTo(HaveOccurred())
	return c.out.String(), code
}

func freePort(t *testing.T) int {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	defer func() { _ = listener.Close() }()
	return listener.Addr().(*net.TCPAddr).Port
}
