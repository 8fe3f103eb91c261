package capture_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/container/agent"
	"github.com/gantry-buildpack/gantry/internal/inspect/profile"
)

// rubyReleases are the versions of Ruby with which the captures are tested.
var rubyReleases = []string{"3.3.8", "3.4.5"}

// unpack unpacks a Ruby of the test data once, and compiles the sampler for it.
var unpack = sync.OnceValue(func() error {
	for _, version := range rubyReleases {
		dir := rubyFolder(version)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		archive := filepath.Join(os.Getenv("GANTRY_TEST_MIRROR"), "ruby-"+version+"-linux-amd64.tar.gz")
		if out, err := exec.Command("tar", "-xzf", archive, "-C", dir).CombinedOutput(); err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		for name, content := range map[string]string{agent.ScriptFile: agent.Script, agent.ProfilesFile: agent.Profiles, agent.SamplerSource: agent.Sampler, agent.ObjectsSource: agent.Objects} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
				return err
			}
		}
		compile := exec.Command(filepath.Join(dir, "bin", "ruby"), "--disable=gems", "-rrbconfig", "-e", agent.Compile)
		compile.Dir = dir
		if out, err := compile.CombinedOutput(); err != nil || len(out) > 0 {
			return fmt.Errorf("%w: %s", err, out)
		}
	}
	return nil
})

func rubyFolder(version string) string {
	return filepath.Join(os.TempDir(), "gantry-test-ruby", version)
}

