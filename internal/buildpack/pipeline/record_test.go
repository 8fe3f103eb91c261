package pipeline_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/buildpack/observe"
	"github.com/gantry-buildpack/gantry/internal/plan"
)

// A second build with one thing changed: whether the step ran again, and what the log says of it.
func TestStepReuse(t *testing.T) {
	const script = "mkdir -p out; cat src/*.txt > out/all; echo \"$FLAVOUR\" >> out/all"
	for name, c := range map[string]struct {
		script string
		change func(s *shop)
		ran    bool
		log    string
	}{
		"nothing":                {change: func(*shop) {}, log: "Build       reused: the 1 file it read is unchanged, and it opened no connection"},
		"a file that it read":    {change: func(s *shop) { s.write("src/a.txt", "b") }, ran: true, log: "Build       step 1 runs again: src/a.txt changed"},
		"a file that it did not": {change: func(s *shop) { s.write("README.md", "other") }, log: "reused: "},
		"a new file":             {change: func(s *shop) { s.write("docs/new.md", "") }, ran: true, log: "step 1 runs again: docs/new.md is new"},
		"a file is gone":         {change: func(s *shop) { s.Expect(os.Remove(filepath.Join(s.source, "README.md"))).To(Succeed()) }, ran: true, log: "step 1 runs again: README.md was removed"},
		"a renamed file": {change: func(s *shop) {
			s.Expect(os.Rename(filepath.Join(s.source, "README.md"), filepath.Join(s.source, "readme"))).To(Succeed())
		}, ran: true, log: "step 1 runs again: README.md was removed"},
		"a file can be executed": {change: func(s *shop) { s.Expect(os.Chmod(filepath.Join(s.source, "README.md"), 0o755)).To(Succeed()) }, ran: true, log: "README.md is another kind of file"},
		"a variable":             {change: func(s *shop) { s.env["FLAVOUR"] = "sweet" }, ran: true, log: "step 1 runs again: the build's variables changed"},
		"the command":            {change: func(s *shop) { s.steps[0].Args[2] += " # other" }, ran: true, log: "Build       step 1 ("},
		"the setting never":      {change: func(s *shop) { s.build.Reuse = plan.ReuseNever }, ran: true, log: "step 1 runs again: BP_BUILD_REUSE=never"},
		"the setting always":     {change: func(s *shop) { s.build.Reuse = plan.ReuseAlways }, log: "reused: the 1 file it read is unchanged (BP_BUILD_REUSE=always)"},
		"the time in its output": {
			script: "mkdir -p out; date -u +%Y-%m-%dT%H:%M:%SZ > out/built", change: func(*shop) {}, ran: true, log: "step 1 runs again: it wrote the time into out/built",
		},
		"the time, and always": {
			script: "mkdir -p out; date +%s > out/built", change: func(s *shop) { s.build.Reuse = plan.ReuseAlways }, log: "reused: it read no file of the source (BP_BUILD_REUSE=always)",
		},
		"a name on the way to it": {
			script: "cat src/a.txt conf/x 2>/dev/null > out || true", change: func(s *shop) { s.write("conf/x", "there") }, ran: true, log: "step 1 runs again: conf/x is new",
		},
		"a folder for a file": {
			script: "cat src/* > out", change: func(s *shop) {
				s.Expect(os.Remove(filepath.Join(s.source, "README.md"))).To(Succeed())
				s.write("README.md/x", "")
			}, ran: true, log: "README.md is another kind of file",
		},
	} {
		t.Run(name, func(t *testing.T) {
			if c.script == "" {
				c.script = script
			}
			s := newShop(t, c.script)
			s.build.Reuse = plan.ReuseAuto
			s.write("src/a.txt", "a")
			s.write("README.md", "read me")
			s.Expect(s.run()).To(Succeed(), s.log)
			s.Expect(s.ran()).To(Equal([]int{1}))
			c.change(s)
			s.Expect(s.run()).To(Succeed(), s.log)
			s.Expect(len(s.ran()) == 1).To(Equal(c.ran), s.log)
			s.Expect(s.log).To(ContainSubstring(c.log))
		})
	}
}

