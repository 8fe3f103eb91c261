package profile_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	pprof "github.com/google/pprof/profile"
	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/inspect/profile"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// cpu is a profile of 10 ms: 4 idle, 3 in render, which was called by handle and by itself, 2 in a package, 1 in the
// garbage collector.
const cpu = `{"nodes":[
	{"id":1,"callFrame":{"functionName":"(root)","url":"","lineNumber":-1},"children":[2,3,7]},
	{"id":2,"callFrame":{"functionName":"(idle)","url":"","lineNumber":-1}},
	{"id":3,"callFrame":{"functionName":"handle","url":"file:///workspace/src/server.ts","lineNumber":9},"children":[4,6]},
	{"id":4,"callFrame":{"functionName":"render","url":"file:///workspace/src/view.ts","lineNumber":4},"children":[5]},
	{"id":5,"callFrame":{"functionName":"render","url":"file:///workspace/src/view.ts","lineNumber":4}},
	{"id":6,"callFrame":{"functionName":"","url":"file:///workspace/node_modules/.pnpm/@scope+x@1/node_modules/@scope/x/a.js","lineNumber":0}},
	{"id":7,"callFrame":{"functionName":"(garbage collector)","url":"","lineNumber":-1}}],
	"startTime":0,"endTime":10000,"samples":[2,4,5,6,7],"timeDeltas":[500,4000,1000,2000,2000]}`

func read(t *testing.T, text string) *profile.Capture {
	c, err := profile.Read("slow", strings.NewReader(text))
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return c
}

func TestCPU(t *testing.T) {
	g := NewWithT(t)
	p := read(t, cpu).Profile
	g.Expect(p.Idle).To(Equal(int64(4000)))
	g.Expect(p.Root.Total()).To(Equal(int64(7000)))
	var lines []string
	for _, l := range p.Functions() {
		lines = append(lines, fmt.Sprintf("%s %s:%d %d %d", l.Name, l.Frame.File, l.Frame.Line, l.Self, l.Total))
	}
	g.Expect(lines).To(Equal([]string{
		"render /workspace/src/view.ts:5 3000 3000",
		"(anonymous) /workspace/node_modules/.pnpm/@scope+x@1/node_modules/@scope/x/a.js:1 2000 2000",
		"(garbage collector) :0 2000 2000",
		"handle /workspace/src/server.ts:10 0 5000",
	}), "a function that calls itself counts once")
	lines = nil
	for _, l := range p.Packages() {
		lines = append(lines, fmt.Sprintf("%s %d %d", l.Name, l.Self, l.Total))
	}
	g.Expect(lines).To(Equal([]string{"application: src/view.ts 3000 3000", "@scope/x 2000 2000", "garbage collection 2000 2000", "application: src/server.ts 0 5000"}))
}

func TestHeapProfile(t *testing.T) {
	g := NewWithT(t)
	p := read(t, `{"head":{"callFrame":{"functionName":"(root)","url":"","lineNumber":-1},"selfSize":0,"id":1,"children":[
		{"callFrame":{"functionName":"leak","url":"file:///app/a.js","lineNumber":3},"selfSize":4096,"id":2,"children":[]}]},"samples":[{},{}]}`).Profile
	g.Expect(p.Unit).To(Equal(profile.Bytes))
	g.Expect(p.Samples).To(Equal(2))
	g.Expect(p.Functions()).To(Equal([]profile.Line{{Name: "leak", Frame: profile.Frame{Name: "leak", File: "/app/a.js", Line: 4}, Self: 4096, Total: 4096}}))
}

// Viewers of Go's profiles read it.
func TestPprof(t *testing.T) {
	g := NewWithT(t)
	var out bytes.Buffer
	g.Expect(read(t, cpu).Profile.WritePprof(&out)).To(Succeed())
	p, err := pprof.Parse(&out)
	g.Expect(err).NotTo(HaveOccurred())
	sum := int64(0)
	for _, s := range p.Sample {
		sum += s.Value[0]
	}
	g.Expect(sum).To(Equal(int64(7000)))
	g.Expect(p.SampleType[0]).To(And(HaveField("Type", "cpu"), HaveField("Unit", "microseconds")))
	g.Expect(p.Sample[1].Location[0].Line[0].Function.Name).To(Equal("render"))
	g.Expect(p.Sample[1].Location[2].Line[0].Function.Filename).To(Equal("/workspace/src/server.ts"))
}

