package profile

import (
	"fmt"
	"io"

	"github.com/google/pprof/profile"
)

// WritePprof writes the profile for "go tool pprof", speedscope and other viewers:
// https://github.com/google/pprof/blob/main/proto/profile.proto.
func (p *Profile) WritePprof(out io.Writer) error {
	kind := map[Unit]profile.ValueType{Microseconds: {Type: "cpu", Unit: "microseconds"}, Bytes: {Type: "inuse_space", Unit: "bytes"}}[p.Unit]
	w := pprofWriter{out: &profile.Profile{SampleType: []*profile.ValueType{&kind}, PeriodType: &kind}, functions: map[Frame]*profile.Location{}}
	for _, child := range p.Root.Children {
		w.add(child, nil)
	}
	if err := w.out.CheckValid(); err != nil {
		return fmt.Errorf("write the profile for pprof: %w", err)
	}
	return w.out.Write(out)
}

type pprofWriter struct {
	out       *profile.Profile
	functions map[Frame]*profile.Location
}

// add adds a node whose callers are given, the nearest first.
func (w *pprofWriter) add(n *Node, callers []*profile.Location) {
	stack := append([]*profile.Location{w.location(n.Frame)}, callers...)
	if n.Self > 0 {
		w.out.Sample = append(w.out.Sample, &profile.Sample{Location: stack, Value: []int64{n.Self}})
	}
	for _, child := range n.Children {
		w.add(child, stack)
	}
}

func (w *pprofWriter) location(f Frame) *profile.Location {
	if l := w.functions[f]; l != nil {
		return l
	}
	id := uint64(len(w.functions) + 1)
	function := &profile.Function{ID: id, Name: f.Name, SystemName: f.Name, Filename: f.File, StartLine: int64(f.Line)}
	l := &profile.Location{ID: id, Line: []profile.Line{{Function: function, Line: int64(f.Line)}}}
	w.out.Function, w.out.Location = append(w.out.Function, function), append(w.out.Location, l)
	w.functions[f] = l
	return l
}