// A step that talks to anybody, even on this machine, runs in each build, until it does so no more.
func TestStepsThatConnect(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("answer")) }))
	defer server.Close()
	datagrams, err := net.ListenPacket("udp", "127.0.0.1:0")
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	defer func() { _ = datagrams.Close() }()
	for name, script := range map[string]string{
		"HTTP":      "python3 -c 'import urllib.request; urllib.request.urlopen(\"" + server.URL + "\").read()' > out",
		"UDP":       "python3 -c 'import socket; a, p = \"" + datagrams.LocalAddr().String() + "\".split(\":\"); socket.socket(type=socket.SOCK_DGRAM).sendto(b\"x\", (a, int(p)))'",
		"in vain":   "python3 -c 'import socket; socket.socket().connect_ex((\"127.0.0.1\", 1))'",
		"elsewhere": "python3 -c 'import socket; s = socket.socket(); s.setblocking(False); s.connect_ex((\"192.0.2.1\", 80))'",
	} {
		t.Run(name, func(t *testing.T) {
			s := newShop(t, script, "echo quiet > quiet")
			s.traffic, s.build.Reuse = observe.Counters(), plan.ReuseAuto
			s.Expect(s.run()).To(Succeed(), s.log)
			s.Expect(s.log).To(ContainSubstring("Build       step 1 runs in each build: it opened a connection (BP_BUILD_REUSE=always reuses what it made nevertheless)"))
			s.Expect(s.run()).To(Succeed(), s.log)
			s.Expect(s.ran()).To(ContainElement(1), s.log)
			s.Expect(s.log).To(ContainSubstring("step 1 runs again: it opened a connection\n"))
			s.build.Reuse = plan.ReuseAlways
			s.Expect(s.run()).To(Succeed(), s.log)
			s.Expect(s.log).To(ContainSubstring("step 1 runs again: nothing was kept of what it made"))
			s.Expect(s.run()).To(Succeed(), s.log)
			s.Expect(s.ran()).To(BeEmpty(), s.log)
			s.build.Reuse = plan.ReuseAuto
			s.Expect(s.run()).To(Succeed(), s.log)
			s.Expect(s.ran()).To(ContainElement(1), s.log)
			s.Expect(s.log).NotTo(ContainSubstring("it made another"))
		})
	}
}

// What comes out otherwise from the same source is told once, and is not used again.
func TestStepsThatVary(t *testing.T) {
	s := newShop(t, "mkdir -p out; head -c 8 /dev/urandom | od -An -tx1 > out/random; cat a > out/same")
	s.build.Reuse = plan.ReuseAuto
	s.write("a", "a")
	s.Expect(s.run()).To(Succeed(), s.log)
	s.Expect(s.run()).To(Succeed(), s.log)
	s.Expect(s.ran()).To(BeEmpty(), "a first difference shows when it runs again")
	s.build.Reuse = plan.ReuseNever
	s.Expect(s.run()).To(Succeed(), s.log)
	s.build.Reuse = plan.ReuseAuto
	s.Expect(s.run()).To(Succeed(), s.log)
	s.Expect(s.ran()).To(Equal([]int{1}))
	s.Expect(s.log).To(ContainSubstring("step 1 runs again: it made another out/random of the same source\n"))
}

// Of several steps each is decided by itself; one whose input an earlier one makes depends on what that makes, not on whether it ran.
func TestSeveralSteps(t *testing.T) {
	s := newShop(t, "mkdir -p out; cat css/* | tr a-z A-Z > out/css", "mkdir -p out; cat js/* > out/js", "cat out/css out/js | wc -c > out/total; sed -n 1p out/css > out/first")
	for _, name := range []string{"css/a", "js/a"} {
		s.write(name, name+"\nmore\n")
	}
	s.Expect(s.run()).To(Succeed(), s.log)
	s.write("js/a", "other\nmore\n")
	s.Expect(s.run()).To(Succeed(), s.log)
	s.Expect(s.ran()).To(Equal([]int{2, 3}), s.log)
	s.Expect(s.log).To(And(
		ContainSubstring("Build       step 1 reused: the 1 file it read is unchanged, and it opened no connection"),
		ContainSubstring("Build       step 3 runs again: out/js changed"),
	))
	// What it makes is the same in capitals.
	s.write("css/a", "CSS/A\nmore\n")
	s.Expect(s.run()).To(Succeed(), s.log)
	s.Expect(s.ran()).To(Equal([]int{1}), s.log)
}

