package explain

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/gantry-buildpack/gantry/internal/problem"
)

// width is that of the picture's boxes, in characters.
const width = 76

// Picture draws the layers as they lie on each other, the image's from its top to its bottom and the caches in a
// separate box, each with what it depends on.
func Picture(layers []Layer) string {
	var image, cache []Layer
	for _, l := range layers {
		if l.Image {
			image = append(image, l)
		} else {
			cache = append(cache, l)
		}
	}
	slices.Reverse(image)
	out := stack("The image", image)
	if len(cache) > 0 {
		out += "\n" + stack("Cached for the next build, not in the image", cache)
	}
	return out
}

func stack(title string, layers []Layer) string {
	var out strings.Builder
	fmt.Fprintf(&out, "%s\n┌%s┐\n", title, strings.Repeat("─", width))
	for i, l := range layers {
		if i > 0 {
			fmt.Fprintf(&out, "├%s┤\n", strings.Repeat("─", width))
		}
		holds := l.Holds
		if l.Sometimes != "" {
			holds += ", " + l.Sometimes
		}
		for n, part := range wrapped(holds, width-utf8.RuneCountInString(l.Name)-6) {
			if n == 0 {
				part = l.Name + "  " + part
			} else {
				part = strings.Repeat(" ", utf8.RuneCountInString(l.Name)+2) + part
			}
			line(&out, part)
		}
		for _, part := range wrapped("changes with: "+strings.Join(l.RebuiltWhen, ", "), width-6) {
			line(&out, "    "+part)
		}
	}
	if title == "The image" {
		fmt.Fprintf(&out, "├%s┤\n", strings.Repeat("─", width))
		line(&out, "the run image")
	}
	fmt.Fprintf(&out, "└%s┘\n", strings.Repeat("─", width))
	return out.String()
}

func line(out *strings.Builder, text string) {
	text = problem.Visible(text)
	if runes := []rune(text); len(runes) > width-2 {
		text = string(runes[:width-3]) + "…"
	}
	fmt.Fprintf(out, "│ %s%s│\n", text, strings.Repeat(" ", width-1-utf8.RuneCountInString(text)))
}

// wrapped breaks a text at its spaces.
func wrapped(text string, width int) []string {
	var lines []string
	current := ""
	for word := range strings.FieldsSeq(text) {
		if current != "" && utf8.RuneCountInString(current)+1+utf8.RuneCountInString(word) > width {
			lines, current = append(lines, current), ""
		}
		current = strings.TrimPrefix(current+" "+word, " ")
	}
	return append(lines, current)
}
