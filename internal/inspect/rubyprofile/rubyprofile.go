// Package rubyprofile is the format of a profile of Ruby: what a capture writes into a file, and a report reads.
package rubyprofile

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
)

// Format is the name and the version of the format, by which a file is recognised.
const Format = "gantry.ruby-profile/1"

// Kind is what was sampled.
type Kind string

// The kinds.
const (
	CPU         Kind = "cpu"
	Allocations Kind = "allocations"
)

// Document is a profile. Samples name functions, classes and requests by their place in the lists.
type Document struct {
	Format string `json:"format"`
	Kind   Kind   `json:"kind"`
	Ruby   string `json:"ruby,omitempty"`
	PID    int    `json:"pid,omitempty"`
	// Exact: every object was looked at, and not a sample of them.
	Exact bool `json:"exact,omitempty"`
	// Microseconds is how long it took, and Processor the time that the process worked meanwhile.
	Microseconds int64 `json:"microseconds"`
	Processor    int64 `json:"processorMicroseconds"`
	// Taken are the samples as they were taken, Dropped those for which there was no room, Collecting and Native those that
	// met a garbage collection and threads that are not Ruby's.
	Taken      int `json:"taken"`
	Dropped    int `json:"dropped,omitempty"`
	Collecting int `json:"collecting,omitempty"`
	Native     int `json:"native,omitempty"`
	// Seen are all objects that were allocated meanwhile, and Missed those for which there was no room: they are in no sample.
	Seen   int64 `json:"seen,omitempty"`
	Missed int64 `json:"missed,omitempty"`

	Functions []Function `json:"functions"`
	Classes   []string   `json:"classes,omitempty"`
	Requests  []Request  `json:"requests,omitempty"`
	Samples   []Sample   `json:"samples"`
}

// Function is a method, a block or a function in C, which has no file. Line is its first.
type Function struct {
	Name string `json:"name"`
	File string `json:"file,omitempty"`
	Line int    `json:"line,omitempty"`
}

// Request is an action of Rails: how often it was answered, and how long that took together.
type Request struct {
	Name         string `json:"name"`
	Count        int    `json:"count"`
	Microseconds int64  `json:"microseconds"`
}

// Sample is a stack, the innermost call first: places in Functions and the lines that ran, in turns. Class and Request are
// places in the lists, -1 for none. Of allocations, Objects and Bytes are what was allocated there by estimate, Squares and
// ByteSquares are the sums of the squares of the objects and bytes for which single samples stand; of time, Microseconds is what was spent.
type Sample struct {
	Stack        []int   `json:"stack"`
	Class        int     `json:"class"`
	Request      int     `json:"request"`
	Objects      int64   `json:"objects,omitempty"`
	Bytes        int64   `json:"bytes,omitempty"`
	Squares      float64 `json:"squares,omitempty"`
	ByteSquares  float64 `json:"byteSquares,omitempty"`
	Microseconds int64   `json:"microseconds,omitempty"`
	// taken is how many samples these are.
	taken int64
}

// Error is by how much an estimate of objects, or of bytes, may be wrong, as a part of it, with a confidence of 95 %: samples are independent of
// each other, so that the variance of a sum is at most the sum of squares (Horvitz and Thompson, 1952).
func Error(estimate int64, squares float64) float64 {
	if estimate <= 0 {
		return 0
	}
	return 1.96 * math.Sqrt(squares) / float64(estimate)
}

// Call is one call of a stack.
type Call struct {
	Function Function
	// File and Line are where it was; for a function in C, where it was called.
	File string
	Line int
}

// Calls gives a sample's stack, the innermost call first.
func (d *Document) Calls(s Sample) []Call {
	calls := make([]Call, 0, len(s.Stack)/2)
	for i := 0; i+1 < len(s.Stack); i += 2 {
		f := d.Functions[s.Stack[i]]
		line := s.Stack[i+1]
		if line == 0 {
			// Ruby does not know the innermost line of code that YJIT has compiled.
			line = f.Line
		}
		calls = append(calls, Call{Function: f, File: f.File, Line: line})
	}
	for i := len(calls) - 2; i >= 0; i-- {
		if calls[i].File == "" {
			calls[i].File, calls[i].Line = calls[i+1].File, calls[i+1].Line
		}
	}
	return calls
}

// Write writes the document.
func (d *Document) Write(out io.Writer) error { return json.NewEncoder(out).Encode(d) }

// Parse reads a document, and makes sure that it holds together.
func Parse(text []byte) (*Document, error) {
	d := &Document{}
	if err := json.Unmarshal(text, d); err != nil {
		return nil, err
	}
	return d, d.Check()
}

// Check makes sure that what samples name is there.
func (d *Document) Check() error {
	for i, s := range d.Samples {
		if len(s.Stack)%2 != 0 || s.Class < -1 || s.Class >= len(d.Classes) || s.Request < -1 || s.Request >= len(d.Requests) {
			return fmt.Errorf("sample %d does not fit the rest", i+1)
		}
		for k := 0; k < len(s.Stack); k += 2 {
			if s.Stack[k] < 0 || s.Stack[k] >= len(d.Functions) {
				return fmt.Errorf("sample %d names a function that is not there", i+1)
			}
		}
	}
	return nil
}
