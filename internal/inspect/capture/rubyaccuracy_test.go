package capture_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/inspect/rubyprofile"
)

// exactly allocates in each of its first methods a number of objects that GC.stat counts, which itself needs none for that. It writes at
// its end how many those were, by lines. What is measured begins with a burst of a process that was idle.
const exactly = `
def burst = 21_000.times { Object.new }
def row = 21_000.times { Object.new }
def spaced = 2_000.times { Object.new }
def threads = 6_000.times { "a" + "b" }
def deep(n) = n.zero? ? 3_000.times { Object.new } : deep(n - 1)
def total = GC.stat(:total_allocated_objects)
COUNTS = Hash.new(0)
def counted(name, line)
  before = total
  yield
  made = total - before
  COUNTS[line] += made
end
def all(file)
  # Until the capture has begun.
  sleep 0.01 until GantryAgent.const_defined?(:Sampler) && GantryAgent::Sampler.counts.any?
  sleep 1
  counted(:burst, 3) { burst }
  sleep 0.3
  40.times { counted(:row, 4) { row } }
  20.times { counted(:spaced, 5) { spaced }; sleep 0.02 }
  8.times.map { Thread.new { 20.times { threads; Thread.pass } } }.each(&:join)
  COUNTS[6] = 8 * 20 * 6_000 * 3
  30.times { counted(:deep, 7) { deep(150) } }
  File.write(file + ".partial", "{" + COUNTS.map { |line, count| %("#{line}": #{count}) }.join(",") + "}")
  File.rename(file + ".partial", file)
end
$stdout.sync = true
if ENV["FORKED"]
  fork { puts Process.pid; all(ENV["MADE"]); sleep }
  sleep
end
puts "ready"
all(ENV["MADE"])
sleep`

// What a profile says was allocated at a line is what GC.stat counted: all of it where every object is looked at, and within the error
// that is told where they are sampled. It does not matter what the process did before, nor how many threads do it.
func TestRubyProfilesCountAllocations(t *testing.T) {
	for _, version := range rubyReleases {
		for _, env := range []string{"A=b", "RUBY_YJIT_ENABLE=1", "FORKED=1"} {
			for _, exact := range []bool{true, false} {
				t.Run(fmt.Sprint(version, " ", env, " exact ", exact), func(t *testing.T) {
					t.Parallel()
					g := NewWithT(t)
					made := filepath.Join(t.TempDir(), "made")
					pid, _ := ruby(t, version, exactly, env, "MADE="+made)
					number, err := strconv.Atoi(pid)
					g.Expect(err).NotTo(HaveOccurred())
					// Of the one that forks, this is the child.
					t.Cleanup(func() { _ = syscall.Kill(number, syscall.SIGKILL) })
					client := exec.Command("/proc/self/exe", "gantry", "profile", "allocations", "--for", "2m", "--pid", pid)
					if exact {
						client.Args = append(client.Args, "--exact")
					}
					var out, errs bytes.Buffer
					client.Stdout, client.Stderr = &out, &errs
					g.Expect(client.Start()).To(Succeed())
					var text []byte
					g.Eventually(func() (err error) {
						text, err = os.ReadFile(made)
						return err
					}, "90s", "50ms").Should(Succeed(), "the work is done")
					g.Expect(client.Process.Signal(syscall.SIGINT)).To(Succeed())
					_ = client.Wait()
					g.Expect(out.Len()).NotTo(BeZero(), errs.String())
					truth := map[int]int64{}
					g.Expect(json.Unmarshal(text, &truth)).To(Succeed())
					g.Expect(truth).To(HaveLen(5))
					d := readProfile(t, out.String()).Ruby
					g.Expect(d.Missed).To(BeZero())
					counted, squares := map[int]int64{}, map[int]float64{}
					for _, s := range d.Samples {
						for _, call := range d.Calls(s) {
							// All that the method allocates, or what it calls in Ruby's own code.
							if strings.HasSuffix(call.File, "app.rb") {
								counted[call.Line], squares[call.Line] = counted[call.Line]+s.Objects, squares[call.Line]+s.Squares
								break
							}
						}
					}
					for line, want := range truth {
						ratio, within := float64(counted[line])/float64(want), rubyprofile.Error(counted[line], squares[line])
						t.Logf("line %d: %.4f of %d, ±%.3f", line, ratio, want, within)
						if exact {
							g.Expect(ratio).To(BeNumerically("~", 1, 0.005))
							continue
						}
						// The error is that of 95 %; 2.6 times as much is passed once in three million times.
						g.Expect(math.Abs(ratio - 1)).To(BeNumerically("<", 2.6*within+0.005))
					}
				})
			}
		}
	}
}
