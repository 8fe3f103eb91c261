package capture

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"unicode/utf16"

	"github.com/gantry-buildpack/gantry/internal/container/sourcemap"
	"github.com/gantry-buildpack/gantry/internal/source/lazyregexp"
)

// scope is the variables that a place sees: https://chromedevtools.github.io/devtools-protocol/v8/Debugger/#type-Scope.
type scope struct {
	Type                       string
	Object                     remoteObject
	StartLocation, EndLocation *location
}

// form is an expression as it is evaluated at a place: with the names of the source, where the build has others.
type form struct {
	expression string
	// names are those that the place knows, as the source has them; renamed those that the build gave to variables.
	names   []string
	renamed map[string]string
}

// form finds the names at a place. A minifier gives one name to many variables: only where a name of the source stands for
// one variable alone is it used, since a wrong value is worse than none.
func (l *logging) form(ctx context.Context, at location, chain []scope) (form, error) {
	var scopes []scope
	variables := map[string]scope{}
	for _, s := range chain {
		if s.Type == "global" || s.Type == "module" && s.Object.ObjectID == "" {
			continue
		}
		var answer struct{ Result []struct{ Name string } }
		params := map[string]any{"objectId": s.Object.ObjectID, "ownProperties": true}
		if err := l.call(ctx, patience, "Runtime.getProperties", params, &answer); err != nil {
			return form{}, err
		}
		scopes = append(scopes, s)
		for _, property := range answer.Result {
			if _, inner := variables[property.Name]; !inner {
				variables[property.Name] = s
			}
		}
	}
	f := form{expression: "(" + l.expression + "\n)", names: slices.Sorted(maps.Keys(variables)), renamed: map[string]string{}}
	file := l.fileOf(at.ScriptID)
	m := l.sources.of(file)
	if m == nil || len(scopes) == 0 {
		return f, nil
	}
	originals := l.renames(ctx, m, file, at, variables)
	if len(originals) == 0 {
		return f, nil
	}
	f.renamed = originals
	// The built name of each name of the source that stands for one variable.
	built := map[string]string{}
	for name, original := range originals {
		if _, twice := built[original]; twice {
			name = ""
		}
		built[original] = name
	}
	delete(built, "")
	maps.DeleteFunc(built, func(_, name string) bool { return name == "" })
	// Only what the expression reads: another variable may not have a value yet.
	var parameters, arguments, hidden []string
	for _, word := range words(l.expression) {
		_, renamed := originals[word]
		if name, known := built[word]; known {
			parameters, arguments = append(parameters, word), append(arguments, name)
		} else if renamed {
			hidden = append(hidden, word)
		}
	}
	// What the build calls by another name cannot be read by that: it is declared behind the expression.
	shadow := ""
	if len(hidden) > 0 {
		shadow = "let " + strings.Join(hidden, ", ")
	}
	f.expression = fmt.Sprintf("((%s) => { return (%s\n); %s })(%s)", strings.Join(parameters, ", "), l.expression, shadow, strings.Join(arguments, ", "))
	f.names = slices.DeleteFunc(f.names, func(name string) bool { _, renamed := originals[name]; return renamed })
	f.names = append(f.names, slices.Collect(maps.Keys(built))...)
	slices.Sort(f.names)
	return f, nil
}

// anyWord is a name, or a property, in an expression.
var anyWord = lazyregexp.New(`\.?\s*[\p{L}\p{Nl}$_][\p{L}\p{Nl}\p{Mn}\p{Mc}\p{Nd}\p{Pc}$]*`)

// words gives the names in an expression, each once, without properties behind a point. Words within strings are among them:
// they cost nothing.
func words(expression string) (list []string) {
	for _, word := range anyWord().FindAllString(expression, -1) {
		if word = strings.TrimSpace(word); !strings.HasPrefix(word, ".") && !slices.Contains(list, word) {
			list = append(list, word)
		}
	}
	return list
}

func (l *logging) fileOf(id string) string {
	for _, s := range l.scripts {
		if s.id == id {
			return s.file
		}
	}
	return ""
}

// identifier is a name in JavaScript, without those that are written with escapes.
var identifier = lazyregexp.New(`^[\p{L}\p{Nl}$_][\p{L}\p{Nl}\p{Mn}\p{Mc}\p{Nd}\p{Pc}$]*`)