// Files that the image must not have are in no cache; where all steps are reused nobody needs them.
func TestUnkeptFiles(t *testing.T) {
	s := newShop(t, "echo token > .npmrc; cat a > out", "cat b .npmrc > out2")
	s.remove = []string{".npmrc"}
	s.write("a", "a")
	s.write("b", "b")
	s.Expect(s.run()).To(Succeed(), s.log)
	found, err := exec.Command("sh", "-c", "cd "+s.layers+"/build-output && for f in *.zst; do zstd -dc $f | grep -a token; done; true").CombinedOutput()
	s.Expect(err).NotTo(HaveOccurred())
	s.Expect(strings.Count(string(found), "token")).To(Equal(1), "of the second step alone, which writes it into a file of the image")
	s.Expect(s.run()).To(Succeed(), s.log)
	s.Expect(s.ran()).To(BeEmpty(), s.log)
	s.write("b", "other")
	s.Expect(s.run()).To(Succeed(), s.log)
	s.Expect(s.ran()).To(Equal([]int{1, 2}))
	s.Expect(s.log).To(ContainSubstring("step 1 runs again: files that it made are in no cache"))
}

// What Git says of the commit counts for those who ask it.
func TestStepsThatAskGit(t *testing.T) {
	git := func(s *shop, args ...string) {
		cmd := exec.Command("git", append([]string{"-c", "user.name=a", "-c", "user.email=a@example.com"}, args...)...)
		cmd.Dir = s.source
		out, err := cmd.CombinedOutput()
		s.Expect(err).NotTo(HaveOccurred(), string(out))
	}
	for name, c := range map[string]struct {
		script string
		ran    bool
	}{
		"the commit":  {script: "git -c safe.directory='*' rev-parse HEAD > commit", ran: true},
		"not at all":  {script: "cat a > out"},
		"without Git": {script: "cat .git/HEAD .git/refs/heads/* > out", ran: true},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShop(t, c.script)
			s.write("a", "a")
			git(s, "init", "-q")
			git(s, "add", "-A")
			git(s, "commit", "-qm", "one")
			s.Expect(s.run()).To(Succeed(), s.log)
			s.Expect(s.run()).To(Succeed(), s.log)
			s.Expect(s.ran()).To(BeEmpty(), s.log)
			git(s, "commit", "-q", "--allow-empty", "-m", "two")
			s.Expect(s.run()).To(Succeed(), s.log)
			s.Expect(len(s.ran()) == 1).To(Equal(c.ran), s.log)
			if c.ran {
				s.Expect(s.log).To(ContainSubstring("step 1 runs again: the commit that is checked out changed"))
			}
		})
	}
}

// Whatever is wrong with the records or the archives: the steps run again, and the next build is as fast as ever.
func TestDamagedRecords(t *testing.T) {
	for name, damage := range map[string]func(s *shop, file string) error{
		"a bit":  func(_ *shop, file string) error { return flip(file) },
		"cut":    func(_ *shop, file string) error { return os.Truncate(file, 10) },
		"empty":  func(_ *shop, file string) error { return os.Truncate(file, 0) },
		"gone":   func(_ *shop, file string) error { return os.Remove(file) },
		"folder": func(_ *shop, file string) error { return errors.Join(os.Remove(file), os.Mkdir(file, 0o755)) },
	} {
		for _, pattern := range []string{"records.json", "*.tar.zst"} {
			t.Run(name+" "+pattern, func(t *testing.T) {
				s := newShop(t, "mkdir -p out; cat a > out/a")
				s.write("a", "a")
				s.Expect(s.run()).To(Succeed(), s.log)
				clean := s.state(s.app)
				files, err := filepath.Glob(filepath.Join(s.layers, "build-output", pattern))
				s.Expect(err).NotTo(HaveOccurred())
				s.Expect(files).To(HaveLen(1))
				s.Expect(damage(s, files[0])).To(Succeed())
				s.Expect(s.run()).To(Succeed(), s.log)
				s.Expect(s.ran()).To(Equal([]int{1}), s.log)
				s.Expect(s.state(s.app)).To(Equal(clean))
				s.Expect(s.run()).To(Succeed(), s.log)
				s.Expect(s.ran()).To(BeEmpty(), s.log)
				s.Expect(s.state(s.app)).To(Equal(clean))
			})
		}
	}
}

