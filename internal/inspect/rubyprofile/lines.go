package rubyprofile

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"
	"sync"
)

// maxLine bounds a line of the agent, in bytes: the deepest stack that it takes fits many times.
const maxLine = 1 << 20

// FromLines reads what the agent in a process of Ruby writes (internal/container/agent/sampler.c and agent.rb say how), and makes a
// profile of it.
func FromLines(kind Kind, in io.Reader) (*Document, error) {
	r := reader{
		doc: &Document{Format: Format, Kind: kind, Functions: []Function{}, Samples: []Sample{}}, functions: map[Function]int{}, classes: map[string]int{},
		requests: map[string]int{"0": -1}, samples: map[string]int{},
	}
	r.renumber()
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 64<<10), maxLine)
	for lines.Scan() {
		if err := r.line(strings.Split(lines.Text(), "\t")); err != nil {
			return nil, fmt.Errorf("read what the process sent: %w", err)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read what the process sent: %w", err)
	}
	if !r.ended {
		return nil, io.ErrUnexpectedEOF
	}
	r.finish()
	return r.doc, nil
}

// passing are the parts of names that are others in each process: addresses of classes without a name, and the numbers that
// Action View gives the methods of templates. It is compiled when it is needed: this package is part of every container's
// first process.
var passing = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`:0x[0-9a-f]{8,}|(_(?:erb|haml|slim|builder|ruby))__+\d+_\d+$`)
})

func lasting(name string) string { return passing().ReplaceAllString(name, "$1") }

// reader puts a profile together.
type reader struct {
	doc *Document
	// Where they are in the document.
	functions map[Function]int
	classes   map[string]int
	// The same by the numbers that the sampler gives them, which begin again when it starts again. A request's place is known
	// only at the end.
	functionNumbers, classNumbers, requests map[string]int
	stacks                                  map[string][]int
	// Samples that are alike are one, by what they are made of.
	samples map[string]int
	ended   bool
}

var errFields = errors.New("a line has too few fields")

func (r *reader) line(fields []string) error {
	need := map[string]int{"f": 5, "c": 3, "k": 3, "s": 9, "e": 8, "r": 5, "n": 1}[fields[0]]
	if need == 0 || len(fields) < need {
		return errFields
	}
	var err error
	number := func(text string) int64 {
		n, bad := strconv.ParseInt(text, 10, 64)
		err = errors.Join(err, bad)
		return n
	}
	switch fields[0] {
	case "f":
		f := Function{Name: lasting(fields[2]), File: fields[3], Line: int(number(fields[4]))}
		if strings.HasPrefix(f.File, "<cfunc>") {
			f.File, f.Line = "", 0
		}
		if _, known := r.functions[f]; !known {
			r.functions[f] = len(r.doc.Functions)
			r.doc.Functions = append(r.doc.Functions, f)
		}
		r.functionNumbers[fields[1]] = r.functions[f]
	case "c":
		name := lasting(fields[2])
		if _, known := r.classes[name]; !known {
			r.classes[name] = len(r.doc.Classes)
			r.doc.Classes = append(r.doc.Classes, name)
		}
		r.classNumbers[fields[1]] = r.classes[name]
	case "n":
		r.renumber()
	case "k":
		return r.stack(fields[1:])
	case "s":
		return r.sample(fields[1:])
	case "e":
		r.doc.Microseconds, r.doc.Processor = number(fields[1]), number(fields[2])
		r.doc.Dropped, r.doc.Collecting, r.doc.Native = int(number(fields[3])), int(number(fields[4])), int(number(fields[5]))
		r.doc.Seen, r.doc.Missed = number(fields[6]), number(fields[7])
		r.ended = true
	case "r":
		r.requests[fields[1]] = len(r.doc.Requests)
		r.doc.Requests = append(r.doc.Requests, Request{Name: fields[4], Count: int(number(fields[2])), Microseconds: number(fields[3])})
	}
	return err
}

func (r *reader) renumber() {
	r.functionNumbers, r.classNumbers, r.stacks = map[string]int{}, map[string]int{"0": -1}, map[string][]int{}
}

// stack takes a number and the calls.
func (r *reader) stack(fields []string) error {
	var stack []int
	for call := range strings.FieldsSeq(fields[1]) {
		number, line, _ := strings.Cut(call, ":")
		function, ok := r.functionNumbers[number]
		n, err := strconv.Atoi(line)
		if !ok || err != nil {
			return errors.New("a stack names a function that was not told")
		}
		stack = append(stack, function, n)
	}
	r.stacks[fields[0]] = stack
	return nil
}

// sample takes CLASS, SAMPLES, OBJECTS, BYTES, the squares of these two, REQUEST and STACK.
func (r *reader) sample(fields []string) error {
	var n [5]float64
	for i := range n {
		var err error
		if n[i], err = strconv.ParseFloat(fields[i+1], 64); err != nil || math.IsNaN(n[i]) || math.IsInf(n[i], 0) || n[i] < 0 || i < 3 && n[i] > math.MaxInt32*1e6 {
			return cmp.Or(err, errors.New("a sample stands for no number of objects"))
		}
	}
	request, err := strconv.Atoi(fields[6])
	if err != nil {
		return err
	}
	class, ok := r.classNumbers[fields[0]]
	if !ok {
		return errors.New("a sample names a class that was not told")
	}
	stack, ok := r.stacks[fields[7]]
	if !ok {
		return errors.New("a sample names a stack that was not told")
	}
	s := Sample{Class: class, Request: request, Stack: stack}
	key := fmt.Sprint(s)
	at, known := r.samples[key]
	if !known {
		at = len(r.doc.Samples)
		r.samples[key] = at
		r.doc.Samples = append(r.doc.Samples, s)
	}
	r.doc.Taken += int(n[0])
	same := &r.doc.Samples[at]
	same.Objects, same.Bytes, same.taken = same.Objects+int64(n[1]), same.Bytes+int64(n[2]), same.taken+int64(n[0])
	same.Squares, same.ByteSquares = same.Squares+n[3], same.ByteSquares+n[4]
	return nil
}

// scale has the samples of allocations stand for as many objects together as were counted: by chance they are a few more or less.
func (r *reader) scale() {
	var sum int64
	for _, s := range r.doc.Samples {
		sum += s.Objects
	}
	counted := r.doc.Seen - r.doc.Missed - int64(r.doc.Native)
	if r.doc.Kind != Allocations || sum == 0 || counted <= 0 || sum == counted {
		return
	}
	part := float64(counted) / float64(sum)
	for i := range r.doc.Samples {
		s := &r.doc.Samples[i]
		s.Objects, s.Bytes = int64(math.Round(part*float64(s.Objects))), int64(math.Round(part*float64(s.Bytes)))
		s.Squares, s.ByteSquares = part*part*s.Squares, part*part*s.ByteSquares
	}
}

// finish gives samples of time their part of it, and requests their place.
func (r *reader) finish() {
	d := r.doc
	if all := d.Taken + d.Collecting + d.Native; d.Kind == CPU && all > 0 {
		part := float64(d.Processor) / float64(all)
		for i := range d.Samples {
			d.Samples[i].Microseconds = int64(part * float64(d.Samples[i].taken))
		}
	}
	r.scale()
	for i := range d.Samples {
		place, known := r.requests[strconv.Itoa(d.Samples[i].Request)]
		if !known {
			place = -1
		}
		d.Samples[i].Request = place
	}
}
