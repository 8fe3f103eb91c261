package htmlreport

import (
	"slices"

	"github.com/gantry-buildpack/gantry/internal/inspect/compare"
)

// Distribution is a picture of the measurements of two runs: the values in order.
type Distribution struct {
	Title  string    `json:"title"`
	Kind   string    `json:"kind"`
	Before []float64 `json:"before"`
	After  []float64 `json:"after"`
}

// Compared is the page of what changed from one measurement of requests to another.
func Compared(before, after string, metric compare.Metric, changes []compare.Change) Page {
	kind := map[compare.Metric]string{compare.Allocations: "bytes", compare.Objects: "count", compare.Time: "time", compare.Wall: "time"}[metric]
	p := Page{Title: "What changed: " + before + " → " + after, Facts: [][2]string{{"Compared", string(metric) + " of each request"}}}
	t := Table{Title: "Requests", Columns: []string{"Request", "Verdict", "Before", "After", "Change", "p", "Distance"}, Kinds: []string{"text", "text", kind, kind, "share", "text", "text"}}
	for _, c := range changes {
		t.Add(c.Request, string(c.Verdict), int64(c.Before), int64(c.After), c.Effect, compare.Probability(c.P), compare.Probability(c.Distance))
		p.Distributions = append(p.Distributions, Distribution{c.Request, kind, slices.Sorted(slices.Values(c.BeforeValues)), slices.Sorted(slices.Values(c.AfterValues))})
	}
	p.Tables = append(p.Tables, t)
	for _, c := range changes {
		lines := Table{Title: "Lines of " + c.Request, Columns: []string{"Line", "In", "Bytes", "Objects", "Before", "After"}, Kinds: []string{"text", "text", "+bytes", "+count", "bytes", "bytes"}}
		for _, l := range c.Lines {
			lines.Add(l.Where, l.Function, int64(l.After-l.Before), int(l.AfterObjects-l.BeforeObjects), int64(l.Before), int64(l.After))
		}
		if len(lines.Rows) > 0 {
			p.Tables = append(p.Tables, lines)
		}
	}
	return p
}
