// Package sourcemap tells where generated JavaScript comes from, in both directions: https://tc39.es/ecma426/. The
// libraries for it go one way only, and hold each mapping in memory: this one holds the encoded text, and decodes the part
// that it is asked for, since it runs next to an application whose memory is limited.
package sourcemap

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
)

// Position is a place in a file. Line and Column count from 0, columns in UTF-16 code units, as V8 counts.
type Position struct {
	File         string
	Line, Column int
}

// Name is a place in the generated file at which a name of the source stands, perhaps by another name.
type Name struct {
	Line, Column int
	Name         string
}

// Map belongs to one generated file.
type Map struct{ parts []*part }

// part is a section of a map, or all of it: line and column say where it begins in the generated file.
type part struct {
	line, column   int
	sources, names []string
	mappings       string
	// checkpoints stand before each run of segments.
	checkpoints []checkpoint
}

// checkpoint is a state of the decoder, and the segment that it reads next.
type checkpoint struct {
	decoder
	first segment
}

// segment says that the generated text from line and column on comes from a source; name is -1 where it has none.
type segment struct {
	line, column                           int
	source, sourceLine, sourceColumn, name int
}

// decoder is a place in the mappings: the next byte to read, and the numbers that the next segment counts from.
type decoder struct {
	at int
	segment
	lastName int
}

// run is how many segments lie between two checkpoints.
const run = 512

// Parse reads a source map. The names of sources are made absolute from dir, the folder that the map is in; the schemes
// that bundlers put before them (webpack:///) are left out.
func Parse(text []byte, dir string) (*Map, error) { return read(bytes.NewReader(text), dir) }

func read(in io.Reader, dir string) (*Map, error) {
	m := &Map{}
	decoder := json.NewDecoder(in)
	err := m.object(decoder, dir, 0, 0, 0)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, fmt.Errorf("read the source map: %w", err)
	}
	slices.SortStableFunc(m.parts, func(a, b *part) int { return cmp.Or(a.line-b.line, a.column-b.column) })
	return m, nil
}

// object reads one map, key by key, so that the sources' text is never held.
func (m *Map) object(in *json.Decoder, dir string, line, column, depth int) error {
	if err := expect(in, json.Delim('{')); err != nil {
		return err
	}
	version, root := 0, ""
	p := &part{line: line, column: column}
	for in.More() {
		key, err := in.Token()
		if err != nil {
			return err
		}
		switch key {
		case "version":
			err = in.Decode(&version)
		case "sourceRoot":
			err = in.Decode(&root)
		case "sources":
			err = in.Decode(&p.sources)
		case "names":
			err = in.Decode(&p.names)
		case "mappings":
			err = in.Decode(&p.mappings)
		case "sections":
			if depth > 0 {
				return errors.New("a section has sections of its own")
			}
			err = m.sections(in, dir, depth)
		default:
			err = skip(in)
		}
		if err != nil {
			return err
		}
	}
	if err := expect(in, json.Delim('}')); err != nil {
		return err
	}
	if version != 3 {
		return fmt.Errorf("its version is %d, and 3 is the only one", version)
	}
	for i, source := range p.sources {
		p.sources[i] = resolve(root, source, dir)
	}
	if p.mappings != "" {
		m.parts = append(m.parts, p)
	}
	return p.index()
}

func (m *Map) sections(in *json.Decoder, dir string, depth int) error {
	if err := expect(in, json.Delim('[')); err != nil {
		return err
	}
	for in.More() {
		if err := expect(in, json.Delim('{')); err != nil {
			return err
		}
		var offset struct{ Line, Column int }
		first := len(m.parts)
		for in.More() {
			key, err := in.Token()
			if err != nil {
				return err
			}
			switch key {
			case "offset":
				err = in.Decode(&offset)
			case "map":
				err = m.object(in, dir, 0, 0, depth+1)
			default:
				err = skip(in)
			}
			if err != nil {
				return err
			}
		}
		for _, p := range m.parts[first:] {
			p.line, p.column = offset.Line, offset.Column
		}
		if err := expect(in, json.Delim('}')); err != nil {
			return err
		}
	}
	return expect(in, json.Delim(']'))
}