// renames gives, for variables that the build has renamed, their names in the source; empty for one that stands for
// several.
func (l *logging) renames(ctx context.Context, m *sourcemap.Map, file string, at location, variables map[string]scope) map[string]string {
	text, err := os.ReadFile(l.sources.root + file)
	if err != nil {
		return nil
	}
	lines := bytes.Split(text, []byte("\n"))
	others := l.otherFunctions(ctx, at, lines)
	found := map[string]string{}
	for built, s := range variables {
		if s.StartLocation == nil || s.EndLocation == nil {
			continue
		}
		from := sourcemap.Position{Line: s.StartLocation.LineNumber, Column: s.StartLocation.ColumnNumber}
		to := sourcemap.Position{Line: s.EndLocation.LineNumber, Column: s.EndLocation.ColumnNumber}
		for _, name := range m.Names(from, to) {
			if others.contain(name.Line, name.Column) || nameAt(lines, name.Line, name.Column) != built {
				continue
			}
			if before, seen := found[built]; seen && before != name.Name {
				found[built] = ""
				break
			}
			found[built] = name.Name
		}
		if found[built] == built {
			delete(found, built)
		}
	}
	return found
}

// nameAt gives the identifier that begins at a place; columns are UTF-16 code units.
func nameAt(lines [][]byte, line, column int) string {
	if line >= len(lines) {
		return ""
	}
	text := lines[line]
	at := 0
	for _, r := range string(text) {
		if column <= 0 {
			break
		}
		column -= max(1, utf16.RuneLen(r))
		at += len(string(r))
	}
	return string(identifier().Find(text[min(at, len(text)):]))
}

// spans are parts of a script, from one place to another.
type spans [][2]location

func (s spans) contain(line, column int) bool {
	return slices.ContainsFunc(s, func(span [2]location) bool {
		return cmp.Or(line-span[0].LineNumber, column-span[0].ColumnNumber) >= 0 && cmp.Or(line-span[1].LineNumber, column-span[1].ColumnNumber) < 0
	})
}

// otherFunctions gives the functions of a script that a place is not in: their variables may have the same names. V8 knows
// them from counting calls.
func (l *logging) otherFunctions(ctx context.Context, at location, lines [][]byte) spans {
	var answer struct {
		Result []struct {
			ScriptID  string
			Functions []struct {
				Ranges []struct{ StartOffset, EndOffset int }
			}
		}
	}
	if err := l.call(ctx, patience, "Profiler.enable", nil, nil); err != nil {
		return nil
	}
	defer func() { _ = l.call(ctx, patience, "Profiler.disable", nil, nil) }()
	if l.call(ctx, patience, "Profiler.getBestEffortCoverage", nil, &answer) != nil {
		return nil
	}
	starts := lineStarts(lines)
	var list spans
	for _, s := range answer.Result {
		if s.ScriptID != at.ScriptID {
			continue
		}
		for _, f := range s.Functions {
			if len(f.Ranges) == 0 {
				continue
			}
			span := [2]location{placeOf(starts, f.Ranges[0].StartOffset), placeOf(starts, f.Ranges[0].EndOffset)}
			if !(spans{span}).contain(at.LineNumber, at.ColumnNumber) {
				list = append(list, span)
			}
		}
	}
	return list
}

// lineStarts gives the offset of each line, in UTF-16 code units.
func lineStarts(lines [][]byte) []int {
	starts, offset := make([]int, len(lines)), 0
	for i, line := range lines {
		starts[i] = offset
		for _, r := range string(line) {
			offset += max(1, utf16.RuneLen(r))
		}
		offset++
	}
	return starts
}

func placeOf(starts []int, offset int) location {
	line, exact := slices.BinarySearch(starts, offset)
	if !exact {
		line--
	}
	line = max(0, line)
	return location{LineNumber: line, ColumnNumber: offset - starts[line]}
}

// mostNames is how many names are listed when one is not known.
const mostNames = 40

// undefined and early are how V8 calls a name that is not there, and one that is declared behind its use.
var (
	undefined = lazyregexp.New(`^ReferenceError: (\S+) is not defined`)
	early     = lazyregexp.New(`^ReferenceError: Cannot access '(.+)' (?:before initialization|from debugger)`)
)

// failure says in a line why an expression has no value.
func (f form) failure(e exception, effects bool) string {
	text := e.line()
	names := strings.Join(f.names[:min(len(f.names), mostNames)], ", ")
	switch {
	case undefined().MatchString(text):
		return "failed: " + text + "; the names here are " + names
	case early().MatchString(text) && strings.HasSuffix(text, "from debugger"):
		name := early().FindStringSubmatch(text)[1]
		return fmt.Sprintf("failed: %s has no value yet at this line", cmp.Or(f.renamed[name], name))
	case early().MatchString(text):
		name := early().FindStringSubmatch(text)[1]
		return fmt.Sprintf("failed: %s is a name that the build gave to %s; the names here are %s", name, cmp.Or(f.renamed[name], "several variables"), names)
	case strings.HasPrefix(text, "EvalError: Possible side-effect in debug-evaluate") && !effects:
		return "failed: the expression could change the application; BPL_CONSOLE_ENABLED=true in its deployment allows that"
	}
	return "failed: " + text
}
