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

// sources are the objects of Node.js through which something comes from outside, by their classes, and what people call them.
var sources = map[string]string{
	"TCP": "a connection", "TLSWrap": "a connection", "Pipe": "a pipe", "Socket": "a connection", "TLSSocket": "a connection", "ClientRequest": "an HTTP request", "Client": "an HTTP request",
	"ClientHttp2Session": "an HTTP/2 connection", "GetAddrInfoReqWrap": "a name's address", "QueryReqWrap": "a name's address", "FSReqCallback": "a file", "FSReqPromise": "a file", "FileHandle": "a file", "FSEvent": "a change of a file",
	"ChildProcess": "a child process", "Process": "a child process", "Worker": "a worker thread", "MessagePort": "a worker thread", "Immediate": "the next turn of the event loop", "UDP": "a datagram", "WriteWrap": "a connection",
	"ShutdownWrap": "a connection", "TCPConnectWrap": "a connection", "WebSocket": "a WebSocket", "Zlib": "compression", "RandomBytesJob": "random numbers", "PBKDF2Job": "a password's hash", "ScryptJob": "a password's hash",
}

// waitsFor gives the first of them on the way from a suspended call to what keeps it alive.
func (h *heap) waitsFor(p paths, node uint32) string {
	for at := node; at != 0 && p.parent[at] != at; at = p.parent[at] {
		class := h.class[at]
		if class&systemClass != 0 {
			continue
		}
		name := h.names[class]
		if name == "TimersList" {
			// Node.js keeps timers by their length, in milliseconds.
			if e := h.edges[p.edge[at]]; e.kind() == elementEdge {
				return "a timer of " + (time.Duration(e.name()) * time.Millisecond).String()
			}
			return "a timer"
		}
		if source := sources[name]; source != "" {
			return source
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
