// Package declare reads the config contract as people write it: in project.toml, in Heroku's app.json, in an
// .env.example or .env.schema; and it finds the variables that the code reads. It knows how things are written; what they mean is
// package contract's.
package declare

import (
	"encoding/json"
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

// Read gives the contract of an application. What project.toml declares wins over app.json. All mistakes of project.toml are told at
// once.
func Read(a app.App, table projecttoml.Table) (contract.Contract, error) {
	r := reader{table: table, app: a}
	c, mistakes, broken := r.contract()
	text, found, err := a.Read(AppJSON)
	if err != nil {
		return c, err
	}
	if found {
		imported, err := fromAppJSON(text)
		if err != nil && len(mistakes) == 0 {
			return c, err
		}
		for _, v := range imported {
			if c.Variable(v.Name) == nil {
				c.Variables = append(c.Variables, v)
			}
		}
	}
	return c, table.ShowAll(append(mistakes, r.references(c, broken)...))
}

// Processes says which process types a contract names that an application does not have.
func Processes(c contract.Contract, table projecttoml.Table, types []string) error {
	r := reader{table: table}
	var mistakes []*problem.Problem
	look := func(path string, named []string) {
		for _, name := range named {
			if slices.Contains(types, name) {
				continue
			}
			hint := "The process types are " + strings.Join(types, ", ") + "."
			if likely := problem.Nearest(name, types); likely != "" {
				hint = fmt.Sprintf("Did you mean %s? %s", likely, hint)
			}
			mistakes = append(mistakes, r.bad(path, fmt.Sprintf("there is no process type %s", name), hint))
		}
	}
	for _, v := range c.Variables {
		look("config."+v.Name+".processes", v.Processes)
	}
	for i, g := range c.Groups {
		look(fmt.Sprintf("config-group[%d].processes", i), g.Processes)
	}
	for i, rule := range c.Rules {
		look(fmt.Sprintf("config-rule[%d].processes", i), rule.Processes)
	}
	return table.ShowAll(mistakes)
}

// reader reads [dev.gantry.config], its groups and its rules.
type reader struct {
	table projecttoml.Table
	app   app.App
}

var namePattern = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// contract reads all but what names refer to. What is said of broken variables cannot be judged.
func (r reader) contract() (c contract.Contract, mistakes []*problem.Problem, broken map[string]bool) {
	broken = map[string]bool{}
	config, ok := r.table.Values["config"].(map[string]any)
	if !ok && r.table.Values["config"] != nil {
		return c, []*problem.Problem{r.bad("config", "config is not a table", "Write one table a variable: [dev.gantry.config.NAME].")}, broken
	}
	for _, name := range slices.Sorted(maps.Keys(config)) {
		v, wrong := r.variable(name, config[name])
		mistakes = append(mistakes, wrong...)
		broken[name] = len(wrong) > 0
		c.Variables = append(c.Variables, v)
	}
	tables, wrong := r.tables("config-group")
	mistakes = append(mistakes, wrong...)
	for i, raw := range tables {
		g, wrong := r.group(fmt.Sprintf("config-group[%d]", i), raw)
		if wrong != nil {
			// It keeps its place, by which the others are found in the file.
			mistakes, g = append(mistakes, wrong), contract.Group{}
		}
		c.Groups = append(c.Groups, g)
	}
	tables, wrong = r.tables("config-rule")
	mistakes = append(mistakes, wrong...)
	for i, raw := range tables {
		rule, wrong := r.rule(fmt.Sprintf("config-rule[%d]", i), raw)
		if wrong != nil {
			mistakes, rule = append(mistakes, wrong), contract.Rule{}
		}
		c.Rules = append(c.Rules, rule)
	}
	return c, mistakes, broken
}

// tables gives an array of tables.
func (r reader) tables(name string) ([]any, []*problem.Problem) {
	list, ok := r.table.Values[name].([]any)
	if !ok && r.table.Values[name] != nil {
		return nil, []*problem.Problem{r.bad(name, name+" is not a list of tables", "Write one table each: [[dev.gantry."+name+"]].")}
	}
	return list, nil
}

func (r reader) bad(path, title, hint string) *problem.Problem {
	return &problem.Problem{ID: "contract/invalid", Title: title, Where: r.table.Where(path), Hints: []string{hint}}
}

func (r reader) unknown(path, key, what string, known []string) *problem.Problem {
	hint := "The rules are listed at " + problem.Page("contract.md")
	if likely := problem.Nearest(key, known); likely != "" {
		hint = fmt.Sprintf("Did you mean %s?", likely)
	}
	return &problem.Problem{ID: "contract/unknown-key", Title: key + " is not a rule of " + what, Where: r.table.Where(path + "." + key), Hints: []string{hint}}
}

func (r reader) variable(name string, raw any) (contract.Variable, []*problem.Problem) {
	v, path := contract.Variable{Name: name}, "config."+name
	if !namePattern.MatchString(name) {
		return v, []*problem.Problem{r.bad(path, fmt.Sprintf("%q cannot be a variable's name", name), "Use letters, digits and underscores.")}
	}
	table, ok := raw.(map[string]any)
	if !ok {
		return v, []*problem.Problem{r.bad(path, "config."+name+" is not a table", "Write [dev.gantry.config."+name+"], with one rule a line below it.")}
	}
	var mistakes []*problem.Problem
	for _, key := range slices.Sorted(maps.Keys(table)) {
		f, known := fields[key]
		if !known {
			mistakes = append(mistakes, r.unknown(path, key, "a variable", slices.Sorted(maps.Keys(fields))))
			continue
		}
		if why := f.read(&v, table[key]); why != "" {
			mistakes = append(mistakes, r.bad(path+"."+key, fmt.Sprintf("config.%s.%s has a value that is not understood: %s", name, key, why), "Correct the value."))
		}
	}
	if len(mistakes) > 0 {
		return v, mistakes
	}
	if wrong := r.schema(&v, path); wrong != nil {
		return v, []*problem.Problem{wrong}
	}
	if _, said := table["required"]; !said {
		v.Required = v.Default == nil && len(v.RequiredIf) == 0
	}
	return v, r.consistent(path, v)
}

// schema reads the file that the rule names in place of a schema, and looks at both.
func (r reader) schema(v *contract.Variable, path string) *problem.Problem {
	if v.Schema == nil {
		return nil
	}
	var file string
	if json.Unmarshal(v.Schema, &file) == nil {
		text, found, err := r.app.Read(file)
		if err != nil || !found {
			return r.bad(path+".schema", fmt.Sprintf("there is no file %s in the application", file), "Name a file by its path in the application, or write the schema as a table.")
		}
		v.Schema = text
	}
	if err := contract.CheckSchema(v.Schema); err != nil {
		return r.bad(path+".schema", "the schema is not a JSON Schema", "Look at it with a validator of https://json-schema.org; it cannot refer to other files or addresses.")
	}
	return nil
}

func (r reader) group(path string, raw any) (contract.Group, *problem.Problem) {
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
			p := r.unknown(path, key, "a group", contract.GroupKinds)
			p.Hints = append(p.Hints, "A group has one of "+strings.Join(contract.GroupKinds, ", ")+", and processes.")
			return g, p
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
	for i, name := range g.Names {
		if slices.Contains(g.Names[:i], name) {
			return g, r.bad(path+"."+g.Kind, "the group names "+name+" twice", "Name each variable once.")
		}
	}
	return g, nil
}

var rulePattern = regexp.MustCompile(`^\s*([A-Za-z_]\w*)\s*(<=|>=|==|!=|<|>)\s*([A-Za-z_]\w*)\s*$`)

func (r reader) rule(path string, raw any) (contract.Rule, *problem.Problem) {
	var rule contract.Rule
	table, ok := raw.(map[string]any)
	if !ok {
		return rule, r.bad(path, "a rule is not a table", "Write [[dev.gantry.config-rule]].")
	}
	var comparison string
	for _, key := range slices.Sorted(maps.Keys(table)) {
		why := ""
		switch key {
		case "rule":
			why = text(&comparison, table[key])
		case "message":
			why = text(&rule.Message, table[key])
		case "processes":
			why = texts(&rule.Processes, table[key])
		default:
			return rule, r.unknown(path, key, "a rule", []string{"rule", "message", "processes"})
		}
		if why != "" {
			return rule, r.bad(path+"."+key, key+" has a value that is not understood: "+why, "Correct the value.")
		}
	}
	found := rulePattern.FindStringSubmatch(comparison)
	if found == nil {
		return rule, r.bad(path+".rule", "the rule is not understood", `Compare two variables: rule = "POOL_MIN <= POOL_MAX".`)
	}
	rule.Left, rule.Operator, rule.Right = found[1], found[2], found[3]
	return rule, nil
}