func TestWhatCannotBeRead(t *testing.T) {
	for name, c := range map[string]struct{ text, want, why string }{
		"nothing":            {text: "", want: "slow cannot be read", why: "it is empty: the capture was not taken, or its output went elsewhere"},
		"half":               {text: cpu[:len(cpu)/2], want: "slow cannot be read", why: "it ends in the middle: the capture was interrupted, or not copied whole"},
		"something else":     {text: `{"name":"shop","version":"1.0.0"}`, want: "slow is no capture that is known", why: "it is neither a profile, a heap snapshot, a measurement of requests, nor a diagnostic report of Node.js"},
		"a text":             {text: "hello", want: "slow is no capture that is known", why: "it is neither a profile, a heap snapshot, a measurement of requests, nor a diagnostic report of Node.js"},
		"samples of nowhere": {text: strings.Replace(cpu, `"samples":[2`, `"samples":[99`, 1), want: "slow cannot be read", why: "its sample 0 names a node that is not there"},
		"a loop":             {text: strings.Replace(cpu, `"children":[5]`, `"children":[3]`, 1), want: "slow cannot be read", why: "its node 3 has no single parent"},
		"half a snapshot":    {text: `{"snapshot":{"meta":{"node_fields":["type","name","id","self_size","edge_count"],"node_types":[["object"]],"edge_fields":["type","name_or_index","to_node"]},"node_count":1,"edge_count":0},"nodes":[0,0,1,16,0`, want: "slow cannot be read", why: "it ends in the middle: the capture was interrupted, or not copied whole"},
		"other edges":        {text: `{"snapshot":{"meta":{"node_fields":["type","name","id","self_size","edge_count"],"node_types":[["object"]],"edge_fields":["type","name_or_index","to_node"]},"node_count":1,"edge_count":1},"nodes":[0,0,1,16,1],"edges":[2,0,55],"strings":["a"]}`, want: "slow cannot be read", why: "its edges lead out of it"},
		"other fields":       {text: `{"snapshot":{"meta":{}}}`, want: "slow cannot be read", why: "its fields are not those of V8"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			_, err := profile.Read("slow", strings.NewReader(c.text))
			p := problem.As(err)
			g.Expect(p.Title).To(Equal(c.want))
			g.Expect(p.Why).To(Equal(c.why))
		})
	}
}

// tiny is a heap in which the root keeps a Cache of 10 bytes, which keeps two Entries of 100; a weak edge leads to a
// third. Entry's prototype leads to a script.
const tiny = `{"snapshot":{"meta":{"node_fields":["type","name","id","self_size","edge_count","trace_node_id","detachedness"],
	"node_types":[["hidden","object","closure","code","synthetic"],"string"],"edge_fields":["type","name_or_index","to_node"],"edge_types":[["context","element","property","internal","hidden","shortcut","weak"]]},
	"node_count":9,"edge_count":10,"trace_function_count":0},
	"nodes":[4,0,1,0,3,0,0, 1,1,3,10,2,0,0, 1,2,5,100,1,0,0, 1,2,7,100,0,0,0, 1,2,9,50,0,0,0, 1,3,11,1,1,0,0, 2,2,13,1,1,0,0, 3,2,15,1,1,0,0, 3,8,17,1,0,0,0],
	"edges":[1,0,7, 6,1,28, 1,2,35, 1,0,14, 1,1,21, 2,4,35, 2,5,42, 3,6,49, 3,7,56],
	"trace_function_infos":[],"trace_tree":[],"samples":[],"locations":[],
	"strings":["","Cache","Entry","Object","__proto__","constructor","shared","script","file:///workspace/src/cache.ts"]}`

func TestSnapshot(t *testing.T) {
	g := NewWithT(t)
	s := read(t, tiny).Snapshot
	g.Expect(s.Objects).To(Equal(9))
	g.Expect(s.Size).To(Equal(int64(264)))
	g.Expect(s.Constructors).To(ContainElements(
		profile.Constructor{Name: "Cache", Count: 1, Self: 10, Retained: 210, Way: "global › Cache"},
		// What nothing keeps alive has a size, and keeps nothing.
		profile.Constructor{Name: "Entry", File: "/workspace/src/cache.ts", Count: 3, Self: 250, Retained: 200, Way: "global[0] (Entry)"},
	))
	g.Expect(s.Packages[0]).To(Equal(profile.Line{Name: "application: src/cache.ts", Self: 250, Total: 200}))
	growth := s.Compare(read(t, strings.Replace(tiny, "1,2,7,100,0", "1,2,7,60,0", 1)).Snapshot)
	g.Expect(growth[0]).To(Equal(profile.Growth{
		Constructor: profile.Constructor{Name: "Entry", File: "/workspace/src/cache.ts", Count: 3, Self: 250, Retained: 200, Way: "global[0] (Entry)"}, MoreSelf: 40, MoreRetained: 40,
	}))
}

