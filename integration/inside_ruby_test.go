package integration

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
)

// stormy is Rails with a library that allocates far too much: vendor/labels/lib/labels.rb, line 6.
func stormy(t *testing.T) (*docker, *project) {
	d := engine(t)
	r := rubyMirror(t)
	p := copyApp(t, "ruby/rails")
	out, err := exec.Command("cp", "-R", "testdata/ruby/storm/.", p.dir).CombinedOutput()
	p.Expect(err).NotTo(HaveOccurred(), string(out))
	r.use(t, p, "3.3.8")
	p.build()
	d.load(p.last.Image, insideTag)
	t.Cleanup(func() { _ = d.try("docker", "rmi", "-f", insideTag) })
	return d, p
}

var railsVariables = []string{"-e", "SECRET_KEY_BASE=" + strings.Repeat("k", 64), "-e", "DATABASE_URL=sqlite3:/tmp/shop.sqlite3", "-e", "RAILS_LOG_LEVEL=warn"}

func (c *deployed) fetch(path string) string {
	out, err := exec.Command("curl", "-sS", "-H", "Connection: close", c.address+path).CombinedOutput()
	c.Expect(err).NotTo(HaveOccurred(), func() string { return string(out) + c.logs() })
	return string(out)
}

// report gives a capture as text.
func (c *deployed) report(t *testing.T, name, content string) string {
	file := filepath.Join(t.TempDir(), name)
	c.Expect(os.WriteFile(file, []byte(content), 0o600)).To(Succeed())
	out, err := exec.Command("../build/gantry", "report", "--text", file).CombinedOutput()
	c.Expect(err).NotTo(HaveOccurred(), string(out))
	return string(out)
}

func TestLookInsideRuby(t *testing.T) {
	d, p := stormy(t)
	t.Run("captures under load", func(t *testing.T) { lookInsideWorkers(t, d) })
	t.Run("leak", func(t *testing.T) {
		c := d.deploy(t, railsVariables...)
		for range 40 {
			c.fetch("/leak")
		}
		c.Expect(c.report(t, "leak.heapsnapshot", c.gantry("snapshot", "heap"))).To(MatchRegexp(`ReposController::Leaked +.* 20000 `))
	})
	t.Run("switched off", func(t *testing.T) {
		c := d.deploy(t, append([]string{"-e", "BPL_DIAGNOSTICS=off"}, railsVariables...)...)
		c.Expect(c.gantry("ps")).To(ContainSubstring("[capture/no-agent]"))
		c.Expect(d.run("docker", "exec", c.id, "sh", "-c", "ls -a /tmp")).NotTo(ContainSubstring("gantry-agent"))
	})
	t.Run("own options", func(t *testing.T) {
		c := d.deploy(t, append([]string{"-e", "RUBYOPT=-W0 -rsecurerandom"}, railsVariables...)...)
		c.Expect(c.gantry("stacks")).To(ContainSubstring("Thread"))
	})
	t.Run("jemalloc", func(t *testing.T) {
		libraries, _ := filepath.Glob("/usr/lib/*/libjemalloc.so.2")
		if len(libraries) == 0 {
			t.Skip("not tested with jemalloc: libjemalloc2 is not installed")
		}
		c := d.deploy(t, append([]string{"-v", libraries[0] + ":" + libraries[0] + ":ro", "-e", "BPL_JEMALLOC=true"}, railsVariables...)...)
		c.eventually(ContainSubstring("puma srv tp"), "stacks")
		c.Expect(d.run("docker", "exec", c.id, "sh", "-c", "grep -l libjemalloc /proc/[0-9]*/maps")).To(MatchRegexp(`^/proc/\d+/maps\n`))
		stop := c.load("/repos", 2)
		processor := c.gantry("profile", "cpu", "--for", "2s")
		_, failed := stop()
		c.Expect(failed).To(BeEmpty())
		c.Expect(c.report(t, "jemalloc.cpuprofile", processor)).To(ContainSubstring("labels.rb:6"))
	})
	// Two containers of a pod that share a volume for temporary files: each looks into its own application.
	t.Run("two in a pod", func(t *testing.T) {
		shared := t.TempDir()
		d.Expect(os.Chmod(shared, 0o777)).To(Succeed())
		options := append([]string{"-v", shared + ":/shared", "-e", "TMPDIR=/shared"}, railsVariables...)
		first, second := d.deploy(t, options...), d.deploy(t, options...)
		for _, c := range []*deployed{first, second} {
			c.Expect(regexp.MustCompile(`(?m)^ +\d+ +3\.3\.8 `).FindAllString(c.gantry("ps"), -1)).To(HaveLen(1))
			c.Expect(c.gantry("stacks")).To(ContainSubstring("puma srv"))
		}
	})
	t.Run("requests compared", func(t *testing.T) { compareRequests(t, d, p) })
}

