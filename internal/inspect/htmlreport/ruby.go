package htmlreport

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/gantry-buildpack/gantry/internal/inspect/profile"
	"github.com/gantry-buildpack/gantry/internal/inspect/replay"
	"github.com/gantry-buildpack/gantry/internal/inspect/rubyprofile"
)

// ofRuby adds to the page of a profile what only those of Ruby tell: lines of source, classes and requests.
func ofRuby(p Page, c *profile.Capture) Page {
	d := c.Ruby
	if d.Kind == rubyprofile.Allocations {
		p.Title = "Allocations: " + c.Name
		p.Facts = allocationFacts(d)
	}
	p.Facts = append(p.Facts, [2]string{"Ruby", d.Ruby})
	if d.Missed > 0 {
		p.Facts = append(p.Facts, [2]string{"Note", fmt.Sprintf("for %d of %d objects (%.1f %%) there was no room: they are in no line", d.Missed, d.Seen, 100*float64(d.Missed)/float64(d.Seen))})
	}
	if d.Dropped > 0 {
		p.Facts = append(p.Facts, [2]string{"Note", fmt.Sprintf("for %d samples there was no room: values are smaller than they were", d.Dropped)})
	}
	tables := []Table{linesTable(d), classesTable(d), p.Tables[1], requestsTable(d), p.Tables[0]}
	p.Tables = slices.DeleteFunc(tables, func(t Table) bool { return len(t.Rows) == 0 })
	for i := range p.Tables {
		if p.Tables[i].Title == "Packages" {
			p.Tables[i].Title, p.Tables[i].Columns[0] = "Gems", "Gem"
		}
	}
	return p
}

func allocationFacts(d *rubyprofile.Document) [][2]string {
	var objects, bytes int64
	for _, s := range d.Samples {
		objects, bytes = objects+s.Objects, bytes+s.Bytes
	}
	facts := [][2]string{
		{"Allocated", fmt.Sprintf("%d objects, about %s", objects, profile.Size(bytes))}, {"Samples", fmt.Sprintf("%d; ± is the error of a line's estimate, with a confidence of 95 %%", d.Taken)},
	}
	if d.Exact {
		facts = [][2]string{{"Allocated", fmt.Sprintf("%d objects, %s", objects, profile.Size(bytes))}}
	}
	if seconds := float64(d.Microseconds) / 1e6; seconds > 0 {
		facts = append(facts, [2]string{"In a second", fmt.Sprintf("%.0f objects, %s", float64(objects)/seconds, profile.Size(int64(float64(bytes)/seconds)))})
	}
	return facts
}

// row adds up samples.
type row struct {
	name, place    string
	objects, bytes int64
	time           int64
	// squares and byteSquares are those of what samples stand for.
	squares, byteSquares float64
}

// rows adds samples up by a key, the largest first; samples whose key is empty are left out.
func rows(d *rubyprofile.Document, key func(rubyprofile.Sample) (name, place string)) []*row {
	index := map[[2]string]*row{}
	var list []*row
	for _, s := range d.Samples {
		name, place := key(s)
		if name == "" {
			continue
		}
		r := index[[2]string{name, place}]
		if r == nil {
			r = &row{name: name, place: place}
			index[[2]string{name, place}] = r
			list = append(list, r)
		}
		r.objects, r.bytes, r.time = r.objects+s.Objects, r.bytes+s.Bytes, r.time+s.Microseconds
		r.squares, r.byteSquares = r.squares+s.Squares, r.byteSquares+s.ByteSquares
	}
	slices.SortStableFunc(list, func(a, b *row) int {
		return cmp.Or(cmp.Compare(b.bytes, a.bytes), cmp.Compare(b.objects, a.objects), cmp.Compare(b.time, a.time))
	})
	return list
}

func total(list []*row) (objects, bytes, time int64) {
	for _, r := range list {
		objects, bytes, time = objects+r.objects, bytes+r.bytes, time+r.time
	}
	return objects, bytes, time
}