// ruby starts a script as the launch check would have it start, and waits for its first line.
func ruby(t *testing.T, version, script string, env ...string) (pid string, cmd *exec.Cmd) {
	g := NewWithT(t)
	if os.Getenv("GANTRY_TEST_MIRROR") == "" {
		t.Skip("not tested with Ruby: GANTRY_TEST_MIRROR names no folder with Rubies and gems")
	}
	g.Expect(unpack()).To(Succeed())
	dir, err := agent.MakeFolder(os.TempDir())
	g.Expect(err).NotTo(HaveOccurred())
	file := filepath.Join(t.TempDir(), "app.rb")
	g.Expect(os.WriteFile(file, []byte("$stdout.sync = true\n"+script), 0o644)).To(Succeed())
	cmd = exec.Command(filepath.Join(rubyFolder(version), "bin", "ruby"), file)
	option := "-r" + filepath.Join(rubyFolder(version), agent.ScriptFile)
	cmd.Env = append(os.Environ(), append([]string{agent.Variable + "=" + dir, "RUBYOPT=" + option + " -W0"}, env...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(cmd.Start()).To(Succeed())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	g.Expect(err).NotTo(HaveOccurred())
	// A script may name another process than its first.
	if pid = strings.TrimSpace(line); pid == "ready" {
		pid = strconv.Itoa(cmd.Process.Pid)
	}
	return pid, cmd
}

// storm allocates in one line, and computes in another.
const storm = `
class Leaked; def initialize(n) = @data = [n] * 20; end
KEPT = Array.new(3000) { |i| Leaked.new(i) }
def allocates = Array.new(500) { |i| "row #{i}".upcase }
def computes(n = 0) = 20_000.times { n += Math.sqrt(n) }
Thread.new { Thread.current.name = "waiting"; sleep }
puts "ready"
loop { allocates; computes }
`

func readProfile(t *testing.T, text string) *profile.Capture {
	c, err := profile.Read("test", strings.NewReader(text))
	NewWithT(t).Expect(err).NotTo(HaveOccurred(), text)
	return c
}

func TestRubyProfiles(t *testing.T) {
	for _, version := range rubyReleases {
		for _, jit := range []string{"", "RUBY_YJIT_ENABLE=1"} {
			t.Run(version+jit, func(t *testing.T) {
				g := NewWithT(t)
				pid, _ := ruby(t, version, storm, append([]string{"A=b"}, strings.Fields(jit)...)...)
				out, errs, code := run(0, "profile", "allocations", "--for", "1s", "--pid", pid)
				g.Expect(code).To(BeZero(), errs)
				d := readProfile(t, out).Ruby
				lines, strings := map[int]int64{}, int64(0)
				for _, s := range d.Samples {
					lines[d.Calls(s)[0].Line] += s.Objects
					if s.Class >= 0 && d.Classes[s.Class] == "String" {
						strings += s.Objects
					}
				}
				g.Expect(d.Taken).To(BeNumerically(">", 100))
				g.Expect(float64(lines[5])).To(BeNumerically(">", 0.9*float64(lines[5]+lines[6])), "%v", lines)
				g.Expect(strings).To(BeNumerically(">", 0))

				out, errs, code = run(0, "profile", "cpu", "--for", "1s", "--pid", pid)
				g.Expect(code).To(BeZero(), errs)
				var total int64
				self := map[string]int64{}
				for _, l := range readProfile(t, out).Profile.Functions() {
					self[l.Name] += l.Total
					total += l.Self
				}
				g.Expect(total).To(BeNumerically(">", 100_000), "microseconds of a process that does nothing but compute")
				computes := self["Object#computes"]
				g.Expect(computes).To(BeNumerically(">", 0.3*float64(total)))
			})
		}
	}
}

// Every object is counted, and nothing else is.
func TestRubyExactAllocations(t *testing.T) {
	for _, version := range rubyReleases {
		g := NewWithT(t)
		pid, _ := ruby(t, version, `
class Made; end
puts "ready"
sleep 1
1000.times { Made.new }
sleep`)
		out, errs, code := run(0, "profile", "allocations", "--exact", "--for", "2s", "--pid", pid)
		g.Expect(code).To(BeZero(), errs)
		d := readProfile(t, out).Ruby
		made := int64(0)
		for _, s := range d.Samples {
			if s.Class >= 0 && d.Classes[s.Class] == "Made" {
				made += s.Objects
			}
		}
		g.Expect(made).To(Equal(int64(1000)))
		g.Expect(d.Dropped).To(BeZero())
	}
}

func TestRubyStacksCollectorAndHeap(t *testing.T) {
	for _, version := range rubyReleases {
		t.Run(version, func(t *testing.T) {
			g := NewWithT(t)
			pid, _ := ruby(t, version, storm)
			out, errs, code := run(0, "stacks", "--pid", pid)
			g.Expect(code).To(BeZero(), errs)
			g.Expect(out).To(MatchRegexp(`Thread \d+ main, running, or waiting for its turn:\n(  .*\n)*  .*app\.rb:9:in .<main>'\n`))
			g.Expect(out).To(MatchRegexp(`Thread \d+ waiting, waiting:\n  .*app\.rb:7:in .*sleep'\n`))
			g.Expect(out).NotTo(ContainSubstring("gantry"), "its own threads are nobody's concern")

			out, errs, code = run(0, "gc", "--for", "500ms", "--pid", pid)
			g.Expect(code).To(BeZero(), errs)
			g.Expect(out).To(MatchRegexp(`Collections +[1-9]\d* \(`))
			g.Expect(out).To(MatchRegexp(`Allocated +[1-9]\d* objects`))

			out, errs, code = run(0, "snapshot", "heap", "--pid", pid)
			g.Expect(code).To(BeZero(), errs)
			snapshot := readProfile(t, out).Snapshot
			i := slices.IndexFunc(snapshot.Constructors, func(c profile.Constructor) bool { return c.Name == "Leaked" })
			g.Expect(i).To(BeNumerically(">=", 0))
			leaked := snapshot.Constructors[i]
			g.Expect(leaked.Count).To(Equal(3000))
			g.Expect(leaked.Retained).To(BeNumerically(">", leaked.Self), "their arrays are kept alive by them")

			_, errs, code = run(1<<20, "snapshot", "heap", "--pid", pid)
			g.Expect(code).To(Equal(1))
			g.Expect(errs).To(ContainSubstring("a heap snapshot could end the container for want of memory  [capture/no-room]"))
			out, _, code = run(0, "ps")
			g.Expect(code).To(BeZero())
			g.Expect(out).To(MatchRegexp(`%s +%s`, pid, version))
		})
	}
}

// Whatever an application does to itself, it can be looked into.
func TestRubyIsLookedIntoWhateverItDoes(t *testing.T) {
	for name, script := range map[string]string{
		"forks":       `fork { puts Process.pid; sleep }; sleep`,
		"daemonises":  `fork { Process.daemon(true, true); puts Process.pid; sleep }; sleep`,
		"execs":       `exec({"RUBYOPT" => ENV["RUBYOPT"]}, RbConfig.ruby, "-e", "puts Process.pid; $stdout.flush; sleep") unless ENV["AGAIN"]`,
		"title":       `$0 = "an application with a long title " * 20; puts "ready"; sleep`,
		"closes":      `ObjectSpace.each_object(IO) { |io| io.close unless io.closed? || io.fileno < 3 }; puts "ready"; sleep`,
		"descriptors": `(3..200).each { |n| IO.for_fd(n).close rescue nil }; puts "ready"; sleep`,
		"no gems":     `pid = spawn(RbConfig.ruby, "--disable-gems", "-e", "puts Process.pid; $stdout.flush; sleep"); sleep`,
		"threads":     `20.times { Thread.new { loop { 1 + 1 } } }; puts "ready"; sleep`,
		"signals":     `Signal.trap("TERM") { }; Process.setproctitle("x"); ENV.clear; puts "ready"; sleep`,
	} {
		for _, version := range rubyReleases {
			t.Run(name+" "+version, func(t *testing.T) {
				g := NewWithT(t)
				pid, _ := ruby(t, version, script)
				t.Cleanup(func() {
					if n, err := strconv.Atoi(pid); err == nil {
						if p, err := os.FindProcess(n); err == nil {
							_ = p.Kill()
						}
					}
				})
				g.Eventually(func() string {
					out, errs, _ := run(0, "stacks", "--pid", pid)
					return out + errs
				}, 10*time.Second, 200*time.Millisecond).Should(MatchRegexp(`Thread \d+ main, (waiting|running)`))
			})
		}
	}
}

// A new program takes the place of the application while its processor time is sampled: the timer of that must not end it.
func TestRubyExecsWhileProfiled(t *testing.T) {
	g := NewWithT(t)
	pid, cmd := ruby(t, "3.4.5", `puts "ready"; t = Time.now; nil while Time.now - t < 3; exec(RbConfig.ruby, "--disable-gems", "-e", "t = Time.now; nil while Time.now - t < 1; exit 7")`)
	_, errs, code := run(0, "profile", "cpu", "--for", "9s", "--pid", pid)
	g.Expect(code).To(Equal(1))
	g.Expect(errs).To(ContainSubstring("[capture/interrupted]"))
	g.Expect(cmd.Wait()).To(HaveOccurred())
	g.Expect(cmd.ProcessState.ExitCode()).To(Equal(7))
}

// Nothing that arrives at the socket but a request has an effect, and the next request is answered.
func TestRubyIgnoresWhatIsNoRequest(t *testing.T) {
	g := NewWithT(t)
	pid, _ := ruby(t, "3.4.5", `puts "ready"; sleep`)
	sockets, err := filepath.Glob(filepath.Join(agent.Folders(os.TempDir(), os.Getuid())[0], "*-"+pid))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(sockets).To(HaveLen(1))
	info, err := os.Stat(sockets[0])
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(info.Mode().Perm()).To(Equal(os.FileMode(0o600)))
	for _, text := range []string{"", "\n", "\x00\xff\xfe\n", "eval puts\n", "ps; rm -rf\n", "allocations seconds=\n", "cpu seconds=x every=-1\n", strings.Repeat("a", 100_000), "ps a=" + strings.Repeat("b", 5000) + "\n"} {
		connection, err := net.Dial("unix", sockets[0])
		g.Expect(err).NotTo(HaveOccurred())
		_, _ = connection.Write([]byte(text))
		g.Expect(connection.Close()).To(Succeed())
	}
	g.Eventually(func() int {
		_, _, code := run(0, "stacks", "--pid", pid)
		return code
	}, 10*time.Second).Should(BeZero())
}

// An end by an exception is told to the program that started the application.
func TestRubyLeavesItsLastWords(t *testing.T) {
	for _, version := range rubyReleases {
		g := NewWithT(t)
		reports := t.TempDir()
		_, cmd := ruby(t, version, `puts "ready"
def inner = raise(ArgumentError, "bad \"input\"\n\xff")
begin
  inner
rescue => e
  raise IOError, "it failed"
end`, "GANTRY_REPORTS="+reports)
		g.Expect(cmd.Wait()).To(HaveOccurred())
		text, err := os.ReadFile(filepath.Join(reports, fmt.Sprintf("exception-%d.json", cmd.Process.Pid)))
		g.Expect(err).NotTo(HaveOccurred())
		var words struct {
			Runtime, Version string
			Chain            []struct{ Message, Stack string }
		}
		g.Expect(json.Unmarshal(text, &words)).To(Succeed(), string(text))
		g.Expect(words.Runtime + words.Version).To(Equal("Ruby" + version))
		g.Expect(words.Chain[0].Message).To(Equal("IOError: it failed"))
		g.Expect(words.Chain[1].Message).To(Equal("ArgumentError: bad \"input\"\n\ufffd"))
		g.Expect(words.Chain[1].Stack).To(MatchRegexp(`app\.rb:3:in .*inner'`))
	}
}

// Whatever is raised, Ruby ends as it would without the script, and soon.
func TestRubyEndsAsItWould(t *testing.T) {
	for _, version := range rubyReleases {
		for name, script := range map[string]string{
			"a message that raises": "class Bad < StandardError; def message = raise(\"again\"); end; raise Bad",
			"a cause that raises":   "class Bad < StandardError; def cause = raise(\"again\"); end; raise Bad",
			"a backtrace of nil":    "class Bad < StandardError; def backtrace = raise(\"again\"); end; raise Bad",
			"a long message":        "raise 'x' * 20_000_000",
		} {
			t.Run(version+" "+name, func(t *testing.T) {
				g := NewWithT(t)
				reports := t.TempDir()
				_, cmd := ruby(t, version, "$stdout.puts 'ready'\n$stdout.flush\n"+script, "GANTRY_REPORTS="+reports)
				g.Expect(cmd.Wait()).To(HaveOccurred())
				g.Expect(cmd.ProcessState.ExitCode()).To(Equal(1))
				info, err := os.Stat(filepath.Join(reports, fmt.Sprintf("exception-%d.json", cmd.Process.Pid)))
				g.Expect(err).NotTo(HaveOccurred())
				g.Expect(info.Size()).To(BeNumerically("<", 100_000))
			})
		}
	}
}
