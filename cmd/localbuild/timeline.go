package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"

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

// timelinePage shows a timeline.
func timelinePage(t buildlog.Timeline, app string) htmlreport.Page {
	from, to := t.Bounds()
	p := htmlreport.Page{Title: "Timeline of a build: " + filepath.Base(app), Facts: [][2]string{{"Began", from.Format("2006-01-02 15:04:05")}, {"Took", took(to.Sub(from))}}}
	critical := t.Critical()
	if longest, ok := t.Longest(); ok {
		p.Facts = append(p.Facts, [2]string{"Longest", took(longest.Took()) + " " + longest.Name})
	}
	picture := &htmlreport.Timeline{Total: to.Sub(from).Microseconds()}
	waited := htmlreport.Table{Title: "What the end waited for, one after the other", Columns: []string{"Subject", "Work", "From", "For"}, Kinds: []string{"text", "text", "time", "time"}}
	remarks := htmlreport.Table{Title: "What the build said", Columns: []string{"At", "Subject", "Text"}, Kinds: []string{"time", "text", "text"}}
	isCritical := map[string]bool{}
	for _, s := range critical {
		isCritical[s.Subject+" "+s.Name] = true
		waited.Add(s.Subject, s.Name, s.Start.Sub(from).Microseconds(), s.Took().Microseconds())
	}
	for _, s := range t {
		start := s.Start.Sub(from).Microseconds()
		if s.Took() == 0 {
			remarks.Add(start, s.Subject, strings.TrimSpace(s.Name))
			continue
		}
		picture.Rows = append(picture.Rows, htmlreport.Bar{
			Subject: s.Subject, Name: s.Name, Start: start, Took: s.Took().Microseconds(), Critical: isCritical[s.Subject+" "+s.Name], Background: s.Background,
		})
	}
	p.Timeline, p.Tables = picture, []htmlreport.Table{waited, remarks}
	return p
}
