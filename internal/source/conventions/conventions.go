// Package conventions is what people bring along from other platforms: variables of a build, files, and scripts of package.json that those read.
// Each is honoured, or answered in one line: nothing that somebody has set or written is ignored in silence.
package conventions

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"unicode"

	"github.com/gantry-buildpack/gantry/internal/source/app"
)

// Row is a convention of a platform: a variable, a file or a script.
type Row struct {
	// Variable is the name of a variable of a build; with * behind it, all that begin so.
	Variable string
	// File is the name of a file or folder in the application's root.
	File string
	// Script is the name of a script of package.json, or of a field of it.
	Script string
	// As is the setting, by its variable, that the variable's value is; Value turns the one into the other, or says that it cannot be.
	As    string
	Value func(string) (value string, ok bool)
	// Command does what Value does, with a look at the application; false where that is not made for it.
	Command func(a app.App, value string) (command string, ok bool)
	// AsRuby is the setting where the application has a Gemfile; empty for As.
	AsRuby string
	// Honoured says that it has its effect. Does says which, or what to do instead: a sentence, or a part of one that begins with a small letter.
	Honoured bool
	Does     string
	// Quiet: an application has it for others, too, and needs no answer.
	Quiet bool
	// Only says for which files it counts; nil for all of that name.
	Only func(text string) bool
}

// Of turns the variable's value into the setting's; false where it cannot be one.
func (r Row) Of(a app.App, value string) (string, bool) {
	switch {
	case r.Command != nil:
		return r.Command(a, value)
	case r.Value != nil:
		return r.Value(value)
	}
	return value, true
}

// Setting is the variable of the setting that takes the value.
func (r Row) Setting(a app.App) string {
	if r.AsRuby != "" && a.Has("Gemfile") {
		return r.AsRuby
	}
	return r.As
}

// Name is what people know it by.
func (r Row) Name() string { return cmp.Or(r.Variable, r.File, r.Script) }

// Platform is a platform and its conventions.
type Platform struct {
	Name string
	Rows []Row
}

// Platforms are those that people come from.
var Platforms = []Platform{heroku, paketo, google, railpack, nixpacks, hosts, docker}

// WebCommand, in the place of a setting, is the command of the process type web.
const WebCommand = "web"

// Of finds the row of a variable.
func Of(variable string) (platform string, row Row, found bool) {
	for _, exact := range []bool{true, false} {
		for _, p := range Platforms {
			for _, r := range p.Rows {
				prefix, open := strings.CutSuffix(r.Variable, "*")
				if r.Variable != "" && (exact && r.Variable == variable || !exact && open && strings.HasPrefix(variable, prefix)) {
					return p.Name, r, true
				}
			}
		}
	}
	return "", Row{}, false
}

// Answers are the lines for what is there and is not honoured: variables of the build, by their names and values, and files.
func Answers(a app.App, variables map[string]string) (lines []string) {
	for _, name := range slices.Sorted(maps.Keys(variables)) {
		platform, r, found := Of(name)
		if !found {
			continue
		}
		_, understood := r.Of(a, variables[name])
		if strings.TrimSpace(variables[name]) == "" && r.Honoured {
			continue
		}
		if !r.Honoured || !understood {
			lines = append(lines, fmt.Sprintf("%s (of %s) has no effect: %s.", name, platform, r.Does))
		}
	}
	for _, p := range Platforms {
		for _, r := range p.Rows {
			if r.File == "" || r.Honoured || r.Quiet || !a.Has(r.File) && !a.IsDir(strings.TrimSuffix(r.File, "/")) {
				continue
			}
			if r.Only != nil {
				text, _, err := a.Read(r.File)
				if err != nil || !r.Only(string(text)) {
					continue
				}
			}
			lines = append(lines, fmt.Sprintf("%s (of %s) is not read: %s.", r.File, p.Name, r.Does))
		}
	}
	return lines
}

// isTrue is what people write for yes.
func isTrue(value string) bool {
	return slices.Contains([]string{"true", "1", "t", "yes", "y", "on"}, strings.ToLower(strings.TrimSpace(value)))
}

// whenTrue gives a value where the variable says yes.
func whenTrue(value string) func(string) (string, bool) {
	return func(given string) (string, bool) {
		if isTrue(given) {
			return value, true
		}
		return "", true
	}
}

// commas turns a list that is separated by spaces into one that is separated by commas.
func commas(value string) (string, bool) {
	return strings.Join(strings.FieldsFunc(value, func(r rune) bool { return unicode.IsSpace(r) || r == ',' }), ","), true
}

// below is a folder of the application, which other platforms give as an absolute one, too.
func below(value string) (string, bool) {
	value = path.Clean(strings.TrimSpace(value))
	for _, root := range []string{"/workspace", "/app"} {
		if rest, found := strings.CutPrefix(value+"/", root+"/"); found {
			value = path.Clean("./" + rest)
		}
	}
	return value, true
}

// scriptsOf gives the scripts of package.json that a command runs, where it does nothing else.
func scriptsOf(a app.App, command string) (string, bool) {
	var manifest struct{ Scripts map[string]string }
	if text, _, _ := a.Read("package.json"); json.Unmarshal(text, &manifest) != nil {
		return "", false
	}
	var names []string
	for part := range strings.SplitSeq(command, "&&") {
		words := strings.Fields(part)
		if len(words) < 2 || !slices.Contains([]string{"npm", "yarn", "pnpm", "bun"}, words[0]) {
			return "", false
		}
		if words[1] == "run" || words[1] == "run-script" {
			words = words[1:]
		} else if words[0] == "npm" {
			return "", false
		}
		if len(words) != 2 || strings.HasPrefix(words[1], "-") || slices.Contains([]string{"install", "ci", "i", "add"}, words[1]) {
			return "", false
		}
		if manifest.Scripts[words[1]] == "" {
			return "", false
		}
		names = append(names, words[1])
	}
	return strings.Join(names, ","), true
}
