package profile

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// heap is a snapshot's graph, as compact as is practical: a large one has tens of millions of edges.
type heap struct {
	// class, size and name are by node. A class is the index of a name, or systemClass and a kind of V8's own objects.
	class []uint32
	size  []uint32
	name  []uint32
	// first is by node the index of its first edge, with one more at the end.
	first []uint32
	edges []edge
	// names are the strings that are needed, by their index.
	names map[uint32]string
	kinds []string
	// The indices of the names of edges that lead from an object to the script of its class.
	proto, constructor, shared, script, oldScript, function uint32
	// locations are where functions begin, by their nodes.
	locations map[uint32]location
}

// edge leads to a node; its kind is in the upper bits of named, the index of its name in the others.
type edge struct{ to, named uint32 }

const kindShift = 29

func (e edge) kind() uint32 { return e.named >> kindShift }

func (e edge) name() uint32 { return e.named &^ (7 << kindShift) }

// systemClass marks classes of objects without a constructor.
const systemClass = 1 << 31

// maxGraph bounds the nodes and edges that are kept, and with them the memory that reading takes: about 800 MB. Of a larger
// snapshot the sizes are added up, without its edges.
const maxGraph = 40 << 20

// maxNodes bounds what is prepared for nodes before they are read.
const maxNodes = 32 << 20

// The kinds of edges that keep nothing alive: https://github.com/v8/v8/blob/main/include/v8-profiler.h.
const (
	shortcutEdge = 5
	weakEdge     = 6
)

func (h *heap) nodes() int { return len(h.class) }

func (h *heap) className(class uint32) string {
	if class&systemClass != 0 {
		return "(" + h.kinds[class&^systemClass] + ")"
	}
	if name := h.names[class]; name != "" {
		return name
	}
	return "(no name)"
}

// meta is the head of a snapshot.
type meta struct {
	Meta struct {
		NodeFields []string          `json:"node_fields"`
		NodeTypes  []json.RawMessage `json:"node_types"`
		EdgeFields []string          `json:"edge_fields"`
		Locations  []string          `json:"location_fields"`
	} `json:"meta"`
	NodeCount int `json:"node_count"`
	EdgeCount int `json:"edge_count"`
}

// readSnapshot reads a .heapsnapshot as a stream.
func readSnapshot(in io.Reader) (*Snapshot, error) {
	decoder := json.NewDecoder(in)
	for range 2 {
		if _, err := decoder.Token(); err != nil {
			return nil, err
		}
	}
	var m meta
	if err := decoder.Decode(&m); err != nil {
		return nil, err
	}
	h, fields, err := newHeap(m)
	if err != nil {
		return nil, err
	}
	r := &scanner{bufio.NewReaderSize(io.MultiReader(decoder.Buffered(), in), 1<<20)}
	seen := map[string]bool{}
	for {
		key, err := r.key()
		if err != nil {
			return nil, err
		}
		switch seen[key] = true; key {
		case "":
			if !seen["nodes"] || !seen["edges"] || !seen["strings"] {
				return nil, io.ErrUnexpectedEOF
			}
			return h.summarize(), nil
		case "nodes":
			err = h.readNodes(r, fields)
		case "edges":
			err = h.readEdges(r, fields)
		case "locations":
			err = h.readLocations(r, fields)
		case "strings":
			h.wantWays()
			err = h.readStrings(r)
		default:
			err = r.skip()
		}
		if err != nil {
			return nil, err
		}
	}
}

// layout says where in a node's and an edge's numbers the fields are.
type layout struct {
	nodeSize, nodeType, nodeName, nodeSelf, nodeEdges int
	edgeSize, edgeType, edgeName, edgeTo              int
	// locationSize is 0 where a snapshot has none.
	locationSize, locationObject, locationLine, locationColumn int
}

