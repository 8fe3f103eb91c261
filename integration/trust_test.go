package integration

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
)

// damages are what happens to files on disks.
var damages = map[string]func(file string) error{
	"a flipped bit": func(file string) error {
		text, err := os.ReadFile(file)
		if err == nil {
			text[len(text)/2] ^= 4
			err = os.WriteFile(file, text, 0o644)
		}
		return err
	},
	"cut to half": func(file string) error {
		info, err := os.Stat(file)
		if err == nil {
			err = os.Truncate(file, info.Size()/2)
		}
		return err
	},
	"empty": func(file string) error { return os.Truncate(file, 0) },
}

// Whatever happens to a file that is kept between builds, the next build ends well, with the image of a clean build.
func TestDamageHeals(t *testing.T) {
	t.Parallel()
	p := newProject(t, map[string]string{
		"package.json": `{"scripts": {"start": "node server.js", "build": "echo made > made"}, "dependencies": {"is-number": "7.0.0"}}`,
		"server.js":    "require('is-number'); setInterval(() => {}, 1000)",
	})
	p.lock()
	p.build()
	clean := p.last.Digest
	for kind, pattern := range map[string]string{
		"the image's index": "image/index.json", "a file of the image": "image/blobs/sha256/*", "the record of what was verified": "image/verified.json",
		"a layer of the cache": "layers/committed/sha256:*.tar", "the cache's metadata": "layers/committed/io.buildpacks.lifecycle.cache.metadata",
	} {
		for name, damage := range damages {
			files, err := filepath.Glob(filepath.Join(p.cache, pattern))
			p.Expect(err).NotTo(HaveOccurred())
			p.Expect(files).NotTo(BeEmpty(), kind)
			for _, file := range files {
				p.Expect(damage(file)).To(Succeed(), file)
			}
			log, err := p.tryBuild()
			p.Expect(err).NotTo(HaveOccurred(), "%s, %s:\n%s", kind, name, log)
			p.Expect(p.last.Digest).To(Equal(clean), "%s, %s", kind, name)
		}
	}
	blobs, err := filepath.Glob(filepath.Join(p.cache, "image/blobs/sha256/*"))
	p.Expect(err).NotTo(HaveOccurred())
	for _, blob := range blobs {
		text, err := os.ReadFile(blob)
		p.Expect(err).NotTo(HaveOccurred())
		sum := sha256.Sum256(text)
		p.Expect(hex.EncodeToString(sum[:])).To(Equal(filepath.Base(blob)))
	}
	// What a killed export leaves behind is in nobody's way.
	p.Expect(os.WriteFile(filepath.Join(p.cache, "image/blobs/sha256/upload-123"), []byte("x"), 0o644)).To(Succeed())
	p.build()
	p.Expect(p.last.Digest).To(Equal(clean))
}

// hostile looks for ways out of the sandbox, and writes what it finds, a line each.
const hostile = `
const fs = require('fs'), cp = require('child_process'), found = []
const tries = (name, f) => { try { const r = f(); if (r !== false) found.push(name + (r === undefined ? '' : ': ' + r)) } catch (e) {} }
tries('shadow', () => fs.readFileSync('/etc/shadow', 'utf8').length)
tries('ssh', () => fs.readdirSync('/etc/ssh').join())
tries('home', () => fs.readdirSync('/root').length + fs.readdirSync('/home').filter(n => n != 'cnb').length || false)
tries('sockets', () => cp.execSync('find /run /var /tmp -type s 2>/dev/null | head', {encoding: 'utf8'}) || false)
tries('/run of the machine', () => fs.readdirSync('/run').join() || false)
tries('devices', () => fs.readdirSync('/dev').filter(n => !['null', 'zero', 'full', 'random', 'urandom', 'tty', 'fd', 'stdin', 'stdout', 'stderr', 'ptmx', 'pts', 'shm'].includes(n)).join() || false)
tries('etc can be written to', () => fs.writeFileSync('/etc/x', ''))
tries('usr can be written to', () => fs.writeFileSync('/usr/x', ''))
tries('sysctl', () => fs.closeSync(fs.openSync('/proc/sys/kernel/core_pattern', 'r+')))
tries('sysrq', () => fs.closeSync(fs.openSync('/proc/sysrq-trigger', 'w')))
tries('processes', () => fs.readdirSync('/proc').filter(n => /^\d+$/.test(n)).map(n => { try { return fs.readFileSync('/proc/' + n + '/comm', 'utf8').trim() } catch (e) { return '' } }).filter(n => /^(systemd|init|bash|dockerd|containerd|go|integration)/.test(n)).join() || false)
tries('mount', () => cp.execSync('unshare -Urm mount -t tmpfs none /tmp 2>/dev/null && echo yes', {encoding: 'utf8'}))
tries('keys', () => cp.execSync('command -v keyctl >/dev/null && keyctl show 2>/dev/null', {encoding: 'utf8'}))
tries('buildpack', () => fs.appendFileSync(cp.execSync('ls -d /cnb/buildpacks/*/*/bin/build', {encoding: 'utf8'}).trim(), 'x'))
tries('lifecycle', () => fs.appendFileSync('/cnb/lifecycle/lifecycle', 'x'))
fs.writeFileSync('found.json', JSON.stringify(found))
cp.spawn('setsid', ['sh', '-c', 'trap "" TERM HUP; while :; do date +%s%N >> /workspace/late; sleep 0.05; done'], {detached: true, stdio: 'ignore'}).unref()
`

