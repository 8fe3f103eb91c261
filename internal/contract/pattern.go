package contract

import (
	"fmt"
	"maps"
	"regexp/syntax"
	"slices"
	"unicode"
)

// Two patterns are compared as what they are, sets of texts: both are followed at once, character by character.

// Bounds of the search: the characters of a text that is tried, and of one that patterns are followed along; the states of each length; the
// texts that are given.
const (
	longest         = 5000
	longestFollowed = 300
	mostStates      = 200
	mostWitnesses   = 400
)

// witnesses gives texts that the first pattern and that of the type accept, of all ways in which the three go on, and of the lengths that
// are asked for: of each the first and the last by the alphabet. decided is false where one of the patterns looks at more than the next
// character, or the search was cut off. An empty pattern accepts all.
func witnesses(older, newer, ofType string, wanted []int) (texts []string, decided bool) {
	a, okA := compilePattern(older)
	b, okB := compilePattern(newer)
	c, okC := compilePattern(ofType)
	if !okA || !okB || !okC {
		return nil, false
	}
	if a == nil && b == nil {
		return nil, true
	}
	wanted = slices.DeleteFunc(slices.Clone(wanted), func(n int) bool { return n > longestFollowed })
	end := 40
	if len(wanted) > 0 {
		end = max(end, wanted[len(wanted)-1])
	}
	decided = true
	seen := map[string]bool{}
	level := []reached{{a: a.start(), b: b.start(), c: c.start()}}
	for n := 0; n <= end && len(level) > 0; n++ {
		next := map[string]reached{}
		for _, r := range level {
			if a.accepts(r.a) && c.accepts(r.c) && (!seen[r.key()] || slices.Contains(wanted, n)) && len(texts) < mostWitnesses {
				texts = append(texts, r.first, r.last)
			}
			seen[r.key()] = true
			for _, char := range representatives(a, r.a, b, r.b, c, r.c) {
				step := reached{first: r.first + string(char), last: r.last + string(char), a: a.step(r.a, char), b: b.step(r.b, char), c: c.step(r.c, char)}
				if a != nil && len(step.a.pcs) == 0 || c != nil && len(step.c.pcs) == 0 {
					continue
				}
				key := step.key()
				if known, there := next[key]; there {
					known.first, known.last = min(known.first, step.first), max(known.last, step.last)
					next[key] = known
					continue
				}
				if len(wanted) > 0 || !seen[key] {
					if len(next) >= mostStates {
						decided = false
						continue
					}
					next[key] = step
				}
			}
		}
		level = level[:0]
		for _, key := range slices.Sorted(maps.Keys(next)) {
			level = append(level, next[key])
		}
	}
	// Without lengths, the search ends when nothing new is reached.
	return texts, decided && (len(wanted) > 0 || len(level) == 0)
}

// comparable reports whether two patterns can be compared.
func comparable(older, newer string) bool {
	_, decided := witnesses(older, newer, "", nil)
	return decided
}

// reached is where the patterns are behind some texts, of which the first and the last are kept.
type reached struct {
	first, last string
	a, b, c     position
}

func (r reached) key() string { return fmt.Sprint(r.a, r.b, r.c) }

// position is the set of instructions at which a pattern may go on; first: nothing has been read.
type position struct {
	pcs   []uint32
	first bool
}

// automaton is a compiled pattern; nil accepts all.
type automaton struct{ program *syntax.Prog }

func compilePattern(pattern string) (*automaton, bool) {
	if pattern == "" {
		return nil, true
	}
	parsed, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return nil, false
	}
	program, err := syntax.Compile(parsed.Simplify())
	if err != nil {
		return nil, false
	}
	for _, i := range program.Inst {
		// Word boundaries and lines depend on what stands around.
		if i.Op == syntax.InstEmptyWidth && syntax.EmptyOp(i.Arg)&^(syntax.EmptyBeginText|syntax.EmptyEndText) != 0 {
			return nil, false
		}
	}
	return &automaton{program}, true
}

func (a *automaton) start() position {
	if a == nil {
		return position{}
	}
	return position{[]uint32{uint32(a.program.Start)}, true}
}

// closure follows what reads no character.
func (a *automaton) closure(p position, end bool) []uint32 {
	var list []uint32
	seen := map[uint32]bool{}
	var follow func(uint32)
	follow = func(pc uint32) {
		if seen[pc] {
			return
		}
		seen[pc] = true
		switch i := a.program.Inst[pc]; i.Op {
		case syntax.InstAlt, syntax.InstAltMatch:
			follow(i.Out)
			follow(i.Arg)
		case syntax.InstCapture, syntax.InstNop:
			follow(i.Out)
		case syntax.InstEmptyWidth:
			op := syntax.EmptyOp(i.Arg)
			if (op&syntax.EmptyBeginText == 0 || p.first) && (op&syntax.EmptyEndText == 0 || end) {
				follow(i.Out)
			}
		default:
			list = append(list, pc)
		}
	}
	for _, pc := range p.pcs {
		follow(pc)
	}
	return list
}

func (a *automaton) accepts(p position) bool {
	return a == nil || slices.ContainsFunc(a.closure(p, true), func(pc uint32) bool { return a.program.Inst[pc].Op == syntax.InstMatch })
}

func (a *automaton) step(p position, c rune) position {
	var next position
	if a == nil {
		return next
	}
	for _, pc := range a.closure(p, false) {
		switch i := a.program.Inst[pc]; i.Op {
		case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
			if i.MatchRune(c) && !slices.Contains(next.pcs, i.Out) {
				next.pcs = append(next.pcs, i.Out)
			}
		}
	}
	slices.Sort(next.pcs)
	return next
}

// representatives are characters of each kind that one of the patterns tells from others.
func representatives(a *automaton, p position, b *automaton, q position, c *automaton, r position) []rune {
	list := []rune{'a', 'A', '0', '_', '-', ' ', '/', 'é'}
	for _, each := range []struct {
		*automaton
		position
	}{{a, p}, {b, q}, {c, r}} {
		if each.automaton == nil {
			continue
		}
		for _, pc := range each.closure(each.position, false) {
			runes := each.program.Inst[pc].Rune
			for i, char := range runes {
				switch {
				case len(runes) == 1 || i%2 == 0:
					list = append(list, char, char-1, char+1)
				default:
					list = append(list, char, char+1)
				}
			}
		}
	}
	slices.Sort(list)
	list = slices.DeleteFunc(slices.Compact(list), func(c rune) bool { return !unicode.IsPrint(c) })
	return list[:min(len(list), 120)]
}