func linesTable(d *rubyprofile.Document) Table {
	list := rows(d, func(s rubyprofile.Sample) (string, string) {
		calls := d.Calls(s)
		if len(calls) == 0 {
			return "", ""
		}
		// All that a line calls in C is one: the method that the line is part of.
		method := slices.IndexFunc(calls, func(c rubyprofile.Call) bool { return c.Function.File != "" })
		return fmt.Sprintf("%s:%d", calls[0].File, calls[0].Line), calls[max(0, method)].Function.Name
	})
	objects, bytes, time := total(list)
	if d.Kind == rubyprofile.CPU {
		t := Table{Title: "Lines", Columns: []string{"Line", "In", "Self", "Self %"}, Kinds: []string{"text", "text", "time", "share"}}
		for _, r := range list {
			t.Add(r.name, r.place, r.time, ratio(r.time, time))
		}
		return t
	}
	t := Table{Title: "Lines", Columns: []string{"Line", "In", "Objects", "Objects %", "Bytes", "Bytes %"}, Kinds: []string{"text", "text", "count", "share", "bytes", "share"}}
	if !d.Exact {
		t.Columns, t.Kinds = []string{"Line", "In", "Objects", "±", "Objects %", "Bytes", "±", "Bytes %"}, []string{"text", "text", "count", "share", "share", "bytes", "share", "share"}
		for _, r := range list {
			t.Add(r.name, r.place, int(r.objects), rubyprofile.Error(r.objects, r.squares), ratio(r.objects, objects), r.bytes, rubyprofile.Error(r.bytes, r.byteSquares), ratio(r.bytes, bytes))
		}
		return t
	}
	for _, r := range list {
		t.Add(r.name, r.place, int(r.objects), ratio(r.objects, objects), r.bytes, ratio(r.bytes, bytes))
	}
	return t
}

func classesTable(d *rubyprofile.Document) Table {
	t := Table{Title: "Classes", Columns: []string{"Class", "Objects", "Objects %", "Bytes", "Bytes %"}, Kinds: []string{"text", "count", "share", "bytes", "share"}}
	if d.Kind == rubyprofile.CPU {
		return t
	}
	list := rows(d, func(s rubyprofile.Sample) (string, string) {
		if s.Class < 0 {
			return "(Ruby's own)", ""
		}
		return d.Classes[s.Class], ""
	})
	objects, bytes, _ := total(list)
	for _, r := range list {
		t.Add(r.name, int(r.objects), ratio(r.objects, objects), r.bytes, ratio(r.bytes, bytes))
	}
	return t
}

func requestsTable(d *rubyprofile.Document) Table {
	t := Table{Title: "Requests", Columns: []string{"Request", "Times", "Objects each", "Bytes each", "Bytes %"}, Kinds: []string{"text", "count", "count", "bytes", "share"}}
	if d.Kind == rubyprofile.CPU {
		t = Table{Title: "Requests", Columns: []string{"Request", "Times", "Processor each", "Processor %"}, Kinds: []string{"text", "count", "time", "share"}}
	}
	all := rows(d, func(rubyprofile.Sample) (string, string) { return "all", "" })
	_, bytes, time := total(all)
	byRequest := map[string]*row{}
	for _, r := range rows(d, func(s rubyprofile.Sample) (string, string) {
		if s.Request < 0 {
			return "", ""
		}
		return d.Requests[s.Request].Name, ""
	}) {
		byRequest[r.name] = r
	}
	for _, request := range d.Requests {
		r := byRequest[request.Name]
		if r == nil || request.Count == 0 {
			continue
		}
		if d.Kind == rubyprofile.CPU {
			t.Add(request.Name, request.Count, r.time/int64(request.Count), ratio(r.time, time))
		} else {
			t.Add(request.Name, request.Count, int(r.objects)/request.Count, r.bytes/int64(request.Count), ratio(r.bytes, bytes))
		}
	}
	return t
}

// ofRequests is the page of what requests took.
func ofRequests(c *profile.Capture) Page {
	p := Page{Facts: [][2]string{}}
	if c.Profile != nil {
		p = ofRuby(ofProfile(c.Name, c.Profile), c)
	}
	p.Title = "Requests: " + c.Name
	t := Table{Title: "Medians", Columns: []string{"Request", "Times", "Objects", "Bytes", "Time"}, Kinds: []string{"text", "count", "count", "bytes", "time"}}
	for _, m := range c.Requests.Requests {
		objects, _, _ := replay.Median(m.Objects)
		bytes, _, _ := replay.Median(m.Bytes)
		time, _, _ := replay.Median(m.Microseconds)
		t.Add(m.Name, len(m.Objects), int(objects), int64(bytes), int64(time))
	}
	p.Tables = append([]Table{t}, p.Tables...)
	return p
}
