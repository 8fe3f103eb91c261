package htmlreport

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/gantry-buildpack/gantry/internal/inspect/profile"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// shownRows is how many rows of a table the text has, and widest how wide a column of text may be.
const shownRows, widest = 10, 60

// Text writes the page as a summary for a terminal.
func (p Page) Text(out io.Writer) error {
	var text strings.Builder
	fmt.Fprintf(&text, "%s\n", problem.Visible(p.Title))
	width := 0
	for _, fact := range p.Facts {
		width = max(width, len(fact[0]))
	}
	for _, fact := range p.Facts {
		fmt.Fprintf(&text, "  %-*s  %s\n", width, problem.Visible(fact[0]), problem.Visible(fact[1]))
	}
	for _, line := range p.Stack {
		fmt.Fprintf(&text, "    %s\n", problem.Visible(line))
	}
	for _, t := range p.Tables {
		if len(t.Rows) > 0 {
			t.text(&text)
		}
	}
	_, err := io.WriteString(out, text.String())
	return err
}

func (t Table) text(out *strings.Builder) {
	lines := [][]string{t.Columns}
	for _, row := range t.Rows[:min(len(t.Rows), shownRows)] {
		var line []string
		for i, value := range row {
			line = append(line, cell(t.Kinds[i], value))
		}
		lines = append(lines, line)
	}
	widths := make([]int, len(t.Columns))
	for _, line := range lines {
		for i, text := range line {
			widths[i] = max(widths[i], utf8.RuneCountInString(text))
		}
	}
	fmt.Fprintf(out, "\n%s\n", t.Title)
	for _, line := range lines {
		row := " "
		for i, text := range line {
			// The last column needs no room on its right.
			if i == len(line)-1 && t.Kinds[i] == "way" {
				row += " " + text
				continue
			}
			padding := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(text))
			if t.Kinds[i] == "text" || t.Kinds[i] == "way" {
				row += " " + text + padding + " "
			} else {
				row += " " + padding + text + " "
			}
		}
		out.WriteString(strings.TrimRight(row, " ") + "\n")
	}
	if more := len(t.Rows) - shownRows; more > 0 {
		fmt.Fprintf(out, "  … and %d more\n", more)
	}
}

// cell gives a value for people. A long text keeps its end: that of a path tells most.
func cell(kind string, value any) string {
	sign := ""
	if change, ok := strings.CutPrefix(kind, "+"); ok {
		kind = change
		if n, ok := value.(int64); ok && n > 0 {
			sign = "+"
		} else if n, ok := value.(int); ok && n > 0 {
			sign = "+"
		}
	}
	switch v := value.(type) {
	case string:
		v = problem.Visible(v)
		if runes := []rune(v); len(runes) > widest && kind != "way" {
			return "…" + string(runes[len(runes)-widest+1:])
		}
		return v
	case float64:
		return fmt.Sprintf("%.1f %%", v*100)
	case int64:
		unit := profile.Bytes
		if kind == "time" {
			unit = profile.Microseconds
		}
		return sign + Value(unit, v)
	default:
		return sign + fmt.Sprint(v)
	}
}
