package profile

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// callFrame: https://chromedevtools.github.io/devtools-protocol/v8/Runtime/#type-CallFrame. Lines count from 0.
type callFrame struct {
	FunctionName string
	URL          string
	LineNumber   int
}

func (f callFrame) frame() Frame {
	name := f.FunctionName
	if name == "" {
		name = "(anonymous)"
	}
	frame := Frame{Name: name, File: strings.TrimPrefix(f.URL, "file://")}
	if frame.File != "" {
		frame.Line = f.LineNumber + 1
	}
	return frame
}

// readCPU reads a .cpuprofile: https://chromedevtools.github.io/devtools-protocol/v8/Profiler/#type-Profile. A sample counts
// for the time that passed until the next one.
func readCPU(text []byte) (*Profile, error) {
	var document struct {
		Nodes []struct {
			ID        int
			CallFrame callFrame
			Children  []int
		}
		StartTime, EndTime float64
		Samples            []int
		TimeDeltas         []int64
	}
	if err := json.Unmarshal(text, &document); err != nil {
		return nil, err
	}
	if len(document.Nodes) == 0 || len(document.Samples) != len(document.TimeDeltas) {
		return nil, errors.New("its nodes, samples and times do not belong together")
	}
	nodes := make(map[int]*Node, len(document.Nodes))
	for _, n := range document.Nodes {
		nodes[n.ID] = &Node{Frame: n.CallFrame.frame()}
	}
	parents := map[int]bool{}
	for _, n := range document.Nodes {
		for _, id := range n.Children {
			child := nodes[id]
			if child == nil || parents[id] || id == document.Nodes[0].ID {
				return nil, fmt.Errorf("its node %d has no single parent", id)
			}
			parents[id] = true
			nodes[n.ID].Children = append(nodes[n.ID].Children, child)
		}
	}
	for i, id := range document.Samples {
		node := nodes[id]
		if node == nil {
			return nil, fmt.Errorf("its sample %d names a node that is not there", i)
		}
		// The time before the first sample is that of starting the profiler.
		if i+1 < len(document.TimeDeltas) {
			node.Self += max(0, document.TimeDeltas[i+1])
		} else {
			node.Self += max(0, document.TimeDeltas[i])
		}
	}
	p := &Profile{Unit: Microseconds, Root: nodes[document.Nodes[0].ID], Samples: len(document.Samples)}
	p.Root.Frame = Frame{Name: "all"}
	working := p.Root.Children[:0]
	for _, child := range p.Root.Children {
		if child.Frame.Name == "(idle)" {
			p.Idle += child.Self
			continue
		}
		working = append(working, child)
	}
	p.Root.Children = working
	return p, nil
}

// readHeap reads a .heapprofile:
// https://chromedevtools.github.io/devtools-protocol/v8/HeapProfiler/#type-SamplingHeapProfile.
func readHeap(text []byte) (*Profile, error) {
	type node struct {
		CallFrame callFrame
		SelfSize  float64
		Children  []*node
	}
	var document struct {
		Head    *node
		Samples []struct{}
	}
	if err := json.Unmarshal(text, &document); err != nil {
		return nil, err
	}
	if document.Head == nil {
		return nil, errors.New("it has no head")
	}
	var convert func(*node) *Node
	convert = func(n *node) *Node {
		out := &Node{Frame: n.CallFrame.frame(), Self: int64(n.SelfSize)}
		for _, child := range n.Children {
			if child != nil {
				out.Children = append(out.Children, convert(child))
			}
		}
		return out
	}
	p := &Profile{Unit: Bytes, Root: convert(document.Head), Samples: len(document.Samples)}
	p.Root.Frame = Frame{Name: "all"}
	return p, nil
}
