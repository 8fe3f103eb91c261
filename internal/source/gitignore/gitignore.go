// Package gitignore compares names with patterns as git does: https://git-scm.com/docs/gitignore#_pattern_format.
package gitignore

import (
	"path"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

// Patterns are lines of a .gitignore; the last one that matches counts.
type Patterns []pattern

type pattern struct {
	glob string
	// not: it takes back what a line before it matches. folder: it is for folders only.
	not, folder bool
}

// Parse reads lines. Empty ones, comments, and what is no pattern are passed over.
func Parse(lines []string) (list Patterns) {
	for _, line := range lines {
		line = strings.TrimRight(line, "\r\n")
		// A space at the end counts only behind a backslash.
		for strings.HasSuffix(line, " ") && !strings.HasSuffix(line, `\ `) {
			line = line[:len(line)-1]
		}
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		var p pattern
		line, p.not = strings.CutPrefix(line, "!")
		line, p.folder = strings.CutSuffix(line, "/")
		anchored := strings.Contains(line, "/")
		if line = strings.TrimPrefix(line, "/"); line == "" {
			continue
		}
		// To doublestar, braces are alternatives.
		p.glob = strings.NewReplacer(`\{`, `\{`, `\}`, `\}`, "{", `\{`, "}", `\}`).Replace(line)
		if !anchored {
			p.glob = "**/" + p.glob
		}
		if doublestar.ValidatePattern(p.glob) {
			list = append(list, p)
		}
	}
	return list
}

// Matches reports whether a name is matched, itself or by a folder above it. It is relative and has slashes.
func (l Patterns) Matches(name string, folder bool) bool {
	for dir := path.Dir(name); dir != "." && dir != "/"; dir = path.Dir(dir) {
		// What is in a folder that is matched cannot be taken back.
		if l.itself(dir, true) {
			return true
		}
	}
	return l.itself(name, folder)
}

func (l Patterns) itself(name string, folder bool) (matched bool) {
	for _, p := range l {
		if p.folder && !folder {
			continue
		}
		if p.matches(name) {
			matched = !p.not
		}
	}
	return matched
}

// matches compares one name. "a/**" is what is in a, and not a itself.
func (p pattern) matches(name string) bool {
	if before, found := strings.CutSuffix(p.glob, "/**"); found {
		if same, _ := doublestar.Match(before, name); same {
			return false
		}
	}
	ok, err := doublestar.Match(p.glob, name)
	return ok && err == nil
}