// Rails in Puma's cluster mode, in a container without rights on a read-only file system: everything that looks inside of
// its workers, under load.
func lookInsideWorkers(t *testing.T, d *docker) {
	c := d.deploy(t, append([]string{"-m", "512m", "-e", "WEB_CONCURRENCY=2"}, railsVariables...)...)
	// A connection that is kept open would keep a thread.
	c.closes = true
	c.eventually(MatchRegexp(`(?s)puma: cluster worker.*puma: cluster worker`), "ps")
	var workers []string
	for _, line := range regexp.MustCompile(`(?m)^ +(\d+) +3\.3\.8 .*puma: cluster worker`).FindAllStringSubmatch(c.gantry("ps"), -1) {
		workers = append(workers, line[1])
		// It is called so before it has loaded the application.
		c.eventually(ContainSubstring("puma srv tp"), "stacks", "--pid", line[1])
	}
	c.Expect(workers).To(HaveLen(2))
	c.Expect(c.fetch("/fork")).To(ContainSubstring("0 executed\n 3.3.8"))

	// As many clients as the workers have threads: neither is left without work.
	stop := c.load("/repos", 6)
	// What the first requests allocate is not what the others do.
	time.Sleep(4 * time.Second)
	allocations := c.gantry("profile", "allocations", "--for", "3s", "--pid", workers[0])
	processor := c.gantry("profile", "cpu", "--for", "2s", "--pid", workers[1])
	stacks := c.gantry("stacks", "--pid", workers[0])
	collector := c.gantry("gc", "--for", "1s", "--pid", workers[1])
	heap := c.gantry("snapshot", "heap", "--force", "--pid", workers[0])
	_, failed := stop()
	c.Expect(failed).To(BeEmpty())

	text := c.report(t, "repos.allocations", allocations)
	t.Log("\n" + text)
	c.Expect(text).To(MatchRegexp(`\nLines\n(.*\n){1,4}  /workspace/vendor/labels/lib/labels\.rb:6 `), "the line is among the first")
	c.Expect(text).To(MatchRegexp(`\nGems\n(.*\n){1,3}  labels `))
	c.Expect(text).To(MatchRegexp(`\nRequests\n.*\n  GET ReposController#index +\d+ +([6-9]\d\d\d|1\d\d\d\d) `), "about 8200, less surely the fewer requests there were")
	text = c.report(t, "repos.cpuprofile", processor)
	c.Expect(text).To(ContainSubstring("labels.rb:6"))
	c.Expect(stacks).To(ContainSubstring("puma srv"))
	c.Expect(collector).To(MatchRegexp(`Allocated +[1-9]\d+ objects`))
	c.Expect(c.report(t, "repos.heapsnapshot", heap)).To(ContainSubstring("Constructors"))

	// A console is a process like others.
	console := c.command("docker", "exec", "-i", c.id, "console")
	input, err := console.StdinPipe()
	c.Expect(err).NotTo(HaveOccurred())
	c.Expect(console.Start()).To(Succeed())
	_, err = io.WriteString(input, "def long_query = sleep(60)\nlong_query\n")
	c.Expect(err).NotTo(HaveOccurred())
	isConsole := `(?m)^ +(\d+) +3\.3\.8 .*rails console`
	c.eventually(MatchRegexp(isConsole), "ps")
	c.eventually(ContainSubstring("long_query"), "stacks", "--pid", regexp.MustCompile(isConsole).FindStringSubmatch(c.gantry("ps"))[1])
	_ = input.Close()
	_ = console.Process.Kill()
	_ = console.Wait()

	out := c.gantry("doctor")
	c.Expect(out).To(MatchRegexp(`ruby +\d+  Ruby 3\.3\.8 with YJIT, \d+ threads`))
	c.Expect(out).To(ContainSubstring("\nNothing stands out.\n"))
}

