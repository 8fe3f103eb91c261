// Package sourcemap tells where generated JavaScript comes from, in both directions: https://tc39.es/ecma426/. The
// libraries for it go one way only.
package sourcemap

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// Position is a place in a file. Line and Column count from 0, columns in UTF-16 code units, as V8 counts.
type Position struct {
	File         string
	Line, Column int
}

// Map belongs to one generated file.
type Map struct {
	segments []segment
}

// segment says that the generated text from line and column on comes from a source.
type segment struct {
	line, column int
	source       Position
}

// document is a source map as it is written.
type document struct {
	Version    int      `json:"version"`
	SourceRoot string   `json:"sourceRoot"`
	Sources    []string `json:"sources"`
	Mappings   string   `json:"mappings"`
	Sections   []struct {
		Offset struct{ Line, Column int } `json:"offset"`
		Map    document                   `json:"map"`
	} `json:"sections"`
}

// Parse reads a source map. The names of sources are made absolute from dir, the folder that the map is in; the schemes
// that bundlers put before them (webpack:///) are left out.
func Parse(text []byte, dir string) (*Map, error) {
	var d document
	if err := json.Unmarshal(text, &d); err != nil {
		return nil, fmt.Errorf("read the source map: %w", err)
	}
	m := &Map{}
	if err := m.add(d, dir, 0, 0); err != nil {
		return nil, fmt.Errorf("read the source map: %w", err)
	}
	slices.SortStableFunc(m.segments, func(a, b segment) int {
		return cmp.Or(a.line-b.line, a.column-b.column)
	})
	return m, nil
}

func (m *Map) add(d document, dir string, line, column int) error {
	if d.Version != 3 {
		return fmt.Errorf("its version is %d, and 3 is the only one", d.Version)
	}
	for _, section := range d.Sections {
		if len(section.Map.Sections) > 0 {
			return errors.New("a section has sections of its own")
		}
		if err := m.add(section.Map, dir, section.Offset.Line, section.Offset.Column); err != nil {
			return err
		}
	}
	files := make([]string, len(d.Sources))
	for i, source := range d.Sources {
		files[i] = resolve(d.SourceRoot, source, dir)
	}
	return m.decode(d.Mappings, files, line, column)
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

// decode reads the mappings: lines divided by semicolons, segments by commas, each of one, four or five numbers that
// count from those before.
func (m *Map) decode(mappings string, files []string, line, column int) error {
	file, sourceLine, sourceColumn := 0, 0, 0
	for text := range strings.SplitSeq(mappings, ";") {
		for part := range strings.SplitSeq(text, ",") {
			if part == "" {
				continue
			}
			numbers, err := quantities(part)
			if err != nil {
				return err
			}
			column += numbers[0]
			if len(numbers) < 4 {
				continue
			}
			file, sourceLine, sourceColumn = file+numbers[1], sourceLine+numbers[2], sourceColumn+numbers[3]
			if file < 0 || file >= len(files) || sourceLine < 0 || column < 0 {
				return errors.New("its mappings leave the sources")
			}
			m.segments = append(m.segments, segment{line, column, Position{files[file], sourceLine, sourceColumn}})
		}
		line, column = line+1, 0
	}
	return nil
}

const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

// quantities decodes the base64 variable-length quantities of one segment; there is at least one.
func quantities(text string) ([]int, error) {
	var list []int
	value, shift := 0, 0
	for _, character := range text {
		digit := strings.IndexRune(digits, character)
		if digit < 0 || shift > 30 {
			return nil, fmt.Errorf("its mappings hold %q", text)
		}
		value |= digit & 31 << shift
		if digit&32 != 0 {
			shift += 5
			continue
		}
		if value&1 != 0 {
			list = append(list, -(value >> 1))
		} else {
			list = append(list, value>>1)
		}
		value, shift = 0, 0
	}
	if shift != 0 {
		return nil, fmt.Errorf("its mappings end within a number: %q", text)
	}
	return list, nil
}

// Original gives the source of a place in the generated file.
func (m *Map) Original(line, column int) (Position, bool) {
	i, found := slices.BinarySearchFunc(m.segments, segment{line: line, column: column}, func(a, b segment) int {
		return cmp.Or(a.line-b.line, a.column-b.column)
	})
	if !found {
		i--
	}
	if i < 0 || m.segments[i].line != line {
		return Position{}, false
	}
	return m.segments[i].source, true
}

// Generated gives the places in the generated file that come from a line of a source: of each generated line the first.
// file may be the end of the source's name, in whole segments of the path. File in the result is the source's name.
func (m *Map) Generated(file string, line int) []Position {
	var list []Position
	for _, s := range m.segments {
		if s.source.Line != line || !EndsWith(s.source.File, file) {
			continue
		}
		if last := len(list) - 1; last >= 0 && list[last].Line == s.line {
			continue
		}
		list = append(list, Position{s.source.File, s.line, s.column})
	}
	return list
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
	for i := range m.segments {
		file := &m.segments[i].source.File
		*file = strings.TrimPrefix(*file, root)
	}
}
