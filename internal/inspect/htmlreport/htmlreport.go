// Package htmlreport shows captures: as a self-contained HTML page with a flame graph and tables, and as text.
package htmlreport

import (
	"cmp"
	_ "embed" // for the parts of the page
	"encoding/json"
	"fmt"
	"html"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/gantry-buildpack/gantry/internal/inspect/profile"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// Page is what is shown of a capture, or of two.
type Page struct {
	Title  string      `json:"title"`
	Facts  [][2]string `json:"facts"`
	Stack  []string    `json:"stack,omitempty"`
	Flame  *Flame      `json:"flame,omitempty"`
	Tables []Table     `json:"tables"`
	// Timeline is when each piece of some work was done.
	Timeline *Timeline `json:"timeline,omitempty"`
	// Distributions are pictures of measurements, before and after.
	Distributions []Distribution `json:"distributions,omitempty"`
}

// Flame is a flame graph: its functions, and its boxes in lists of the same length. Start and Value are in the unit; Before
// is the value in the earlier of two profiles.
type Flame struct {
	Unit   profile.Unit `json:"unit"`
	Total  int64        `json:"total"`
	Frames []frame      `json:"frames"`
	Frame  []int        `json:"frame"`
	Depth  []int        `json:"depth"`
	Start  []int64      `json:"start"`
	Value  []int64      `json:"value"`
	Before []int64      `json:"before,omitempty"`
}

type frame struct {
	Name    string `json:"name"`
	Place   string `json:"place"`
	Package string `json:"package"`
}

// Timeline is a picture of work, one row for each piece. Total, and the times of the rows, are in microseconds.
type Timeline struct {
	Total int64 `json:"total"`
	Rows  []Bar `json:"rows"`
}

// Bar is a row of a timeline. The end waited for what is Critical; what is in the Background was done meanwhile.
type Bar struct {
	Subject    string `json:"subject"`
	Name       string `json:"name"`
	Start      int64  `json:"start"`
	Took       int64  `json:"took"`
	Critical   bool   `json:"critical,omitempty"`
	Background bool   `json:"background,omitempty"`
}

// Table is a table; Kinds say what the columns hold: text, count, time, bytes or share (of 1), and "+" before it a change.
type Table struct {
	Title   string   `json:"title"`
	Columns []string `json:"columns"`
	Kinds   []string `json:"kinds"`
	Rows    [][]any  `json:"rows"`
}

// maxRows bounds a table; the page stays readable, and small.
const maxRows = 500

// Add adds a row, up to a limit.
func (t *Table) Add(values ...any) {
	if len(t.Rows) < maxRows {
		t.Rows = append(t.Rows, values)
	}
}

// Of gives the page of a capture.
func Of(c *profile.Capture) Page {
	switch {
	case c.Requests != nil:
		return ofRequests(c)
	case c.Ruby != nil:
		return ofRuby(ofProfile(c.Name, c.Profile), c)
	case c.Profile != nil:
		return ofProfile(c.Name, c.Profile)
	case c.Snapshot != nil:
		return ofSnapshot(c.Name, c.Snapshot)
	default:
		return ofReport(c.Name, c.Report)
	}
}

func ofProfile(name string, p *profile.Profile) Page {
	total := p.Root.Total()
	kind, title := "bytes", "Heap profile"
	page := Page{Facts: [][2]string{}}
	fact := func(name, value string) { page.Facts = append(page.Facts, [2]string{name, value}) }
	if p.Unit == profile.Microseconds {
		kind, title = "time", "CPU profile"
		all := total + p.Idle
		fact("Busy", Value(p.Unit, total)+" of "+Value(p.Unit, all)+" "+share(total, all))
	} else {
		fact("Allocated and in use", Value(p.Unit, total))
	}
	fact("Samples", fmt.Sprint(p.Samples))
	page.Title = title + ": " + name
	page.Flame = flameOf(p.Unit, total, fromNode(p.Root))
	functions := Table{Title: "Functions", Columns: []string{"Function", "Where", "Self", "Self %", "Total", "Total %"}, Kinds: []string{"text", "text", kind, "share", kind, "share"}}
	for _, l := range p.Functions() {
		functions.Add(l.Name, place(l.Frame), l.Self, ratio(l.Self, total), l.Total, ratio(l.Total, total))
	}
	packages := Table{Title: "Packages", Columns: []string{"Package", "Self", "Self %", "Total", "Total %"}, Kinds: []string{"text", kind, "share", kind, "share"}}
	for _, l := range p.Packages() {
		packages.Add(l.Name, l.Self, ratio(l.Self, total), l.Total, ratio(l.Total, total))
	}
	page.Tables = []Table{functions, packages}
	return page
}

func ofSnapshot(name string, s *profile.Snapshot) Page {
	p := Page{Title: "Heap snapshot: " + name, Facts: [][2]string{{"Objects", fmt.Sprint(s.Objects)}, {"Size", profile.Size(s.Size)}}}
	if !s.Retained {
		p.Facts = append(p.Facts, [2]string{"Note", "it is too large to follow what keeps what alive: only objects' own sizes are shown"})
	}
	t := Table{Title: "Constructors", Columns: []string{"Constructor", "Package", "Where", "Objects", "Self", "Keeps alive", "%"}, Kinds: []string{"text", "text", "text", "count", "bytes", "bytes", "share"}}
	for _, c := range s.Constructors {
		t.Add(c.Name, c.Package(), c.File, c.Count, c.Self, c.Retained, ratio(c.Retained, s.Size))
	}
	packages := Table{Title: "Packages", Columns: []string{"Package", "Self", "Keep alive"}, Kinds: []string{"text", "bytes", "bytes"}}
	for _, l := range s.Packages {
		packages.Add(l.Name, l.Self, l.Total)
	}
	ways := waysTable()
	for _, c := range s.Constructors {
		addWay(&ways, c, c.Retained)
	}
	p.Tables = []Table{t, ways, awaitingTable(s), packages}
	return p
}

// Awaiting is a page of the async functions that are suspended alone.
func Awaiting(name string, s *profile.Snapshot) Page {
	calls := 0
	for _, a := range s.Awaiting {
		calls += a.Count
	}
	p := Page{Title: "What awaits: " + name, Facts: [][2]string{{"Suspended", problem.Count(calls, "call") + " of " + problem.Count(len(s.Awaiting), "async function")}}}
	if !s.Retained {
		p.Facts = append(p.Facts, [2]string{"Note", "the heap is too large to find them"})
	}
	p.Tables = []Table{awaitingTable(s)}
	return p
}

func awaitingTable(s *profile.Snapshot) Table {
	t := Table{Title: "Suspended async functions", Columns: []string{"Calls", "Function", "Where", "Wait for", "One of them goes on by"}, Kinds: []string{"count", "text", "text", "text", "way"}}
	for _, a := range s.Awaiting {
		name := a.Function
		if name == "" {
			name = "(anonymous)"
		}
		t.Add(a.Count, name, fmt.Sprintf("%s:%d:%d", a.File, a.Line, a.Column), cmp.Or(a.For, "?"), a.Way)
	}
	return t
}

// waysTable tells what keeps objects alive: of the largest of each constructor that is the application's, and of the collections that people keep things in.
func waysTable() Table {
	return Table{Title: "What keeps them alive", Columns: []string{"Constructor", "Keeps alive", "The largest is kept by"}, Kinds: []string{"text", "bytes", "way"}}
}

// mostWays bounds that table.
const mostWays = 25

// collections are constructors of the runtime that applications keep things in.
var collections = []string{"Map", "Set", "Array", "Object", "Buffer", "ArrayBuffer", "Uint8Array", "Promise", "Generator", "Hash", "String"}

func addWay(t *Table, c profile.Constructor, bytes int64) {
	own := c.File != "" && !strings.HasPrefix(c.File, "node:") && c.Package() != profile.RuntimePackage || slices.Contains(collections, c.Name) || c.File == "" && strings.Contains(c.Name, "::")
	if c.Way != "" && own && len(t.Rows) < mostWays {
		t.Add(c.Name, bytes, c.Way)
	}
}

func ofReport(name string, r *profile.Report) Page {
	p := Page{Title: "Diagnostic report: " + name, Facts: r.Facts, Stack: r.Stack}
	spaces := Table{Title: "Heap", Columns: []string{"Space", "Used", "Available", "Capacity"}, Kinds: []string{"text", "bytes", "bytes", "bytes"}}
	for _, s := range r.Spaces {
		spaces.Add(s.Name, s.Used, s.Available, s.Capacity)
	}
	handles := Table{Title: "What the event loop waits for", Columns: []string{"Kind", "Count", "Active"}, Kinds: []string{"text", "count", "count"}}
	for _, h := range r.Handles {
		handles.Add(h.Kind, h.Count, h.Active)
	}
	p.Tables = []Table{spaces, handles}
	return p
}

// Diff gives the page of what changed from one capture to another.
func Diff(before, after *profile.Capture) (Page, error) {
	title := "What changed: " + before.Name + " → " + after.Name
	if before.Snapshot != nil && after.Snapshot != nil {
		return diffSnapshots(title, before.Snapshot, after.Snapshot), nil
	}
	root, err := profile.Compare(before, after)
	if err != nil {
		return Page{}, err
	}
	unit := after.Profile.Unit
	kind := map[profile.Unit]string{profile.Microseconds: "time", profile.Bytes: "bytes"}[unit]
	p := Page{Title: title, Facts: [][2]string{{"Before", Value(unit, root.Before)}, {"After", Value(unit, root.After)}}}
	p.Flame = flameOf(unit, root.After, fromDelta(root))
	type change struct {
		line profile.Line
		was  int64
	}
	for _, t := range []struct {
		title string
		lines func(*profile.Profile) []profile.Line
	}{{"Functions", (*profile.Profile).Functions}, {"Packages", (*profile.Profile).Packages}} {
		rows := map[string]*change{}
		key := func(l profile.Line) string { return l.Name + "\x00" + l.Frame.File }
		for _, l := range t.lines(before.Profile) {
			if rows[key(l)] == nil {
				rows[key(l)] = &change{line: profile.Line{Name: l.Name, Frame: l.Frame}}
			}
			rows[key(l)].was += l.Self
		}
		for _, l := range t.lines(after.Profile) {
			if rows[key(l)] == nil {
				rows[key(l)] = &change{line: profile.Line{Name: l.Name, Frame: l.Frame}}
			}
			rows[key(l)].line.Self += l.Self
			rows[key(l)].line.Frame.Line = l.Frame.Line
		}
		list := make([]*change, 0, len(rows))
		for _, row := range rows {
			list = append(list, row)
		}
		slices.SortFunc(list, func(a, b *change) int {
			return cmp.Or(cmp.Compare(b.line.Self-b.was, a.line.Self-a.was), cmp.Compare(a.line.Name, b.line.Name), cmp.Compare(a.line.Frame.File, b.line.Frame.File))
		})
		table := Table{Title: t.title, Columns: []string{"Name", "Where", "Change", "Before", "After"}, Kinds: []string{"text", "text", "+" + kind, kind, kind}}
		for _, row := range list {
			table.Add(row.line.Name, place(row.line.Frame), row.line.Self-row.was, row.was, row.line.Self)
		}
		p.Tables = append(p.Tables, table)
	}
	return p, nil
}

func diffSnapshots(title string, before, after *profile.Snapshot) Page {
	p := Page{Title: title, Facts: [][2]string{
		{"Before", fmt.Sprintf("%d objects, %s", before.Objects, profile.Size(before.Size))}, {"After", fmt.Sprintf("%d objects, %s", after.Objects, profile.Size(after.Size))},
	}}
	t := Table{Title: "Constructors", Columns: []string{"Constructor", "Package", "More objects", "More self", "Keep more alive", "Objects", "Keep alive"},
		Kinds: []string{"text", "text", "+count", "+bytes", "+bytes", "count", "bytes"}}
	for _, g := range after.Compare(before) {
		t.Add(g.Name, g.Package(), g.MoreCount, g.MoreSelf, g.MoreRetained, g.Count, g.Retained)
	}
	ways := waysTable()
	ways.Columns[1], ways.Kinds[1] = "Keep more alive", "+bytes"
	for _, g := range after.Compare(before) {
		if g.MoreSelf > 0 || g.MoreRetained > 0 {
			addWay(&ways, g.Constructor, g.MoreRetained)
		}
	}
	p.Tables = []Table{t, ways}
	return p
}

func place(f profile.Frame) string {
	if f.Line > 0 {
		return fmt.Sprintf("%s:%d", f.File, f.Line)
	}
	return f.File
}

func ratio(part, whole int64) float64 {
	if whole == 0 {
		return 0
	}
	return float64(part) / float64(whole)
}

func share(part, whole int64) string { return fmt.Sprintf("(%.0f %%)", 100*ratio(part, whole)) }

// Value gives a value of a profile for people.
func Value(unit profile.Unit, value int64) string {
	if unit == profile.Bytes {
		return profile.Size(value)
	}
	switch d := time.Duration(value) * time.Microsecond; {
	case d < time.Millisecond && d > -time.Millisecond:
		return fmt.Sprintf("%d µs", value)
	case d < time.Second && d > -time.Second:
		return fmt.Sprintf("%.1f ms", d.Seconds()*1000)
	default:
		return fmt.Sprintf("%.2f s", d.Seconds())
	}
}

//go:embed page.html
var document string

//go:embed page.css
var style string

//go:embed page.js
var script string

// HTML writes the page: one file, which loads nothing.
func (p Page) HTML(out io.Writer) error {
	data, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("write the page: %w", err)
	}
	// The JSON has no "<": encoding/json escapes it.
	_, err = strings.NewReplacer("{{title}}", html.EscapeString(p.Title), "{{style}}", style, "{{script}}", script, "{{data}}", string(data)).WriteString(out, document)
	return err
}
