package profile

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/source/lazyregexp"
)

// The kinds of edges: https://github.com/v8/v8/blob/main/include/v8-profiler.h.
const (
	contextEdge  = 0
	elementEdge  = 1
	propertyEdge = 2
	internalEdge = 3
)

// mostWays is for how many classes it is told what keeps them alive, and longestWay how many steps are shown.
const (
	mostWays   = 100
	longestWay = 5
)

// mostNames bounds the names that are kept for ways, in bytes, and mostWanted their number: objects that are used as dictionaries have a name for each entry.
const mostNames, mostWanted = 64 << 20, 2 << 20

// wanted stands for a name that only ways want, until it is read.
const wanted = "\x00"

// plainInternal are V8's own edges that lead to what an object holds, as people see it: the entries of a Map, the elements of an array, the variables of a
// closure. Others lead to hidden classes and code, through which nearly everything is reached.
var plainInternal = []string{"global_object", "table", "elements", "properties", "context", "backing_store", "extension", "exports", "bound_this", "bound_function", "bound_argument", "promise", "fulfill_reactions", "reject_reactions", "reactions_or_result", "parameters_and_registers", "function", "value", "target", "receiver", "next"}

// wantWays marks the names that ways are told by: those of edges, of functions and of what V8 calls its roots.
func (h *heap) wantWays() {
	if h.edges == nil {
		return
	}
	left := mostWanted
	want := func(name uint32) {
		if _, known := h.names[name]; !known && left > 0 {
			h.names[name] = wanted
			left--
		}
	}
	for _, e := range h.edges {
		if k := e.kind(); k == contextEdge || k == propertyEdge || k == internalEdge {
			want(e.name())
		}
	}
	for node, class := range h.class {
		if class&systemClass == 0 {
			continue
		}
		switch h.kinds[class&^systemClass] {
		case "closure", "synthetic", "object shape":
			want(h.name[node])
		}
	}
}

// paths are the shortest ways from what is always alive to each node: its parent, and the edge from that, by their index. A node that is not reached has
// itself as parent.
type paths struct {
	parent []uint32
	edge   []uint32
}

// shortest goes from the global object on, by what people see, as far as that leads; then from everything that V8 keeps alive, by all strong edges.
func (h *heap) shortest() paths {
	n := h.nodes()
	p := paths{make([]uint32, n), make([]uint32, n)}
	reached := make([]bool, n)
	for i := range p.parent {
		p.parent[i] = uint32(i)
	}
	reached[0] = true
	var queue []uint32
	for i := h.first[0]; i < h.first[1]; i++ {
		e := h.edges[i]
		if h.kindOf(e.to) != "synthetic" && h.isStrong(0, e) && !reached[e.to] {
			reached[e.to], p.parent[e.to], p.edge[e.to] = true, 0, i
			queue = append(queue, e.to)
		}
	}
	spread := func(queue []uint32, all bool) {
		for at := 0; at < len(queue); at++ {
			node := queue[at]
			for i := h.first[node]; i < h.first[node+1]; i++ {
				e := h.edges[i]
				if reached[e.to] || !h.isStrong(node, e) || !all && !h.isPlain(e) {
					continue
				}
				reached[e.to], p.parent[e.to], p.edge[e.to] = true, node, i
				queue = append(queue, e.to)
			}
		}
	}
	spread(queue, false)
	rest := []uint32{0}
	for node := range uint32(n) {
		if node > 0 && reached[node] {
			rest = append(rest, node)
		}
	}
	spread(rest, true)
	return p
}

// kindOf is V8's word for a node's kind; of Ruby's it is empty.
func (h *heap) kindOf(node uint32) string {
	if class := h.class[node]; class&systemClass != 0 && int(class&^systemClass) < len(h.kinds) {
		return h.kinds[class&^systemClass]
	}
	return ""
}

// isPlain reports whether an edge is one that people see.
func (h *heap) isPlain(e edge) bool {
	switch e.kind() {
	case contextEdge, elementEdge:
		return true
	case propertyEdge:
		return h.names[e.name()] != "__proto__"
	case internalEdge:
		name := h.names[e.name()]
		return slices.Contains(plainInternal, name)
	}
	return false
}

