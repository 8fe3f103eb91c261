package export

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/contract"
)

// patterns describe the texts of types: ECMA-262 has no switch for upper and lower case within a pattern.
var patterns = map[string]string{
	"int":      `^[+-]?[0-9]+$`,
	"float":    `^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$`,
	"bool":     `^([Tt][Rr][Uu][Ee]|[Ff][Aa][Ll][Ss][Ee]|1|0|[Yy][Ee][Ss]|[Nn][Oo]|[Oo][Nn]|[Oo][Ff][Ff])$`,
	"port":     `^0*([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])$`,
	"duration": `^(0|([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h|d|w))+)$`,
	"size":     `^[0-9]+(\.[0-9]+)?\s*([kKmMgGtTpPeE][iI]?)?[bB]?$`,
	"email":    `^[^@\s]+@[^@\s]+\.[^@\s]+$`,
}

// jsonSchema describes the environment as an object of texts: https://json-schema.org/draft/2020-12. What it cannot say, the bounds of
// numbers and the comparisons, stands in $comment.
func jsonSchema(c contract.Contract) (string, error) {
	properties, required, all := map[string]any{}, []string{}, []any{}
	for _, v := range c.Variables {
		properties[v.Name] = property(v)
		if v.Required && len(v.RenamedFrom) == 0 {
			required = append(required, v.Name)
		} else if v.Required {
			all = append(all, map[string]any{"anyOf": eachSet(append([]string{v.Name}, v.RenamedFrom...))})
		}
		for _, text := range v.RequiredIf {
			all = append(all, map[string]any{"if": condition(contract.ParseCondition(text)), "then": set(v.Name)})
		}
	}
	for _, g := range c.Groups {
		all = append(all, group(g))
	}
	schema := map[string]any{
		"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object", "properties": properties, "required": required,
	}
	if len(all) > 0 {
		schema["allOf"] = all
	}
	if len(c.Rules) > 0 {
		texts := make([]string, 0, len(c.Rules))
		for _, r := range c.Rules {
			texts = append(texts, r.String())
		}
		schema["$comment"] = strings.Join(texts, "; ")
	}
	text, err := json.MarshalIndent(schema, "", "  ")
	return string(text) + "\n", err
}

// set is the schema of an environment in which a variable is set.
func set(name string) map[string]any {
	return map[string]any{"required": []string{name}}
}

func eachSet(names []string) []any {
	list := make([]any, 0, len(names))
	for _, name := range names {
		list = append(list, set(name))
	}
	return list
}

func condition(c contract.Condition) map[string]any {
	schema := set(c.Name)
	if c.Compared {
		schema["properties"] = map[string]any{c.Name: map[string]any{"const": c.Value}}
	}
	if c.Not {
		return map[string]any{"not": schema}
	}
	return schema
}

func group(g contract.Group) map[string]any {
	switch g.Kind {
	case "exactly-one-of":
		return map[string]any{"oneOf": eachSet(g.Names)}
	case "at-least-one-of":
		return map[string]any{"anyOf": eachSet(g.Names)}
	}
	return map[string]any{"anyOf": []any{
		map[string]any{"required": g.Names}, map[string]any{"not": map[string]any{"anyOf": eachSet(g.Names)}},
	}}
}

// onlyRE2 is syntax that ECMA-262 does not have: https://github.com/google/re2/wiki/Syntax.
var onlyRE2 = regexp.MustCompile(`\(\?[^:]|\\[AzZQECpPa]|\[\[:`)

func property(v contract.Variable) map[string]any {
	p := map[string]any{"type": "string", "$comment": v.Expected()}
	var all []any
	add := func(pattern string) { all = append(all, map[string]any{"pattern": pattern}) }
	if !v.EmptyAllowed {
		p["minLength"] = 1
	}
	if pattern := patterns[v.Type]; pattern != "" && !(v.Type == "float" && v.NonFinite) {
		add(pattern)
	}
	if len(v.Schemes) > 0 {
		quoted := make([]string, 0, len(v.Schemes))
		for _, scheme := range v.Schemes {
			quoted = append(quoted, regexp.QuoteMeta(scheme))
		}
		add("^(" + strings.Join(quoted, "|") + "):")
	}
	if v.Type != "list" {
		if len(v.Values) > 0 {
			p["enum"] = v.Values
		}
		// What is RE2's alone would keep validators from reading the whole schema; it stands in the comment.
		if v.Pattern != "" && !onlyRE2.MatchString(v.Pattern) {
			add("^(?:" + v.Pattern + ")$")
		}
		if v.MinLength != nil {
			p["minLength"] = *v.MinLength
		}
		if v.MaxLength != nil {
			p["maxLength"] = *v.MaxLength
		}
	}
	if len(all) > 0 {
		p["allOf"] = all
	}
	switch v.Type {
	case "url":
		p["format"] = "uri"
	case "email":
		p["format"] = "email"
	case "json":
		p["contentMediaType"] = "application/json"
		if v.Schema != nil {
			p["contentSchema"] = v.Schema
		}
	}
	if v.Description != "" {
		p["description"] = v.Description
	}
	if v.Default != nil {
		p["default"] = *v.Default
	}
	if v.Secret {
		p["writeOnly"] = true
	}
	if v.Deprecated != "" {
		p["deprecated"] = true
	}
	if v.Example != "" && !v.Secret {
		p["examples"] = []string{v.Example}
	}
	return p
}

// types declares the variables for TypeScript: https://www.typescriptlang.org/docs/handbook/declaration-merging.html#global-augmentation.
func types(c contract.Contract) string {
	var out strings.Builder
	out.WriteString("declare global {\n  namespace NodeJS {\n    interface ProcessEnv {\n")
	for _, v := range c.Variables {
		comment := oneLine(strings.Join(nonEmpty(v.Description, v.Expected(), deprecation(v)), ". "))
		fmt.Fprintf(&out, "      /** %s */\n", strings.ReplaceAll(comment, "*/", "*\\/"))
		mark := "?"
		// A variable of some processes only is not there in the others.
		if (v.Required || v.Default != nil) && len(v.Processes) == 0 {
			mark = ""
		}
		kind := "string"
		if len(v.Values) > 0 && v.Type != "list" {
			quoted := make([]string, 0, len(v.Values))
			for _, value := range v.Values {
				text, _ := json.Marshal(value)
				quoted = append(quoted, string(text))
			}
			kind = strings.Join(quoted, " | ")
			if v.EmptyAllowed {
				kind += ` | ""`
			}
		}
		fmt.Fprintf(&out, "      readonly %s%s: %s\n", v.Name, mark, kind)
	}
	out.WriteString("    }\n  }\n}\n\nexport {}\n")
	return out.String()
}

func deprecation(v contract.Variable) string {
	if v.Deprecated == "" {
		return ""
	}
	return "@deprecated " + v.Deprecated
}

func nonEmpty(texts ...string) []string {
	var list []string
	for _, text := range texts {
		if text != "" {
			list = append(list, text)
		}
	}
	return list
}
