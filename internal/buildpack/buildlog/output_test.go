package buildlog

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
)

// Output is shown line by line, however it comes; lines without an end, and progress bars, take neither memory nor time for ever.
func TestOutputWithoutEnds(t *testing.T) {
	write := func(g *WithT, size int, parts ...string) string {
		var out bytes.Buffer
		o := New(&out, false).Output()
		text := strings.Join(parts, "")
		for from := 0; from < len(text); from += size {
			if _, err := o.Write([]byte(text[from:min(len(text), from+size)])); err != nil || cap(o.rest) > 4*maxLine {
				t.Fatal(err, cap(o.rest))
			}
		}
		g.Expect(o.Close()).To(Succeed())
		return out.String()
	}
	bar := ""
	for i := range 20000 {
		bar += fmt.Sprintf("\rprogress %d of 20000", i+1)
	}
	for _, size := range []int{1, 7, 4096, 1 << 20} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			g := NewWithT(t)
			g.Expect(write(g, size, "one\ntwo\r\n\nthree")).To(Equal("  | one\n  | two\n  | \n  | three\n"))
			g.Expect(write(g, size, bar, "\nend\n")).To(Equal("  | progress 20000 of 20000\n  | end\n"))
			g.Expect(write(g, size, bar, "\r")).To(Equal("  | progress 20000 of 20000\n"))
			long := write(g, size, strings.Repeat("x", 3*maxLine), "\nend\n")
			g.Expect(strings.Count(long, "x")).To(Equal(3 * maxLine))
			g.Expect(strings.Count(long, "\n")).To(BeNumerically("<=", 6))
			words := write(g, size, strings.Repeat("word https://user:secret@host.example/path ", 4000))
			g.Expect(words).NotTo(ContainSubstring("secret"))
			g.Expect(strings.Count(words, "host.example/path")).To(Equal(4000))
		})
	}
	start := time.Now()
	write(NewWithT(t), 32<<10, strings.Repeat("c29tZSBiYXNlNjQg", 4<<20))
	t.Log("64 MB without an end of line:", time.Since(start))
}