func flip(file string) error {
	content, err := os.ReadFile(file)
	if err == nil {
		content[len(content)/2] ^= 1
		err = os.WriteFile(file, content, 0o644)
	}
	return err
}

// A build that was killed, or that failed, leaves nothing that the next one takes for whole.
func TestInterruptedRecords(t *testing.T) {
	s := newShop(t, "mkdir -p out; cat a > out/a", "cat b > out/b; [ ! -e fail ]")
	s.write("a", "a")
	s.write("b", "b")
	s.Expect(s.run()).To(Succeed(), s.log)
	s.write("a", "other")
	s.write("fail", "")
	s.Expect(s.run()).NotTo(Succeed())
	s.Expect(os.Remove(filepath.Join(s.source, "fail"))).To(Succeed())
	s.write("a", "a")
	s.Expect(s.run()).To(Succeed(), s.log)
	clean := newShop(t, "mkdir -p out; cat a > out/a", "cat b > out/b; [ ! -e fail ]")
	clean.source = s.source
	clean.Expect(clean.run()).To(Succeed())
	s.Expect(s.state(s.app)).To(Equal(clean.state(clean.app)), s.log)
}

// Where reads do not show, all files count; and where nothing can be looked at, the steps run.
func TestBlindSteps(t *testing.T) {
	s := newShop(t, "cat a > out")
	s.blind = true
	s.write("a", "a")
	s.write("b", "b")
	s.Expect(s.run()).To(Succeed(), s.log)
	s.Expect(s.log).To(ContainSubstring("Build       which files the steps read does not show here, so that they run again whenever any file changes: reads do not show\n"))
	s.Expect(s.run()).To(Succeed(), s.log)
	s.Expect(s.ran()).To(BeEmpty())
	s.Expect(s.log).To(ContainSubstring("reused: the source is unchanged, and it opened no connection"))
	s.write("b", "other")
	s.Expect(s.run()).To(Succeed(), s.log)
	s.Expect(s.ran()).To(Equal([]int{1}))
}

// What tools keep for themselves is no input; what is committed in its place is one.
func TestKeptPlaces(t *testing.T) {
	s := newShop(t, "mkdir -p .cache out; [ -e .cache/x ] || date +%N > .cache/x; date +%N > trace; cat a > out/a")
	s.build.Caches, s.build.Traces, s.build.CacheLimit = []string{".cache"}, []string{"trace"}, 1<<20
	s.write("a", "a")
	s.Expect(s.run()).To(Succeed(), s.log)
	s.Expect(s.run()).To(Succeed(), s.log)
	s.Expect(s.ran()).To(BeEmpty(), s.log)
	s.write(".cache/x", "committed")
	s.Expect(s.run()).To(Succeed(), s.log)
	s.Expect(s.ran()).To(Equal([]int{1}), s.log)
	s.Expect(s.log).To(ContainSubstring("step 1 runs again: the source's .cache is new"))
	s.Expect(s.run()).To(Succeed(), s.log)
	s.Expect(s.ran()).To(BeEmpty(), s.log)
	s.write(".cache/x", "edited")
	s.Expect(s.run()).To(Succeed(), s.log)
	s.Expect(s.ran()).To(Equal([]int{1}), s.log)
}

// What cannot be kept is told; the build goes on, and the next one is a clean build's.
func TestStepsThatCannotBeRecorded(t *testing.T) {
	for name, c := range map[string]struct{ script, log string }{
		"too much":           {script: "head -c 3000 /dev/zero > big", log: "step 1 made 3 kB, and BP_CACHE_LIMIT is 2 kB"},
		"a name that is not": {script: `touch "$(printf 'a\377')"`, log: `the name of the file "a\xff" is not UTF-8`},
		"an unreadable file": {script: "echo x > none; chmod 0 none", log: ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShop(t, c.script, "echo > second")
			s.build.CacheLimit = 2000
			s.write("a", "a")
			for range 2 {
				s.Expect(s.run()).To(Succeed(), s.log)
				if c.log != "" {
					s.Expect(s.log).To(ContainSubstring("Build       not all that the steps did could be recorded, so they run again in the next build: " + c.log))
					s.Expect(s.ran()).To(Equal([]int{1, 2}))
				}
			}
			clean := newShop(t, c.script, "echo > second")
			clean.source, clean.build = s.source, s.build
			clean.Expect(clean.run()).To(Succeed())
			s.Expect(s.state(s.app)).To(Equal(clean.state(clean.app)), s.log)
		})
	}
}

