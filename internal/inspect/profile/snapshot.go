package profile

import (
	"cmp"
	"slices"
)

// Snapshot are the objects of a heap, added up by what made them.
type Snapshot struct {
	Objects int
	// Size is that of all objects, in bytes.
	Size int64
	// Constructors come with those that keep most alive first.
	Constructors []Constructor
	// Packages are the same, added up by what the constructors belong to; those of the runtime are left out.
	Packages []Line
	// Awaiting are the async functions that are suspended, the most frequent first.
	Awaiting []Awaiting
	// OfRuby: it is one of Ruby's.
	OfRuby bool
	// Retained tells whether it is known what objects keep alive: of a very large snapshot only their own size is.
	Retained bool
}

// Constructor is a kind of object. Self is the size of these objects in bytes; Retained also counts what would be freed
// with them. File is the script of the class, where it is known.
type Constructor struct {
	Name           string
	File           string
	Count          int
	Self, Retained int64
	// Way is what keeps the largest of these objects alive, from the global object on; empty where it is not known.
	Way string
}

// Package gives what the constructor belongs to.
func (c Constructor) Package() string {
	if c.File == "" {
		return RuntimePackage
	}
	return Package(Frame{Name: c.Name, File: c.File})
}

// Growth is how a constructor's objects changed from one snapshot to another.
type Growth struct {
	Constructor
	// Count, Self and Retained of the constructor are those after; these are the changes.
	MoreCount              int
	MoreSelf, MoreRetained int64
}

// Compare gives the growth since an earlier snapshot, the largest first.
func (s *Snapshot) Compare(before *Snapshot) []Growth {
	type id struct{ name, file string }
	old := map[id]Constructor{}
	for _, c := range before.Constructors {
		old[id{c.Name, c.File}] = c
	}
	var list []Growth
	for _, c := range s.Constructors {
		was := old[id{c.Name, c.File}]
		delete(old, id{c.Name, c.File})
		list = append(list, Growth{c, c.Count - was.Count, c.Self - was.Self, c.Retained - was.Retained})
	}
	for _, was := range old {
		list = append(list, Growth{Constructor{Name: was.Name, File: was.File}, -was.Count, -was.Self, -was.Retained})
	}
	slices.SortFunc(list, func(a, b Growth) int {
		return cmp.Or(cmp.Compare(b.MoreSelf, a.MoreSelf), cmp.Compare(b.MoreRetained, a.MoreRetained), cmp.Compare(a.Name, b.Name))
	})
	return list
}

// summarize adds a heap up.
func (h *heap) summarize() *Snapshot {
	s := &Snapshot{Objects: h.nodes(), Retained: h.edges != nil}
	rows := map[uint32]*Constructor{}
	first := map[uint32]uint32{}
	for node := range h.class {
		class := h.class[node]
		row := rows[class]
		if row == nil {
			row = &Constructor{Name: h.className(class)}
			rows[class] = row
			first[class] = uint32(node)
		}
		row.Count++
		row.Self += int64(h.size[node])
		s.Size += int64(h.size[node])
	}
	if s.Retained {
		t := h.tree()
		t.retained(func(node uint32) uint32 { return h.class[node] }, func(class uint32, bytes int64) { rows[class].Retained += bytes })
		for class, row := range rows {
			if class&systemClass == 0 {
				row.File = h.scriptOf(first[class])
			}
		}
		s.Packages = h.packages(t, rows)
		ways := h.shortest()
		for class, way := range h.keepWays(t, ways, largestClasses(rows), h.step) {
			rows[class].Way = way
		}
		s.Awaiting = h.awaiting(ways)
	}
	for _, row := range rows {
		s.Constructors = append(s.Constructors, *row)
	}
	slices.SortFunc(s.Constructors, func(a, b Constructor) int {
		return cmp.Or(cmp.Compare(b.Retained, a.Retained), cmp.Compare(b.Self, a.Self), cmp.Compare(a.Name, b.Name))
	})
	return s
}

// packages adds up what the objects of each package keep alive.
func (h *heap) packages(t tree, rows map[uint32]*Constructor) []Line {
	numbers, groups, list := map[string]uint32{}, map[uint32]uint32{}, []Line{}
	for class, row := range rows {
		name := row.Package()
		if _, known := numbers[name]; !known {
			numbers[name] = uint32(len(list))
			list = append(list, Line{Name: name})
		}
		groups[class] = numbers[name]
		list[numbers[name]].Self += row.Self
	}
	t.retained(func(node uint32) uint32 { return groups[h.class[node]] }, func(group uint32, bytes int64) { list[group].Total += bytes })
	list = slices.DeleteFunc(list, func(l Line) bool { return l.Name == RuntimePackage })
	slices.SortFunc(list, func(a, b Line) int {
		return cmp.Or(cmp.Compare(b.Total, a.Total), cmp.Compare(b.Self, a.Self), cmp.Compare(a.Name, b.Name))
	})
	return list
}
