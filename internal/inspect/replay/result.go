package replay

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/inspect/rubyprofile"
)

// Format is the name and the version of the format, by which a file is recognised.
const Format = "gantry.requests/1"

// Result is what requests took. Profile tells where objects were allocated, when every one was looked at; nil when that
// could not be.
type Result struct {
	Format   string                `json:"format"`
	Ruby     string                `json:"ruby"`
	Requests []Measured            `json:"requests"`
	Profile  *rubyprofile.Document `json:"profile,omitempty"`
}

// Measured are the measurements of one request, one a time that it was sent.
type Measured struct {
	Name     string    `json:"name"`
	Statuses []int     `json:"statuses"`
	Objects  []float64 `json:"objects"`
	Bytes    []float64 `json:"bytes"`
	// Microseconds are by the clock on the wall, Processor those of the processor.
	Microseconds []float64 `json:"microseconds"`
	Processor    []float64 `json:"processor"`
	// Reference is the processor time of work that is always the same, done right before each of these, in microseconds.
	Reference []float64 `json:"reference"`
}

// ParseResult reads what --save wrote.
func ParseResult(text []byte) (*Result, error) {
	r := &Result{}
	if err := json.Unmarshal(text, r); err != nil {
		return nil, err
	}
	if r.Profile == nil {
		return r, nil
	}
	return r, r.Profile.Check()
}

// Median gives the middle of the values, and the bounds between which the true middle is with 95 % confidence: those of
// the binomial distribution's normal approximation, which needs no assumption about the values.
func Median(values []float64) (median, low, high float64) {
	if len(values) == 0 {
		return 0, 0, 0
	}
	sorted := slices.Sorted(slices.Values(values))
	n := float64(len(sorted))
	half := 1.96 * math.Sqrt(n) / 2
	at := func(i float64) float64 { return sorted[int(max(0, min(n-1, i)))] }
	median = (at(math.Floor((n-1)/2)) + at(math.Ceil((n-1)/2))) / 2
	return median, at(math.Floor(n/2 - half)), at(math.Ceil(n/2+half) - 1)
}

// shownLines is how many lines of source are shown of a request.
const shownLines = 5

// Text writes the result for people.
func (r *Result) Text(out io.Writer) error {
	var text strings.Builder
	for i, m := range r.Requests {
		if i > 0 {
			text.WriteString("\n")
		}
		fmt.Fprintf(&text, "%s  (status %s, %d times)\n", m.Name, strings.Trim(fmt.Sprint(m.Statuses), "[]"), len(m.Objects))
		median, low, high := Median(m.Objects)
		fmt.Fprintf(&text, "  objects  %12.0f         95 %% between %.0f and %.0f\n", median, low, high)
		median, low, high = Median(m.Bytes)
		fmt.Fprintf(&text, "  bytes    %12s         95 %% between %s and %s\n", kilobytes(median), kilobytes(low), kilobytes(high))
		median, low, high = Median(m.Microseconds)
		fmt.Fprintf(&text, "  time     %9.2f ms         95 %% between %.2f and %.2f\n", median/1000, low/1000, high/1000)
		median, low, high = Median(m.Processor)
		fmt.Fprintf(&text, "  of it    %9.2f ms         of the processor, between %.2f and %.2f\n", median/1000, low/1000, high/1000)
		lines := r.Lines(i)
		if len(lines) > 0 {
			text.WriteString("  allocated in\n")
		}
		for _, l := range lines[:min(len(lines), shownLines)] {
			fmt.Fprintf(&text, "  %9.0f  %9s  %s:%d  %s\n", l.Objects, kilobytes(l.Bytes), l.File, l.Number, l.Function)
		}
	}
	_, err := io.WriteString(out, text.String())
	return err
}

func kilobytes(bytes float64) string { return fmt.Sprintf("%.1f kB", bytes/1000) }

// Line is a line of source, and what is allocated there for each request.
type Line struct {
	File           string
	Number         int
	Function       string
	Objects, Bytes float64
}

// Lines gives the lines in which a request allocates, those with most bytes first. Function is the one that allocates most there.
func (r *Result) Lines(request int) []Line {
	if r.Profile == nil || request >= len(r.Profile.Requests) || r.Profile.Requests[request].Count == 0 {
		return nil
	}
	times := float64(r.Profile.Requests[request].Count)
	type place struct {
		file   string
		number int
	}
	lines, most := map[place]*Line{}, map[place]map[string]float64{}
	for _, s := range r.Profile.Samples {
		calls := r.Profile.Calls(s)
		if s.Request != request || len(calls) == 0 {
			continue
		}
		at := place{calls[0].File, calls[0].Line}
		l := lines[at]
		if l == nil {
			l = &Line{File: at.file, Number: at.number}
			lines[at], most[at] = l, map[string]float64{}
		}
		l.Objects, l.Bytes = l.Objects+float64(s.Objects)/times, l.Bytes+float64(s.Bytes)/times
		name := calls[0].Function.Name
		if most[at][name] += float64(s.Bytes); l.Function == "" || most[at][name] > most[at][l.Function] {
			l.Function = name
		}
	}
	list := make([]Line, 0, len(lines))
	for _, l := range lines {
		list = append(list, *l)
	}
	slices.SortFunc(list, func(a, b Line) int { return cmp.Or(strings.Compare(a.File, b.File), a.Number-b.Number) })
	slices.SortStableFunc(list, func(a, b Line) int { return int(math.Copysign(1, b.Bytes-a.Bytes)) })
	return list
}
