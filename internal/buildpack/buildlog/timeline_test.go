package buildlog_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/buildpack/buildlog"
)

var zero = time.UnixMicro(1_800_000_000_000_000)

// work is a span in seconds.
func work(name string, from, to int) buildlog.Span {
	return buildlog.Span{Subject: "Work", Name: name, Start: zero.Add(time.Duration(from) * time.Second), End: zero.Add(time.Duration(to) * time.Second)}
}

func timeline(spans ...buildlog.Span) buildlog.Timeline {
	log := buildlog.New(&bytes.Buffer{}, false)
	for _, s := range spans {
		log.Note(s)
	}
	return log.Timeline()
}

// What the end waited for: of what went on at the same time, that which began last; the background only where nothing else went on.
func TestCriticalPath(t *testing.T) {
	background := work("archive", 1, 12)
	background.Background = true
	for name, c := range map[string]struct {
		spans         buildlog.Timeline
		path, longest string
	}{
		"nothing":           {path: "", longest: ""},
		"one after another": {spans: timeline(work("a", 0, 2), work("b", 2, 7)), path: "a 2s, b 5s", longest: "b 5s"},
		"within another":    {spans: timeline(work("all", 0, 10), work("a", 0, 3), work("b", 3, 8)), path: "a 3s, b 5s, all 2s", longest: "b 5s"},
		"side by side":      {spans: timeline(work("a", 0, 4), work("b", 1, 9), work("c", 9, 10)), path: "a 1s, b 8s, c 1s", longest: "b 8s"},
		"a gap":             {spans: timeline(work("a", 0, 2), work("b", 5, 6)), path: "a 2s, b 1s", longest: "a 2s"},
		"in the background": {spans: timeline(background, work("a", 0, 3), work("b", 3, 10)), path: "a 3s, b 7s, archive 2s", longest: "b 7s"},
		"in parts":          {spans: timeline(work("a", 0, 3), work("b", 3, 7), work("a", 7, 10)), path: "a 3s, b 4s, a 3s", longest: "a 6s"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			path := ""
			for i, s := range c.spans.Critical() {
				if i > 0 {
					path += ", "
				}
				path += fmt.Sprint(s.Name, " ", s.Took())
			}
			g.Expect(path).To(Equal(c.path))
			longest, ok := c.spans.Longest()
			g.Expect(ok).To(Equal(c.longest != ""))
			if ok {
				g.Expect(fmt.Sprint(longest.Name, " ", longest.Took())).To(Equal(c.longest))
			}
		})
	}
}

// In one lane, one span is within another or after it; and a file brings back what was written.
func TestTraces(t *testing.T) {
	g := NewWithT(t)
	r := rand.New(rand.NewPCG(1, 1))
	for range 50 {
		var spans []buildlog.Span
		for n := range 20 {
			from := r.IntN(50)
			spans = append(spans, work(fmt.Sprint(n), from, from+r.IntN(20)))
		}
		all := timeline(spans...)
		lanes := all.Lanes()
		for i, a := range all {
			for j, b := range all {
				if i == j || lanes[i] != lanes[j] {
					continue
				}
				apart := !a.End.After(b.Start) || !b.End.After(a.Start)
				within := !a.Start.Before(b.Start) && !a.End.After(b.End) || !b.Start.Before(a.Start) && !b.End.After(a.End)
				g.Expect(apart || within).To(BeTrue(), "%v %v", a, b)
			}
		}
		file := filepath.Join(t.TempDir(), "trace.json")
		g.Expect(all.WriteTrace(file)).To(Succeed())
		text, err := os.ReadFile(file)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(json.Valid(text)).To(BeTrue())
		back, err := buildlog.ReadTrace(text)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(slices.EqualFunc(all, back, func(a, b buildlog.Span) bool {
			return a.Name == b.Name && a.Subject == b.Subject && a.Start.Equal(b.Start) && a.End.Equal(b.End)
		})).To(BeTrue())
	}
	_, err := buildlog.ReadTrace([]byte("{"))
	g.Expect(err).To(HaveOccurred())
}

// The last line names what took longest, where it took a second.
func TestDone(t *testing.T) {
	for name, c := range map[string]struct {
		spans []buildlog.Span
		took  time.Duration
		want  string
	}{
		"something long": {spans: []buildlog.Span{work("npm run build", 0, 6), work("look", 6, 7)}, took: 7200 * time.Millisecond, want: "  Done        6.0 s of 7.2 s: npm run build\n"},
		"nothing long":   {spans: nil, took: 100 * time.Millisecond, want: "  Done        0.1 s\n"},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			log := buildlog.New(&out, false)
			for _, s := range c.spans {
				log.Note(s)
			}
			log.Done(c.took)
			NewWithT(t).Expect(out.String()).To(Equal(c.want))
		})
	}
}
