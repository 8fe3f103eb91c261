package localbuild

import (
	"bytes"
	"io"
	"regexp"
	"sync/atomic"
)

// echo finds what the lifecycle prints behind the message of a buildpack that has failed: one failure is one message.
var echo = regexp.MustCompile(`(?m)^(?:\x1b\[[\d;]*m)*ERROR: (?:\x1b\[[\d;]*m)*failed to build: exit status \d+(?:\x1b\[[\d;]*m)*\r?\n`)

// withoutEcho leaves it out, and notes whether the buildpack has said why it failed. The lifecycle writes each line at once.
type withoutEcho struct {
	out  io.Writer
	said *atomic.Bool
}

func (w withoutEcho) Write(text []byte) (int, error) {
	if bytes.Contains(text, []byte("Failed:")) {
		w.said.Store(true)
	}
	rest := echo.ReplaceAll(text, nil)
	if len(rest) == 0 {
		return len(text), nil
	}
	if _, err := w.out.Write(rest); err != nil {
		return 0, err
	}
	return len(text), nil
}
