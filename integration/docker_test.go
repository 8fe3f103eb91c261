package integration

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/buildpack/buildlog"
	"github.com/gantry-buildpack/gantry/internal/platform/localbuild"
)

// The names of the images that the tests make; a run removes the application's.
const (
	runTag     = "gantry-test/run:latest"
	buildTag   = "gantry-test/build:latest"
	builderTag = "gantry-test/builder:latest"
	appTag     = "gantry-test/app:latest"
)

const certificatesFile = "/etc/ssl/certs/ca-certificates.crt"

// docker runs commands against an engine.
type docker struct {
	*WithT
	host string
	home string
}

// engine finds a Docker engine, or starts one for this test; where neither can be had, the test says so and is skipped.
func engine(t *testing.T) *docker {
	d := &docker{WithT: NewWithT(t), host: os.Getenv("DOCKER_HOST"), home: t.TempDir()}
	if _, err := exec.LookPath("docker"); err != nil {
		t.Skip("not tested with Docker: there is no docker command")
	}
	if d.try("docker", "version") == nil {
		return d
	}
	program, err := exec.LookPath("dockerd")
	if err != nil || os.Getuid() != 0 {
		t.Skip("not tested with Docker: no engine answers, and none can be started (that takes dockerd and root)")
	}
	// A unix socket's path is short; t.TempDir's are not always.
	dir, err := os.MkdirTemp("", "docker-")
	d.Expect(err).NotTo(HaveOccurred())
	d.host = "unix://" + dir + "/docker.sock"
	log, err := os.Create(filepath.Join(dir, "log"))
	d.Expect(err).NotTo(HaveOccurred())
	cmd := exec.Command(program, "-H", d.host, "--data-root", dir+"/data", "--exec-root", dir+"/exec", "--pidfile", dir+"/pid")
	cmd.Stdout, cmd.Stderr = log, log
	d.Expect(cmd.Start()).To(Succeed())
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
		_ = os.RemoveAll(dir)
	})
	for range 60 {
		if err = d.try("docker", "version"); err == nil {
			return d
		}
		time.Sleep(500 * time.Millisecond)
	}
	text, _ := os.ReadFile(log.Name())
	t.Skipf("not tested with Docker: dockerd does not start on this machine:\n%s", tail(string(text)))
	return nil
}

func tail(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-5):], "\n")
}

func (d *docker) command(args ...string) *exec.Cmd {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = append(os.Environ(), "PACK_HOME="+d.home, "PACK_VOLUME_KEY=gantry-test", "DOCKER_API_VERSION=1.41")
	if d.host != "" {
		cmd.Env = append(cmd.Env, "DOCKER_HOST="+d.host)
	}
	return cmd
}

func (d *docker) try(args ...string) error { return d.command(args...).Run() }

func (d *docker) run(args ...string) string {
	out, err := d.command(args...).CombinedOutput()
	d.Expect(err).NotTo(HaveOccurred(), string(out))
	return string(out)
}

// load gives the engine an image.
func (d *docker) load(image v1.Image, tag string) {
	reference, err := name.NewTag(tag)
	d.Expect(err).NotTo(HaveOccurred())
	file := filepath.Join(d.home, "image.tar")
	d.Expect(tarball.WriteToFile(file, reference, image)).To(Succeed())
	d.run("docker", "load", "-q", "-i", file)
	d.Expect(os.Remove(file)).To(Succeed())
}