// keepWays tells for each of some classes what keeps its largest object alive; step is what people see of the edge that leads to a node.
func (h *heap) keepWays(t tree, p paths, classes []uint32, step func(p paths, node uint32) string) map[uint32]string {
	largest := map[uint32]uint32{}
	chosen := map[uint32]bool{}
	for _, class := range classes {
		chosen[class] = true
	}
	for node, class := range h.class {
		if !chosen[class] {
			continue
		}
		if best, known := largest[class]; !known || t.keeps[node] > t.keeps[best] {
			largest[class] = uint32(node)
		}
	}
	ways := map[uint32]string{}
	for class, node := range largest {
		if way := h.way(p, node, step); way != "" {
			ways[class] = way
		}
	}
	return ways
}

// way writes the way to a node for people: "… › _events.request (function handler) › variable cache (Map) › Order". The beginning of a long one is left out:
// it leads through the runtime.
func (h *heap) way(p paths, node uint32, step func(p paths, node uint32) string) string {
	var steps []string
	for at := node; at != 0 && p.parent[at] != at; at = p.parent[at] {
		if text := step(p, at); text != "" {
			steps = append(steps, text)
		}
		if len(steps) > longestWay {
			steps[longestWay] = "…"
			break
		}
	}
	slices.Reverse(steps)
	// Entries of tables of tables are one step.
	steps = slices.Compact(steps)
	if name := h.className(h.class[node]); len(steps) > 0 && !strings.HasSuffix(steps[len(steps)-1], name) && !strings.HasSuffix(steps[len(steps)-1], "("+name+")") {
		steps = append(steps, name)
	}
	var out strings.Builder
	for i, text := range steps {
		joined := strings.HasPrefix(text, ".") || strings.HasPrefix(text, "[")
		if i > 0 && (!joined || steps[i-1] == "…") {
			out.WriteString(" › ")
			text = strings.TrimPrefix(text, ".")
		}
		out.WriteString(text)
	}
	return out.String()
}

const entryStep = "an entry"

// identifier is a name that stands behind a point, also of V8's own such as "<symbol kState>" and "get size".
var identifier = lazyregexp.New(`^[#<]?[\p{L}_$][\p{L}\p{N}_$ ()>.]*$`)

// step is what people see of an edge of V8's.
func (h *heap) step(p paths, node uint32) string {
	from, e := p.parent[node], h.edges[p.edge[node]]
	if from == 0 {
		if h.kindOf(node) == "synthetic" {
			return h.names[h.name[node]]
		}
		return "global"
	}
	if function, is := h.asyncFunction(node); is {
		return "async " + strings.TrimPrefix(h.functionName(function), "a ")
	}
	name := h.names[e.name()]
	switch e.kind() {
	case contextEdge:
		if name == "" || name == "this" {
			return ""
		}
		return "variable " + name + h.holder(node)
	case elementEdge:
		if h.kindOf(from) == "array" || h.kindOf(from) == "hidden" {
			return entryStep
		}
		return fmt.Sprintf("[%d]", e.name()) + h.holder(node)
	case propertyEdge:
		if name == "" {
			return ""
		}
		if !identifier().MatchString(name) {
			return "[" + strconv.Quote(name) + "]" + h.holder(node)
		}
		return "." + name + h.holder(node)
	case internalEdge:
		if name == "context" && h.kindOf(from) == "closure" {
			return ""
		}
		if h.kindOf(node) == "closure" {
			return h.functionName(node)
		}
		return ""
	}
	return ""
}

// holder names what a step leads to where that says more than the step: a Map, a Set, an instance of a class, a function.
func (h *heap) holder(node uint32) string {
	if h.kindOf(node) == "closure" {
		return " (" + h.functionName(node) + ")"
	}
	if h.class[node]&systemClass != 0 {
		return ""
	}
	switch name := h.className(h.class[node]); {
	case name == "Object" || name == "(no name)" || strings.HasPrefix(name, "system / ") || strings.HasPrefix(name, "Window"):
		return ""
	default:
		return " (" + name + ")"
	}
}

func (h *heap) functionName(node uint32) string {
	if name := h.names[h.name[node]]; name != "" {
		return "function " + name
	}
	return "a function"
}

// largestClasses gives the classes of which it is told what keeps them alive: those that keep most alive.
func largestClasses(rows map[uint32]*Constructor) []uint32 {
	var classes []uint32
	for class := range rows {
		if class&systemClass == 0 {
			classes = append(classes, class)
		}
	}
	slices.SortFunc(classes, func(a, b uint32) int { return cmp.Compare(rows[b].Retained, rows[a].Retained) })
	return classes[:min(len(classes), mostWays)]
}
