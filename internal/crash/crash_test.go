package crash_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/crash"
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
  do  See what keeps growing: ` + "`gantry profile heap`" + ` on a running instance.
  do  If it needs that much, give the container more memory: the heap grows with its limit.
`))
	buffers := crash.Record{Kind: crash.ContainerLimit, Message: "the kernel ended the application: the container's memory of 256 MiB was used up",
		Memory: crash.Memory{RSS: 250 << 20, HeapUsed: 20 << 20, HeapLimit: 150 << 20, External: 200 << 20}}
	g.Expect(buffers.Summary()).To(Equal(`gantry: the kernel ended the application: the container's memory of 256 MiB was used up
  memory of the process 250 MiB: heap 20 MiB of 150 MiB, outside of it 200 MiB
  do  Give the container more memory, or see what grows: ` + "`gantry profile heap`, `gantry ps`" + `.
  do  Most of it was outside of the heap: buffers, streams and native modules.
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
	g.Expect(out).To(Equal("gantry: there is no such crash on record in " + string(store) + "; `gantry crash list` names those that there are\n"))

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

// A file that makes no sense is dropped when its process has ended, and that is said.
func TestCollectorDropsWhatItCannotRead(t *testing.T) {
	g := NewWithT(t)
	dir := t.TempDir()
	var log bytes.Buffer
	c := crash.Collector{Reports: dir, Store: crash.Store(t.TempDir()), Secrets: func() []string { return nil }, Limit: func() int64 { return 0 }, Log: &log}
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
	c := crash.Collector{Reports: dir, Store: store, Secrets: func() []string { return nil }, Limit: func() int64 { return 0 }, Log: &bytes.Buffer{}}
	c.Watch()
	names, err := store.Names()
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(names).To(HaveLen(1))
	g.Expect(c.Last()).To(BeNil())
}
