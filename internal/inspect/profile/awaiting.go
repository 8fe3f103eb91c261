package profile

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Awaiting is an async function that is suspended: Count calls of it wait for something. Line and Column count from 1, and are where the function begins.
type Awaiting struct {
	Function string `json:"function"`
	File     string `json:"file"`
	Line     int    `json:"line"`
	Column   int    `json:"column"`
	Count    int    `json:"count"`
	// For is what one of these calls waits for in the end: "a timer of 5 s", "a connection"; empty where it is not known. Way is what would have it go on, by what
	// keeps it alive.
	For string `json:"for"`
	Way string `json:"way"`
}

// native are the objects of Node.js' own native code through which something comes from outside, by their classes, and what people call them; written are those
// of its JavaScript, whose classes have names that applications may have, too.
var (
	native = map[string]string{
		"TCP": "a connection", "TLSWrap": "a connection", "Pipe": "a pipe", "WriteWrap": "a connection", "ShutdownWrap": "a connection", "TCPConnectWrap": "a connection", "UDP": "a datagram",
		"GetAddrInfoReqWrap": "a name's address", "QueryReqWrap": "a name's address", "FSReqCallback": "a file", "FSReqPromise": "a file", "FSEvent": "a change of a file",
		"RandomBytesJob": "random numbers", "PBKDF2Job": "a password's hash", "ScryptJob": "a password's hash", "MessagePort": "a worker thread",
	}
	written = map[string]string{
		"Socket": "a connection", "TLSSocket": "a connection", "ClientRequest": "an HTTP request", "Client": "an HTTP request", "ClientHttp2Session": "an HTTP/2 connection", "FileHandle": "a file",
		"ChildProcess": "a child process", "Worker": "a worker thread", "WebSocket": "a WebSocket", "Immediate": "the next turn of the event loop",
	}
)

// waitsFor gives what a suspended call waits for, where that is certain: the object from outside that holds what has it go on. Beyond an emitter's listeners nothing
// is certain: a server's handler is reached from it, whatever it waits for.
func (h *heap) waitsFor(p paths, node uint32) string {
	// A timer counts where its own function has the call go on, and not something in a variable that it can reach, too.
	timer, direct := false, true
	for at := node; at != 0 && p.parent[at] != at; at = p.parent[at] {
		from, e := p.parent[at], h.edges[p.edge[at]]
		name := h.names[e.name()]
		if e.kind() == propertyEdge && (name == "_events" || name == "prototype" || name == "constructor") {
			return ""
		}
		timer = timer || direct && e.kind() == propertyEdge && name == "_onTimeout"
		direct = direct && e.kind() != elementEdge && e.kind() != propertyEdge
		class := h.class[from]
		if class&systemClass != 0 {
			continue
		}
		switch kind := h.names[class]; {
		case kind == "TimersList" && timer && strings.HasPrefix(h.scriptOf(from), "node:"):
			// Node.js keeps timers by their length, in milliseconds.
			if list := h.edges[p.edge[from]]; list.kind() == elementEdge {
				return "a timer of " + (time.Duration(list.name()) * time.Millisecond).String()
			}
			return "a timer"
		case native[kind] != "":
			return native[kind]
		case written[kind] != "" && strings.HasPrefix(h.scriptOf(from), "node:"):
			return written[kind]
		}
	}
	return ""
}

// location is where a function begins in its script, counted from 0.
type location struct{ line, column uint32 }

// readLocations reads where functions begin: https://github.com/v8/v8/blob/main/src/profiler/heap-snapshot-generator.cc, SerializeLocations. object, line and column
// are the places of these fields.
func (h *heap) readLocations(r *scanner, l layout) error {
	if l.locationSize == 0 {
		return r.skip()
	}
	values := make([]uint64, l.locationSize)
	return r.numbers(values, func() error {
		if node := values[l.locationObject] / uint64(l.nodeSize); h.edges != nil && node < uint64(h.nodes()) && h.kindOf(uint32(node)) == "closure" {
			h.locations[uint32(node)] = location{clamp(values[l.locationLine]), clamp(values[l.locationColumn])}
		}
		return nil
	})
}

// generatorClass is what V8 calls the objects of suspended async functions.
const generatorClass = "Generator"

// asyncFunction gives the function of a suspended call; false for other objects.
func (h *heap) asyncFunction(node uint32) (uint32, bool) {
	if class := h.class[node]; class&systemClass != 0 || h.names[class] != generatorClass {
		return 0, false
	}
	function, found := h.follow(node, h.function)
	return function, found && h.kindOf(function) == "closure"
}

// awaiting gives the suspended async functions of the application, the most frequent first; those of the runtime and of packages in it are left out.
func (h *heap) awaiting(p paths) []Awaiting {
	type place struct {
		file string
		location
	}
	groups := map[place]*Awaiting{}
	for node := range uint32(h.nodes()) {
		function, is := h.asyncFunction(node)
		if !is {
			continue
		}
		file := h.scriptOfFunction(function)
		if strings.HasPrefix(file, "node:") || file == "" {
			continue
		}
		at := place{file, h.locations[function]}
		// The body of a module is such a function, too, and stays when it has ended.
		if at.location == (location{}) && h.names[h.name[function]] == "" {
			continue
		}
		group := groups[at]
		if group == nil {
			group = &Awaiting{Function: h.names[h.name[function]], File: file, Line: int(at.line) + 1, Column: int(at.column) + 1, For: h.waitsFor(p, node), Way: strings.TrimSuffix(h.way(p, node, h.step), " › "+generatorClass)}
			groups[at] = group
		}
		group.Count++
	}
	var list []Awaiting
	for _, group := range groups {
		list = append(list, *group)
	}
	slices.SortFunc(list, func(a, b Awaiting) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return list
}

// scriptOfFunction gives the file of a function.
func (h *heap) scriptOfFunction(node uint32) string {
	for _, names := range [][]uint32{{h.shared}, {h.script, h.oldScript}} {
		next, found := h.follow(node, names...)
		if !found {
			return ""
		}
		node = next
	}
	return strings.TrimPrefix(h.names[h.name[node]], "file://")
}
