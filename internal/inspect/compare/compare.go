package compare

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"regexp"
	"slices"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/inspect/replay"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// Metric is what is compared.
type Metric string

// The metrics. Allocations are judged by bytes. Time is that of the processor, in relation to that of work which is always
// the same: the clock on the wall also tells what else the machine did, and how fast it was just then.
const (
	Allocations Metric = "allocations"
	Objects     Metric = "objects"
	Time        Metric = "time"
	Wall        Metric = "wall"
)

// Metrics are all of them.
var Metrics = []Metric{Allocations, Objects, Time, Wall}

// of gives the values of a request; speed is the time that the reference takes where they are compared.
func (m Metric) of(r replay.Measured, speed float64) []float64 {
	switch m {
	case Objects:
		return r.Objects
	case Wall:
		return r.Microseconds
	case Time:
		return atSpeed(r, speed)
	}
	return r.Bytes
}

// confidence is the level of the test, over all requests together.
const confidence = 0.95

// Threshold is the smallest change of a median that counts, as a share: two runs of the same application differ by less.
// A process is laid out differently each time that it starts, and that changes times more than allocations.
func (m Metric) Threshold() float64 {
	if m == Time || m == Wall {
		return 0.15
	}
	return 0.01
}

// Verdict is how a request changed.
type Verdict string

// The verdicts.
const (
	Same    Verdict = "no difference"
	Grew    Verdict = "grew"
	Shrank  Verdict = "shrank"
	Added   Verdict = "is new"
	Removed Verdict = "is gone"
	Unclear Verdict = "cannot be told"
)

// Change is what became of one request.
type Change struct {
	Request string  `json:"request"`
	Verdict Verdict `json:"verdict"`
	// Before and After are medians, in the metric's unit: bytes, objects or microseconds; Effect is their change as a share.
	Before float64 `json:"before"`
	After  float64 `json:"after"`
	Effect float64 `json:"effect"`
	// Distance and P are those of the Kolmogorov–Smirnov test.
	Distance float64 `json:"distance"`
	P        float64 `json:"p"`
	// Slower is how many times as long the machine took for the same work in the second measurement, where times are compared.
	Slower float64 `json:"slower,omitempty"`
	// Lines are those of the source in which most changed.
	Lines []LineChange `json:"lines,omitempty"`
	// Values are the measurements, for a picture.
	BeforeValues []float64 `json:"-"`
	AfterValues  []float64 `json:"-"`
}

// LineChange is how much one line of source allocates for a request: before and after, in bytes and objects.
type LineChange struct {
	Where         string  `json:"where"`
	Function      string  `json:"function"`
	Before        float64 `json:"beforeBytes"`
	After         float64 `json:"afterBytes"`
	BeforeObjects float64 `json:"beforeObjects"`
	AfterObjects  float64 `json:"afterObjects"`
}

// Results compares two measurements. A change counts when the test says so, at 95 % over all requests (Holm's method), and
// the median moved by the threshold at least.
func Results(before, after *replay.Result, metric Metric, threshold float64) []Change {
	var list []Change
	// Both are told at the speed that the machine had before.
	was, is := speed(before), speed(after)
	slower := 0.0
	if metric == Time && was > 0 {
		slower = is / was
	}
	for i, now := range after.Requests {
		index := slices.IndexFunc(before.Requests, func(r replay.Measured) bool { return r.Name == now.Name })
		c := Change{Request: now.Name, Verdict: Added, P: 1, AfterValues: metric.of(now, was)}
		c.After, _, _ = replay.Median(c.AfterValues)
		if index >= 0 {
			c.BeforeValues = metric.of(before.Requests[index], was)
			c.Before, _, _ = replay.Median(c.BeforeValues)
			c.Distance, c.P = KolmogorovSmirnov(c.BeforeValues, c.AfterValues)
			c.Verdict, c.Slower = Same, slower
			if slower > steady || slower > 0 && slower < 1/steady {
				c.Verdict = Unclear
			}
			if c.Before > 0 {
				c.Effect = c.After/c.Before - 1
			}
			if metric == Allocations || metric == Objects {
				c.Lines = lines(before.Lines(index), after.Lines(i))
			}
		}
		list = append(list, c)
	}
	for _, gone := range before.Requests {
		if !slices.ContainsFunc(after.Requests, func(r replay.Measured) bool { return r.Name == gone.Name }) {
			c := Change{Request: gone.Name, Verdict: Removed, P: 1, BeforeValues: metric.of(gone, was)}
			c.Before, _, _ = replay.Median(c.BeforeValues)
			list = append(list, c)
		}
	}
	judge(list, threshold)
	return list
}