// What a step leaves outside of the source is there for the next one: it runs, where that one does.
func TestStepsThatLeaveSomethingElsewhere(t *testing.T) {
	for name, c := range map[string]struct{ first, second, said string }{
		"the home folder":  {first: `cp a "$HOME/.myrc"`, second: `cat "$HOME/.myrc" b > out`, said: "~/.myrc"},
		"temporary files":  {first: `cp a "$TMPDIR/gen"`, second: `cat "$TMPDIR/gen" b > out`, said: "/gen"},
		"a cache of tools": {first: `mkdir -p "$HOME/.cache/tool"; cp a "$HOME/.cache/tool/x"`, second: `cat b > out`},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShop(t, c.first, c.second)
			s.write("a", "a")
			s.write("b", "b")
			s.Expect(s.run()).To(Succeed(), s.log)
			s.Expect(s.run()).To(Succeed(), s.log)
			s.Expect(s.ran()).To(BeEmpty(), s.log)
			s.write("b", "other")
			s.Expect(s.run()).To(Succeed(), s.log)
			if c.said == "" {
				s.Expect(s.ran()).To(Equal([]int{2}), s.log)
				return
			}
			s.Expect(s.ran()).To(Equal([]int{1, 2}), s.log)
			s.Expect(s.log).To(And(ContainSubstring("step 1 runs again: it wrote "), ContainSubstring(c.said+", which is not kept")))
			content, err := os.ReadFile(filepath.Join(s.app, "out"))
			s.Expect(err).NotTo(HaveOccurred())
			s.Expect(string(content)).To(Equal("aother"))
		})
	}
}

// Modes are restored whole; what is neither file, folder nor link is not recorded.
func TestOddOutputs(t *testing.T) {
	for name, c := range map[string]struct {
		script string
		ran    bool
	}{
		"setuid":        {script: "mkdir dist; echo hi > dist/x; chmod 4755 dist/x"},
		"setgid":        {script: "mkdir -p dist; chmod 2755 dist"},
		"sticky":        {script: "mkdir -p dist; chmod 1777 dist"},
		"a pipe":        {script: "mkdir -p dist; mkfifo dist/fifo", ran: true},
		"an empty file": {script: "tar cf out.tar --mtime=2020-01-01 --owner=0 --group=0 --sort=name empty"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShop(t, c.script)
			s.write("empty", "")
			s.Expect(s.run()).To(Succeed(), s.log)
			clean := s.state(s.app)
			s.Expect(s.run()).To(Succeed(), s.log)
			s.Expect(len(s.ran()) > 0).To(Equal(c.ran), s.log)
			s.Expect(s.state(s.app)).To(Equal(clean))
			s.write("empty", "not any more")
			s.Expect(s.run()).To(Succeed(), s.log)
			s.Expect(s.ran()).To(Equal([]int{1}), s.log)
		})
	}
}

// A short secret in a file that was read cannot be looked up in the cache.
func TestDigestsAreSalted(t *testing.T) {
	s := newShop(t, "cat .env > out")
	s.write(".env", "PIN=1234\n")
	s.Expect(s.run()).To(Succeed(), s.log)
	text, err := os.ReadFile(filepath.Join(s.layers, "build-output/records.json"))
	s.Expect(err).NotTo(HaveOccurred())
	sum := sha256.Sum256([]byte("PIN=1234\n"))
	s.Expect(string(text)).NotTo(ContainSubstring(hex.EncodeToString(sum[:])))
	s.Expect(string(text)).To(ContainSubstring(`".env"`))
}

// A step that takes long does not make the time of another one its own.
func TestTimesOfSteps(t *testing.T) {
	s := newShop(t, "date -u +%FT%TZ > source-time; sleep 3", "cp source-time out")
	s.build.Reuse = plan.ReuseAuto
	s.write("a", time.Now().Format(time.RFC3339))
	s.Expect(s.run()).To(Succeed(), s.log)
	s.Expect(s.log).To(ContainSubstring("step 1 runs in each build: it wrote the time into source-time"))
	s.Expect(s.log).NotTo(ContainSubstring("step 2 runs in each build"))
}
