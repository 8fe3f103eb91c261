package capture

import (
	"bufio"
	"bytes"
	"context"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
)

// lines are mappings as the kernel shows them; each is followed by its resident size in KiB.
func lines(text string) string {
	var out strings.Builder
	for line := range strings.Lines(text) {
		head, kib, _ := strings.Cut(strings.TrimSpace(line), " | ")
		if head != "" {
			out.WriteString(head + "\nSize:              4 kB\nRss:            " + kib + " kB\nVmFlags: rd wr\n")
		}
	}
	return out.String()
}

func TestKindsOfMemory(t *testing.T) {
	for name, c := range map[string]struct {
		text   string
		want   map[string]int64
		stacks int
	}{
		"a program":      {"00400000-00500000 r-xp 00000000 08:01 12 /usr/bin/node | 900\n", map[string]int64{ofFiles: 900 << 10}, 0},
		"a deleted file": {"00400000-00500000 r-xp 00000000 08:01 12 /app/a b.node (deleted) | 90\n", map[string]int64{ofFiles: 90 << 10}, 0},
		"the heap of C":  {"01000000-02000000 rw-p 00000000 00:00 0 [heap] | 400\n", map[string]int64{ofMalloc: 400 << 10}, 0},
		"an arena":       {"7f0000000000-7f0000200000 rw-p 00000000 00:00 0 | 70\n7f0000200000-7f0004000000 ---p 00000000 00:00 0 | 0\n", map[string]int64{ofMalloc: 70 << 10, unnamed: 0}, 0},
		"a full arena":   {"7f0000000000-7f0004000000 rw-p 00000000 00:00 0 | 70\n", map[string]int64{ofMalloc: 70 << 10}, 0},
		"no arena":       {"7f0000001000-7f0004001000 rw-p 00000000 00:00 0 | 70\n", map[string]int64{unnamed: 70 << 10}, 0},
		"stacks":         {"7f0000000000-7f0000001000 ---p 00000000 00:00 0 | 0\n7f0000001000-7f0000801000 rw-p 00000000 00:00 0 | 24\n7ffc00000000-7ffc00021000 rw-p 00000000 00:00 0 [stack] | 60\n", map[string]int64{unnamed: 0, ofStacks: 84 << 10}, 2},
		"compiled code":  {"7f0000000000-7f0000040000 rwxp 00000000 00:00 0 | 200\n", map[string]int64{ofCode: 200 << 10}, 0},
		"shared":         {"7f0000000000-7f0000040000 rw-s 00000000 00:01 7 /memfd:x (deleted) | 20\n", map[string]int64{shared: 20 << 10}, 0},
		"the kernel's":   {"7ffc00000000-7ffc00001000 r-xp 00000000 00:00 0 [vdso] | 4\n", map[string]int64{}, 0},
		"named":          {"7f0000000000-7f0000040000 rw-p 00000000 00:00 0 [anon:v8] | 8\n", map[string]int64{unnamed: 8 << 10}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			list, err := parseMappings(bufio.NewScanner(strings.NewReader(lines(c.text))))
			g.Expect(err).NotTo(HaveOccurred())
			kinds, stacks := byKind(list)
			g.Expect(kinds).To(Equal(c.want))
			g.Expect(stacks).To(Equal(c.stacks))
		})
	}
}

// Of a real process that keeps Buffers and objects: both are told, with their growth, and all kinds together are what the kernel says of the whole.
func TestMemory(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("not tested with a real process: there is no node on PATH")
	}
	g := NewWithT(t)
	cmd := exec.Command(node, "-e", `globalThis.kept = []; globalThis.blocks = [Buffer.alloc(30e6, 1)]
setInterval(() => { blocks.push(Buffer.alloc(400000, 1)); for (let i = 0; i < 3000; i++) kept.push({ i, s: 'x' + i }) }, 50); console.log('up')`)
	out, err := cmd.StdoutPipe()
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(cmd.Start()).To(Succeed())
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	_, err = bufio.NewReader(out).ReadString('\n')
	g.Expect(err).NotTo(HaveOccurred())

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var said bytes.Buffer
	o, err := parse([]string{"memory", "--for", "2s", "--force"})
	g.Expect(err).NotTo(HaveOccurred())
	host := Host{Limit: func(string) int64 { return 512e6 }}
	k, err := o.kind(host)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(k.takers[Node](ctx, Process{PID: cmd.Process.Pid, Runtime: Node}, &said, &bytes.Buffer{})).To(Succeed())
	text := said.String()
	g.Expect(text).To(And(HavePrefix("Memory of process "+strconv.Itoa(cmd.Process.Pid)+", Node.js: "), ContainSubstring("; the container may have 512 MB\n"), ContainSubstring("\nWhat grows: Buffers, by ")))
	number := func(kind string) float64 {
		found := regexp.MustCompile(`(?m)^  ` + kind + ` +([\d.]+) MB`).FindStringSubmatch(text)
		g.Expect(found).NotTo(BeNil(), kind+" in "+text)
		n, err := strconv.ParseFloat(found[1], 64)
		g.Expect(err).NotTo(HaveOccurred())
		return n
	}
	g.Expect(number("Buffers")).To(BeNumerically(">=", 30))
	g.Expect(number("Heap")).To(BeNumerically(">=", 3))
	list, err := readMappings(cmd.Process.Pid)
	g.Expect(err).NotTo(HaveOccurred())
	whole := int64(0)
	for _, m := range list {
		whole += m.resident
	}
	g.Expect(number("Together")).To(BeNumerically("~", float64(whole)/1e6, 25))
}

func FuzzMappings(f *testing.F) {
	f.Add(lines("00400000-00500000 r-xp 00000000 08:01 12 /usr/bin/node | 900\n7f0000000000-7f0000200000 rw-p 00000000 00:00 0 | 70\n"))
	f.Add("Rss: 1 kB\n-\nx-y rw-p 0 0 0\n")
	f.Fuzz(func(_ *testing.T, text string) {
		list, err := parseMappings(bufio.NewScanner(strings.NewReader(text)))
		if err == nil {
			_, _ = byKind(list)
		}
	})
}