// judge gives the verdicts: https://en.wikipedia.org/wiki/Holm%E2%80%93Bonferroni_method.
func judge(list []Change, threshold float64) {
	var compared []*Change
	for i := range list {
		if list[i].Verdict == Same {
			compared = append(compared, &list[i])
		}
	}
	slices.SortStableFunc(compared, func(a, b *Change) int { return cmp.Compare(a.P, b.P) })
	for i, c := range compared {
		if c.P > (1-confidence)/float64(len(compared)-i) {
			break
		}
		switch {
		case c.Effect >= threshold:
			c.Verdict = Grew
		case c.Effect <= -threshold:
			c.Verdict = Shrank
		}
	}
}

// shownLines is how many lines are shown of a change.
const shownLines = 8

// gemVersion is the version in a gem's folder: another version's lines are the same lines.
var gemVersion = regexp.MustCompile(`/gems/([^/]+?)-[0-9][^/]*/`)

// lines lays the lines of two measurements next to each other: those of the same function, whose number may have moved.
func lines(before, after []replay.Line) []LineChange {
	index := map[string]int{}
	var list []LineChange
	add := func(l replay.Line, count func(*LineChange)) {
		file := gemVersion.ReplaceAllString(l.File, "/gems/$1/")
		key := file + "\x00" + l.Function
		at, known := index[key]
		if !known {
			at = len(list)
			index[key] = at
			list = append(list, LineChange{Function: l.Function})
		}
		list[at].Where = fmt.Sprintf("%s:%d", l.File, l.Number)
		count(&list[at])
	}
	for _, l := range before {
		add(l, func(c *LineChange) { c.Before, c.BeforeObjects = c.Before+l.Bytes, c.BeforeObjects+l.Objects })
	}
	for _, l := range after {
		add(l, func(c *LineChange) { c.After, c.AfterObjects = c.After+l.Bytes, c.AfterObjects+l.Objects })
	}
	list = slices.DeleteFunc(list, func(c LineChange) bool { return math.Abs(c.After-c.Before) < 1 })
	slices.SortStableFunc(list, func(a, b LineChange) int { return cmp.Compare(math.Abs(b.After-b.Before), math.Abs(a.After-a.Before)) })
	return list[:min(len(list), shownLines)]
}

// Worse reports whether a request grew.
func Worse(list []Change) bool {
	return slices.ContainsFunc(list, func(c Change) bool { return c.Verdict == Grew })
}

// Text writes the changes for people.
func Text(list []Change, metric Metric, out io.Writer) error {
	var text strings.Builder
	for _, c := range list {
		switch c.Verdict {
		case Added, Removed:
			fmt.Fprintf(&text, "%s %s\n", c.Request, c.Verdict)
			continue
		case Unclear:
			fmt.Fprintf(&text, "%s of %s cannot be told: the same work took %.2f times as long in the second measurement. Measure both again, one right after the other, on one machine.\n",
				metric, c.Request, c.Slower)
			continue
		case Same:
			fmt.Fprintf(&text, "%s of %s: no difference (%s → %s, %+.1f %%, p %s)\n", metric, c.Request, metric.value(c.Before), metric.value(c.After), c.Effect*100, equals(c.P))
			continue
		}
		fmt.Fprintf(&text, "%s of %s %s by %.1f %%: %s → %s (p %s, D = %.2f)\n", metric, c.Request, c.Verdict, math.Abs(c.Effect)*100,
			metric.value(c.Before), metric.value(c.After), equals(c.P), c.Distance)
		for _, l := range c.Lines {
			fmt.Fprintf(&text, "  %+9.1f kB  %+8.0f objects  %s  %s\n", (l.After-l.Before)/1000, l.AfterObjects-l.BeforeObjects, l.Where, l.Function)
		}
	}
	_, err := io.WriteString(out, problem.VisibleLines(text.String()))
	return err
}

func (m Metric) value(v float64) string {
	switch m {
	case Objects:
		return fmt.Sprintf("%.0f objects", v)
	case Time, Wall:
		return fmt.Sprintf("%.2f ms", v/1000)
	}
	return fmt.Sprintf("%.1f kB", v/1000)
}

// Probability gives a probability for people.
func Probability(p float64) string {
	if p < 0.001 {
		return "< 0.001"
	}
	return fmt.Sprintf("%.3f", p)
}

func equals(p float64) string {
	if p < 0.001 {
		return Probability(p)
	}
	return "= " + Probability(p)
}

// Different says that two files cannot be compared.
func Different(before, after string) error {
	return &problem.Problem{
		ID:    "compare/different-kinds",
		Title: before + " and " + after + " cannot be compared",
		Why:   "they are not of one kind",
		Hints: []string{"Compare two measurements of requests (gantry allocations --save), or two profiles of one kind."},
	}
}
