package problem

import (
	"fmt"
	"strings"

	"github.com/agext/levenshtein"
)

// Count writes a number of things: "1 file", "2 files".
func Count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// Size writes a number of bytes for people, in MB of 1,000,000 bytes.
func Size(bytes int64) string {
	if bytes < 1_000_000 {
		return fmt.Sprintf("%d kB", (bytes+999)/1000)
	}
	return fmt.Sprintf("%.1f MB", float64(bytes)/1e6)
}

// mostNamed is how many names Some gives.
const mostNamed = 3

// Some names the first of some things, and tells how many more there are.
func Some(names []string) string {
	text := strings.Join(names[:min(mostNamed, len(names))], ", ")
	if more := len(names) - mostNamed; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// Nearest gives the name that is most like a text, if one is: at least half of its letters.
func Nearest(text string, names []string) string {
	best, score := "", 0.49
	for _, name := range names {
		if s := levenshtein.Match(text, name, nil); s > score {
			best, score = name, s
		}
	}
	return best
}

// Page gives the address of a page of the documentation, by its file: people who read a log have no checkout.
func Page(file string) string {
	return "https://github.com/gantry-buildpack/gantry/blob/main/docs/" + file
}
