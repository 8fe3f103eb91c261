package problem

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Text of an application is data at a terminal: a message, a name or a path may hold escape sequences that set the
// window's title, line feeds that fake lines of a log or commands of a CI system
// (https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands), and controls that reverse the
// direction of what follows (https://www.unicode.org/reports/tr9/). What leaves Gantry passes one of these functions.

// Visible gives a text for one line: control characters are written as \n, \t and \xNN, controls of the direction and
// separators of lines as \uNNNN, bytes that are no UTF-8 as \xNN.
func Visible(text string) string { return escapeControls(text, "") }

// VisibleLines is Visible for text of several lines: line feeds and tabs stay. A line that a CI system would take for a
// command of a workflow begins with \x3a in place of its first colon.
func VisibleLines(text string) string {
	text = escapeControls(text, "\n\t")
	if !strings.Contains(text, "::") {
		return text
	}
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		trimmed := strings.TrimLeft(line, " \t")
		if rest, command := strings.CutPrefix(trimmed, "::"); command {
			lines[i] = line[:len(line)-len(trimmed)] + `\x3a:` + rest
		}
	}
	return strings.Join(lines, "\n")
}

// VisibleOutput is Visible for a line of another program's output: tabs stay, and so do sequences that choose a colour
// (ECMA-48, SGR).
func VisibleOutput(line string) string {
	var out strings.Builder
	for {
		at := strings.Index(line, "\x1b[")
		if at < 0 {
			break
		}
		length := colorSequence(line[at:])
		out.WriteString(escapeControls(line[:at], "\t"))
		if length == 0 {
			out.WriteString(`\x1b[`)
			length = len("\x1b[")
		} else {
			out.WriteString(line[at : at+length])
		}
		line = line[at+length:]
	}
	out.WriteString(escapeControls(line, "\t"))
	return out.String()
}

// colorSequence gives the length of the sequence ESC [ NUMBERS m at the start of a text, 0 when there is another.
func colorSequence(text string) int {
	for i := len("\x1b["); i < len(text); i++ {
		switch c := text[i]; {
		case c == 'm':
			return i + 1
		case c != ';' && c != ':' && (c < '0' || c > '9'):
			return 0
		}
	}
	return 0
}

func escapeControls(text, kept string) string {
	if plain(text) {
		return text
	}
	var out strings.Builder
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&out, `\x%02x`, text[i])
		case strings.ContainsRune(kept, r):
			out.WriteRune(r)
		case r == '\n':
			out.WriteString(`\n`)
		case r == '\r':
			out.WriteString(`\r`)
		case r == '\t':
			out.WriteString(`\t`)
		case r < 0x20 || r >= 0x7f && r < 0xa0:
			fmt.Fprintf(&out, `\x%02x`, r)
		case unseen(r):
			fmt.Fprintf(&out, `\u%04x`, r)
		default:
			out.WriteRune(r)
		}
		i += size
	}
	return out.String()
}

func plain(text string) bool {
	for i := range len(text) {
		if text[i] < 0x20 || text[i] >= 0x7f {
			return false
		}
	}
	return true
}

// unseen reports whether a character changes how others are shown: the controls of the direction, and the separators of
// lines and paragraphs.
func unseen(r rune) bool {
	return r == 0x061c || r == 0x200e || r == 0x200f || r >= 0x2028 && r <= 0x202e || r >= 0x2066 && r <= 0x2069
}
