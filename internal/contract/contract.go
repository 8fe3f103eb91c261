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
}

// Label is the image label that holds the contract.
const Label = "io.gantry.contract"

// Variable is one variable.
type Variable struct {
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
	// Type is one of Types; empty means string.
	Type string `json:"type,omitempty"`
	// Schemes are those that a URL may have.
	Schemes []string `json:"schemes,omitempty"`
	// Values are the only ones allowed.
	Values []string `json:"values,omitempty"`
	// Pattern is a regular expression in RE2 syntax that the whole value must match.
	Pattern string `json:"pattern,omitempty"`
	// Min and Max bound a number, MinLength and MaxLength the characters of a text.
	Min       *float64 `json:"min,omitempty"`
	Max       *float64 `json:"max,omitempty"`
	MinLength *int     `json:"min-length,omitempty"`
	MaxLength *int     `json:"max-length,omitempty"`
	// Required says that it must be set. RequiredIf makes that depend on another variable: "NAME" (is set) or "NAME=value".
	Required   bool   `json:"required,omitempty"`
	RequiredIf string `json:"required-if,omitempty"`
	// Default is set at launch where nothing is set.
	Default *string `json:"default,omitempty"`
	Example string  `json:"example,omitempty"`
	// Secret: its value is never printed.
	Secret bool `json:"secret,omitempty"`
	// Processes are the process types that need it; empty means all.
	Processes []string `json:"processes,omitempty"`
	// RenamedFrom are older names, which are still accepted.
	RenamedFrom []string `json:"renamed-from,omitempty"`
	// Binding is TYPE/KEY of a service binding that may hold the value:
	// https://servicebinding.io/spec/core/1.1.0/#workload-projection.
	Binding string `json:"binding,omitempty"`
}

// Group is a rule about several variables together.
type Group struct {
	// Kind is one of GroupKinds.
	Kind      string   `json:"kind"`
	Names     []string `json:"names"`
	Processes []string `json:"processes,omitempty"`
}

// GroupKinds are the rules that a group may have.
var GroupKinds = []string{"exactly-one-of", "at-least-one-of", "all-or-none"}

// Empty reports whether nothing is declared.
func (c Contract) Empty() bool { return len(c.Variables)+len(c.Groups) == 0 }

// For gives what concerns a process type; the empty type stands for all.
func (c Contract) For(process string) Contract {
	if process == "" {
		return c
	}
	concerns := func(processes []string) bool { return len(processes) == 0 || slices.Contains(processes, process) }
	var out Contract
	for _, v := range c.Variables {
		if concerns(v.Processes) {
			out.Variables = append(out.Variables, v)
		}
	}
	for _, g := range c.Groups {
		if concerns(g.Processes) {
			out.Groups = append(out.Groups, g)
		}
	}
	return out
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
