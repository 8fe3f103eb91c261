// Package projecttoml reads project.toml, the project descriptor, as far as it is Gantry's: the table [dev.gantry], with the
// place of every key. What the keys mean is known elsewhere.
// Format: https://github.com/buildpacks/spec/blob/main/extensions/project-descriptor.md.
package projecttoml

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"

	"github.com/gantry-buildpack/gantry/internal/problem"
	"github.com/gantry-buildpack/gantry/internal/source/app"
	"github.com/gantry-buildpack/gantry/internal/source/tomlbounds"
)

// File is the descriptor's name.
const File = "project.toml"

// Root is the table that is Gantry's.
const Root = "dev.gantry"

// Table is [dev.gantry] of an application; it is empty when there is none.
type Table struct {
	Values map[string]any
	where  map[string]problem.Position
	text   []byte
}

// Read gives the table. Other tables belong to others and are left alone, but for those that are a misspelling of it.
func Read(a app.App) (Table, error) {
	none := Table{Values: map[string]any{}}
	text, found, err := a.Read(File)
	if err != nil || !found {
		return none, err
	}
	// Editors of Windows begin files with a mark of the byte order: three bytes that TOML does not know.
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	if err := tomlbounds.Check(text); err != nil {
		return none, invalid(text, err)
	}
	values := map[string]any{}
	if err := toml.Unmarshal(text, &values); err != nil {
		return none, invalid(text, err)
	}
	t := Table{Values: values, where: index(text), text: text}
	if wrong := t.misspelled(); len(wrong) > 0 {
		return none, problem.All(File, wrong)
	}
	for _, path := range []string{"dev", Root} {
		inner, found := t.Values[path[strings.LastIndexByte(path, '.')+1:]]
		if !found {
			return none, nil
		}
		if t.Values, found = inner.(map[string]any); !found {
			return none, t.Show(&problem.Problem{
				ID:    "settings/bad-value",
				Title: path + " has a value that is not understood",
				Where: t.at(path),
				Why:   "a table is expected",
				Hints: []string{"Write it as [" + path + "], with one setting a line below it."},
			})
		}
	}
	return t, nil
}

// Other gives a table of project.toml that is another tool's, by its dotted path; nil when there is none.
func Other(a app.App, path string) (map[string]any, problem.Position, error) {
	text, found, err := a.Read(File)
	if err != nil || !found {
		return nil, problem.Position{}, err
	}
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	if err := tomlbounds.Check(text); err != nil {
		return nil, problem.Position{}, invalid(text, err)
	}
	values := map[string]any{}
	if err := toml.Unmarshal(text, &values); err != nil {
		return nil, problem.Position{}, invalid(text, err)
	}
	for name := range strings.SplitSeq(path, ".") {
		if values, found = values[name].(map[string]any); !found {
			return nil, problem.Position{}, nil
		}
	}
	return values, Table{where: index(text)}.at(path), nil
}

// Where gives the place of a key, by its dotted path below [dev.gantry]; the elements of an array of tables are
// "name[0]", "name[1]".
func (t Table) Where(path string) problem.Position {
	for {
		if position, found := t.where[Root+"."+path]; found {
			position.File = File
			return position
		}
		// The nearest that has a place.
		i := strings.LastIndexByte(path, '.')
		if i < 0 {
			return problem.Position{File: File}
		}
		path = path[:i]
	}
}

// indexer notes the places of keys while it walks a valid document.
type indexer struct {
	parser unstable.Parser
	// lines are where the lines of the document begin, in bytes.
	lines     []uint32
	positions map[string]problem.Position
	arrays    map[string]int
}

func index(text []byte) map[string]problem.Position {
	x := indexer{positions: map[string]problem.Position{}, arrays: map[string]int{}}
	x.parser.Reset(text)
	for i := range text {
		if i == 0 || text[i-1] == '\n' {
			x.lines = append(x.lines, uint32(i))
		}
	}
	table := ""
	for x.parser.NextExpression() {
		switch expression := x.parser.Expression(); expression.Kind {
		case unstable.Table:
			table = x.record("", expression.Key())
		case unstable.ArrayTable:
			name := x.record("", expression.Key())
			table = fmt.Sprintf("%s[%d]", name, x.arrays[name])
			x.arrays[name]++
			key := expression.Key()
			for key.Next() {
				x.positions[table] = x.position(key.Node())
			}
		case unstable.KeyValue:
			x.recordValue(table, expression)
		}
	}
	return x.positions
}

func (x *indexer) recordValue(prefix string, pair *unstable.Node) {
	path := x.record(prefix, pair.Key())
	switch value := pair.Value(); value.Kind {
	case unstable.InlineTable:
		for children := value.Children(); children.Next(); {
			x.recordValue(path, children.Node())
		}
	case unstable.Array:
		// The elements have the place of the key, and their own keys theirs.
		n := 0
		for children := value.Children(); children.Next(); n++ {
			if children.Node().Kind != unstable.InlineTable {
				continue
			}
			element := fmt.Sprintf("%s[%d]", path, n)
			x.positions[element] = x.positions[path]
			for inner := children.Node().Children(); inner.Next(); {
				x.recordValue(element, inner.Node())
			}
		}
	}
}

// record notes where each part of a dotted key stands and gives the whole path.
func (x *indexer) record(prefix string, key unstable.Iterator) string {
	path := prefix
	for key.Next() {
		if path != "" {
			path += "."
		}
		path += string(key.Node().Data)
		if _, seen := x.positions[path]; !seen {
			x.positions[path] = x.position(key.Node())
		}
	}
	return path
}

// position is where a node begins. The parser's own answer would count all lines before it each time.
func (x *indexer) position(node *unstable.Node) problem.Position {
	offset := node.Raw.Offset
	line, found := slices.BinarySearch(x.lines, offset)
	if !found {
		line--
	}
	return problem.Position{Line: line + 1, Column: int(offset-x.lines[line]) + 1}
}
