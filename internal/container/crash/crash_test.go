package crash_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/container/crash"
	"github.com/gantry-buildpack/gantry/internal/problem/redact"
)

var full = crash.Record{
	Time: time.Date(2026, 11, 24, 10, 30, 0, 5e6, time.UTC), Kind: crash.HeapLimit, PID: 7, Command: "node dist/main.js", Runtime: "Node.js v24.18.0",
	Message: "the application's heap was full: its limit is 384 MiB",
	Memory: crash.Memory{RSS: 480 << 20, HeapUsed: 380 << 20, HeapLimit: 384 << 20, External: 12 << 20, Limit: 512 << 20, Sites: []crash.Site{
		{Function: "remember", URL: "/workspace/src/cache.ts", Line: 12, Column: 3, Bytes: 300 << 20}, {URL: "", Bytes: 1 << 20},
	}},
	Report: map[string]any{"header": map[string]any{"event": "x"}},
}

func TestSummaryWordForWord(t *testing.T) {
	g := NewWithT(t)
	g.Expect(full.Summary()).To(Equal(`gantry: the application's heap was full: its limit is 384 MiB
  memory of the process 480 MiB: heap 380 MiB of 384 MiB, outside of it 12 MiB
  what filled the heap was allocated in
     300 MiB  remember (/workspace/src/cache.ts:12:3)
       1 MiB  (anonymous)
  do  See what keeps it alive: ` + "`gantry snapshot heap`" + ` on a running instance.
  do  If it needs that much, give the container more memory: the heap grows with its limit.
`))
	buffers := crash.Record{Kind: crash.ContainerLimit, Message: "the kernel ended the application: the container's memory of 256 MiB was used up",
		Memory: crash.Memory{RSS: 250 << 20, HeapUsed: 20 << 20, HeapLimit: 150 << 20, External: 200 << 20}}
	g.Expect(buffers.Summary()).To(Equal(`gantry: the kernel ended the application: the container's memory of 256 MiB was used up
  memory of the process 250 MiB: heap 20 MiB of 150 MiB, outside of it 200 MiB
  do  Most of it was outside of the heap, in buffers, streams and native modules: ` + "`gantry snapshot heap`" + ` shows which objects hold buffers; a heap profile does not.
  do  Give the container more memory if the application needs that much.
`))
}

func TestStoreIsBounded(t *testing.T) {
	g := NewWithT(t)
	store := crash.Store(filepath.Join(t.TempDir(), "new", "crashes"))
	for i := range crash.MaxRecords + 3 {
		r := full
		r.Time = full.Time.Add(time.Duration(i) * time.Minute)
		_, err := store.Save(r)
		g.Expect(err).NotTo(HaveOccurred())
	}
	names, err := store.Names()
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(names).To(HaveLen(crash.MaxRecords))
	g.Expect(names[0]).To(Equal("20261124T104200.005-7"), "the latest comes first, and stays")
	large := full
	large.Time = full.Time.Add(time.Hour)
	large.Report = map[string]any{"text": strings.Repeat("x", crash.MaxBytes)}
	name, err := store.Save(large)
	g.Expect(err).NotTo(HaveOccurred())
	kept, err := store.Load(name)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(kept.Report).To(BeNil())
	g.Expect(kept.Message).To(Equal(full.Message))
	info, err := os.Stat(filepath.Join(string(store), "crash-"+name+".json"))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(info.Mode().Perm()).To(Equal(os.FileMode(0o600)))

	g.Expect(os.WriteFile(filepath.Join(t.TempDir(), "file"), nil, 0o644)).To(Succeed())
	_, err = crash.Store("/proc/none").Save(full)
	g.Expect(err).To(MatchError(HavePrefix("keep the crash: mkdir /proc/none: ")))
}

func command(store crash.Store, words ...string) (code int, out string) {
	var text bytes.Buffer
	code = crash.Run(words, store, &text, &text)
	return code, text.String()
}