// Gantry gives the engine the layers that it lacks, and looks into a container of it.
func TestBuildIntoDocker(t *testing.T) {
	d := engine(t)
	p := newProject(t, map[string]string{"server.js": "require('http').createServer((q, r) => r.end('first')).listen(process.env.PORT)"})
	const tag = "gantry-test/direct:latest"
	build := func() string {
		cmd := p.cli(t.Context(), "")
		cmd.Args = append(cmd.Args, "--docker", tag)
		cmd.Env = append(os.Environ(), "DOCKER_HOST="+d.host, "DOCKER_API_VERSION=1.41")
		out, err := cmd.CombinedOutput()
		d.Expect(err).NotTo(HaveOccurred(), string(out))
		return string(out)
	}
	d.Expect(build()).To(ContainSubstring("In Docker   " + tag))
	t.Cleanup(func() { _ = d.try("docker", "rmi", "-f", tag) })
	p.edit("server.js", "first", "second")
	d.Expect(build()).To(ContainSubstring("Changed     1 of its "))
	images := d.run("docker", "images", "--format", "{{.Repository}}:{{.Tag}}")
	d.Expect(images).To(ContainSubstring(tag))
	d.Expect(images).NotTo(ContainSubstring("127.0.0.1"), "the build's registry leaves no name behind")

	port := freePort(t)
	id := strings.TrimSpace(d.run("docker", "run", "-d", "--rm", "--network", "host", "-e", fmt.Sprintf("PORT=%d", port), tag))
	t.Cleanup(func() { _ = d.try("docker", "kill", id) })
	r := runner{p, gantryTool(t)}
	d.Expect(r.ask(fmt.Sprintf("http://127.0.0.1:%d/", port))).To(Equal("second"))
	look := func(words ...string) (string, error) {
		cmd := d.command(append([]string{r.tool}, words...)...)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	out, err := look("ps", "docker://"+id)
	d.Expect(err).NotTo(HaveOccurred(), out)
	d.Expect(out).To(ContainSubstring("node server.js"))
	out, err = look("profile", "cpu", "docker://"+id, "--for", "1s", "--force", "--text")
	d.Expect(err).NotTo(HaveOccurred(), out)
	d.Expect(out).To(ContainSubstring("CPU profile: docker://"))
	out, err = look("stacks", "docker://nobody")
	d.Expect(err).To(HaveOccurred())
	d.Expect(out).To(And(ContainSubstring("[target/unreachable]"), ContainSubstring("No such container: nobody")))
}

// builder makes a builder of the run image that localbuild uses, the lifecycle, and Gantry's package.
func (d *docker) builder() {
	base, _, err := localbuild.RunImage(context.Background(), "", homeFolder(), buildlog.New(io.Discard, false))
	d.Expect(err).NotTo(HaveOccurred())
	d.load(base, runTag)
	config, err := base.ConfigFile()
	d.Expect(err).NotTo(HaveOccurred())
	config = config.DeepCopy()
	config.Config.Env = append(config.Config.Env, "CNB_USER_ID=1000", "CNB_GROUP_ID=1000", "CNB_STACK_ID="+config.Config.Labels["io.buildpacks.stack.id"])
	build, err := mutate.ConfigFile(base, config)
	d.Expect(err).NotTo(HaveOccurred())
	d.load(build, buildTag)

	lifecycle := filepath.Join(d.home, "lifecycle.tgz")
	d.run("../scripts/lifecycle-archive.sh", lifecycle)
	buildpackage, err := filepath.Abs("../build/gantry.cnb")
	d.Expect(err).NotTo(HaveOccurred())
	file := filepath.Join(d.home, "builder.toml")
	d.Expect(os.WriteFile(file, fmt.Appendf(nil, `
[[buildpacks]]
uri = %q
[[order]]
[[order.group]]
id = "gantry/app"
[build]
image = %q
[[run.images]]
image = %q
[lifecycle]
uri = %q
`, buildpackage, buildTag, runTag, lifecycle), 0o644)).To(Succeed())
	d.run("../build/tools/pack", "builder", "create", builderTag, "--config", file, "--pull-policy", "never")
}

func (d *docker) packBuild(app string, options ...string) string {
	args := append([]string{"../build/tools/pack", "build", appTag, "--path", app, "--builder", builderTag, "--pull-policy", "never",
		"--docker-host", "inherit", "--network", "host"}, options...)
	if _, err := os.Stat(certificatesFile); err == nil {
		// What this machine trusts, the build trusts.
		args = append(args, "--volume", certificatesFile+":"+certificatesFile+":ro")
	}
	for _, variable := range []string{"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"} {
		if os.Getenv(variable) != "" {
			args = append(args, "--env", variable)
		}
	}
	return d.run(args...)
}

// packEngine is an engine with a builder that is made of Gantry's package.
func packEngine(t *testing.T) *docker {
	d := engine(t)
	if out, err := exec.Command("../scripts/package.sh").CombinedOutput(); err != nil {
		t.Fatalf("scripts/package.sh failed: %v\n%s", err, out)
	}
	d.builder()
	t.Cleanup(func() { _ = d.try("docker", "rmi", "-f", appTag, builderTag) })
	return d
}

// The real thing: pack, an engine, a builder made of Gantry's package; build, rebuild, run, ask, stop.
func TestPackAndDocker(t *testing.T) {
	d := packEngine(t)
	p := copySample(t, "express")

	log := d.packBuild(p.dir, "--trust-builder", "--clear-cache")
	d.Expect(log).To(ContainSubstring("Layer       modules: created ("))
	image := strings.TrimSpace(d.run("docker", "inspect", "--format", "{{.Id}} {{.Config.User}}", appTag))
	d.Expect(image).NotTo(HaveSuffix(" root"))
	d.Expect(image).NotTo(HaveSuffix(" "))

	log = d.packBuild(p.dir, "--trust-builder")
	for _, layer := range []string{"gantry", "node", "modules"} {
		d.Expect(log).To(ContainSubstring("Layer       " + layer + ": reused (inputs unchanged)"))
		d.Expect(log).To(ContainSubstring("Reusing layer 'gantry/app:" + layer + "'"))
	}
	d.Expect(strings.TrimSpace(d.run("docker", "inspect", "--format", "{{.Id}} {{.Config.User}}", appTag))).To(Equal(image))

	id := strings.TrimSpace(d.run("docker", "run", "-d", "--read-only", "--cap-drop", "ALL", "-e", "PORT=8080", "-p", "127.0.0.1::8080", appTag))
	t.Cleanup(func() { _ = d.try("docker", "rm", "-f", id) })
	address := strings.TrimSpace(d.run("docker", "port", id, "8080/tcp"))
	d.Eventually(func() (string, error) {
		response, err := http.Get("http://" + address + "/")
		if err != nil {
			return "", err
		}
		defer func() { _ = response.Body.Close() }()
		body, err := io.ReadAll(response.Body)
		return string(body), err
	}, 20*time.Second, 100*time.Millisecond).Should(ContainSubstring("Hello from Express"), func() string { return d.run("docker", "logs", id) })

	// A look inside of the running, unmodified container, without any rights and without a port.
	d.Expect(d.run("docker", "exec", id, "gantry", "ps")).To(MatchRegexp(`(?m)^ +\d+  Node\.js +\d+\.\d+\.\d+ +\d+s +\d+ MB .*  node server\.js$`))
	d.Expect(d.run("docker", "exec", id, "gantry", "profile", "cpu", "--for", "1s")).To(ContainSubstring(`"functionName":"(root)"`))
	d.Expect(d.run("docker", "exec", id, "gantry", "stacks")).To(ContainSubstring("TCPServerWrap"))

	start := time.Now()
	d.run("docker", "stop", id)
	d.Expect(time.Since(start)).To(BeNumerically("<", 9*time.Second), "docker kills after 10 seconds what does not end by itself")
	d.Expect(strings.TrimSpace(d.run("docker", "inspect", "--format", "{{.State.ExitCode}}", id))).To(Equal("143"))
}
