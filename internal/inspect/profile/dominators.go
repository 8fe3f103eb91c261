package profile

import (
	"slices"
	"strings"
)

// tree is a heap's tree of dominators: what would be freed with what.
type tree struct {
	// keeps is by node what it keeps alive, in bytes; head and next are lists of children, ended by -1.
	keeps      []int64
	head, next []int32
}

func (h *heap) tree() tree {
	order, dominator := h.dominators()
	n := h.nodes()
	t := tree{make([]int64, n), make([]int32, n), make([]int32, n)}
	for i := range n {
		t.keeps[i], t.head[i] = int64(h.size[i]), -1
	}
	// A node comes behind its dominator in this order, so that backwards all is added up before it is handed on.
	for i := len(order) - 1; i > 0; i-- {
		node := order[i]
		parent := dominator[node]
		t.keeps[parent] += t.keeps[node]
		t.next[node], t.head[parent] = t.head[parent], int32(node)
	}
	return t
}

// retained tells how much the nodes of each group keep alive, without counting one within another of its group twice.
func (t tree) retained(group func(node uint32) uint32, add func(group uint32, bytes int64)) {
	inside := map[uint32]int{}
	type step struct {
		node  uint32
		leave bool
	}
	stack := []step{{node: 0}}
	for len(stack) > 0 {
		s := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		g := group(s.node)
		if s.leave {
			inside[g]--
			continue
		}
		if inside[g] == 0 {
			add(g, t.keeps[s.node])
		}
		inside[g]++
		stack = append(stack, step{s.node, true})
		for child := t.head[s.node]; child >= 0; child = t.next[child] {
			stack = append(stack, step{node: uint32(child)})
		}
	}
}

// strong gives the edges of a node that keep something alive.
func (h *heap) strong(node uint32) []edge { return h.edges[h.first[node]:h.first[node+1]] }

func (h *heap) isStrong(from uint32, e edge) bool {
	return e.kind() != weakEdge && (e.kind() != shortcutEdge || from == 0)
}

// dominators gives the nodes that are reached from the root in reverse postorder, and of each its immediate dominator:
// Cooper, Harvey and Kennedy, A Simple, Fast Dominance Algorithm, 2001.
func (h *heap) dominators() (order []uint32, dominator []uint32) {
	n := h.nodes()
	const unreached = ^uint32(0)
	number := make([]uint32, n)
	for i := range number {
		number[i] = unreached
	}
	postorder := h.postorder(number)
	// Predecessors, as one list with an index.
	start := make([]uint32, n+1)
	h.eachEdge(number, func(_, to uint32) { start[to+1]++ })
	for i := range n {
		start[i+1] += start[i]
	}
	before, fill := make([]uint32, start[n]), make([]uint32, n)
	h.eachEdge(number, func(from, to uint32) {
		before[start[to]+fill[to]] = from
		fill[to]++
	})
	dominator = make([]uint32, n)
	for i := range dominator {
		dominator[i] = unreached
	}
	dominator[0] = 0
	for changed := true; changed; {
		changed = false
		for i := len(postorder) - 2; i >= 0; i-- {
			node := postorder[i]
			best := unreached
			for _, p := range before[start[node]:start[node+1]] {
				switch {
				case dominator[p] == unreached:
				case best == unreached:
					best = p
				default:
					a, b := p, best
					for a != b {
						for number[a] < number[b] {
							a = dominator[a]
						}
						for number[b] < number[a] {
							b = dominator[b]
						}
					}
					best = a
				}
			}
			if best != dominator[node] {
				dominator[node], changed = best, true
			}
		}
	}
	order = make([]uint32, len(postorder))
	for i, node := range postorder {
		order[len(postorder)-1-i] = node
	}
	return order, dominator
}

// eachEdge visits the strong edges between nodes that are reached.
func (h *heap) eachEdge(number []uint32, visit func(from, to uint32)) {
	for from := range uint32(h.nodes()) {
		if number[from] == ^uint32(0) {
			continue
		}
		for _, e := range h.strong(from) {
			if h.isStrong(from, e) && e.to != from {
				visit(from, e.to)
			}
		}
	}
}

// postorder numbers the nodes that are reached from the root, which comes last.
func (h *heap) postorder(number []uint32) []uint32 {
	var list []uint32
	type step struct{ node, at uint32 }
	visited := make([]bool, h.nodes())
	visited[0] = true
	stack := []step{{0, h.first[0]}}
	for len(stack) > 0 {
		top := &stack[len(stack)-1]
		if top.at == h.first[top.node+1] {
			number[top.node] = uint32(len(list))
			list = append(list, top.node)
			stack = stack[:len(stack)-1]
			continue
		}
		e := h.edges[top.at]
		top.at++
		if h.isStrong(top.node, e) && !visited[e.to] {
			visited[e.to] = true
			stack = append(stack, step{e.to, h.first[e.to]})
		}
	}
	return list
}

// scriptOf gives the file of an object's class: its prototype's constructor is a function, which has a script.
func (h *heap) scriptOf(node uint32) string {
	for _, names := range [][]uint32{{h.proto}, {h.constructor}, {h.shared}, {h.script, h.oldScript}} {
		next, found := h.follow(node, names...)
		if !found {
			return ""
		}
		node = next
	}
	return strings.TrimPrefix(h.names[h.name[node]], "file://")
}

// follow gives where a node's edge with one of some names leads to: a property or one of V8's own.
func (h *heap) follow(node uint32, names ...uint32) (uint32, bool) {
	const property, internal = 2, 3
	for _, e := range h.strong(node) {
		if slices.Contains(names, e.name()) && (e.kind() == property || e.kind() == internal) {
			return e.to, true
		}
	}
	return 0, false
}