// A build script sees the programs of the machine and its own folders, and nothing else of it; what it leaves running ends.
func TestHostileScript(t *testing.T) {
	t.Parallel()
	p := newProject(t, map[string]string{
		"package.json": `{"scripts": {"start": "node server.js", "build": "node hostile.js"}}`,
		"hostile.js":   hostile,
		"server.js":    `require('http').createServer((q, r) => { const fs = require('fs'), list = []; for (const f of ['/proc/sys/kernel/core_pattern', '/proc/sysrq-trigger', '/dev/mem', '/dev/kmsg']) { try { fs.closeSync(fs.openSync(f, 'r+')); list.push(f) } catch (e) {} } r.end(fs.readFileSync('found.json') + JSON.stringify(list)) }).listen(process.env.PORT)`,
	})
	p.build()
	out, _ := exec.Command("pgrep", "-f", "workspace/late").Output()
	p.Expect(string(out)).To(BeEmpty())
	_, body := p.start(runDefault).get("/")
	p.Expect(body).To(Equal("[][]"))
}

// cli runs the platform's program.
func (p *project) cli(ctx context.Context, prefix string) *exec.Cmd {
	arguments := []string{"--cache", p.cache, "--home", homeFolder()}
	for name, value := range p.options().Env {
		arguments = append(arguments, "--env", name+"="+value)
	}
	tool, err := filepath.Abs("../build/gantry")
	p.Expect(err).NotTo(HaveOccurred())
	return exec.CommandContext(ctx, "sh", append([]string{"-c", prefix + ` exec "$@"`, "sh", tool, "build", p.dir}, arguments...)...)
}

var digestLine = regexp.MustCompile(`(?m)^  Image +[\d.]+ [kM]B, (sha256:[0-9a-f]{64})$`)

// An image does not show where it was built: under which umask, with which modes, and by which clock and language.
func TestTheImageDoesNotShowWhereItWasBuilt(t *testing.T) {
	t.Parallel()
	var first string
	for i, c := range []struct{ prefix, chmod string }{
		{"umask 022;", "u=rwX,go=rX"}, {"umask 077;", "u=rwX,go="}, {"umask 002; export TZ=Asia/Tokyo LC_ALL=C;", "a=rwX"}, {"umask 027; export TZ=America/Lima LANG=de_DE.UTF-8;", "u=rwX,g=rX,o="},
	} {
		p := newProject(t, map[string]string{
			"package.json": `{"name": "shop", "scripts": {"start": "node server.js", "build": "mkdir -p out && echo made > out/made"}, "dependencies": {"is-number": "7.0.0"}}`,
			"server.js":    "require('is-number')", "lib/a.js": "", "bin/run.sh": "#!/bin/sh\n",
		})
		p.lock()
		p.Expect(os.Chmod(filepath.Join(p.dir, "bin/run.sh"), 0o700)).To(Succeed())
		out, err := exec.Command("chmod", "-R", c.chmod, p.dir).CombinedOutput()
		p.Expect(err).NotTo(HaveOccurred(), string(out))
		out, err = p.cli(t.Context(), c.prefix).CombinedOutput()
		p.Expect(err).NotTo(HaveOccurred(), string(out))
		match := digestLine.FindSubmatch(out)
		p.Expect(match).NotTo(BeNil(), string(out))
		if i == 0 {
			first = string(match[1])
		}
		p.Expect(string(match[1])).To(Equal(first), c.prefix+" "+c.chmod)
	}
}