func TestCommands(t *testing.T) {
	g := NewWithT(t)
	store := crash.Store(t.TempDir())
	code, out := command(store, "list")
	g.Expect(code).To(Equal(0))
	g.Expect(out).To(Equal("No crash is on record in " + string(store) + ".\n"))
	code, out = command(store, "show")
	g.Expect(code).To(Equal(1))
	g.Expect(out).To(Equal("gantry: there is no such crash on record in " + string(store) + "; `gantry crash list` names those on record\n"))

	name, err := store.Save(full)
	g.Expect(err).NotTo(HaveOccurred())
	code, out = command(store, "list")
	g.Expect(code).To(Equal(0))
	g.Expect(out).To(Equal(name + "  2026-11-24 10:30:00  the application's heap was full: its limit is 384 MiB\n"))
	code, out = command(store, "show")
	g.Expect(code).To(Equal(0))
	g.Expect(out).To(HavePrefix("2026-11-24T10:30:00Z, process 7, Node.js v24.18.0\nnode dist/main.js\nthe application's heap was full: its limit is 384 MiB\n  memory"))
	_, out = command(store, "show", name, "--report")
	g.Expect(out).To(Equal("{\n  \"header\": {\n    \"event\": \"x\"\n  }\n}\n"))
	_, out = command(store, "show", "--json")
	g.Expect(out).To(ContainSubstring(`"kind": "heap-limit"`))
	for _, words := range [][]string{{}, {"remove"}, {"show", "a", "b"}, {"list", "x"}} {
		code, out = command(store, words...)
		g.Expect(code).To(Equal(2))
		g.Expect(out).To(HavePrefix("usage:\n  gantry crash list "))
	}
	code, _ = command(store, "show", "../../etc/passwd")
	g.Expect(code).To(Equal(1))
	g.Expect(os.WriteFile(filepath.Join(string(store), "crash-z.json"), []byte("{"), 0o600)).To(Succeed())
	code, out = command(store, "list")
	g.Expect(code).To(Equal(1))
	g.Expect(out).To(HavePrefix("gantry: read the crash z: unexpected end of JSON input\n" + name))
}

// A report of Node.js 20 holds the environment: its names stay, its values go.
func TestReports(t *testing.T) {
	g := NewWithT(t)
	r, err := crash.FromReport([]byte(`{"header":{"event":"Allocation failed - JavaScript heap out of memory","trigger":"OOMError","processId":9,"nodejsVersion":"v20.20.2","commandLine":["node","a.js"]},
		"javascriptStack":{"message":"No stack.","stack":["Unavailable."]},"javascriptHeap":{"usedMemory":66690280,"memoryLimit":117440512},"environmentVariables":{"B":"canary","A":"canary"}}`))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(r.Report["environmentVariables"]).To(Equal([]string{"A", "B"}))
	g.Expect(r.Message).To(Equal("the application's heap was full: its limit is 112 MiB"))
	g.Expect(r.Command).To(Equal("node a.js"))
	g.Expect(r.Stack).To(BeEmpty())
	r, err = crash.FromReport([]byte(`{"header":{"event":"v8::ToLocalChecked Empty MaybeLocal","trigger":"FatalError","processId":9},"javascriptStack":{"stack":["at a (b.js:1:2)"]}}`))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(r.Message).To(Equal("the runtime ended the application: v8::ToLocalChecked Empty MaybeLocal"))
	g.Expect(r.Stack).To(Equal([]string{"at a (b.js:1:2)"}))
}

func collector(dir string, store crash.Store, log io.Writer) *crash.Collector {
	return &crash.Collector{
		Reports: dir, Store: store, Log: log, Limit: func() int64 { return 0 }, Kills: func() int { return 0 },
		Redactor: func() redact.Redactor {
			return redact.NewRedactor([]string{"SIGNING_KEY=" + key, "DB_PASS=canary-4711"}, nil, nil)
		},
	}
}

