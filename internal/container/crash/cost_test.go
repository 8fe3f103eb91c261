package crash_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
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

	"github.com/gantry-buildpack/gantry/internal/container/crash"
)

// holding is a server that keeps a share of its heap in use, and allocates for each answer.
const holding = `
const v8 = require('node:v8')
const limit = 200 * 2 ** 20, share = Number(process.argv[2])
const kept = []
let major = 0
const { PerformanceObserver, constants } = require('node:perf_hooks')
new PerformanceObserver(list => {
  for (const { detail } of list.getEntries()) if (detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR) major++
}).observe({ entryTypes: ['gc'] })
const used = () => v8.getHeapStatistics().used_heap_size
while (used() < share * limit) for (let i = 0; i < 1000; i++) kept.push({ i: i + 0.5, list: [i, i + 1], name: 'item ' + i })
require('node:http').createServer((request, response) => {
  if (request.url === '/collections') return response.end(String(major))
  const items = Array.from({ length: 200 }, (_, i) => ({ id: i, name: 'name ' + i, tags: ['a' + i, 'b'] }))
  response.end(JSON.stringify(items))
}).listen(0, '127.0.0.1', function () { console.log(this.address().port) })
`

// server is one that runs, with or without the script that Gantry has Node.js load first.
type server struct {
	address string
	pid     int
	// stop ends it.
	stop func()
}

func serve(t *testing.T, node string, share float64, watched bool) server {
	g := NewWithT(t)
	dir := t.TempDir()
	app, watch := filepath.Join(dir, "app.js"), filepath.Join(dir, crash.WatchFile)
	g.Expect(os.WriteFile(app, []byte(holding), 0o644)).To(Succeed())
	g.Expect(os.WriteFile(watch, []byte(crash.WatchScript), 0o644)).To(Succeed())
	arguments := []string{"--max-old-space-size=200"}
	if watched {
		arguments = append(arguments, "--require="+watch)
	}
	cmd := exec.Command(node, append(arguments, app, fmt.Sprint(share))...)
	cmd.Env = append(os.Environ(), "GANTRY_REPORTS="+dir)
	out, err := cmd.StdoutPipe()
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(cmd.Start()).To(Succeed())
	stop := sync.OnceFunc(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	t.Cleanup(stop)
	line, err := bufio.NewReader(out).ReadString('\n')
	g.Expect(err).NotTo(HaveOccurred())
	return server{"http://127.0.0.1:" + strings.TrimSpace(line), cmd.Process.Pid, stop}
}

// load asks for a time, with two clients, and gives how many answers there were and how long the slowest of a hundred took.
func (s server) load(t *testing.T, d time.Duration) (answers int, p99 time.Duration) {
	var group sync.WaitGroup
	var lock sync.Mutex
	var times []time.Duration
	for range 2 {
		group.Go(func() {
			client := &http.Client{Transport: &http.Transport{}}
			defer client.CloseIdleConnections()
			var own []time.Duration
			for end := time.Now().Add(d); time.Now().Before(end); {
				start := time.Now()
				response, err := client.Get(s.address)
				if err != nil {
					t.Error(err)
					return
				}
				_, _ = io.Copy(io.Discard, response.Body)
				_ = response.Body.Close()
				own = append(own, time.Since(start))
			}
			lock.Lock()
			times = append(times, own...)
			lock.Unlock()
		})
	}
	group.Wait()
	slices.Sort(times)
	return len(times), times[len(times)*99/100]
}

// idle gives the share of a processor that the process uses when nobody asks.
func (s server) idle(d time.Duration) float64 {
	before := s.ticks()
	time.Sleep(d)
	return float64(s.ticks()-before) / 100 / d.Seconds()
}

func (s server) ticks() int64 {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.pid))
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	user, _ := strconv.ParseInt(fields[11], 10, 64)
	system, _ := strconv.ParseInt(fields[12], 10, 64)
	return user + system
}

func median(list []float64) float64 {
	list = slices.Clone(list)
	slices.Sort(list)
	return list[len(list)/2]
}

// collections gives how often the process has collected its whole heap.
func (s server) collections(t *testing.T) int {
	g := NewWithT(t)
	response, err := http.Get(s.address + "/collections")
	g.Expect(err).NotTo(HaveOccurred())
	defer func() { _ = response.Body.Close() }()
	var major int
	_, err = fmt.Fscan(response.Body, &major)
	g.Expect(err).NotTo(HaveOccurred())
	return major
}

func costNode(t *testing.T) string {
	if node := os.Getenv("GANTRY_TEST_NODE"); node != "" {
		return node
	}
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("not tested with Node.js: there is no node on PATH")
	}
	return node
}

// What runs by default next to an application makes V8 collect no garbage, and uses no processor while nobody asks.
func TestCostNextToTheApplication(t *testing.T) {
	for name, level := range map[string]float64{"little is in use": 0.3, "V8 samples the heap": 0.62, "the heap is nearly full": 0.85} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			var collected [2]int
			for i, watched := range []bool{false, true} {
				s := serve(t, costNode(t), level, watched)
				s.load(t, 2*time.Second)
				before := s.collections(t)
				g.Expect(before).To(BeNumerically(">", 0), "collections are counted")
				g.Expect(s.idle(4*time.Second)).To(BeNumerically("<", 0.05), "share of a processor")
				collected[i] = s.collections(t) - before
				s.stop()
			}
			// V8 itself collects once or twice when an application becomes idle; a profile that is read twice a second has it
			// collect each time.
			g.Expect(collected[1]).To(BeNumerically("<=", collected[0]+2))
		})
	}
}

// TestMeasureCost measures, with and without what runs by default and in turn, how many requests are answered, and how fast.
// It asserts nothing about the time, and runs with GANTRY_TEST_COST=full alone, for docs/speed.md.
func TestMeasureCost(t *testing.T) {
	if os.Getenv("GANTRY_TEST_COST") != "full" {
		t.Skip("not measured: GANTRY_TEST_COST=full measures for ten minutes")
	}
	node := costNode(t)
	const rounds, length, quiet = 15, 2 * time.Second, 3 * time.Second
	for _, level := range []float64{0.3, 0.7, 0.9} {
		var answers, slowest, idle []float64
		for round := range rounds {
			// Two processes of the same program differ by a few percent, so that each round has its own; neither is always the
			// first.
			with, without := serve(t, node, level, round%2 == 0), serve(t, node, level, round%2 == 1)
			if round%2 == 1 {
				with, without = without, with
			}
			for _, s := range []server{with, without} {
				s.load(t, time.Second)
			}
			n1, p1 := with.load(t, length)
			n2, p2 := without.load(t, length)
			answers, slowest = append(answers, float64(n1)/float64(n2)), append(slowest, p1.Seconds()/p2.Seconds())
			idle = append(idle, with.idle(quiet)-without.idle(quiet))
			with.stop()
			without.stop()
		}
		t.Logf("heap %.0f %%: throughput %.3f times, 99th of 100 %.2f times, idle %+.2f %% of a processor", level*100, median(answers), median(slowest), median(idle)*100)
	}
}
