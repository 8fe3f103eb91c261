package buildlog

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Span is a piece of work and when it was done. One that ends when it starts is a remark.
type Span struct {
	Subject, Name string
	Start, End    time.Time
	// Background: the build goes on meanwhile.
	Background bool
}

// Took is how long it was.
func (s Span) Took() time.Duration { return s.End.Sub(s.Start) }

// Span notes work for the timeline that is not worth a line. The function it gives ends it.
func (r *Log) Span(subject, name string) (end func()) {
	start := time.Now()
	return func() { r.Note(Span{Subject: subject, Name: name, Start: start, End: time.Now()}) }
}

// Note adds to the timeline.
func (r *Log) Note(s Span) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.spans = append(r.spans, s)
}

// Timeline is all that was noted, in the order in which it began.
func (r *Log) Timeline() Timeline {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.SortedStableFunc(slices.Values(r.spans), func(a, b Span) int {
		return cmp.Or(a.Start.Compare(b.Start), b.End.Compare(a.End))
	})
}

// Timeline are spans in the order in which they began.
type Timeline []Span

// Bounds are the first start and the last end.
func (t Timeline) Bounds() (from, to time.Time) {
	for _, s := range t {
		if from.IsZero() || s.Start.Before(from) {
			from = s.Start
		}
		if s.End.After(to) {
			to = s.End
		}
	}
	return from, to
}

// Lanes gives each span a number so that those of one number follow each other, or one is within the other.
func (t Timeline) Lanes() []int {
	lanes := make([]int, len(t))
	var open [][]Span
	for i, s := range t {
		lane := slices.IndexFunc(open, func(stack []Span) bool { return fits(stack, s) })
		if lane < 0 {
			open, lane = append(open, nil), len(open)
		}
		stack := open[lane]
		for len(stack) > 0 && !stack[len(stack)-1].End.After(s.Start) {
			stack = stack[:len(stack)-1]
		}
		open[lane], lanes[i] = append(stack, s), lane
	}
	return lanes
}

// fits reports whether a span may be put on those that began before it.
func fits(stack []Span, s Span) bool {
	for _, below := range slices.Backward(stack) {
		if below.End.After(s.Start) {
			return !s.End.After(below.End)
		}
	}
	return true
}

// Critical is what the end waited for, from the first to the last: going back from the end, what had begun last of all that was going on.
// Spans in the background count where nothing else went on.
func (t Timeline) Critical() (path Timeline) {
	from, to := t.Bounds()
	for at := to; at.After(from); {
		found, ok := t.goingOn(at)
		// Back to where something else ended that went before it, or to its start.
		back := from
		if ok {
			back = found.Start
		}
		for _, s := range t {
			if s.Took() > 0 && s.End.Before(at) && s.End.After(back) && (!ok || s.before(found)) {
				back = s.End
			}
		}
		if ok {
			found.Start, found.End = back, at
			path = append(path, found)
		}
		at = back
	}
	slices.Reverse(path)
	return path
}

// goingOn gives what went on just before a time; ok is false where nothing did.
func (t Timeline) goingOn(at time.Time) (found Span, ok bool) {
	for _, s := range t {
		if s.Took() > 0 && s.Start.Before(at) && !s.End.Before(at) && (!ok || s.before(found)) {
			found, ok = s, true
		}
	}
	return found, ok
}

// before reports whether a span tells more of what the end waited for than another one.
func (s Span) before(other Span) bool {
	if s.Background != other.Background {
		return other.Background
	}
	return s.Start.After(other.Start) || s.Start.Equal(other.Start) && s.End.Before(other.End)
}

// Longest is the part of the critical path that took longest; ok is false without any.
func (t Timeline) Longest() (longest Span, ok bool) {
	total := map[string]time.Duration{}
	for _, s := range t.Critical() {
		total[s.Name] += s.Took()
		if total[s.Name] > longest.Took() {
			longest, ok = Span{Subject: s.Subject, Name: s.Name, End: time.Time{}.Add(total[s.Name])}, true
		}
	}
	return longest, ok
}

// event is one of the Trace Event Format: https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU.
type event struct {
	Name     string `json:"name"`
	Category string `json:"cat"`
	Phase    string `json:"ph"`
	// Time and Duration are in microseconds.
	Time       int64  `json:"ts"`
	Duration   int64  `json:"dur,omitempty"`
	Process    int    `json:"pid"`
	Thread     int    `json:"tid"`
	Scope      string `json:"s,omitempty"`
	Background bool   `json:"background,omitempty"`
}

type trace struct {
	Events []event `json:"traceEvents"`
}

// Trace gives the timeline as Chrome and Perfetto read it.
func (t Timeline) Trace() ([]byte, error) {
	all := trace{Events: []event{}}
	lanes := t.Lanes()
	for i, s := range t {
		e := event{Name: s.Name, Category: s.Subject, Phase: "X", Time: s.Start.UnixMicro(), Duration: s.Took().Microseconds(), Process: 1, Thread: lanes[i] + 1, Background: s.Background}
		if s.Took() == 0 {
			e.Phase, e.Scope = "i", "p"
		}
		all.Events = append(all.Events, e)
	}
	return json.Marshal(all)
}

// ReadTrace reads what Trace gives.
func ReadTrace(text []byte) (t Timeline, err error) {
	var all trace
	if err := json.Unmarshal(text, &all); err != nil {
		return nil, fmt.Errorf("read a timeline: %w", err)
	}
	for _, e := range all.Events {
		start := time.UnixMicro(e.Time)
		t = append(t, Span{Subject: e.Category, Name: e.Name, Start: start, End: start.Add(time.Duration(e.Duration) * time.Microsecond), Background: e.Background})
	}
	return t, nil
}

// WriteTrace writes the timeline to a file, which is there only when it is whole.
func (t Timeline) WriteTrace(file string) error {
	text, err := t.Trace()
	if err != nil {
		return err
	}
	partial, err := os.CreateTemp(filepath.Dir(file), ".timeline-")
	if err != nil {
		return err
	}
	_, err = partial.Write(text)
	if err = cmp.Or(err, partial.Close()); err == nil {
		err = os.Rename(partial.Name(), file)
	}
	if err != nil {
		_ = os.Remove(partial.Name())
	}
	return err
}
