package manifests

import (
	"bytes"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/compose-spec/compose-go/v2/dotenv"

	"github.com/gantry-buildpack/gantry/internal/problem"
)

// longestName is how long a variable's name is at most: what is longer is taken for a part of a value, and not shown.
const longestName = 64

// envName is what compose accepts as a name: programs in other languages read such variables.
var envName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]*$`)

// EnvFile reads a file of variables as docker compose and dotenv do: quotes are taken off and may hold several lines, ${NAME} is
// replaced. A line that is not understood is told of by its number, never by its text.
func EnvFile(file string, text []byte, lookup func(string) (string, bool)) (Workload, error) {
	text, broken := withoutKeys(file, text)
	w := Workload{Name: filepath.Base(file), Where: file, Values: map[string]Value{}, Refused: broken}
	values, err := dotenvValues(text, lookup)
	if err != nil {
		return w, badEnvFile(file, text, err)
	}
	return w.with(values, text), nil
}

// dotenvValues reads variables as dotenv does. What is made of the shell's own variables is not to be shown.
func dotenvValues(text []byte, lookup func(string) (string, bool)) (map[string]Value, error) {
	var given []string
	if lookup == nil {
		lookup = func(string) (string, bool) { return "", false }
	}
	plain, err := dotenv.UnmarshalBytesWithLookup(bytes.TrimPrefix(text, []byte("\ufeff")), func(name string) (string, bool) {
		value, set := lookup(name)
		if value != "" {
			given = append(given, value)
		}
		return value, set
	})
	values := map[string]Value{}
	for name, value := range plain {
		secret := slices.ContainsFunc(given, func(part string) bool { return strings.Contains(value, part) })
		values[name] = Value{Text: value, Secret: secret}
	}
	return values, err
}

// DockerEnvFile reads a file of variables as docker run --env-file does: all behind the first = is the value, quotes included; a name alone
// is passed on from the environment.
func DockerEnvFile(file string, text []byte, lookup func(string) (string, bool)) Workload {
	text, broken := withoutKeys(file, text)
	w := Workload{Name: filepath.Base(file), Where: file, Values: map[string]Value{}, Refused: broken}
	values, n := map[string]Value{}, 0
	for line := range strings.Lines(string(text)) {
		n++
		line = strings.TrimLeft(strings.TrimRight(line, "\r\n"), " \t")
		if line == "" || line[0] == '#' {
			continue
		}
		name, value, set := strings.Cut(line, "=")
		switch {
		case !utf8.ValidString(line):
			w.Refused = append(w.Refused, notUnderstood(file, n, "docker run accepts UTF-8 only"))
		case strings.ContainsAny(name, " \t") || name == "":
			w.Refused = append(w.Refused, notUnderstood(file, n, "docker run does not accept white space in a name, or none"))
		case set:
			values[name] = Value{Text: value}
		case lookup != nil:
			if given, there := lookup(name); there {
				values[name] = Value{Text: given, Secret: true}
			}
		}
	}
	return w.with(values, text)
}

// with adds variables; what is no name of one is told of by its line.
func (w Workload) with(values map[string]Value, text []byte) Workload {
	for name, value := range values {
		if len(name) <= longestName && envName.MatchString(name) {
			w.Values[name] = value
			continue
		}
		n := 0
		for line := range strings.Lines(string(text)) {
			if n++; strings.Contains(line, name) {
				break
			}
		}
		w.Refused = append(w.Refused, notUnderstood(w.Where, n, "what stands there is not the name of a variable"))
	}
	return w
}

func notUnderstood(file string, line int, why string) Finding {
	return Finding{
		Workload: filepath.Base(file), Where: file, Name: fmt.Sprintf("line %d", line), Kind: "refused", What: "is not understood: " + why,
		Advice: "Correct it; a value of several lines stands in quotes.",
	}
}

// withoutKeys blanks the lines of keys and certificates that are not in quotes: to a reader of lines each of them is a variable.
func withoutKeys(file string, text []byte) ([]byte, []Finding) {
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	if !strings.Contains(string(text), "-----BEGIN ") {
		return text, nil
	}
	var found []Finding
	lines, inside := strings.SplitAfter(string(text), "\n"), false
	for i, line := range lines {
		begins, ends := strings.Contains(line, "-----BEGIN "), strings.Contains(line, "-----END ")
		_, value, _ := strings.Cut(line, "=")
		quoted := strings.ContainsAny(strings.TrimSpace(value + " ")[:min(1, len(strings.TrimSpace(value)))], "\"'`")
		switch {
		case inside:
			lines[i], inside = "\n", !ends
		case begins && !ends && !quoted:
			found = append(found, notUnderstood(file, i+1, "a value of several lines begins there, without quotes"))
			lines[i], inside = "\n", true
		}
	}
	return []byte(strings.Join(lines, "")), found
}

// badEnvFile names the line, and does not repeat it.
func badEnvFile(file string, text []byte, err error) error {
	p := &problem.Problem{
		ID: "check/env-file-invalid", Title: filepath.Base(file) + " is not understood", Where: problem.Position{File: file},
		Why: "a line is neither a comment nor NAME=value, or a quote is not closed", Hints: []string{"Correct the line."},
	}
	if found := lineNumber.FindStringSubmatch(err.Error()); found != nil {
		_, _ = fmt.Sscan(found[1], &p.Where.Line)
	}
	// The parser counts to the end of the file for a quote that is not closed; what it says of it is where it begins.
	if _, begins, open := strings.Cut(err.Error(), "unterminated quoted value "); open {
		before, _, _ := strings.Cut(string(text), begins)
		p.Where.Line = strings.Count(before, "\n") + 1
	}
	return p
}

// Environ is an environment as a process has it.
func Environ(name string, environ []string) Workload {
	w := Workload{Name: name, Values: map[string]Value{}, Shared: true}
	for _, variable := range environ {
		key, value, _ := strings.Cut(variable, "=")
		w.Values[key] = Value{Text: value}
	}
	return w
}
