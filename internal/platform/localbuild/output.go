package localbuild

import (
	"bytes"
	"io"
	"regexp"
	"strings"
	"sync/atomic"

	"github.com/gantry-buildpack/gantry/internal/problem"
)

var (
	// sequence is what colours a terminal: ECMA-48, 8.3.117.
	sequence = regexp.MustCompile(`\x1b\[[\d;]*m`)
	// echo is what the lifecycle prints behind the message of a buildpack that has failed: one failure is one message.
	echo = regexp.MustCompile(`^ERROR: failed to build: exit status \d+$`)
	// frame is what it prints around the message of a detection that has failed.
	frame = regexp.MustCompile(`^(?:======== (?:Output|Error): .* ========|======== Results ========|(?:err|fail|pass|skip): .*@.*|` +
		`ERROR: No buildpack groups passed detection\.|ERROR: Please check that you are running against the correct path\.|ERROR: failed to detect: .*)$`)
)

// notFor is how detection begins that finds no application.
const notFor = "Not for Gantry: "

// heard is what a build's output has told.
type heard struct {
	// failed: the buildpack has said why it failed.
	failed atomic.Bool
	// unknown is why detection finds no application.
	unknown atomic.Pointer[string]
}

// output passes on what the lifecycle and the buildpack print, line by line: without what the lifecycle repeats of a failure, and for what is no
// terminal without colours.
type output struct {
	out   io.Writer
	heard *heard
	plain bool
	// frameless leaves out what the lifecycle prints of a detection.
	frameless bool
	line      []byte
}

func (o *output) Write(text []byte) (int, error) {
	o.line = append(o.line, text...)
	end := bytes.LastIndexByte(o.line, '\n') + 1
	whole := o.line[:end]
	var kept bytes.Buffer
	for line := range bytes.Lines(whole) {
		o.take(line, &kept)
	}
	o.line = append(o.line[:0], o.line[end:]...)
	if kept.Len() == 0 {
		return len(text), nil
	}
	if _, err := o.out.Write(kept.Bytes()); err != nil {
		return 0, err
	}
	return len(text), nil
}

// take adds a line to those that are kept, if it is one.
func (o *output) take(line []byte, kept *bytes.Buffer) {
	bare := strings.TrimRight(string(sequence.ReplaceAll(line, nil)), "\r\n")
	if strings.HasPrefix(bare, "Failed:") {
		o.heard.failed.Store(true)
	}
	why, unknown := strings.CutPrefix(bare, notFor)
	if unknown {
		o.heard.unknown.Store(&why)
	}
	switch {
	case echo.MatchString(bare), o.frameless && (unknown || frame.MatchString(bare)):
	case o.plain:
		kept.WriteString(bare + "\n")
	default:
		kept.Write(line)
	}
}

// flush passes on what came without the end of its line.
func (o *output) flush() {
	if len(o.line) > 0 {
		_, _ = o.Write([]byte("\n"))
	}
}

// notRecognized is the answer of a detection that finds no application; nil where it was not that.
func (h *heard) notRecognized() error {
	why := h.unknown.Load()
	if why == nil {
		return nil
	}
	reason, hint, _ := strings.Cut(*why, ". ")
	return &problem.Problem{ID: "localbuild/not-recognized", Title: "this is no application that Gantry builds", Why: reason, Hints: []string{hint}}
}