func newHeap(m meta) (*heap, layout, error) {
	h := &heap{names: map[uint32]string{}, locations: map[uint32]location{}}
	at := func(fields []string, name string) int {
		for i, field := range fields {
			if field == name {
				return i
			}
		}
		return -1
	}
	l := layout{
		len(m.Meta.NodeFields), at(m.Meta.NodeFields, "type"), at(m.Meta.NodeFields, "name"), at(m.Meta.NodeFields, "self_size"), at(m.Meta.NodeFields, "edge_count"),
		len(m.Meta.EdgeFields), at(m.Meta.EdgeFields, "type"), at(m.Meta.EdgeFields, "name_or_index"), at(m.Meta.EdgeFields, "to_node"),
		len(m.Meta.Locations), at(m.Meta.Locations, "object_index"), at(m.Meta.Locations, "line"), at(m.Meta.Locations, "column"),
	}
	if min(l.locationObject, l.locationLine, l.locationColumn) < 0 {
		l.locationSize = 0
	}
	if min(l.nodeType, l.nodeName, l.nodeSelf, l.nodeEdges, l.edgeType, l.edgeName, l.edgeTo) < 0 || len(m.Meta.NodeTypes) <= l.nodeType {
		return nil, l, errors.New("its fields are not those of V8")
	}
	if err := json.Unmarshal(m.Meta.NodeTypes[l.nodeType], &h.kinds); err != nil || len(h.kinds) > 255 {
		return nil, l, errors.New("its kinds of nodes are not those of V8")
	}
	if m.NodeCount < 0 || m.EdgeCount < 0 {
		return nil, l, errors.New("its counts are below zero")
	}
	if m.NodeCount+m.EdgeCount <= maxGraph {
		// The head may say too much: what is not filled takes no memory.
		h.edges = make([]edge, 0, m.EdgeCount)
		h.first, h.name = make([]uint32, 0, m.NodeCount+1), make([]uint32, 0, m.NodeCount)
	}
	count := min(m.NodeCount, maxNodes)
	h.class, h.size = make([]uint32, 0, count), make([]uint32, 0, count)
	return h, l, nil
}

func (h *heap) readNodes(r *scanner, l layout) error {
	count := uint64(0)
	h.first = append(h.first, 0)
	values := make([]uint64, l.nodeSize)
	err := r.numbers(values, func() error {
		kind := values[l.nodeType]
		if kind >= uint64(len(h.kinds)) {
			return fmt.Errorf("a node is of kind %d, and there are %d", kind, len(h.kinds))
		}
		class := systemClass | uint32(kind)
		switch h.kinds[kind] {
		case "object", "native":
			class = uint32(values[l.nodeName]) &^ systemClass
			h.names[class] = ""
		case "code":
			if h.edges != nil {
				// The scripts are among them, and are called by their files.
				h.names[uint32(values[l.nodeName])] = ""
			}
		}
		if h.edges != nil {
			count += values[l.nodeEdges]
			h.first, h.name = append(h.first, uint32(count)), append(h.name, uint32(values[l.nodeName]))
		}
		h.class, h.size = append(h.class, class), append(h.size, clamp(values[l.nodeSelf]))
		return nil
	})
	if err == nil && (len(h.class) == 0 || h.edges != nil && count > maxGraph) {
		err = errors.New("its nodes do not fit its head")
	}
	return err
}

func clamp(n uint64) uint32 { return uint32(min(n, 1<<32-1)) }

func (h *heap) readEdges(r *scanner, l layout) error {
	values := make([]uint64, l.edgeSize)
	total := uint64(h.nodes())
	err := r.numbers(values, func() error {
		if h.edges == nil {
			return nil
		}
		to := values[l.edgeTo] / uint64(l.nodeSize)
		if to >= total || len(h.edges) >= int(h.first[len(h.first)-1]) {
			return errors.New("its edges lead out of it")
		}
		h.edges = append(h.edges, edge{uint32(to), uint32(values[l.edgeName])&^(7<<kindShift) | uint32(values[l.edgeType]&7)<<kindShift})
		return nil
	})
	if err == nil && h.edges != nil && len(h.edges) != int(h.first[len(h.first)-1]) {
		return errors.New("it has other edges than its nodes say")
	}
	return err
}

// longestName bounds what is kept of a name, in bytes.
const longestName = 200

func (h *heap) readStrings(r *scanner) error {
	index, kept := uint32(0), 0
	return r.strings(func(text []byte) {
		switch string(text) {
		case "__proto__":
			h.proto = index
		case "constructor":
			h.constructor = index
		case "shared":
			h.shared = index
		case "function":
			h.function = index
		case "script":
			h.script = index
		case "script_or_debug_info":
			h.oldScript = index
		}
		name, known := h.names[index]
		if name == wanted {
			if kept += min(len(text), longestName); kept > mostNames {
				text = nil
			}
		}
		if known {
			h.names[index] = strings.ToValidUTF8(string(text[:min(len(text), longestName)]), "")
		}
		index++
	})
}