func expect(in *json.Decoder, want json.Delim) error {
	token, err := in.Token()
	if err == nil && token != want {
		err = fmt.Errorf("%v stands where %v belongs", token, want)
	}
	return err
}

// skip leaves a value out, string by string.
func skip(in *json.Decoder) error {
	for depth := 0; ; {
		token, err := in.Token()
		if err != nil {
			return err
		}
		switch token {
		case json.Delim('['), json.Delim('{'):
			depth++
		case json.Delim(']'), json.Delim('}'):
			depth--
		}
		if depth == 0 {
			return nil
		}
	}
}

func resolve(root, source, dir string) string {
	name := source
	if root != "" && !filepath.IsAbs(source) {
		name = strings.TrimSuffix(root, "/") + "/" + source
	}
	if scheme, rest, found := strings.Cut(name, "://"); found {
		if scheme == "file" {
			return rest
		}
		// webpack://NAME/./src/a.ts and webpack:///./src/a.ts are relative to the project, whose folder it does not know.
		_, name, _ = strings.Cut(rest, "/")
		return strings.TrimPrefix(filepath.Clean(name), "/")
	}
	if filepath.IsAbs(name) {
		return filepath.Clean(name)
	}
	return filepath.Join(dir, name)
}

// index reads all mappings once, and keeps a checkpoint now and then.
func (p *part) index() error {
	d := decoder{segment: segment{name: -1}}
	for n := 0; ; n++ {
		before := d
		first, ok, err := d.next(p)
		if err != nil || !ok {
			return err
		}
		if n%run == 0 {
			p.checkpoints = append(p.checkpoints, checkpoint{before, first})
		}
	}
}

// next gives the next segment that has a source: lines are divided by semicolons, segments by commas, each of one, four or
// five numbers that count from those before.
func (d *decoder) next(p *part) (segment, bool, error) {
	for d.at < len(p.mappings) {
		switch p.mappings[d.at] {
		case ';':
			d.at++
			d.line, d.column = d.line+1, 0
			continue
		case ',':
			d.at++
			continue
		}
		end := d.at
		for end < len(p.mappings) && p.mappings[end] != ',' && p.mappings[end] != ';' {
			end++
		}
		numbers, count, err := quantities(p.mappings[d.at:end])
		if err != nil {
			return segment{}, false, err
		}
		d.at = end
		d.column += numbers[0]
		if count < 4 {
			continue
		}
		d.source, d.sourceLine, d.sourceColumn = d.source+numbers[1], d.sourceLine+numbers[2], d.sourceColumn+numbers[3]
		if d.name = -1; count > 4 {
			d.lastName += numbers[4]
			d.name = d.lastName
		}
		if d.source < 0 || d.source >= len(p.sources) || d.sourceLine < 0 || d.column < 0 || d.name >= len(p.names) || count > 4 && d.name < 0 {
			return segment{}, false, errors.New("its mappings leave the sources")
		}
		return d.segment, true, nil
	}
	return segment{}, false, nil
}

const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

// values are the digits' values, by their character; -1 for every other one.
var values = func() (list [256]int8) {
	for i := range list {
		list[i] = int8(strings.IndexByte(digits, byte(i)))
	}
	return list
}()

// quantities decodes the base64 variable-length quantities of one segment; there is at least one, and at most five count.
func quantities(text string) (numbers [5]int, count int, err error) {
	value, shift := 0, 0
	for i := range len(text) {
		digit := int(values[text[i]])
		if digit < 0 || shift > 30 {
			return numbers, 0, fmt.Errorf("its mappings hold %q", text)
		}
		value |= digit & 31 << shift
		if digit&32 != 0 {
			shift += 5
			continue
		}
		if value&1 != 0 {
			value = -value
		}
		if count < len(numbers) {
			numbers[count] = value / 2
			count++
		}
		value, shift = 0, 0
	}
	if shift != 0 {
		return numbers, 0, fmt.Errorf("its mappings end within a number: %q", text)
	}
	return numbers, count, nil
}

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
