package sourcemap

import (
	"cmp"
	"slices"
	"strings"
)

// partAt gives the part that a place in the generated file is in, and the place within it.
func (m *Map) partAt(line, column int) (p *part, at segment) {
	for _, each := range m.parts {
		if each.line > line || each.line == line && each.column > column {
			break
		}
		p = each
	}
	if p == nil {
		return nil, segment{}
	}
	if line == p.line {
		column -= p.column
	}
	return p, segment{line: line - p.line, column: column}
}

// before gives the last segment of a line at or before a place.
func (p *part) before(at segment) (found segment, ok bool) {
	i, exact := slices.BinarySearchFunc(p.checkpoints, at, func(c checkpoint, at segment) int {
		return cmp.Or(c.first.line-at.line, c.first.column-at.column)
	})
	if !exact {
		i--
	}
	if i < 0 {
		return segment{}, false
	}
	for d := p.checkpoints[i].decoder; ; {
		s, more, err := d.next(p)
		if err != nil || !more || s.line > at.line || s.line == at.line && s.column > at.column {
			return found, ok && found.line == at.line
		}
		found, ok = s, true
	}
}

// Original gives the source of a place in the generated file.
func (m *Map) Original(line, column int) (Position, bool) {
	p, at := m.partAt(line, column)
	if p == nil {
		return Position{}, false
	}
	s, ok := p.before(at)
	if !ok {
		return Position{}, false
	}
	return Position{p.sources[s.source], s.sourceLine, s.sourceColumn}, true
}

// Generated gives the places in the generated file that come from a line of a source: of each generated line the first.
// file may be the end of the source's name, in whole segments of the path. File in the result is the source's name.
func (m *Map) Generated(file string, line int) []Position {
	var list []Position
	m.each(func(p *part, s segment) {
		if s.sourceLine != line || !EndsWith(p.sources[s.source], file) {
			return
		}
		if last := len(list) - 1; last < 0 || list[last].Line != s.line {
			list = append(list, Position{p.sources[s.source], s.line, s.column})
		}
	})
	return list
}

// Names gives the names of the source that stand in a part of the generated file, in order: from is the first place, to the
// first one behind it.
func (m *Map) Names(from, to Position) []Name {
	var list []Name
	m.each(func(p *part, s segment) {
		inside := cmp.Or(s.line-from.Line, s.column-from.Column) >= 0 && cmp.Or(s.line-to.Line, s.column-to.Column) < 0
		if s.name >= 0 && inside {
			list = append(list, Name{s.line, s.column, p.names[s.name]})
		}
	})
	return list
}

// each gives all segments, with their places in the whole generated file.
func (m *Map) each(visit func(*part, segment)) {
	for _, p := range m.parts {
		d := decoder{segment: segment{name: -1}}
		for {
			s, ok, err := d.next(p)
			if err != nil || !ok {
				break
			}
			if s.line == 0 {
				s.column += p.column
			}
			s.line += p.line
			visit(p, s)
		}
	}
}

// EndsWith reports whether a path ends with another, in whole segments.
func EndsWith(path, end string) bool {
	end = strings.TrimPrefix(end, "./")
	return path == end || strings.HasSuffix(path, "/"+strings.TrimPrefix(end, "/"))
}

// Strip takes a folder off the front of the sources' names: that through which the map was read.
func (m *Map) Strip(root string) {
	if m == nil {
		return
	}
	for _, p := range m.parts {
		for i, source := range p.sources {
			p.sources[i] = strings.TrimPrefix(source, root)
		}
	}
}
