package profile

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
)

// isRubyHeap: the roots come first, or an object with its address.
func isRubyHeap(head []byte) bool {
	head = bytes.TrimLeft(head, " \t\r\n")
	return bytes.HasPrefix(head, []byte(`{"type":"ROOT"`)) || bytes.HasPrefix(head, []byte(`{"address":"0x`))
}

// dumped is a line of ObjectSpace.dump_all: https://docs.ruby-lang.org/en/master/ObjectSpace.html#method-i-dump_all.
type dumped struct {
	Address, Type, Class, Name, Struct string
	ImemoType                          string `json:"imemo_type"`
	Memsize                            uint64
	References                         []string
}

// maxDumpLine bounds a line, in bytes: an array of a million objects has 18 MB of references.
const maxDumpLine = 1 << 30

// readRubyHeap reads ObjectSpace.dump_all line by line. An object keeps alive what it refers to.
func readRubyHeap(in *bufio.Reader) (*Snapshot, error) {
	h := &heap{class: []uint32{0}, size: []uint32{0}, names: map[uint32]string{}}
	r := rubyHeap{heap: h, numbers: map[uint64]uint32{}, from: []uint32{0}, roots: []uint64{}, classOf: []uint64{0}}
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 1<<20), maxDumpLine)
	for lines.Scan() {
		if len(lines.Bytes()) == 0 {
			continue
		}
		var d dumped
		if err := json.Unmarshal(lines.Bytes(), &d); err != nil {
			if errors.As(err, new(*json.SyntaxError)) {
				return nil, io.ErrUnexpectedEOF
			}
			return nil, err
		}
		r.add(d)
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	r.connect()
	return r.summarize(), nil
}

// rubyHeap puts the graph together: addresses become nodes when all are known.
type rubyHeap struct {
	*heap
	numbers map[uint64]uint32
	roots   []uint64
	// refs are what the nodes refer to, from the index in "from" on; classOf is each node's class, by its address.
	refs    []uint64
	from    []uint32
	classOf []uint64
	// classNames are by the address of a class; kindOf says what the interpreter's own objects are.
	classNames map[uint64]string
	kindOf     []string
	// named are the names of classes and modules, by their nodes.
	named map[uint32]string
}

func address(text string) uint64 {
	n, _ := strconv.ParseUint(strings.TrimPrefix(text, "0x"), 16, 64)
	return n
}

func (r *rubyHeap) add(d dumped) {
	if d.Type == "ROOT" {
		for _, reference := range d.References {
			r.roots = append(r.roots, address(reference))
		}
		return
	}
	node := uint32(len(r.classOf))
	at := address(d.Address)
	r.numbers[at] = node
	if r.classNames == nil {
		r.classNames, r.kindOf, r.named = map[uint64]string{}, []string{""}, map[uint32]string{}
	}
	kind := ""
	switch {
	case d.Type == "CLASS" || d.Type == "MODULE":
		r.classNames[at], r.named[node] = d.Name, d.Name
		kind = strings.ToLower(d.Type)
	case d.Type == "IMEMO":
		kind = "imemo " + d.ImemoType
	case d.Type == "DATA" && d.Class == "":
		kind = "data " + d.Struct
	case d.Class == "":
		kind = strings.ToLower(d.Type)
	}
	r.kindOf = append(r.kindOf, kind)
	r.classOf = append(r.classOf, address(d.Class))
	r.size = append(r.size, clamp(d.Memsize))
	r.from = append(r.from, uint32(len(r.refs)))
	if len(r.refs) > maxGraph {
		return
	}
	for _, reference := range d.References {
		r.refs = append(r.refs, address(reference))
	}
}

// connect gives the nodes their classes and edges.
func (r *rubyHeap) connect() {
	names := map[string]uint32{"": 0}
	number := func(name string) uint32 {
		n, known := names[name]
		if !known {
			n = uint32(len(names))
			names[name] = n
			r.names[n] = name
		}
		return n
	}
	for node := 1; node < len(r.classOf); node++ {
		name := r.classNames[r.classOf[node]]
		switch {
		case r.kindOf[node] != "":
			name = "(" + r.kindOf[node] + ")"
		case name == "":
			name = "(class without a name)"
		}
		r.class = append(r.class, number(name))
	}
	if len(r.refs) > maxGraph {
		return
	}
	r.edges = []edge{}
	r.first = append(r.first, 0)
	for _, root := range r.roots {
		if to, known := r.numbers[root]; known {
			r.edges = append(r.edges, edge{to: to})
		}
	}
	for node := 1; node < len(r.classOf); node++ {
		r.first = append(r.first, uint32(len(r.edges)))
		end := uint32(len(r.refs))
		if node+1 < len(r.from) {
			end = r.from[node+1]
		}
		for _, reference := range r.refs[r.from[node]:end] {
			if to, known := r.numbers[reference]; known {
				r.edges = append(r.edges, edge{to: to})
			}
		}
	}
	r.first = append(r.first, uint32(len(r.edges)))
}

// step is the class of what refers to a node: a dump has no names of instance variables. A class or module is called by its name.
func (r *rubyHeap) step(p paths, node uint32) string {
	if kind := r.kindOf[node]; kind == "class" || kind == "module" {
		if name := r.named[node]; name != "" {
			return kind + " " + name
		}
	}
	if strings.HasPrefix(r.kindOf[node], "imemo") {
		return ""
	}
	return r.className(r.class[node])
}

// summarize adds the objects of each class up.
func (r *rubyHeap) summarize() *Snapshot {
	s := &Snapshot{Objects: r.nodes() - 1, OfRuby: true, Retained: r.edges != nil}
	rows := map[uint32]*Constructor{}
	for node := 1; node < r.nodes(); node++ {
		row := rows[r.class[node]]
		if row == nil {
			row = &Constructor{Name: r.names[r.class[node]]}
			rows[r.class[node]] = row
		}
		row.Count++
		row.Self += int64(r.size[node])
		s.Size += int64(r.size[node])
	}
	if s.Retained {
		t := r.tree()
		t.retained(func(node uint32) uint32 { return r.class[node] }, func(class uint32, bytes int64) {
			if row := rows[class]; row != nil {
				row.Retained += bytes
			}
		})
		for class, way := range r.keepWays(t, r.shortest(), largestClasses(rows), r.step) {
			rows[class].Way = way
		}
	}
	for _, row := range rows {
		s.Constructors = append(s.Constructors, *row)
	}
	// The interpreter's own come last: code, methods and the like are most of every heap, and seldom what is looked for.
	own := func(c Constructor) int {
		if strings.HasPrefix(c.Name, "(") {
			return 1
		}
		return 0
	}
	slices.SortFunc(s.Constructors, func(a, b Constructor) int {
		return cmp.Or(own(a)-own(b), cmp.Compare(b.Retained, a.Retained), cmp.Compare(b.Self, a.Self), cmp.Compare(a.Name, b.Name))
	})
	return s
}
