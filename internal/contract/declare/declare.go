// Package declare reads the config contract as people write it: in project.toml, in Heroku's app.json, in an
// .env.example; and it finds the variables that the code reads. It knows how things are written; what they mean is
// package contract's.
package declare

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/app"
	"github.com/gantry-buildpack/gantry/internal/contract"
	"github.com/gantry-buildpack/gantry/internal/problem"
	"github.com/gantry-buildpack/gantry/internal/project"
)

// AppJSON is Heroku's file: https://devcenter.heroku.com/articles/app-json-schema#env.
const AppJSON = "app.json"

// Read gives the contract of an application. What project.toml declares wins over app.json.
func Read(a app.App) (contract.Contract, error) {
	table, err := project.Read(a)
	if err != nil {
		return contract.Contract{}, err
	}
	r := reader{table: table}
	c, err := r.contract()
	if err != nil {
		return c, err
	}
	text, found, err := a.Read(AppJSON)
	if err != nil || !found {
		return c, err
	}
	imported, err := fromAppJSON(text)
	if err != nil {
		return c, err
	}
	for _, v := range imported {
		if c.Variable(v.Name) == nil {
			c.Variables = append(c.Variables, v)
		}
	}
	return c, nil
}

// reader reads [dev.gantry.config] and its groups.
type reader struct{ table project.Table }

var namePattern = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

func (r reader) contract() (contract.Contract, error) {
	var c contract.Contract
	config, ok := r.table.Values["config"].(map[string]any)
	if !ok && r.table.Values["config"] != nil {
		return c, r.bad("config", "config is not a table", "Write one table a variable: [dev.gantry.config.NAME].")
	}
	for _, name := range slices.Sorted(maps.Keys(config)) {
		v, err := r.variable(name, config[name])
		if err != nil {
			return c, err
		}
		c.Variables = append(c.Variables, v)
	}
	groups, ok := r.table.Values["config-group"].([]any)
	if !ok && r.table.Values["config-group"] != nil {
		return c, r.bad("config-group", "config-group is not a list of tables", "Write one table a group: [[dev.gantry.config-group]].")
	}
	for i, raw := range groups {
		g, err := r.group(fmt.Sprintf("config-group[%d]", i), raw)
		if err != nil {
			return c, err
		}
		c.Groups = append(c.Groups, g)
	}
	return c, r.references(c)
}

func (r reader) bad(path, title, hint string) error {
	return &problem.Problem{ID: "contract/invalid", Title: title, Where: r.table.Where(path), Hints: []string{hint}}
}

// fields are the keys of a variable, and how each is read; the result is why a value is not understood.
var fields = map[string]func(v *contract.Variable, raw any) (why string){
	"description":  func(v *contract.Variable, raw any) string { return text(&v.Description, raw) },
	"example":      func(v *contract.Variable, raw any) string { return scalar(&v.Example, raw) },
	"pattern":      func(v *contract.Variable, raw any) string { return text(&v.Pattern, raw) },
	"required-if":  func(v *contract.Variable, raw any) string { return text(&v.RequiredIf, raw) },
	"binding":      func(v *contract.Variable, raw any) string { return text(&v.Binding, raw) },
	"schemes":      func(v *contract.Variable, raw any) string { return texts(&v.Schemes, raw) },
	"values":       func(v *contract.Variable, raw any) string { return texts(&v.Values, raw) },
	"processes":    func(v *contract.Variable, raw any) string { return texts(&v.Processes, raw) },
	"renamed-from": func(v *contract.Variable, raw any) string { return texts(&v.RenamedFrom, raw) },
	"secret":       func(v *contract.Variable, raw any) string { return boolean(&v.Secret, raw) },
	"required":     func(v *contract.Variable, raw any) string { return boolean(&v.Required, raw) },
	"min":          func(v *contract.Variable, raw any) string { return number(&v.Min, raw) },
	"max":          func(v *contract.Variable, raw any) string { return number(&v.Max, raw) },
	"min-length":   func(v *contract.Variable, raw any) string { return length(&v.MinLength, raw) },
	"max-length":   func(v *contract.Variable, raw any) string { return length(&v.MaxLength, raw) },
	"type": func(v *contract.Variable, raw any) string {
		if why := text(&v.Type, raw); why != "" || slices.Contains(contract.Types, v.Type) {
			return why
		}
		return fmt.Sprintf("%q is none of %s", v.Type, strings.Join(contract.Types, ", "))
	},
	"default": func(v *contract.Variable, raw any) string {
		value := ""
		why := scalar(&value, raw)
		v.Default = &value
		return why
	},
}

