package contract

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// Change is a difference between two contracts that a deployment feels.
type Change struct {
	// Name is a variable's, or the names of a group or rule.
	Name string `json:"name"`
	// Kind is one of ChangeKinds.
	Kind string `json:"kind"`
	// What is wrong with the example.
	What     string `json:"what,omitempty"`
	Expected string `json:"expected,omitempty"`
	// Example is what a deployment may set today, and must change: "LOG_LEVEL=debug", "MODE=paid, without LICENCE". Secrets' values are
	// made up.
	Example string `json:"example,omitempty"`
	// Processes are the process types that it concerns; empty means all, and an asterisk those that no contract names.
	Processes []string `json:"processes,omitempty"`
}

// ChangeKinds are the kinds of changes. The first four keep a deployment of the older image from starting the newer one: something must
// be set, a value is refused, variables do not fit together, it cannot be told. The others are told only.
var ChangeKinds = []string{"required", "stricter", "together", "undecided", "optional", "removed"}

// Breaks reports whether a deployment of the older image may not start the newer one.
func (c Change) Breaks() bool { return slices.Index(ChangeKinds, c.Kind) < 4 }

// Diff lists what changes for deployments from an older contract to a newer one. Each change that breaks is found by an
// environment that the older contract accepts and the newer one refuses, as Check judges: so what is listed is true, and what only
// loosens a rule is not listed.
func Diff(older, newer Contract) []Change {
	var changes []Change
	for _, names := range together(older, newer) {
		before, after := older.only(names), newer.only(names)
		if !reflect.DeepEqual(before, after) {
			changes = append(changes, breaking(before, after)...)
		}
	}
	return append(changes, told(older, newer, changes)...)
}

// breaking are the changes that keep deployments from starting.
func breaking(older, newer Contract) []Change {
	var changes []Change
	values, types := candidates(older, newer), processTypes(older, newer)
	for _, process := range types {
		s := search{older, newer, process, values}
		for _, found := range s.breaks() {
			changes = add(changes, found, process)
		}
	}
	for i, c := range changes {
		if len(c.Processes) == len(types) {
			changes[i].Processes = nil
		}
	}
	return changes
}

// otherProcess stands for the process types that no contract names.
const otherProcess = "*"

// processTypes are those that one of the contracts names, and one that stands for all others.
func processTypes(contracts ...Contract) []string {
	names := map[string]bool{otherProcess: true}
	for _, c := range contracts {
		var lists [][]string
		for _, v := range c.Variables {
			lists = append(lists, v.Processes)
		}
		for _, g := range c.Groups {
			lists = append(lists, g.Processes)
		}
		for _, r := range c.Rules {
			lists = append(lists, r.Processes)
		}
		for _, name := range slices.Concat(lists...) {
			names[name] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// add notes a change of a process type, once for each name and kind.
func add(changes []Change, found Change, process string) []Change {
	for i, c := range changes {
		if c.Name == found.Name && c.Kind == found.Kind {
			if !slices.Contains(c.Processes, process) {
				changes[i].Processes = append(c.Processes, process)
			}
			return changes
		}
	}
	found.Processes = []string{process}
	return append(changes, found)
}

// told are the differences that break nothing, but are worth knowing, and those of which nobody can tell.
func told(older, newer Contract, breaking []Change) []Change {
	var list []Change
	mentioned := func(name string) bool {
		return slices.ContainsFunc(breaking, func(c Change) bool { return slices.Contains(strings.Split(c.Name, ", "), name) })
	}
	for _, v := range newer.Variables {
		before := older.Variable(v.Name)
		renamed := slices.ContainsFunc(v.RenamedFrom, func(name string) bool { return older.Variable(name) != nil })
		switch {
		case !v.AtLaunch() || mentioned(v.Name):
		case before == nil && renamed:
			list = append(list, Change{Name: v.Name, Kind: "optional", Expected: "the new name; the old one is still accepted"})
		case before == nil:
			list = append(list, Change{Name: v.Name, Kind: "optional", Expected: v.Expected()})
		default:
			if why := undecided(*before, v, older, newer); why != "" {
				list = append(list, Change{Name: v.Name, Kind: "undecided", What: why, Expected: v.Expected()})
			}
		}
	}
	for _, v := range older.Variables {
		stillNamed := newer.Variable(v.Name) != nil ||
			slices.ContainsFunc(newer.Variables, func(other Variable) bool { return slices.Contains(other.RenamedFrom, v.Name) })
		if v.AtLaunch() && !stillNamed && !mentioned(v.Name) {
			list = append(list, Change{Name: v.Name, Kind: "removed"})
		}
	}
	return list
}

// undecided says why it cannot be told whether a variable's rules have become stricter: what they are about is not in the contract.
func undecided(before, v Variable, older, newer Contract) string {
	switch {
	case v.Schema != nil && !reflect.DeepEqual(rules(v.Schema), rules(before.Schema)):
		return "its schema has changed, and whether it allows less cannot be told"
	case v.Pattern != before.Pattern && !comparable(before.allowed(), v.allowed()):
		return "its pattern has changed, and whether it allows less cannot be told"
	case before.Binding != "" && v.Binding != before.Binding:
		return "it is no longer read from the service binding " + before.Binding
	case v.MustExist && !before.MustExist:
		return "what it names must be there when the process starts"
	case newer.Variable(v.Name+"_FILE") != nil && older.Variable(v.Name+"_FILE") == nil:
		return v.Name + "_FILE is a variable of its own now, and no longer leads to a file"
	}
	return ""
}

// annotations are keywords of JSON Schema that allow and forbid nothing: https://json-schema.org/draft/2020-12/json-schema-validation#section-9.
var annotations = []string{"title", "description", "default", "examples", "$comment", "deprecated", "readOnly", "writeOnly"}

// rules is a schema without what allows and forbids nothing.
func rules(schema json.RawMessage) any {
	var document any
	if json.Unmarshal(schema, &document) != nil {
		return string(schema)
	}
	var strip func(value any)
	strip = func(value any) {
		switch value := value.(type) {
		case map[string]any:
			for _, name := range annotations {
				// A property may have that name: its value is a schema, and no text.
				if _, schema := value[name].(map[string]any); !schema || name == "default" {
					delete(value, name)
				}
			}
			for _, inner := range value {
				strip(inner)
			}
		case []any:
			for _, inner := range value {
				strip(inner)
			}
		}
	}
	strip(document)
	return document
}
