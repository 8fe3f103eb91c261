package capture

import (
	"bytes"
	"encoding/json"
	"os"
	"slices"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/container/sourcemap"
)

// sources finds the source of generated JavaScript, by the source maps that lie next to the scripts of a process.
type sources struct {
	// Root is the process's root folder, as it is seen from here: proc(5). A container for debugging has another one.
	root string
	maps map[string]*sourcemap.Map
	// lines are those of the scripts that names were looked up in.
	lines map[string][][]byte
}

func newSources(p Process) *sources {
	return &sources{root: p.Root(), maps: map[string]*sourcemap.Map{}, lines: map[string][][]byte{}}
}

// of gives the source map of a script, nil where there is none. file is a path; node:fs and the like have none.
func (s *sources) of(file string) *sourcemap.Map {
	m, seen := s.maps[file]
	if !seen {
		if strings.HasPrefix(file, "/") {
			m = sourcemap.Find(s.root + file)
			m.Strip(s.root)
		}
		s.maps[file] = m
	}
	return m
}

// original gives the source of a place in a script; where none is known, the place itself.
func (s *sources) original(at sourcemap.Position) sourcemap.Position {
	if m := s.of(at.File); m != nil {
		if source, ok := m.Original(at.Line, at.Column); ok {
			return source
		}
	}
	return at
}

func trimFile(url string) string { return strings.TrimPrefix(url, "file://") }

// callFrame is a function in a profile: https://chromedevtools.github.io/devtools-protocol/v8/Runtime/#type-CallFrame.
type callFrame struct {
	FunctionName string `json:"functionName"`
	ScriptID     string `json:"scriptId"`
	URL          string `json:"url"`
	LineNumber   int    `json:"lineNumber"`
	ColumnNumber int    `json:"columnNumber"`
}

// nameReach is how many columns before the place of a function its name may begin: V8 counts a function from its
// parameters.
const nameReach = 200

// functionName gives the name that a function has in the source, where the build has another: the one that the map has at
// the built name, which stands before the function's place.
func (s *sources) functionName(file string, line, column int, built string) string {
	m := s.of(file)
	plain := built[strings.LastIndexAny(built, ". ")+1:]
	if m == nil || plain == "" {
		return built
	}
	names := m.Names(sourcemap.Position{Line: line, Column: max(0, column-nameReach)}, sourcemap.Position{Line: line, Column: column + 1})
	for _, name := range slices.Backward(names) {
		if s.identifierAt(file, name.Line, name.Column) == plain {
			return strings.TrimSuffix(built, plain) + name.Name
		}
	}
	return built
}

// identifierAt gives the name that stands at a place of a script.
func (s *sources) identifierAt(file string, line, column int) string {
	lines, seen := s.lines[file]
	if !seen {
		if text, err := os.ReadFile(s.root + file); err == nil {
			lines = bytes.Split(text, []byte("\n"))
		}
		s.lines[file] = lines
	}
	return nameAt(lines, line, column)
}

func (s *sources) frame(f *callFrame) {
	at := sourcemap.Position{File: trimFile(f.URL), Line: f.LineNumber, Column: f.ColumnNumber}
	if source := s.original(at); source != at {
		f.FunctionName = s.functionName(at.File, at.Line, at.Column, f.FunctionName)
		f.URL, f.LineNumber, f.ColumnNumber = "file://"+source.File, source.Line, source.Column
	}
}

// cpuNode and heapNode are the parts of profiles that hold positions; the rest is handed on as it is.
type cpuNode struct {
	ID            int             `json:"id"`
	CallFrame     callFrame       `json:"callFrame"`
	HitCount      int             `json:"hitCount"`
	Children      []int           `json:"children,omitempty"`
	DeoptReason   string          `json:"deoptReason,omitempty"`
	PositionTicks json.RawMessage `json:"positionTicks,omitempty"`
}

type heapNode struct {
	CallFrame callFrame   `json:"callFrame"`
	SelfSize  float64     `json:"selfSize"`
	ID        int         `json:"id"`
	Children  []*heapNode `json:"children"`
}

// cpuProfile gives the profile with the positions of the sources.
func (s *sources) cpuProfile(text json.RawMessage) (any, error) {
	var profile struct {
		Nodes      []cpuNode       `json:"nodes"`
		StartTime  float64         `json:"startTime"`
		EndTime    float64         `json:"endTime"`
		Samples    json.RawMessage `json:"samples,omitempty"`
		TimeDeltas json.RawMessage `json:"timeDeltas,omitempty"`
	}
	if err := json.Unmarshal(text, &profile); err != nil {
		return nil, err
	}
	for i := range profile.Nodes {
		node := &profile.Nodes[i]
		before := node.CallFrame
		s.frame(&node.CallFrame)
		if node.CallFrame != before {
			// These are lines of the generated script.
			node.PositionTicks = nil
		}
	}
	return profile, nil
}

// heapProfile gives the profile with the positions of the sources.
func (s *sources) heapProfile(text json.RawMessage) (any, error) {
	var profile struct {
		Head    *heapNode       `json:"head"`
		Samples json.RawMessage `json:"samples,omitempty"`
	}
	if err := json.Unmarshal(text, &profile); err != nil {
		return nil, err
	}
	var visit func(*heapNode)
	visit = func(node *heapNode) {
		s.frame(&node.CallFrame)
		for _, child := range node.Children {
			visit(child)
		}
	}
	if profile.Head != nil {
		visit(profile.Head)
	}
	return profile, nil
}