func (r reader) variable(name string, raw any) (contract.Variable, error) {
	v, path := contract.Variable{Name: name}, "config."+name
	if !namePattern.MatchString(name) {
		return v, r.bad(path, fmt.Sprintf("%q cannot be a variable's name", name), "Use letters, digits and underscores.")
	}
	table, ok := raw.(map[string]any)
	if !ok {
		return v, r.bad(path, "config."+name+" is not a table", "Write [dev.gantry.config."+name+"], with one rule a line below it.")
	}
	for _, key := range slices.Sorted(maps.Keys(table)) {
		read, known := fields[key]
		if !known {
			hint := "The rules are listed in docs/contract.md."
			if likely := project.Nearest(key, slices.Sorted(maps.Keys(fields))); likely != "" {
				hint = fmt.Sprintf("Did you mean %s?", likely)
			}
			return v, &problem.Problem{ID: "contract/unknown-key", Title: fmt.Sprintf("%s is not a rule of a variable", key),
				Where: r.table.Where(path + "." + key), Hints: []string{hint}}
		}
		if why := read(&v, table[key]); why != "" {
			return v, r.bad(path+"."+key, fmt.Sprintf("config.%s.%s has a value that is not understood: %s", name, key, why), "Correct the value.")
		}
	}
	_, said := table["required"]
	if !said {
		v.Required = v.Default == nil && v.RequiredIf == ""
	}
	return v, r.consistent(path, v)
}

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

func (r reader) group(path string, raw any) (contract.Group, error) {
	var g contract.Group
	table, ok := raw.(map[string]any)
	if !ok {
		return g, r.bad(path, "a group is not a table", "Write [[dev.gantry.config-group]].")
	}
	for _, key := range slices.Sorted(maps.Keys(table)) {
		target := &g.Names
		switch {
		case key == "processes":
			target = &g.Processes
		case !slices.Contains(contract.GroupKinds, key):
			return g, &problem.Problem{ID: "contract/unknown-key", Title: key + " is not a rule of a group", Where: r.table.Where(path + "." + key),
				Hints: []string{"A group has one of " + strings.Join(contract.GroupKinds, ", ") + ", and processes."}}
		case g.Kind != "":
			return g, r.bad(path+"."+key, "a group has two rules", "Write one group a rule.")
		default:
			g.Kind = key
		}
		if why := texts(target, table[key]); why != "" {
			return g, r.bad(path+"."+key, key+" has a value that is not understood: "+why, "Write a list of variables' names.")
		}
	}
	if len(g.Names) < 2 {
		return g, r.bad(path, "a group names fewer than two variables", "Name the variables that belong together.")
	}
	return g, nil
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

func text(target *string, raw any) string {
	value, ok := raw.(string)
	if !ok {
		return "a string is expected"
	}
	*target = value
	return ""
}

// scalar takes numbers and booleans, too: they are written as in an environment.
func scalar(target *string, raw any) string {
	switch value := raw.(type) {
	case string:
		*target = value
	case bool:
		*target = strconv.FormatBool(value)
	case int64:
		*target = strconv.FormatInt(value, 10)
	case float64:
		*target = strconv.FormatFloat(value, 'f', -1, 64)
	default:
		return "a string, a number, true or false is expected"
	}
	return ""
}

func texts(target *[]string, raw any) string {
	list, ok := raw.([]any)
	if !ok {
		return "a list of strings is expected"
	}
	for _, item := range list {
		value := ""
		if scalar(&value, item) != "" || value == "" {
			return "a list of strings is expected"
		}
		*target = append(*target, value)
	}
	return ""
}

func boolean(target *bool, raw any) string {
	value, ok := raw.(bool)
	if !ok {
		return "true or false is expected"
	}
	*target = value
	return ""
}

func number(target **float64, raw any) string {
	var value float64
	switch n := raw.(type) {
	case int64:
		value = float64(n)
	case float64:
		value = n
	default:
		return "a number is expected"
	}
	*target = &value
	return ""
}

func length(target **int, raw any) string {
	n, ok := raw.(int64)
	if !ok || n < 0 {
		return "a whole number is expected"
	}
	value := int(n)
	*target = &value
	return ""
}

// fromAppJSON reads the variables of an app.json.
func fromAppJSON(content []byte) ([]contract.Variable, error) {
	var file struct {
		Env map[string]json.RawMessage `json:"env"`
	}
	content = bytes.TrimPrefix(content, []byte("\ufeff"))
	if err := json.Unmarshal(content, &file); err != nil {
		return nil, problem.JSON("contract/app-json-invalid", AppJSON, content, err)
	}
	var list []contract.Variable
	for _, name := range slices.Sorted(maps.Keys(file.Env)) {
		v := contract.Variable{Name: name, Required: true}
		var value string
		var object struct {
			Description, Value, Generator string
			Required                      *bool
		}
		switch {
		case !namePattern.MatchString(name):
			return nil, &problem.Problem{ID: "contract/app-json-invalid", Title: fmt.Sprintf("%q in app.json cannot be a variable's name", name),
				Where: problem.InJSON(AppJSON, content, "env", name), Hints: []string{"Use letters, digits and underscores."}}
		case json.Unmarshal(file.Env[name], &value) == nil:
			object.Value = value
		case json.Unmarshal(file.Env[name], &object) != nil:
			return nil, &problem.Problem{ID: "contract/app-json-invalid", Title: "app.json has a variable that is not understood",
				Where: problem.InJSON(AppJSON, content, "env", name), Hints: []string{"Write an object with description, value and required, or a string."}}
		}
		v.Description, v.Secret = object.Description, object.Generator == "secret"
		if object.Required != nil {
			v.Required = *object.Required
		}
		if object.Value != "" && !v.Secret {
			v.Default, v.Required = &object.Value, false
		}
		list = append(list, v)
	}
	return list, nil
}
