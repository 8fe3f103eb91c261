// Package profile reads captures (profiles, heap snapshots and diagnostic reports) and says what stands out in them.
package profile

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/inspect/replay"
	"github.com/gantry-buildpack/gantry/internal/inspect/rubyprofile"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// Unit is what the values of a profile count.
type Unit string

// The units. Time is in microseconds.
const (
	Microseconds Unit = "µs"
	Bytes        Unit = "bytes"
)

// Frame is a function. Line counts from 1; 0 means that it is not known.
type Frame struct {
	Name, File string
	Line       int
}

// Node is a function as it was called from its parent; Self is what it took itself, in the profile's unit.
type Node struct {
	Frame    Frame
	Self     int64
	Children []*Node
}

// Total is what the function and all that it called took.
func (n *Node) Total() int64 {
	total := n.Self
	for _, child := range n.Children {
		total += child.Total()
	}
	return total
}

// Profile is where time went, or where memory was allocated.
type Profile struct {
	Unit Unit
	Root *Node
	// Idle is the part in which nothing ran; it is not part of the tree. Samples is how often was looked.
	Idle    int64
	Samples int
}

// Capture is what was read: one of its parts is set.
type Capture struct {
	Name     string
	Profile  *Profile
	Snapshot *Snapshot
	Report   *Report
	Requests *replay.Result
	// Ruby is what Profile was made of, when it is one of Ruby.
	Ruby *rubyprofile.Document
}

// sniffed is how much of a file tells its format, in bytes.
const sniffed = 4 << 10

// maxDocument bounds what is read at once, in bytes; snapshots are read as a stream.
const maxDocument = 1 << 30

// Read reads a capture; name is shown to people. What is no capture is a problem with the id report/….
func Read(name string, in io.Reader) (*Capture, error) {
	reader := bufio.NewReaderSize(in, 1<<20)
	head, err := reader.Peek(sniffed)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, problem.Unreadable("read "+name, err)
	}
	c := &Capture{Name: name}
	if isSnapshot(head) {
		if c.Snapshot, err = readSnapshot(reader); err != nil {
			return nil, broken(name, err)
		}
		return c, nil
	}
	if isRubyHeap(head) {
		if c.Snapshot, err = readRubyHeap(reader); err != nil {
			return nil, broken(name, err)
		}
		return c, nil
	}
	text, err := io.ReadAll(io.LimitReader(reader, maxDocument+1))
	if err != nil {
		return nil, problem.Unreadable("read "+name, err)
	}
	if len(text) > maxDocument {
		return nil, broken(name, fmt.Errorf("it is larger than %d MiB", maxDocument>>20))
	}
	return c, c.parse(text)
}

// isSnapshot: V8 writes this part first.
func isSnapshot(head []byte) bool {
	return bytes.HasPrefix(bytes.TrimLeft(head, " \t\r\n{"), []byte(`"snapshot"`))
}

func (c *Capture) parse(text []byte) error {
	var keys map[string]json.RawMessage
	if len(bytes.TrimSpace(text)) == 0 {
		return broken(c.Name, errors.New("it is empty: the capture was not taken, or its output went elsewhere"))
	}
	if err := json.Unmarshal(text, &keys); err != nil {
		if text[0] == '{' {
			return broken(c.Name, err)
		}
		return foreign(c.Name)
	}
	var err error
	var format string
	_ = json.Unmarshal(keys["format"], &format)
	switch {
	case format == rubyprofile.Format:
		if c.Ruby, err = rubyprofile.Parse(text); err == nil {
			c.Profile = fromRuby(c.Ruby)
		}
	case format == replay.Format:
		if c.Requests, err = replay.ParseResult(text); err == nil && c.Requests.Profile != nil {
			c.Ruby, c.Profile = c.Requests.Profile, fromRuby(c.Requests.Profile)
		}
	case keys["nodes"] != nil && keys["timeDeltas"] != nil:
		c.Profile, err = readCPU(text)
	case keys["head"] != nil:
		c.Profile, err = readHeap(text)
	case keys["header"] != nil && keys["javascriptHeap"] != nil:
		c.Report, err = readReport(text)
	default:
		return foreign(c.Name)
	}
	if err != nil {
		return broken(c.Name, err)
	}
	return nil
}

func broken(name string, err error) error {
	why := err.Error()
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) && strings.Contains(why, "unexpected end") || errors.Is(err, io.ErrUnexpectedEOF) {
		why = "it ends in the middle: the capture was interrupted, or not copied whole"
	}
	return &problem.Problem{
		ID:    "report/broken",
		Title: name + " cannot be read",
		Why:   why,
		Hints: []string{"Take the capture again."},
		Err:   err,
	}
}

func foreign(name string) error {
	return &problem.Problem{
		ID:    "report/unknown-format",
		Title: name + " is no capture that is known",
		Why:   "it is neither a profile, a heap snapshot, a measurement of requests, nor a diagnostic report of Node.js",
		Hints: []string{"`gantry profile`, `gantry snapshot heap`, `gantry allocations` and `gantry report-process` in a container make them."},
	}
}
