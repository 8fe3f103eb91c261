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
