package buildlog

import (
	"bytes"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/problem"
	"github.com/gantry-buildpack/gantry/internal/problem/redact"
)

// Output gives a writer for the output of another program.
func (r *Log) Output() *Output { return &Output{report: r} }

// Output shows whole lines, each behind a bar, without credentials in addresses.
type Output struct {
	report *Log
	rest   []byte
}

// maxLine is how much of a line is kept until its end comes, in bytes; a longer one is shown in parts.
const maxLine = 64 << 10

// Write takes any part of a line. It looks at each byte once, and keeps a bounded number of them: a program may print hundreds of
// megabytes without an end of line.
func (o *Output) Write(text []byte) (int, error) {
	written := len(text)
	for len(text) > 0 {
		end := bytes.IndexByte(text, '\n')
		part := text[:min(maxLine, len(text))]
		if end >= 0 && end < len(part) {
			o.show(append(o.rest, text[:end]...))
			text = text[end+1:]
			continue
		}
		text = text[len(part):]
		// What a progress bar draws over is never seen.
		if n := len(o.rest); n > 0 && o.rest[n-1] == '\r' && part[0] != '\r' {
			o.rest = o.rest[:0]
		}
		if drawn := bytes.LastIndexByte(part, '\r'); drawn >= 0 && drawn < len(part)-1 {
			o.rest, part = o.rest[:0], part[drawn+1:]
		}
		if o.rest = append(o.rest, part...); len(o.rest) >= maxLine {
			o.showFull()
		}
	}
	return written, nil
}

// showFull shows a part of a line that has no end yet, up to a space where there is one: an address is not shown in two parts.
func (o *Output) showFull() {
	at := bytes.LastIndexAny(o.rest, " \t")
	if at < 0 {
		at = len(o.rest)
	}
	rest := bytes.Clone(o.rest[at:])
	o.show(o.rest[:at])
	o.rest = append(o.rest, rest...)
}

func (o *Output) show(line []byte) {
	o.report.printf("  | %s\n", shown(string(line)))
	o.rest = o.rest[:0]
}

// shown gives a line as a terminal shows it: a progress bar that is drawn over itself, as it was last.
func shown(line string) string {
	line = strings.TrimRight(line, "\r")
	return problem.VisibleOutput(redact.Addresses(line[strings.LastIndexByte(line, '\r')+1:]))
}

// Close shows a last line that has no end.
func (o *Output) Close() error {
	if len(o.rest) > 0 {
		o.show(o.rest)
	}
	return nil
}