// A real snapshot: the leak is named, with its script where the version says it.
func TestRealSnapshot(t *testing.T) {
	g := NewWithT(t)
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("not tested with a real snapshot: there is no node on PATH")
	}
	dir := t.TempDir()
	script := filepath.Join(dir, "app.js")
	g.Expect(os.WriteFile(script, []byte(`class Leaked { constructor() { this.data = new Array(100).fill(Math.random()) } }
const kept = []
for (let i = 0; i < 5000; i++) kept.push(new Leaked())
require('node:v8').writeHeapSnapshot('heap.heapsnapshot')
setTimeout(() => kept.length, 1)
`), 0o644)).To(Succeed())
	cmd := exec.Command(node, script)
	cmd.Dir = dir
	g.Expect(cmd.Run()).To(Succeed())
	in, err := os.Open(filepath.Join(dir, "heap.heapsnapshot"))
	g.Expect(err).NotTo(HaveOccurred())
	defer func() { _ = in.Close() }()
	c, err := profile.Read("heap", in)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(c.Snapshot.Constructors).To(ContainElement(And(HaveField("Name", "Leaked"), HaveField("Count", 5000), HaveField("File", script), HaveField("Retained", BeNumerically(">", 4_000_000)))))
}

// In a real snapshot it is told what keeps objects alive, by names that stand in the source: of a Map, an array, a closure's variable, a class's field, of both
// kinds of modules.
func TestWhatKeepsAlive(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("not tested with a real snapshot: there is no node on PATH")
	}
	const classes = `class Order { constructor(i) { this.id = i; this.lines = new Array(50).fill(i) } }
class Session { constructor() { this.data = new Array(1000).fill(0).map((_, i) => ({ i })) } }
class Job { constructor() { this.payload = 'x'.repeat(10) + Math.random() } }
class Registry { constructor() { this.pending = [] } }
const orders = new Map(), sessions = []
const registry = new Registry()
function enqueue() { registry.pending.push(new Job()) }
for (let i = 0; i < 300; i++) { orders.set('order-' + i, new Order(i)); enqueue() }
sessions.push(new Session())
globalThis.enqueue = enqueue
const timer = setInterval(function tick() { orders.size; sessions.length }, 1000)
`
	for name, c := range map[string]struct{ file, text string }{
		"CommonJS": {"app.js", classes + "require('node:v8').writeHeapSnapshot('heap.heapsnapshot'); clearInterval(timer)"},
		"ESM":      {"app.mjs", "import v8 from 'node:v8'\n" + classes + "v8.writeHeapSnapshot('heap.heapsnapshot'); clearInterval(timer)"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			dir := t.TempDir()
			g.Expect(os.WriteFile(filepath.Join(dir, c.file), []byte(c.text), 0o644)).To(Succeed())
			cmd := exec.Command(node, c.file)
			cmd.Dir = dir
			out, err := cmd.CombinedOutput()
			g.Expect(err).NotTo(HaveOccurred(), string(out))
			in, err := os.Open(filepath.Join(dir, "heap.heapsnapshot"))
			g.Expect(err).NotTo(HaveOccurred())
			defer func() { _ = in.Close() }()
			snapshot := snapshotOf(g, in)
			ways := map[string]string{}
			for _, c := range snapshot.Constructors {
				ways[c.Name] = c.Way
			}
			g.Expect(ways["Order"]).To(HaveSuffix("variable orders (Map) › Order"), fmt.Sprint(ways))
			g.Expect(ways["Session"]).To(HaveSuffix("variable sessions (Array)[0] (Session)"))
			g.Expect(ways["Job"]).To(MatchRegexp(`global\.enqueue \(function enqueue\) › variable registry \(Registry\)\.pending \(Array\)\[\d+\] \(Job\)$`))
		})
	}
}

