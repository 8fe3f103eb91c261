package projecttoml

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/agext/levenshtein"
	"github.com/pelletier/go-toml/v2"

	"github.com/gantry-buildpack/gantry/internal/problem"
	"github.com/gantry-buildpack/gantry/internal/problem/redact"
	"github.com/gantry-buildpack/gantry/internal/source/lazyregexp"
)

// slips are what people write most often in place of TOML, and what they mean.
var slips = []struct {
	line func() *regexp.Regexp
	hint string
}{
	{lazyregexp.New(`=\s*"[^"]*\\[^btnfruU"\\]`), `In double quotes a backslash begins an escape. Write a pattern in single quotes: '\d+'.`},
	{lazyregexp.New(`=\s*[A-Za-z_][\w.:/-]*\s*(#.*)?$`), `A text stands in quotes: type = "int".`},
	{lazyregexp.New(`^\s*[\w.-]+\s*:\s`), `Behind a key stands =, and not a colon: type = "int".`},
	{lazyregexp.New(`^\s*\[[^\]]*$`), "A table's name ends with ]."},
}

func invalid(text []byte, err error) error {
	p := &problem.Problem{
		ID:    "settings/project-invalid",
		Title: File + " is not valid TOML",
		Where: problem.Position{File: File},
		Why:   strings.TrimPrefix(err.Error(), "toml: "),
		Hints: []string{"Correct the line; the format is described at https://toml.io/en/v1.0.0."},
		Err:   err,
	}
	decode, ok := errors.AsType[*toml.DecodeError](err)
	if !ok {
		return p
	}
	p.Where.Line, p.Where.Column = decode.Position()
	line := lineOf(text, p.Where.Line)
	for _, slip := range slips {
		if slip.line().MatchString(line) {
			p.Hints = append([]string{slip.hint}, p.Hints...)
			break
		}
	}
	return Table{text: text}.Show(p)
}

// Show adds the line of the file at which a problem is, with a caret below the key.
func (t Table) Show(p *problem.Problem) *problem.Problem {
	line := lineOf(t.text, p.Where.Line)
	if p.Where.File != File || strings.TrimSpace(line) == "" || p.Where.Column < 1 || p.Where.Column > len(line)+1 {
		return p
	}
	before := line[:p.Where.Column-1]
	width := len(keyPattern().FindString(line[p.Where.Column-1:]))
	number := fmt.Sprint(p.Where.Line)
	shown := *p
	shown.Excerpt = fmt.Sprintf("%s | %s\n%*s | %s%s", number, strings.ReplaceAll(withoutSecret(line), "\t", " "), len(number), "",
		strings.Repeat(" ", utf8.RuneCountInString(before)), strings.Repeat("^", max(1, width)))
	return &shown
}

// ShowAll is Show for several, and gives them as one error.
func (t Table) ShowAll(list []*problem.Problem) error {
	shown := make([]*problem.Problem, 0, len(list))
	for _, p := range list {
		shown = append(shown, t.Show(p))
	}
	slices.SortStableFunc(shown, func(a, b *problem.Problem) int { return a.Where.Line - b.Where.Line })
	return problem.All(File, shown)
}

var keyPattern = lazyregexp.New(`^[\w-]+`)

// valuePattern finds the values of a line that may hold a secret: a default or an example may be one that should not be there.
var valuePattern = lazyregexp.New(`\b(default|example|command|url|registry)(\s*=\s*)("[^"]*"?|'[^']*'?)`)

// withoutSecret leaves out of a line what may be a secret.
func withoutSecret(line string) string {
	return redact.Credentials(valuePattern().ReplaceAllString(line, `$1$2"…"`))
}

func lineOf(text []byte, number int) string {
	n := 0
	for line := range strings.Lines(string(text)) {
		if n++; n == number {
			return strings.TrimRight(line, "\r\n")
		}
	}
	return ""
}

// likely is from how much likeness on a name is taken for a misspelling of another.
const likely = 0.74

func alike(name, other string) bool {
	return name != other && levenshtein.Match(strings.ToLower(name), other, nil) >= likely
}

// misspelled are tables that are meant to be [dev.gantry], and would be ignored as somebody else's. Other tables may have any name:
// https://github.com/buildpacks/spec/blob/main/extensions/project-descriptor.md#non-_-tables.
func (t Table) misspelled() []*problem.Problem {
	var list []*problem.Problem
	add := func(wrong, path, meant string) {
		list = append(list, t.Show(&problem.Problem{
			ID: "settings/misspelled-table", Title: "[" + path + "] is not a table that Gantry reads", Where: t.at(wrong),
			Hints: []string{"Did you mean [" + meant + "]?"},
		}))
	}
	for _, name := range slices.Sorted(maps.Keys(t.Values)) {
		table, isTable := t.Values[name].(map[string]any)
		first := t.firstTable(name)
		switch {
		case !isTable && name != "config-group" && name != "config-rule":
		case name == "dev":
			for _, inner := range slices.Sorted(maps.Keys(table)) {
				if _, isTable := table[inner].(map[string]any); isTable && alike(inner, "gantry") || strings.EqualFold(inner, "gantry") && inner != "gantry" {
					path := t.firstTable("dev." + inner)
					add("dev."+inner, path, Root+strings.TrimPrefix(path, "dev."+inner))
				}
			}
		case strings.EqualFold(name, "gantry") || alike(name, "gantry"):
			add(name, first, Root+strings.TrimPrefix(first, name))
		case name == "config" || name == "config-group" || name == "config-rule":
			add(name, first, Root+"."+first)
		case table["gantry"] != nil && len(name) <= 4:
			first = t.firstTable(name + ".gantry")
			add(name, first, "dev"+strings.TrimPrefix(first, name))
		}
	}
	return list
}

// firstTable is the path that the first header of a table has: [config.A], where nothing says [config].
func (t Table) firstTable(path string) string {
	lines := strings.Split(string(t.text), "\n")
	best, first := path, 0
	for other, where := range t.where {
		isHeader := where.Line > 0 && strings.HasPrefix(strings.TrimSpace(lines[where.Line-1]), "[")
		if (other == path || strings.HasPrefix(other, path+".")) && isHeader && (first == 0 || where.Line < first || where.Line == first && len(other) > len(best)) {
			best, first = other, where.Line
		}
	}
	return best
}

// at is the place of a path in the whole file.
func (t Table) at(path string) problem.Position {
	position := t.where[path]
	position.File = File
	return position
}