// A file that makes no sense is dropped when its process has ended, and that is said.
func TestCollectorDropsWhatItCannotRead(t *testing.T) {
	g := NewWithT(t)
	dir := t.TempDir()
	var log bytes.Buffer
	c := collector(dir, crash.Store(t.TempDir()), &log)
	const gone = "exception-4194999.json"
	g.Expect(os.WriteFile(filepath.Join(dir, gone), []byte("{"), 0o600)).To(Succeed())
	g.Expect(os.WriteFile(filepath.Join(dir, "other.txt"), []byte("{"), 0o600)).To(Succeed())
	c.Collect()
	g.Expect(log.String()).To(Equal("gantry: what process 4194999 left of its end cannot be read, and is dropped: read what is left of an exception: unexpected end of JSON input\n"))
	g.Expect(filepath.Join(dir, gone)).NotTo(BeAnExistingFile())
	g.Expect(filepath.Join(dir, "other.txt")).To(BeAnExistingFile())
	g.Expect(c.Last()).To(BeNil())
}

func FuzzFromException(f *testing.F) {
	f.Add([]byte(`{"origin":"uncaughtException","chain":[{"message":"Error: a\nb","stack":"Error: a\nb\n    at c (d:1:2)"},{"message":"e","stack":""}],"report":{"header":{"commandLine":["node"]}}}`))
	f.Add([]byte(`{"chain":[{}],"report":{"header":[]}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		if r, err := crash.FromException(text); err == nil {
			_ = r.Summary()
		}
		if r, err := crash.FromReport(text); err == nil {
			_ = r.Summary()
		}
	})
}

// What an earlier start left is kept, and is not taken for the end of this one.
func TestLeftFromBefore(t *testing.T) {
	g := NewWithT(t)
	dir := t.TempDir()
	g.Expect(os.WriteFile(filepath.Join(dir, "exception-7.json"), []byte(`{"chain":[{"message":"Error: old"}]}`), 0o600)).To(Succeed())
	store := crash.Store(t.TempDir())
	c := collector(dir, store, &bytes.Buffer{})
	c.Watch()
	names, err := store.Names()
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(names).To(HaveLen(1))
	g.Expect(c.Last()).To(BeNil())
}

const key = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANcanary0\nBgkqhkiG9w0canary1\n-----END PRIVATE KEY-----"

// collected puts a file into the folder, and gives the record that is made of it.
func collected(t *testing.T, name string, content any) (record crash.Record, log string) {
	g := NewWithT(t)
	dir, store := t.TempDir(), crash.Store(t.TempDir())
	text, err := json.Marshal(content)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(os.WriteFile(filepath.Join(dir, name), text, 0o600)).To(Succeed())
	var out bytes.Buffer
	collector(dir, store, &out).Collect()
	names, err := store.Names()
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(names).To(HaveLen(1), out.String())
	record, err = store.Load(names[0])
	g.Expect(err).NotTo(HaveOccurred())
	entries, err := os.ReadDir(dir)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(entries).To(BeEmpty(), "what was read is removed")
	info, err := os.Stat(filepath.Join(string(store), "crash-"+names[0]+".json"))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(info.Size()).To(BeNumerically("<=", crash.MaxBytes))
	return record, out.String()
}

type object = map[string]any

// No field of a record holds a secret, in whatever form an application repeats it.
func TestRecordsHoldNoSecrets(t *testing.T) {
	g := NewWithT(t)
	r, log := collected(t, "exception-4194999.json", object{
		"version": "v1 canary-4711", "chain": []object{
			{"message": "Error: cannot sign with\n" + key, "stack": "Error: cannot sign with\n" + key + "\n    at sign (canary-4711.js:1:2)"},
			{"message": "Error: https://TOKEN-canary@host/ refused", "stack": "", "relation": "cause", "properties": object{"detail": "Authorization: Basic c2hvcDpjYW5hcnktNDcxMQ=="}},
		},
		"report": object{"header": object{"commandLine": []string{"node", "--password=canary-4711"}}, "canary-4711": 1},
	})
	text, err := json.Marshal(r)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(string(text) + log).NotTo(Or(ContainSubstring("canary"), ContainSubstring("c2hvcDpjYW5hcnktNDcxMQ")))
	g.Expect(r.Stack).To(ContainElement("caused by Error: https://***@host/ refused (detail Authorization: Basic ***)"))
}

// Text of the application cannot move the cursor, set a title or begin a line.
func TestRecordsAreDataAtTheTerminal(t *testing.T) {
	g := NewWithT(t)
	r, log := collected(t, "exception-4194999.json", object{"chain": []object{{
		"message": "Error: \x1b]0;pwned\x07\u202e\nsecond\r::error::x", "stack": "Error: \x1b]0;pwned\x07\n    at a (/workspace/\u009b2J.js:1:2)",
	}}})
	g.Expect(log).To(HavePrefix(`gantry: the application ended with an exception that nothing caught: Error: \x1b]0;pwned\x07\u202e; more of it`))
	for _, text := range []string{log, r.Summary()} {
		g.Expect(strings.Trim(text, "\n")).NotTo(ContainSubstring("\x1b"))
		g.Expect(text).NotTo(Or(ContainSubstring("\a"), ContainSubstring("\r"), ContainSubstring("\u202e"), ContainSubstring("\u009b")))
	}
}

func TestErrorsWithoutWords(t *testing.T) {
	g := NewWithT(t)
	refused := func(address string) object {
		return object{"message": "Error: connect ECONNREFUSED " + address + ":5432", "stack": "", "relation": "error", "properties": object{"code": "ECONNREFUSED", "address": address, "port": "5432"}}
	}
	r, _ := collected(t, "exception-4194999.json", object{"chain": []object{
		{"message": "AggregateError: ", "stack": "AggregateError\n    at internalConnectMultiple (node:net:1:2)", "properties": object{"code": "ECONNREFUSED"}}, refused("::1"), refused("127.0.0.1"),
	}})
	g.Expect(r.Message).To(Equal("the application ended with an exception that nothing caught: AggregateError: (code ECONNREFUSED): connect ECONNREFUSED ::1:5432; connect ECONNREFUSED 127.0.0.1:5432"))
	g.Expect(r.Stack).To(ContainElement("one of its errors: Error: connect ECONNREFUSED 127.0.0.1:5432"))
}

func TestChildProcesses(t *testing.T) {
	g := NewWithT(t)
	r, log := collected(t, "child-4194998-4194999.json", object{"pid": 4194998, "signal": "SIGSEGV", "command": "node worker.js"})
	g.Expect(r.Message).To(Equal("a child process, 4194998, ended by signal 11 (segmentation fault); the application goes on"))
	g.Expect(r.Command).To(Equal("node worker.js"))
	g.Expect(log).To(HavePrefix("gantry: a child process, 4194998, ended by signal 11"))

	// Who sends SIGKILL to a child knows why, unless it was the kernel.
	dir, store := t.TempDir(), crash.Store(t.TempDir())
	kills := 0
	c := collector(dir, store, &bytes.Buffer{})
	c.Kills = func() int { return kills }
	for range 2 {
		g.Expect(os.WriteFile(filepath.Join(dir, "child-4194998-4194999.json"), []byte(`{"pid":4194998,"signal":"SIGKILL"}`), 0o600)).To(Succeed())
		c.Collect()
		kills++
	}
	g.Expect(store.Names()).To(HaveLen(1))
	g.Expect(c.Last().Message).To(HavePrefix("the kernel ended a child process, 4194998: the container's memory"))
}

// What a worker reported of its own end is not told a second time by its parent.
func TestOneEndIsOneRecord(t *testing.T) {
	g := NewWithT(t)
	dir, store := t.TempDir(), crash.Store(t.TempDir())
	g.Expect(os.WriteFile(filepath.Join(dir, "child-4194998-4194999.json"), []byte(`{"pid":4194998,"signal":"SIGABRT"}`), 0o600)).To(Succeed())
	g.Expect(os.WriteFile(filepath.Join(dir, "report.20261128.101010.4194998.0.001.json"), []byte(`{"header":{"trigger":"OOMError","processId":4194998}}`), 0o600)).To(Succeed())
	c := collector(dir, store, &bytes.Buffer{})
	c.Collect()
	g.Expect(store.Names()).To(HaveLen(1))
	g.Expect(c.Last().Kind).To(Equal(crash.HeapLimit))
}

// Whatever lies in the folder, and however large it is, the container ends in time.
func TestTheFolderIsNotTrusted(t *testing.T) {
	for name, create := range map[string]func(file string) error{
		"a FIFO":        func(file string) error { return syscall.Mkfifo(file, 0o600) },
		"a link":        func(file string) error { return os.Symlink("/dev/zero", file) },
		"a folder":      func(file string) error { return os.MkdirAll(filepath.Join(file, "deeper"), 0o700) },
		"a large file":  func(file string) error { return errors.Join(os.WriteFile(file, nil, 0o600), os.Truncate(file, 1<<40)) },
		"a broken link": func(file string) error { return os.Symlink("/nowhere", file) },
	} {
		for _, file := range []string{"exception-4194999.json", "memory-4194999.json", "ruby-4194999.crash", "report.20261128.101010.4194999.0.001.json"} {
			t.Run(name+" "+file, func(t *testing.T) {
				g := NewWithT(t)
				dir := t.TempDir()
				g.Expect(create(filepath.Join(dir, file))).To(Succeed())
				var log bytes.Buffer
				c := collector(dir, crash.Store(t.TempDir()), &log)
				done := make(chan struct{})
				go func() {
					c.Collect()
					c.Killed(4194999, "node a.js", crash.Signal, "it ended", "")
					close(done)
				}()
				g.Eventually(done, "5s").Should(BeClosed())
				g.Expect(c.Last().Message).To(Equal("it ended"))
				g.Expect(strings.Count(log.String(), "cannot be read, and is dropped")).To(Equal(map[bool]int{false: 1}[strings.HasPrefix(file, "memory")]), log.String())
			})
		}
	}
}

// A record is at most 1 MB, whatever the application has thrown.
func TestRecordsAreBounded(t *testing.T) {
	g := NewWithT(t)
	lines := strings.Repeat("line\n", 200_000)
	r, log := collected(t, "exception-4194999.json", object{"chain": []object{{"message": "Error: " + strings.Repeat("x", 1<<20), "stack": lines}}, "report": object{"x": strings.Repeat("y", 900_000)}})
	g.Expect(len(r.Message)).To(BeNumerically("<", 9000))
	g.Expect(len(r.Stack)).To(BeNumerically("<=", 201))
	g.Expect(len(log)).To(BeNumerically("<", 10_000))
}

func TestOutputBeforeAnAbort(t *testing.T) {
	g := NewWithT(t)
	store := crash.Store(t.TempDir())
	c := collector(t.TempDir(), store, &bytes.Buffer{})
	c.Killed(7, "node a.js", crash.Signal, "the application ended by signal 6 (aborted)", "free(): double free, canary-4711\n\n----- JavaScript stack trace -----\n\n1: abort (node:process:1:2)\n2: save (/workspace/a.js:3:4)\n")
	r := c.Last()
	g.Expect(r.Stack).To(Equal([]string{"1: abort (node:process:1:2)", "2: save (/workspace/a.js:3:4)"}))
	g.Expect(r.Output[0]).To(Equal("free(): double free, ***"))
	c.Killed(8, "node a.js", crash.Signal, "the application ended by signal 6 (aborted)", "corrupted size vs. prev_size\n")
	g.Expect(c.Last().Summary()).To(Equal("gantry: the application ended by signal 6 (aborted)\n  it wrote last\n    corrupted size vs. prev_size\n"))
	// A heap that is full is one without a report, too.
	c.Killed(9, "node a.js", crash.Signal, "the application ended by signal 6 (aborted)", "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory\n 1: 0xdfa node::OOMErrorHandler\n")
	g.Expect(c.Last().Kind).To(Equal(crash.HeapLimit))
	g.Expect(c.Last().Summary()).To(HavePrefix("gantry: the application's heap was full\n"))
}
