// Package procfile reads a Procfile: https://devcenter.heroku.com/articles/procfile.
package procfile

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/problem"
)

// Name is the file's name.
const Name = "Procfile"

// Entry is one line: a process type, its command, and where the command stands.
type Entry struct {
	Type, Command string
	Where         problem.Position
}

// typePattern is what the buildpack specification allows as a process type, less the path names "." and "..".
var typePattern = regexp.MustCompile(`^[A-Za-z0-9_-][A-Za-z0-9._-]*$`)

// Parse reads the lines in order; empty ones and comments are skipped.
func Parse(text []byte) ([]Entry, error) {
	var entries []Entry
	first := map[string]int{}
	for i, line := range strings.Split(strings.TrimPrefix(string(text), "\ufeff"), "\n") {
		line = strings.TrimRight(line, "\r \t")
		trimmed := strings.TrimLeft(line, " \t")
		indent := len(line) - len(trimmed)
		if trimmed == "" || strings.HasPrefix(trimmed, "#") {
			continue
		}
		fail := func(column int, why string) error {
			return &problem.Problem{
				ID:    "procfile/invalid",
				Title: "the Procfile has a line that is not understood",
				Where: problem.Position{File: Name, Line: i + 1, Column: column},
				Why:   why,
				Hints: []string{"Write each line as NAME: COMMAND, for example: web: node server.js"},
			}
		}
		name, command, found := strings.Cut(trimmed, ":")
		name = strings.TrimRight(name, " \t")
		switch {
		case !found:
			return nil, fail(indent+1, "there is no colon")
		case !typePattern.MatchString(name):
			return nil, fail(indent+1, fmt.Sprintf("%q cannot be the name of a process type: letters, digits, - _ . only", name))
		case strings.TrimSpace(command) == "":
			return nil, fail(len(line)+1, "there is no command behind "+name+":")
		case first[name] > 0:
			return nil, fail(indent+1, fmt.Sprintf("%s is defined already in line %d", name, first[name]))
		}
		first[name] = i + 1
		start := strings.Index(line, command) + len(command) - len(strings.TrimLeft(command, " \t"))
		entries = append(entries, Entry{
			Type:    name,
			Command: strings.TrimSpace(command),
			Where:   problem.Position{File: Name, Line: i + 1, Column: start + 1},
		})
	}
	return entries, nil
}
