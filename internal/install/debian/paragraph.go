package debian

import (
	"bytes"
	"strings"
)

// paragraph is a set of fields in the syntax of control files: https://www.debian.org/doc/debian-policy/ch-controlfields.html.
type paragraph []byte

// get gives the value of a field, with the lines that continue it, or "".
func (p paragraph) get(name string) string {
	var value strings.Builder
	found := false
	for line := range bytes.Lines(p) {
		if line[0] == ' ' || line[0] == '\t' {
			if found {
				value.Write(line)
			}
			continue
		}
		if found {
			break
		}
		key, rest, _ := bytes.Cut(line, []byte(":"))
		if found = strings.EqualFold(string(key), name); found {
			value.Write(rest)
		}
	}
	return strings.TrimSpace(value.String())
}

// without gives the paragraph without some fields and the lines that continue them.
func (p paragraph) without(names ...string) string {
	var out strings.Builder
	dropping := false
	for line := range strings.Lines(string(p)) {
		if line[0] != ' ' && line[0] != '\t' {
			name, _, _ := strings.Cut(line, ":")
			dropping = false
			for _, dropped := range names {
				dropping = dropping || strings.EqualFold(name, dropped)
			}
		}
		if !dropping {
			out.WriteString(line)
		}
	}
	return out.String()
}

// paragraphs splits a file into its paragraphs.
func paragraphs(text []byte) []paragraph {
	var list []paragraph
	for len(text) > 0 {
		one, rest, _ := bytes.Cut(text, []byte("\n\n"))
		if one = bytes.Trim(one, "\n"); len(one) > 0 {
			list = append(list, paragraph(one))
		}
		text = rest
	}
	return list
}