// A platform that is killed takes the whole build with it, so that the next one has the cache for itself.
func TestKilledPlatform(t *testing.T) {
	t.Parallel()
	p := newProject(t, map[string]string{
		"package.json": `{"scripts": {"start": "node server.js", "build": "touch started; while :; do sleep 0.1; : killed-platform; done"}}`,
		"server.js":    "setInterval(() => {}, 1000)",
	})
	cmd := p.cli(t.Context(), "")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	p.Expect(cmd.Start()).To(Succeed())
	started := func() []string {
		files, _ := filepath.Glob(filepath.Join(p.cache, "work-*/root/workspace/started"))
		return files
	}
	p.Eventually(started, time.Minute, 50*time.Millisecond).ShouldNot(BeEmpty(), out.String)
	p.Expect(cmd.Process.Kill()).To(Succeed())
	_ = cmd.Wait()
	p.Eventually(func() string {
		out, _ := exec.Command("pgrep", "-f", "killed-platform").Output()
		return strings.TrimSpace(string(out))
	}, 5*time.Second).Should(BeEmpty())
	p.edit("package.json", `, "build": "touch started; while :; do sleep 0.1; : killed-platform; done"`, "")
	p.build()
	p.Expect(filepath.Glob(filepath.Join(p.cache, "work-*"))).To(BeEmpty())
}

// A variable's name is no path.
func TestVariablesAreNoPaths(t *testing.T) {
	t.Parallel()
	p := copySample(t, "plain")
	for i, name := range []string{"../../x", "a/b", "..", ""} {
		p.env = map[string]string{name: fmt.Sprint(i)}
		log, err := p.tryBuild()
		p.Expect(err).To(HaveOccurred())
		p.Expect(log).To(ContainSubstring("[localbuild/bad-variable]"))
	}
}

// betray writes into all that Gantry has made, and would make the next build with.
const betray = `
const fs = require('fs'), path = require('path')
const walk = dir => { for (const e of fs.readdirSync(dir, {withFileTypes: true})) { const f = path.join(dir, e.name); if (e.isDirectory()) walk(f); else if (e.isFile() && !f.includes('node_modules')) try { fs.appendFileSync(f, '\n# canary-betrayed') } catch (e) {} } }
walk('/layers')
for (const name of ['gantry', 'node', 'modules']) { fs.mkdirSync('/layers/gantry_app/' + name + '/bin', {recursive: true}); fs.writeFileSync('/layers/gantry_app/' + name + '/bin/canary-betrayed', '') }
`

// Whatever a build script wrote, the next build of the clean source is a clean build's image, and what starts containers is Gantry's.
func TestBetrayedBuild(t *testing.T) {
	t.Parallel()
	files := map[string]string{
		"package.json": `{"name": "shop", "scripts": {"start": "node server.js", "build": "true"}, "dependencies": {"is-number": "7.0.0"}}`,
		"server.js":    "require('is-number'); setInterval(() => {}, 1000)",
		"betray.js":    betray,
	}
	clean := newProject(t, files)
	clean.lock()
	clean.build()
	p := newProject(t, files)
	lock, err := os.ReadFile(filepath.Join(clean.dir, "package-lock.json"))
	p.Expect(err).NotTo(HaveOccurred())
	p.write("package-lock.json", string(lock))
	for _, rebuilt := range []bool{false, true} {
		if rebuilt {
			p.build()
			p.Expect(p.last.Digest).To(Equal(clean.last.Digest))
		}
		p.edit("package.json", `"build": "true"`, `"build": "node betray.js"`)
		if log, err := p.tryBuild(); err == nil {
			ours, theirs := p.layers(), clean.layers()
			for name, digest := range ours {
				if strings.Contains(name, "'gantry'") || strings.Contains(name, "'node'") {
					p.Expect(digest).To(Equal(theirs[name]), name+"\n"+log)
				}
			}
		}
		p.edit("package.json", `"build": "node betray.js"`, `"build": "true"`)
		p.build()
		p.Expect(p.last.Digest).To(Equal(clean.last.Digest))
	}
}

// kills is how often a build is killed: more with GANTRY_TEST_KILLS.
func kills(t *testing.T) int {
	if text := os.Getenv("GANTRY_TEST_KILLS"); text != "" {
		n, err := strconv.Atoi(text)
		NewWithT(t).Expect(err).NotTo(HaveOccurred())
		return n
	}
	return 3
}

