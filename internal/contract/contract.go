// Package contract is the config contract: which variables an application needs at run time, and what they must look
// like. It checks an environment against it; it knows neither where the contract is written down nor who asks. It is part
// of every container start, and imports little.
package contract

import (
	"encoding/json"
	"fmt"
	"slices"
)

// Contract is all that an application declares. It is kept in the image as JSON: in a file, and in the label Label.
type Contract struct {
	Variables []Variable `json:"variables,omitempty"`
	Groups    []Group    `json:"groups,omitempty"`
	Rules     []Rule     `json:"rules,omitempty"`
	// BuiltWith are the values of the variables of the build phase that the image was built with: the value, or for a secret
	// its SHA-256 as "sha256:" and hexadecimal digits.
	BuiltWith map[string]string `json:"built-with,omitempty"`
}

// Label is the image label that holds the contract.
const Label = "io.gantry.contract"

// Variable is one variable.
type Variable struct {
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
	// Type is one of Types; empty means string.
	Type string `json:"type,omitempty"`
	// Of is the type of a list's entries, and Separator what stands between them: a comma where it is empty.
	Of        string `json:"of,omitempty"`
	Separator string `json:"separator,omitempty"`
	// Schemes are those that a URL may have.
	Schemes []string `json:"schemes,omitempty"`
	// Values are the only ones allowed.
	Values []string `json:"values,omitempty"`
	// Pattern is a regular expression in RE2 syntax that the whole value must match.
	Pattern string `json:"pattern,omitempty"`
	// Min and Max bound a number, MinLength and MaxLength the characters of a text, or the entries of a list.
	Min       *float64 `json:"min,omitempty"`
	Max       *float64 `json:"max,omitempty"`
	MinLength *int     `json:"min-length,omitempty"`
	MaxLength *int     `json:"max-length,omitempty"`
	// NonFinite: a float may be NaN or infinite.
	NonFinite bool `json:"non-finite,omitempty"`
	// MustExist: the file or folder of a path must be there when the process starts.
	MustExist bool `json:"must-exist,omitempty"`
	// Schema is a JSON Schema for a value of the type json: https://json-schema.org/draft/2020-12.
	Schema json.RawMessage `json:"schema,omitempty"`
	// Required says that it must be set; RequiredIf makes that depend on other variables.
	Required   bool       `json:"required,omitempty"`
	RequiredIf Conditions `json:"required-if,omitempty"`
	// EmptyAllowed: an empty value means something, and counts as set.
	EmptyAllowed bool `json:"empty-allowed,omitempty"`
	// Default is set at launch where nothing is set.
	Default *string `json:"default,omitempty"`
	Example string  `json:"example,omitempty"`
	// Secret: its value is never printed.
	Secret bool `json:"secret,omitempty"`
	// Processes are the process types that need it; empty means all.
	Processes []string `json:"processes,omitempty"`
	// Phase is one of Phases; empty means launch.
	Phase string `json:"phase,omitempty"`
	// RenamedFrom are older names, which are still accepted.
	RenamedFrom []string `json:"renamed-from,omitempty"`
	// Deprecated says what to use instead; the variable is still accepted.
	Deprecated string `json:"deprecated,omitempty"`
	// Message is what the application itself says where the value is missing or wrong.
	Message string `json:"message,omitempty"`
	// Binding is TYPE/KEY of a service binding that may hold the value:
	// https://servicebinding.io/spec/core/1.1.0/#workload-projection.
	Binding string `json:"binding,omitempty"`
}

// Phases are when a variable is needed. Bundlers write the values of some into what they make: those are for the build.
var Phases = []string{"launch", "build", "both"}

// AtLaunch and AtBuild report whether the variable is needed then.
func (v Variable) AtLaunch() bool { return v.Phase != "build" }
func (v Variable) AtBuild() bool  { return v.Phase == "build" || v.Phase == "both" }

// Group is a rule about how many of several variables are set.
type Group struct {
	// Kind is one of GroupKinds.
	Kind      string   `json:"kind"`
	Names     []string `json:"names"`
	Processes []string `json:"processes,omitempty"`
}

// GroupKinds are the rules that a group may have.
var GroupKinds = []string{"exactly-one-of", "at-least-one-of", "all-or-none"}

// Rule compares two variables where both are set: "POOL_MIN <= POOL_MAX".
type Rule struct {
	Left string `json:"left"`
	// Operator is one of Operators.
	Operator string `json:"operator"`
	Right    string `json:"right"`
	// Message is what the application itself says where it does not hold.
	Message   string   `json:"message,omitempty"`
	Processes []string `json:"processes,omitempty"`
}

// Operators are the comparisons of rules. Numbers, times and sizes are compared as such; of other types only == and != are
// known.
var Operators = []string{"<", "<=", ">", ">=", "==", "!="}

func (r Rule) String() string { return r.Left + " " + r.Operator + " " + r.Right }

// Empty reports whether nothing is declared.
func (c Contract) Empty() bool { return len(c.Variables)+len(c.Groups)+len(c.Rules) == 0 }

// For gives what concerns a process type when it starts; the empty type stands for all. A group or rule that names no
// processes concerns those that one of its variables concerns.
func (c Contract) For(process string) Contract {
	concerns := func(processes []string) bool {
		return process == "" || len(processes) == 0 || slices.Contains(processes, process)
	}
	chosen := Contract{BuiltWith: c.BuiltWith}
	for _, v := range c.Variables {
		if v.AtLaunch() && concerns(v.Processes) {
			chosen.Variables = append(chosen.Variables, v)
		}
	}
	together := func(names, processes []string) bool {
		return concerns(processes) && slices.ContainsFunc(names, func(name string) bool { return chosen.Variable(name) != nil })
	}
	for _, g := range c.Groups {
		if together(g.Names, g.Processes) {
			chosen.Groups = append(chosen.Groups, g)
		}
	}
	for _, r := range c.Rules {
		if together([]string{r.Left, r.Right}, r.Processes) {
			chosen.Rules = append(chosen.Rules, r)
		}
	}
	return chosen
}

// Count is how many variables concern some process types, all where none is named.
func (c Contract) Count(types []string) int {
	if len(types) == 0 {
		return len(c.For("").Variables)
	}
	names := map[string]bool{}
	for _, process := range types {
		for _, v := range c.For(process).Variables {
			names[v.Name] = true
		}
	}
	return len(names)
}

// ForBuild gives what must be there when the image is built.
func (c Contract) ForBuild() Contract {
	var chosen Contract
	for _, v := range c.Variables {
		if v.AtBuild() {
			v.Phase = "both"
			chosen.Variables = append(chosen.Variables, v)
		}
	}
	return chosen
}

// Variable gives the variable of a name; nil when none is declared.
func (c Contract) Variable(name string) *Variable {
	for i := range c.Variables {
		if c.Variables[i].Name == name {
			return &c.Variables[i]
		}
	}
	return nil
}

// Parse reads a contract as it is kept in an image.
func Parse(text []byte) (Contract, error) {
	var c Contract
	if err := json.Unmarshal(text, &c); err != nil {
		return c, fmt.Errorf("read the contract: %w", err)
	}
	return c, nil
}
