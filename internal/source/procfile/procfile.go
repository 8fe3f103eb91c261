// Package procfile reads declared process types: a Procfile (https://devcenter.heroku.com/articles/procfile), and
// [dev.gantry.process] in project.toml.
package procfile

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/problem"
	"github.com/gantry-buildpack/gantry/internal/source/lazyregexp"
	"github.com/gantry-buildpack/gantry/internal/source/projecttoml"
)

// Name is the file's name.
const Name = "Procfile"

// Entry is a process type, its command, and where the command stands.
type Entry struct {
	Type, Command string
	// Args is the command where it is given as a list of words; Command is empty then.
	Args  []string
	Where problem.Position
}

// typePattern is what the buildpack specification allows as a process type, less the path names "." and "..".
var typePattern = lazyregexp.New(`^[A-Za-z0-9_-][A-Za-z0-9._-]*$`)

// Declared reads [dev.gantry.process.NAME], in the order of the names: command is a text for a shell, or a list of words.
func Declared(table projecttoml.Table) ([]Entry, error) {
	bad := func(key, why string) error {
		return &problem.Problem{
			ID:    "process/invalid",
			Title: "dev.gantry." + key + " is not understood",
			Where: table.Where(key),
			Why:   why,
			Hints: []string{`Write it as [dev.gantry.process.web] with command = ["node", "server.js"] below it.`},
		}
	}
	raw, found := table.Values["process"]
	if !found {
		return nil, nil
	}
	processes, ok := raw.(map[string]any)
	if !ok {
		return nil, bad("process", "a table is expected")
	}
	var entries []Entry
	for _, name := range slices.Sorted(maps.Keys(processes)) {
		key := "process." + name
		if !typePattern().MatchString(name) {
			return nil, bad(key, fmt.Sprintf("%q cannot be the name of a process type: letters, digits, - _ . only", name))
		}
		fields, ok := processes[name].(map[string]any)
		if !ok {
			return nil, bad(key, "a table is expected")
		}
		for field := range fields {
			if field != "command" {
				return nil, bad(key+"."+field, "the only key of a process is command")
			}
		}
		entry := Entry{Type: name, Where: table.Where(key + ".command")}
		switch command := fields["command"].(type) {
		case string:
			entry.Command = strings.TrimSpace(command)
		case []any:
			for _, word := range command {
				text, ok := word.(string)
				if !ok {
					return nil, bad(key+".command", "a text or a list of texts is expected")
				}
				entry.Args = append(entry.Args, text)
			}
		default:
			return nil, bad(key+".command", "a text or a list of texts is expected")
		}
		if entry.Command == "" && (len(entry.Args) == 0 || entry.Args[0] == "") {
			return nil, bad(key+".command", "there is no command")
		}
		entries = append(entries, entry)
	}
	return entries, nil
}

// Schema is the form of [dev.gantry.process] in project.toml, as JSON Schema has it.
func Schema() map[string]any {
	word := map[string]any{"type": "string"}
	return map[string]any{
		"type": "object", "description": "process types", "propertyNames": map[string]any{"pattern": typePattern().String()},
		"additionalProperties": map[string]any{
			"type": "object", "required": []string{"command"}, "additionalProperties": false,
			"properties": map[string]any{"command": map[string]any{
				"description": "a text for a shell, or a list of words",
				"anyOf":       []any{map[string]any{"type": "string", "minLength": 1}, map[string]any{"type": "array", "items": word, "minItems": 1}},
			}},
		},
	}
}

// WithGiven adds the process web as a variable of the build gives it; first says that it counts before those that are declared.
func WithGiven(declared []Entry, command, variable string, first bool) []Entry {
	if command == "" {
		return declared
	}
	given := []Entry{{Type: "web", Command: command, Where: problem.Position{File: variable}}}
	if first {
		return Merge(given, declared)
	}
	return Merge(declared, given)
}

// Merge adds the entries whose types are not there yet.
func Merge(entries, more []Entry) []Entry {
	for _, entry := range more {
		if !slices.ContainsFunc(entries, func(e Entry) bool { return e.Type == entry.Type }) {
			entries = append(entries, entry)
		}
	}
	return entries
}

// Parse reads the lines of a Procfile in order; empty ones and comments are skipped.
func Parse(file string, text []byte) ([]Entry, error) {
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
				Where: problem.Position{File: file, Line: i + 1, Column: column},
				Why:   why,
				Hints: []string{"Write each line as NAME: COMMAND, for example: web: node server.js"},
			}
		}
		name, command, found := strings.Cut(trimmed, ":")
		name = strings.TrimRight(name, " \t")
		switch {
		case !found:
			return nil, fail(indent+1, "there is no colon")
		case !typePattern().MatchString(name):
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
			Where:   problem.Position{File: file, Line: i + 1, Column: start + 1},
		})
	}
	return entries, nil
}
