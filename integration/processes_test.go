package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/platform/run"
)

var runDefault = run.Options{}

// addDependency is what a developer does: npm install, which changes package.json and the lockfile.
func (p *project) addDependency(name, version string) { p.lock(name + "@" + version) }

// lock lets npm write the lockfile, with packages added if any are named.
func (p *project) lock(packages ...string) {
	cmd := exec.Command("npm", append([]string{"install", "--package-lock-only", "--no-audit", "--no-fund", "--ignore-scripts",
		"--omit-lockfile-registry-resolved=false"}, packages...)...)
	cmd.Dir = p.dir
	out, err := cmd.CombinedOutput()
	p.Expect(err).NotTo(HaveOccurred(), string(out))
	p.Expect(filepath.Join(p.dir, "node_modules")).NotTo(BeADirectory())
}

// Each line of a Procfile is a process type; shells step aside or pass signals on; exit codes are the program's own.
func TestProcfile(t *testing.T) {
	t.Parallel()
	p := newProject(t, map[string]string{
		"package.json": `{"scripts": {"start": "node never.js", "job": "GREETING=hi node job.js"}}`,
		"Procfile": "web: node server.js --port $PORT\n" +
			"piped: node server.js --port $PORT | cat\n" +
			"job: npm run job -- 'a b'\n",
		"job.js": `console.log(process.env.GREETING, process.argv[2]); process.exit(3)`,
		"server.js": `const server = require('http').createServer((q, r) => r.end('ok ' + process.ppid)).listen(process.argv[3])
			process.on('SIGTERM', () => { console.log('draining'); server.close(() => process.exit(9)) })`,
	})
	log := p.build()
	p.Expect(log).To(ContainSubstring(`GREETING=hi node job.js 'a b'`))

	web := p.start(runDefault)
	_, body := web.get("/")
	p.Expect(body).To(Equal("ok 1"), "the program is the only child of process 1")
	code, took := web.stop()
	p.Expect(code).To(Equal(9))
	p.Expect(web.out.String()).To(ContainSubstring("draining"))
	p.Expect(took).To(BeNumerically("<", 9*time.Second))

	piped := p.start(run.Options{Process: "piped"})
	piped.get("/")
	_, took = piped.stop()
	p.Expect(took).To(BeNumerically("<", 9*time.Second))

	job := p.start(run.Options{Process: "job"})
	code, err := job.Wait()
	p.Expect(err).NotTo(HaveOccurred())
	p.Expect(code).To(Equal(3))
	p.Expect(job.out.String()).To(Equal("hi a b\n"))
}

// What a command in the image reads is what this one is given.
func TestStandardInput(t *testing.T) {
	t.Parallel()
	p := newProject(t, map[string]string{
		"package.json": `{"scripts":{"start":"node server.js"}}`, "server.js": "", "Procfile": "web: node server.js\ncount: sh -c 'wc -l'\n",
	})
	p.build()
	name := filepath.Join(t.TempDir(), "lines")
	p.Expect(os.WriteFile(name, []byte("a\nb\nc\n"), 0o644)).To(Succeed())
	file, err := os.Open(name)
	p.Expect(err).NotTo(HaveOccurred())
	defer func() { _ = file.Close() }()
	c := p.start(run.Options{Process: "count", Input: file})
	code, err := c.Wait()
	p.Expect(err).NotTo(HaveOccurred())
	p.Expect(code).To(Equal(0))
	p.Expect(c.out.String()).To(Equal("3\n"))
}