// Killed at any moment, the platform or the lifecycle alone, a build leaves nothing that the next one takes over: that makes the image of a clean
// build.
func TestKilledAtAnyMoment(t *testing.T) {
	t.Parallel()
	files := map[string]string{
		"package.json": `{"name": "shop", "scripts": {"start": "node server.js", "build": "mkdir -p out && cp server.js out/made"}, "dependencies": {"is-number": "7.0.0", "fastify": "5.2.1"}}`,
		"server.js":    "require('is-number')",
	}
	p := newProject(t, files)
	p.lock()
	start := time.Now()
	out, err := p.cli(t.Context(), "").CombinedOutput()
	p.Expect(err).NotTo(HaveOccurred(), string(out))
	cold := time.Since(start)
	clean := digestLine.FindSubmatch(out)
	p.Expect(clean).NotTo(BeNil(), string(out))

	outcomes := map[string]int{}
	r := rand.New(rand.NewPCG(uint64(start.UnixNano()), 0))
	for n := range kills(t) {
		if n%2 == 0 {
			// Every other time nothing is kept, so that a first build is killed, too.
			p.cache = t.TempDir()
		}
		moment := time.Duration(r.Int64N(int64(cold)))
		cmd := p.cli(t.Context(), "")
		p.Expect(cmd.Start()).To(Succeed())
		time.Sleep(moment)
		what := "platform"
		if n%3 == 2 {
			what = "lifecycle"
			_ = exec.Command("pkill", "-KILL", "-P", strconv.Itoa(cmd.Process.Pid)).Run()
		} else {
			_ = cmd.Process.Kill()
		}
		killed := cmd.Wait() != nil
		out, err := p.cli(t.Context(), "").CombinedOutput()
		p.Expect(err).NotTo(HaveOccurred(), "killed after %s: %s", moment, out)
		digest := digestLine.FindSubmatch(out)
		p.Expect(digest).NotTo(BeNil(), string(out))
		p.Expect(string(digest[1])).To(Equal(string(clean[1])), "killed after %s (%s)", moment, what)
		outcomes[fmt.Sprintf("%s killed %v", what, killed)]++
	}
	t.Logf("first build %s; %v, each followed by the clean image", cold.Round(100*time.Millisecond), outcomes)
}

// Another user, without root and with a home of its own, makes the same image.
func TestTheImageDoesNotShowWhoBuiltIt(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("not built by two users: only root can build as another one")
	}
	p := newProject(t, map[string]string{
		"package.json": `{"name": "shop", "scripts": {"start": "node server.js", "build": "mkdir -p out && echo made > out/made"}, "dependencies": {"is-number": "7.0.0"}}`,
		"server.js":    "require('is-number')",
	})
	p.lock()
	out, err := p.cli(t.Context(), "").CombinedOutput()
	p.Expect(err).NotTo(HaveOccurred(), string(out))
	first := digestLine.FindSubmatch(out)
	p.Expect(first).NotTo(BeNil(), string(out))

	// Folders of a test's own cannot be entered by others.
	home, err := os.MkdirTemp("", "another-user-")
	p.Expect(err).NotTo(HaveOccurred())
	t.Cleanup(func() { _ = os.RemoveAll(home) })
	// The run image is made with root's rights, or with newuidmap: here it is given.
	for name, source := range map[string]string{"app": p.dir, "run-images": filepath.Join(homeFolder(), "run-images")} {
		p.Expect(os.CopyFS(filepath.Join(home, name), os.DirFS(source))).To(Succeed())
	}
	out, err = exec.Command("chown", "-R", "4711:4711", home).CombinedOutput()
	p.Expect(err).NotTo(HaveOccurred(), string(out))
	tool, err := filepath.Abs("../build/gantry")
	p.Expect(err).NotTo(HaveOccurred())
	other := []string{"--reuid", "4711", "--regid", "4711", "--clear-groups"}
	if exec.Command("setpriv", append(other, "test", "-x", tool)...).Run() != nil {
		t.Skip("not built by two users: the checkout can be read by its owner alone")
	}
	arguments := append(other, "env", "HOME="+home, tool, "build", filepath.Join(home, "app"), "--home", home, "--cache", filepath.Join(home, "cache"))
	for name, value := range p.options().Env {
		arguments = append(arguments, "--env", name+"="+value)
	}
	out, err = exec.Command("setpriv", arguments...).CombinedOutput()
	p.Expect(err).NotTo(HaveOccurred(), string(out))
	second := digestLine.FindSubmatch(out)
	p.Expect(second).NotTo(BeNil(), string(out))
	p.Expect(string(second[1])).To(Equal(string(first[1])))
}
