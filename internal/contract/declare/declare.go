// Package declare reads the config contract as people write it: in project.toml, in Heroku's app.json, in an
// .env.example; and it finds the variables that the code reads. It knows how things are written; what they mean is
// package contract's.
package declare

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/contract"
	"github.com/gantry-buildpack/gantry/internal/problem"
	"github.com/gantry-buildpack/gantry/internal/source/app"
	"github.com/gantry-buildpack/gantry/internal/source/projecttoml"
)

// Open gives the contract of an application whose project.toml has not been read yet.
func Open(a app.App) (contract.Contract, error) {
	table, err := projecttoml.Read(a)
	if err != nil {
		return contract.Contract{}, err
	}
	return Read(a, table)
}

// Read gives the contract of an application. What project.toml declares wins over app.json.
func Read(a app.App, table projecttoml.Table) (contract.Contract, error) {
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
type reader struct{ table projecttoml.Table }

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

// field is a key of a variable: its form, as JSON Schema has it, and how it is read; the result is why a value is not understood.
type field struct {
	form map[string]any
	read func(v *contract.Variable, raw any) (why string)
}

var fields = map[string]field{
	"description":  {aText, func(v *contract.Variable, raw any) string { return text(&v.Description, raw) }},
	"example":      {aScalar, func(v *contract.Variable, raw any) string { return scalar(&v.Example, raw) }},
	"pattern":      {aText, func(v *contract.Variable, raw any) string { return text(&v.Pattern, raw) }},
	"required-if":  {aText, func(v *contract.Variable, raw any) string { return text(&v.RequiredIf, raw) }},
	"binding":      {aText, func(v *contract.Variable, raw any) string { return text(&v.Binding, raw) }},
	"schemes":      {aList, func(v *contract.Variable, raw any) string { return texts(&v.Schemes, raw) }},
	"values":       {aList, func(v *contract.Variable, raw any) string { return texts(&v.Values, raw) }},
	"processes":    {aList, func(v *contract.Variable, raw any) string { return texts(&v.Processes, raw) }},
	"renamed-from": {aList, func(v *contract.Variable, raw any) string { return texts(&v.RenamedFrom, raw) }},
	"secret":       {aBoolean, func(v *contract.Variable, raw any) string { return boolean(&v.Secret, raw) }},
	"required":     {aBoolean, func(v *contract.Variable, raw any) string { return boolean(&v.Required, raw) }},
	"min":          {aNumber, func(v *contract.Variable, raw any) string { return number(&v.Min, raw) }},
	"max":          {aNumber, func(v *contract.Variable, raw any) string { return number(&v.Max, raw) }},
	"min-length":   {aLength, func(v *contract.Variable, raw any) string { return length(&v.MinLength, raw) }},
	"max-length":   {aLength, func(v *contract.Variable, raw any) string { return length(&v.MaxLength, raw) }},
	"type": {map[string]any{"enum": contract.Types}, func(v *contract.Variable, raw any) string {
		if why := text(&v.Type, raw); why != "" || slices.Contains(contract.Types, v.Type) {
			return why
		}
		return fmt.Sprintf("%q is none of %s", v.Type, strings.Join(contract.Types, ", "))
	}},
	"default": {aScalar, func(v *contract.Variable, raw any) string {
		value := ""
		why := scalar(&value, raw)
		v.Default = &value
		return why
	}},
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
		f, known := fields[key]
		if !known {
			hint := "The rules are listed in docs/contract.md."
			if likely := projecttoml.Nearest(key, slices.Sorted(maps.Keys(fields))); likely != "" {
				hint = fmt.Sprintf("Did you mean %s?", likely)
			}
			return v, &problem.Problem{ID: "contract/unknown-key", Title: fmt.Sprintf("%s is not a rule of a variable", key),
				Where: r.table.Where(path + "." + key), Hints: []string{hint}}
		}
		if why := f.read(&v, table[key]); why != "" {
			return v, r.bad(path+"."+key, fmt.Sprintf("config.%s.%s has a value that is not understood: %s", name, key, why), "Correct the value.")
		}
	}
	_, said := table["required"]
	if !said {
		v.Required = v.Default == nil && v.RequiredIf == ""
	}
	return v, r.consistent(path, v)
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
