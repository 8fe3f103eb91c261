package contract

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Conditions are those of which one makes a variable required. Each is "NAME" (is set), "!NAME" (is not set), "NAME=value" or
// "NAME!=value" (has, or has not, that value; a variable that is not set has none).
type Conditions []string

// MarshalJSON writes one condition as a text, as earlier versions know it.
func (c Conditions) MarshalJSON() ([]byte, error) {
	if len(c) == 1 {
		return json.Marshal(c[0])
	}
	return json.Marshal([]string(c))
}

// UnmarshalJSON reads a text, or a list of texts.
func (c *Conditions) UnmarshalJSON(text []byte) error {
	var one string
	if json.Unmarshal(text, &one) == nil {
		*c = Conditions{one}
		return nil
	}
	return json.Unmarshal(text, (*[]string)(c))
}

// Condition is one of them, taken apart.
type Condition struct {
	Name string
	// Compared: it depends on Value, and not on whether the variable is set.
	Compared bool
	Value    string
	Not      bool
}

// ParseCondition takes a condition apart.
func ParseCondition(text string) Condition {
	name, value, compared := strings.Cut(text, "=")
	c := Condition{Name: name, Value: value, Compared: compared}
	if compared {
		c.Name, c.Not = strings.CutSuffix(name, "!")
	} else {
		c.Name, c.Not = strings.CutPrefix(name, "!")
	}
	c.Name, c.Value = strings.TrimSpace(c.Name), strings.TrimSpace(c.Value)
	return c
}

// holds reports whether it is true of a variable's value. v is the variable, nil where it is not declared.
func (c Condition) holds(v *Variable, value string, set bool) bool {
	if c.Compared {
		return (set && v.same(value, c.Value)) != c.Not
	}
	return set != c.Not
}

// same reports whether two values of a variable mean the same: of numbers, and of true and false in all their forms.
func (v *Variable) same(a, b string) bool {
	if v == nil || a == b {
		return a == b
	}
	if v.Type == "bool" {
		x, y := isTrue(a), isTrue(b)
		return x == y && v.Accepts(a) && v.Accepts(b)
	}
	x, y := v.number(a), v.number(b)
	return x != nil && y != nil && *x == *y
}

func isTrue(text string) bool {
	return slices.Contains([]string{"true", "1", "yes", "on"}, strings.ToLower(text))
}

// String is the condition for people: "MODE is paid".
func (c Condition) String() string {
	switch {
	case c.Compared && c.Not:
		return fmt.Sprintf("%s is not %s", c.Name, c.Value)
	case c.Compared:
		return fmt.Sprintf("%s is %s", c.Name, c.Value)
	case c.Not:
		return c.Name + " is not set"
	}
	return c.Name + " is set"
}

// String lists the conditions for people: "MODE is paid or MODE is trial".
func (c Conditions) String() string {
	texts := make([]string, 0, len(c))
	for _, condition := range c {
		texts = append(texts, ParseCondition(condition).String())
	}
	return strings.Join(texts, " or ")
}
