package main

import (
	"fmt"
	"html"
	"strings"
	"unicode/utf8"
)

// Sizes of the picture in pixels. Each line is stretched to the width of its characters, so that columns are aligned in every font.
const (
	cell   = 8.4
	line   = 20
	margin = 20
	head   = 36
)

// colors of a terminal, by the codes that select them: https://man7.org/linux/man-pages/man4/console_codes.4.html
var colors = map[string]string{"31": "#ff7b72", "32": "#7ee787", "33": "#f2cc60", "34": "#79c0ff", "35": "#d2a8ff", "36": "#76e3ea", "90": "#8b949e"}

// style is how a terminal shows what follows.
type style struct {
	bold, dim bool
	color     string
}

// after gives the style that a sequence of codes, such as "1;32", leads to.
func (s style) after(codes string) style {
	for code := range strings.SplitSeq(codes, ";") {
		switch code {
		case "", "0":
			s = style{}
		case "1":
			s.bold = true
		case "2":
			s.dim = true
		case "22":
			s.bold, s.dim = false, false
		case "39":
			s.color = ""
		default:
			if color, known := colors[code]; known {
				s.color = color
			}
		}
	}
	return s
}

func (s style) attributes() string {
	var out strings.Builder
	if s.bold {
		out.WriteString(` font-weight="700" fill="#f0f6fc"`)
	}
	switch {
	case s.color != "":
		fmt.Fprintf(&out, ` fill="%s"`, s.color)
	case s.dim:
		out.WriteString(` fill="#8b949e"`)
	}
	return out.String()
}

// picture draws a terminal's output: text with the sequences that select colors. Lines that begin with "$ " are commands.
func picture(title, output string) string {
	lines := strings.Split(strings.TrimRight(strings.ReplaceAll(output, "\r", ""), "\n"), "\n")
	var body strings.Builder
	widest, current := 0, style{}
	for i, text := range lines {
		y := head + margin + i*line
		if command, found := strings.CutPrefix(text, "$ "); found {
			text = "\x1b[32m$\x1b[0m \x1b[1m" + command + "\x1b[0m"
		}
		var spans string
		var columns int
		spans, columns, current = drawLine(text, current)
		if columns > 0 {
			fmt.Fprintf(&body, "<text x=\"%d\" y=\"%d\" textLength=\"%.1f\" lengthAdjust=\"spacingAndGlyphs\" xml:space=\"preserve\">%s</text>\n", margin, y, float64(columns)*cell, spans)
		}
		widest = max(widest, columns)
	}
	width, height := float64(widest)*cell+2*margin, head+len(lines)*line+margin
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" width="%.0f" height="%d" viewBox="0 0 %.0f %d" role="img" aria-label="%s" font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, monospace" font-size="14" fill="#c9d1d9">
<rect width="100%%" height="100%%" rx="8" fill="#0d1117"/>
<g fill="#30363d"><circle cx="20" cy="18" r="6"/><circle cx="40" cy="18" r="6"/><circle cx="60" cy="18" r="6"/></g>
<text x="50%%" y="23" text-anchor="middle" font-size="13" fill="#8b949e">%s</text>
%s</svg>
`, width, height, width, height, html.EscapeString(title), html.EscapeString(title), body.String())
}

// drawLine gives a line as spans of one style each, with the number of its characters and the style that the next line begins with.
func drawLine(text string, current style) (spans string, columns int, next style) {
	var out strings.Builder
	add := func(part string) {
		if part == "" {
			return
		}
		columns += utf8.RuneCountInString(part)
		fmt.Fprintf(&out, "<tspan%s>%s</tspan>", current.attributes(), html.EscapeString(part))
	}
	for {
		before, rest, found := strings.Cut(text, "\x1b[")
		add(before)
		if !found {
			return out.String(), columns, current
		}
		codes, after, _ := strings.Cut(rest, "m")
		current, text = current.after(codes), after
	}
}