func snapshotOf(g *WithT, in io.Reader) *profile.Snapshot {
	c, err := profile.Read("heap", in)
	g.Expect(err).NotTo(HaveOccurred())
	return c.Snapshot
}

// Suspended async functions are counted by where they begin, with what they wait for; plain generators, and those of the runtime, are not among them.
func TestWhatAwaits(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("not tested with a real snapshot: there is no node on PATH")
	}
	g := NewWithT(t)
	dir := t.TempDir()
	g.Expect(os.WriteFile(filepath.Join(dir, "app.js"), []byte(`const net = require('node:net')
const waiters = []
async function waitForInventory() { await new Promise(resolve => waiters.push(resolve)) }
async function placeOrder() { await waitForInventory() }
const sleepy = async () => { await new Promise(resolve => setTimeout(resolve, 60000)) }
class Prices { async find(port) { return (await fetch('http://127.0.0.1:' + port)).text() } }
async function done() { await null }
function* plain() { yield 1 }
globalThis.kept = [plain(), waiters]
kept[0].next()
const server = net.createServer(() => {}).listen(0, '127.0.0.1', () => {
  for (let i = 0; i < 3; i++) placeOrder()
  sleepy(); new Prices().find(server.address().port); done()
  setTimeout(() => { require('node:v8').writeHeapSnapshot('heap.heapsnapshot'); process.exit() }, 300)
})
`), 0o644)).To(Succeed())
	cmd := exec.Command(node, "app.js")
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	g.Expect(err).NotTo(HaveOccurred(), string(out))
	in, err := os.Open(filepath.Join(dir, "heap.heapsnapshot"))
	g.Expect(err).NotTo(HaveOccurred())
	defer func() { _ = in.Close() }()
	file := filepath.Join(dir, "app.js")
	list := snapshotOf(g, in).Awaiting
	ways := map[string]string{}
	for i := range list {
		ways[list[i].Function] = list[i].Way
		list[i].Way = ""
	}
	g.Expect(list).To(Equal([]profile.Awaiting{
		{Function: "waitForInventory", File: file, Line: 3, Column: 32, Count: 3},
		{Function: "placeOrder", File: file, Line: 4, Column: 26, Count: 3},
		{Function: "sleepy", File: file, Line: 5, Column: 16, Count: 1, For: "a timer of 1m0s"},
		{Function: "find", File: file, Line: 6, Column: 26, Count: 1, For: "an HTTP request"},
	}))
	g.Expect(ways["placeOrder"]).To(MatchRegexp(`\[\d\] \(a function\) › async function waitForInventory › async function placeOrder$`))
}

// Of Ruby's dumps it is the classes that refer to an object.
func TestWhatKeepsAliveInRuby(t *testing.T) {
	g := NewWithT(t)
	s := read(t, `{"type":"ROOT","root":"vm","references":["0x10"]}
{"address":"0x10","type":"CLASS","class":"0x1","name":"Orders","references":["0x20"],"memsize":500}
{"address":"0x20","type":"HASH","class":"0x30","references":["0x40","0x50"],"memsize":100}
{"address":"0x30","type":"CLASS","class":"0x1","name":"Hash","references":[],"memsize":500}
{"address":"0x40","type":"OBJECT","class":"0x60","references":[],"memsize":40}
{"address":"0x50","type":"OBJECT","class":"0x60","references":["0x70"],"memsize":40}
{"address":"0x60","type":"CLASS","class":"0x1","name":"Order","references":[],"memsize":500}
{"address":"0x70","type":"STRING","class":"0x80","memsize":9000}
{"address":"0x80","type":"CLASS","class":"0x1","name":"String","references":[],"memsize":500}
`).Snapshot
	ways := map[string]string{}
	for _, c := range s.Constructors {
		ways[c.Name] = c.Way
	}
	g.Expect(ways["Order"]).To(Equal("class Orders › Hash › Order"))
	g.Expect(ways["String"]).To(Equal("class Orders › Hash › Order › String"))
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(cpu))
	f.Add([]byte(tiny))
	f.Add([]byte(`{"head":{"children":[null]}}`))
	f.Add([]byte(`{"header":{},"javascriptHeap":{"heapSpaces":{"a":{}}},"libuv":[{"type":"x"}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := profile.Read("fuzz", bytes.NewReader(text))
		if err == nil && c.Profile != nil {
			c.Profile.Functions()
			_ = c.Profile.WritePprof(&bytes.Buffer{})
		}
	})
}
