package settings

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/agext/levenshtein"
	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"

	"github.com/gantry-buildpack/gantry/internal/app"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// projectFile is the project descriptor: https://github.com/buildpacks/spec/blob/main/extensions/project-descriptor.md.
const projectFile = "project.toml"

// readProject applies [dev.gantry] of project.toml. Other tables belong to others and are left alone.
func readProject(a app.App, s *Settings) error {
	text, found, err := a.Read(projectFile)
	if err != nil || !found {
		return err
	}
	table := map[string]any{}
	if err := toml.Unmarshal(text, &table); err != nil {
		return invalid(err)
	}
	where := index(text)
	for _, path := range []string{"dev", "dev.gantry"} {
		inner, found := table[path[strings.LastIndexByte(path, '.')+1:]]
		if !found {
			return nil
		}
		if table, found = inner.(map[string]any); !found {
			position := where[path]
			position.File = projectFile
			return &problem.Problem{
				ID:    "settings/bad-value",
				Title: path + " has a value that is not understood",
				Where: position,
				Why:   "a table is expected",
				Hints: []string{"Write it as [" + path + "], with one setting a line below it."},
			}
		}
	}
	return apply(s, table, "", where)
}

func invalid(err error) error {
	p := &problem.Problem{
		ID:    "settings/project-invalid",
		Title: projectFile + " is not valid TOML",
		Where: problem.Position{File: projectFile},
		Why:   strings.TrimPrefix(err.Error(), "toml: "),
		Hints: []string{"Correct the line; the format is described at https://toml.io/en/v1.0.0."},
		Err:   err,
	}
	if decode, ok := errors.AsType[*toml.DecodeError](err); ok {
		line, column := decode.Position()
		p.Where.Line, p.Where.Column = line, column
	}
	return p
}

// apply walks a table of settings; prefix is the dotted path that leads to it.
func apply(s *Settings, table map[string]any, prefix string, where map[string]problem.Position) error {
	for _, name := range slices.Sorted(maps.Keys(table)) {
		key := prefix + name
		position := where["dev.gantry."+key]
		position.File = projectFile
		if i := slices.IndexFunc(definitions, func(d definition) bool { return d.key == key }); i >= 0 {
			setting, err := definitions[i].read(table[name], position)
			if err != nil {
				return err
			}
			*definitions[i].target(s) = setting
			continue
		}
		inner, isTable := table[name].(map[string]any)
		if isTable && slices.ContainsFunc(definitions, func(d definition) bool { return strings.HasPrefix(d.key, key+".") }) {
			if err := apply(s, inner, key+".", where); err != nil {
				return err
			}
			continue
		}
		return unknown(key, position)
	}
	return nil
}

func (d definition) read(raw any, where problem.Position) (Setting, error) {
	bad := func(why string) error {
		return &problem.Problem{
			ID:    "settings/bad-value",
			Title: "dev.gantry." + d.key + " has a value that is not understood",
			Where: where,
			Why:   why,
			Hints: []string{"Correct the value, or remove the line for the default."},
		}
	}
	value, ok := raw.(string)
	if d.list {
		items, isList := raw.([]any)
		if !isList {
			return Setting{}, bad("a list of strings is expected")
		}
		var texts []string
		for _, item := range items {
			text, isText := item.(string)
			if !isText || strings.Contains(text, ",") {
				return Setting{}, bad("a list of strings is expected")
			}
			texts = append(texts, text)
		}
		value, ok = strings.Join(texts, ","), true
	}
	if d.boolean {
		yes, isBoolean := raw.(bool)
		if !isBoolean {
			return Setting{}, bad("true or false is expected")
		}
		value, ok = strconv.FormatBool(yes), true
	}
	if !ok {
		return Setting{}, bad("a string is expected")
	}
	if d.check != nil {
		if why := d.check(value); why != "" {
			return Setting{}, bad(why)
		}
	}
	return Setting{Value: value, Origin: where.String(), Where: where}, nil
}

func unknown(key string, where problem.Position) error {
	p := &problem.Problem{
		ID:    "settings/unknown-key",
		Title: "dev.gantry." + key + " is not a setting",
		Where: where,
		Hints: []string{"Remove it; the settings are listed in docs/settings.md."},
	}
	names := map[string]bool{}
	for _, d := range definitions {
		names[d.key] = true
		group, _, _ := strings.Cut(d.key, ".")
		names[group] = true
	}
	if likely := nearest(key, slices.Sorted(maps.Keys(names))); likely != "" {
		p.Hints = append([]string{fmt.Sprintf("Did you mean dev.gantry.%s?", likely)}, p.Hints...)
	}
	return p
}

// nearest gives the name that is most like text; empty when none is much like it.
func nearest(text string, names []string) string {
	best, score := "", 0.6
	for _, name := range names {
		if s := levenshtein.Match(text, name, nil); s > score {
			best, score = name, s
		}
	}
	return best
}

// index gives the position of every key of a valid TOML document, by its dotted path.
func index(text []byte) map[string]problem.Position {
	positions := map[string]problem.Position{}
	parser := unstable.Parser{}
	parser.Reset(text)
	table := ""
	for parser.NextExpression() {
		switch expression := parser.Expression(); expression.Kind {
		case unstable.Table, unstable.ArrayTable:
			table = record(&parser, positions, "", expression.Key())
		case unstable.KeyValue:
			recordValue(&parser, positions, table, expression)
		}
	}
	return positions
}

func recordValue(parser *unstable.Parser, positions map[string]problem.Position, prefix string, pair *unstable.Node) {
	path := record(parser, positions, prefix, pair.Key())
	if value := pair.Value(); value.Kind == unstable.InlineTable {
		for children := value.Children(); children.Next(); {
			recordValue(parser, positions, path, children.Node())
		}
	}
}

// record notes where each part of a dotted key stands and gives the whole path.
func record(parser *unstable.Parser, positions map[string]problem.Position, prefix string, key unstable.Iterator) string {
	path := prefix
	for key.Next() {
		if path != "" {
			path += "."
		}
		path += string(key.Node().Data)
		if _, seen := positions[path]; !seen {
			start := parser.Shape(key.Node().Raw).Start
			positions[path] = problem.Position{Line: start.Line, Column: start.Column}
		}
	}
	return path
}