// A worker of Sidekiq, with a real Redis: what its jobs allocate, by the job's class.
func TestLookInsideSidekiq(t *testing.T) {
	program, err := exec.LookPath("redis-server")
	if err != nil {
		t.Skip("not tested with Sidekiq: there is no redis-server")
	}
	d := engine(t)
	r := rubyMirror(t)
	p := copyApp(t, "ruby/sidekiq")
	r.use(t, p, "3.4.5")
	p.build()
	d.load(p.last.Image, insideTag)
	t.Cleanup(func() { _ = d.try("docker", "rmi", "-f", insideTag) })

	dir := t.TempDir()
	d.Expect(os.Chmod(dir, 0o755)).To(Succeed())
	socket := filepath.Join(dir, "redis.sock")
	redis := exec.Command(program, "--port", "0", "--unixsocket", socket, "--unixsocketperm", "777", "--dir", dir, "--save", "")
	d.Expect(redis.Start()).To(Succeed())
	t.Cleanup(func() {
		_ = redis.Process.Kill()
		_ = redis.Wait()
	})
	id := strings.TrimSpace(d.run("docker", "run", "-d", "--read-only", "--cap-drop", "ALL", "--tmpfs", "/tmp:mode=1777", "--network", "none", "-v", dir+":/redis",
		"-e", "REDIS_URL=unix:///redis/redis.sock", "--entrypoint", "worker", insideTag))
	t.Cleanup(func() { _ = d.try("docker", "rm", "-f", id) })
	c := &deployed{docker: d, id: id}
	c.eventually(ContainSubstring("ReportJob#perform"), "stacks")

	text := c.report(t, "jobs.allocations", c.gantry("profile", "allocations", "--for", "3s"))
	c.Expect(text).To(MatchRegexp(`\nLines\n(.*\n){1,4}  /workspace/jobs\.rb:8 `))
	c.Expect(text).To(MatchRegexp(`\nRequests\n.*\n  job ReportJob +[1-9]\d* +[2-9]\d\d\d `))
	c.Expect(c.gantry("ps")).To(MatchRegexp(`3\.4\.5 .*sidekiq 7\.3\.2`))
	c.run("docker", "stop", id)
	c.Expect(strings.TrimSpace(c.run("docker", "inspect", "--format", "{{.State.ExitCode}}", id))).To(Equal("0"), c.logs)
}

// The story: what requests allocate is measured in the image, the library is mended, and both are compared.
func compareRequests(t *testing.T, d *docker, p *project) {
	d = &docker{WithT: NewWithT(t), host: d.host, home: d.home}
	dir := t.TempDir()
	measure := func(name string) string {
		args := append([]string{"docker", "run", "-i", "--rm", "--read-only", "--tmpfs", "/tmp:mode=1777", "--entrypoint", "gantry"}, railsVariables...)
		cmd := d.command(append(args, insideTag, "allocations", "--times", "20", "--save", "-", "--", "-")...)
		cmd.Stdin = strings.NewReader("GET /repos\n\nGET /\n")
		var errs bytes.Buffer
		cmd.Stderr = &errs
		out, err := cmd.Output()
		d.Expect(err).NotTo(HaveOccurred(), errs.String())
		d.Expect(os.WriteFile(filepath.Join(dir, name), out, 0o600)).To(Succeed())
		return errs.String()
	}
	table := measure("before.json")
	d.Expect(table).To(MatchRegexp(`GET /repos  \(status 200, 20 times\)\n  objects +8\d\d\d `))
	d.Expect(table).To(MatchRegexp(`allocated in\n +7048 +[\d.]+ kB  /workspace/vendor/labels/lib/labels\.rb:6 `))
	measure("again.json")
	p.edit("vendor/labels/lib/labels.rb", `words = COLORS.flat_map { |color| name.each_char.map { |char| "#{color}-#{char}" } }`, `words = ["red-#{name[0]}"]`)
	p.build()
	d.load(p.last.Image, insideTag)
	measure("after.json")

	// At 95 %, one comparison in twenty of the same image sees a difference, of little more than the 1 % that counts
	// unless told otherwise: the test asks for more than that.
	compare := func(before, after string) (string, int) {
		cmd := exec.Command("../build/gantry", "compare", "--threshold", "5", "--output", filepath.Join(dir, "page.html"), filepath.Join(dir, before), filepath.Join(dir, after))
		out, _ := cmd.CombinedOutput()
		return string(out), cmd.ProcessState.ExitCode()
	}
	text, code := compare("before.json", "after.json")
	t.Log("\n" + text)
	d.Expect(code).To(BeZero(), "%s", text)
	d.Expect(text).To(MatchRegexp(`allocations of GET /repos shrank by 7\d\.\d %: 4\d\d\.\d kB → 1\d\d\.\d kB \(p < 0\.001, D = 1\.00\)\n +-\d+\.\d kB +-7\d\d\d objects  /workspace/vendor/labels/lib/labels\.rb:6`))
	d.Expect(text).To(ContainSubstring("allocations of GET /: no difference"))
	text, code = compare("after.json", "before.json")
	d.Expect(code).To(Equal(1))
	d.Expect(text).To(ContainSubstring("allocations of GET /repos grew by"))
	text, code = compare("before.json", "again.json")
	d.Expect(code).To(BeZero(), "%s", text)
	d.Expect(strings.Count(text, "no difference")).To(Equal(2), "%s", text)
	page, err := os.ReadFile(filepath.Join(dir, "page.html"))
	d.Expect(err).NotTo(HaveOccurred())
	d.Expect(string(page)).To(ContainSubstring(`"distributions"`))
	var whole map[string]any
	content, err := os.ReadFile(filepath.Join(dir, "before.json"))
	d.Expect(err).NotTo(HaveOccurred())
	d.Expect(json.Unmarshal(content, &whole)).To(Succeed())
	d.Expect(whole["format"]).To(Equal("gantry.requests/1"))
}
