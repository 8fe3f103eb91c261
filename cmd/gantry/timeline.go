package main

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gantry-buildpack/gantry/internal/buildpack/buildlog"
	"github.com/gantry-buildpack/gantry/internal/inspect/htmlreport"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// writeTimeline writes where a build's time went: as a page, or for Chrome and Perfetto where the file is called .json.
func writeTimeline(t buildlog.Timeline, app, file string) error {
	text, err := t.Trace()
	if filepath.Ext(file) != ".json" {
		var page bytes.Buffer
		err = timelinePage(t, app).HTML(&page)
		text = page.Bytes()
	}
	if err == nil {
		err = os.WriteFile(file, text, 0o644)
	}
	if err != nil {
		return problem.Disk("write the timeline", err)
	}
	return nil
}

// worthShowing is what a table leaves out less than.
const worthShowing = time.Millisecond

// timelinePage shows a timeline. The end waited for a piece of work if it did so for half of its time: what is around others is none.
func timelinePage(t buildlog.Timeline, app string) htmlreport.Page {
	from, to := t.Bounds()
	p := htmlreport.Page{Title: "Timeline of a build: " + filepath.Base(app), Facts: [][2]string{{"Began", from.Format("2006-01-02 15:04:05")}, {"Took", took(to.Sub(from))}}}
	if longest, ok := t.Longest(); ok {
		p.Facts = append(p.Facts, [2]string{"Longest", took(longest.Took()) + " " + longest.Name})
	}
	picture := &htmlreport.Timeline{Total: to.Sub(from).Microseconds()}
	waited := htmlreport.Table{Title: "What the end waited for", Columns: []string{"Subject", "Work", "For", "%"}, Kinds: []string{"text", "text", "time", "share"}}
	remarks := htmlreport.Table{Title: "What the build said", Columns: []string{"At", "Subject", "Text"}, Kinds: []string{"time", "text", "text"}}
	type work struct{ subject, name string }
	total := map[work]time.Duration{}
	for _, s := range t.Critical() {
		total[work{s.Subject, s.Name}] += s.Took()
	}
	for _, w := range slices.SortedFunc(maps.Keys(total), func(a, b work) int {
		return cmp.Or(cmp.Compare(total[b], total[a]), cmp.Compare(a.name, b.name))
	}) {
		if total[w] >= worthShowing {
			waited.Add(w.subject, w.name, total[w].Microseconds(), float64(total[w])/float64(to.Sub(from)))
		}
	}
	for _, s := range t {
		start := s.Start.Sub(from).Microseconds()
		if s.Took() == 0 {
			remarks.Add(start, s.Subject, strings.TrimSpace(s.Name))
			continue
		}
		picture.Rows = append(picture.Rows, htmlreport.Bar{
			Subject: s.Subject, Name: s.Name, Start: start, Took: s.Took().Microseconds(), Critical: 2*total[work{s.Subject, s.Name}] >= s.Took(), Background: s.Background,
		})
	}
	p.Timeline, p.Tables = picture, []htmlreport.Table{waited, remarks}
	return p
}

// took gives a duration for people.
func took(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }
