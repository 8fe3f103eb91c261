package localbuild

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/gantry-buildpack/gantry/internal/buildpack/buildlog"
)

// The buildpack writes its timeline into a file that this variable names.
const (
	timelineVariable = "BP_TIMELINE"
	timelineFile     = "gantry-timeline.json"
)

// phase is a line with which the lifecycle begins a phase; it writes each line at once.
var phase = regexp.MustCompile(`(?m)^(?:\x1b\[[\d;]*m)*===> ([A-Z]+)`)

// phases passes the lifecycle's output on, and notes when its phases begin.
type phases struct {
	out    io.Writer
	report *buildlog.Log
	name   string
	start  time.Time
}

func (p *phases) Write(text []byte) (int, error) {
	for _, m := range phase.FindAllSubmatch(text, -1) {
		p.end()
		p.name, p.start = strings.ToLower(string(bytes.Clone(m[1]))), time.Now()
	}
	return p.out.Write(text)
}

// end notes the phase that is going on.
func (p *phases) end() {
	if p.name != "" {
		p.report.Note(buildlog.Span{Subject: "Lifecycle", Name: p.name, Start: p.start, End: time.Now()})
	}
	p.name = ""
}

// noteBuildpack adds what the buildpack wrote down. A build that has failed early has written nothing.
func (b *build) noteBuildpack() {
	text, err := os.ReadFile(filepath.Join(b.folders[temporaryDir], timelineFile))
	if err != nil {
		return
	}
	spans, err := buildlog.ReadTrace(text)
	if err != nil {
		return
	}
	for _, s := range spans {
		b.report.Note(s)
	}
}
