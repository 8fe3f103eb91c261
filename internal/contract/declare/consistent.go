package declare

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/contract"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// consistent refuses rules that contradict each other, and defaults and examples that break their own rule.
func (r reader) consistent(path string, v contract.Variable) error {
	bad := func(key, format string, arguments ...any) error {
		return &problem.Problem{ID: "contract/contradiction", Title: fmt.Sprintf("config.%s: ", v.Name) + fmt.Sprintf(format, arguments...),
			Where: r.table.Where(path + "." + key), Hints: []string{"Change or remove one of the rules."}}
	}
	isNumber := slices.Contains([]string{"int", "float", "port", "duration", "size"}, v.Type)
	switch {
	case v.Required && v.Default != nil:
		return bad("required", "it is required and has a default, which is always there")
	case v.Secret && v.Default != nil:
		return bad("default", "a secret cannot have a default, which everybody could read in the image")
	case v.Required && v.RequiredIf != "":
		return bad("required-if", "it is required always, and only if")
	case len(v.Schemes) > 0 && v.Type != "url":
		return bad("schemes", "schemes are for the type url")
	case (v.Min != nil || v.Max != nil) && !isNumber:
		return bad(first(v.Min != nil, "min", "max"), "min and max are for the types int, float, port, duration and size")
	case v.Min != nil && v.Max != nil && *v.Min > *v.Max:
		return bad("min", "min is greater than max")
	case v.MinLength != nil && v.MaxLength != nil && *v.MinLength > *v.MaxLength:
		return bad("min-length", "min-length is greater than max-length")
	case slices.Contains(v.RenamedFrom, v.Name):
		return bad("renamed-from", "it is renamed from itself")
	case v.Binding != "" && strings.Count(v.Binding, "/") != 1:
		return bad("binding", "a binding is written TYPE/KEY")
	}
	if _, err := regexp.Compile(v.Pattern); err != nil {
		return bad("pattern", "the pattern does not compile: %s", strings.TrimPrefix(err.Error(), "error parsing regexp: "))
	}
	if v.Default != nil && *v.Default != "" && !v.Accepts(*v.Default) {
		return bad("default", "the default %q is not %s", *v.Default, v.Expected())
	}
	if v.Example != "" && !v.Accepts(v.Example) {
		return bad("example", "the example is not %s", v.Expected())
	}
	for _, value := range v.Values {
		free := v
		free.Values = nil
		if !free.Accepts(value) {
			return bad("values", "the value %q is not %s", value, free.Expected())
		}
	}
	return nil
}

func first(yes bool, a, b string) string {
	if yes {
		return a
	}
	return b
}

// references makes sure that rules name variables that are declared; a variable that a group names is required by the
// group alone.
func (r reader) references(c contract.Contract) error {
	for i, g := range c.Groups {
		for _, name := range g.Names {
			v := c.Variable(name)
			if v == nil {
				return r.bad(fmt.Sprintf("config-group[%d].%s", i, g.Kind), fmt.Sprintf("the group names %s, which is not declared", name),
					"Declare it: [dev.gantry.config."+name+"].")
			}
			table, _ := r.table.Values["config"].(map[string]any)[name].(map[string]any)
			if _, said := table["required"]; !said {
				v.Required = false
			} else if v.Required && g.Kind == "exactly-one-of" {
				return r.bad("config."+name+".required", fmt.Sprintf("%s is required always, and in a group of which one only may be set", name), "Remove one of the rules.")
			}
		}
	}
	older := map[string]string{}
	for _, v := range c.Variables {
		if name, _, _ := strings.Cut(v.RequiredIf, "="); name != "" && c.Variable(name) == nil {
			return r.bad("config."+v.Name+".required-if", fmt.Sprintf("required-if names %s, which is not declared", name), "Declare it: [dev.gantry.config."+name+"].")
		}
		for _, name := range v.RenamedFrom {
			if c.Variable(name) != nil || older[name] != "" {
				return r.bad("config."+v.Name+".renamed-from", fmt.Sprintf("the old name %s is another variable's, too", name), "Remove one of the two.")
			}
			older[name] = v.Name
		}
	}
	return nil
}
