package export

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/contract"
)

// envSchema writes an .env.schema: https://varlock.dev/env-spec/overview/.
func envSchema(c contract.Contract) string {
	var out strings.Builder
	out.WriteString("# @defaultRequired=false @defaultSensitive=false\n# ---\n")
	for _, v := range c.Variables {
		out.WriteByte('\n')
		writeComment(&out, v.Description)
		fmt.Fprintf(&out, "# %s\n%s=%s\n", strings.Join(decorators(v), " "), v.Name, quote(schemaValue(v)))
	}
	return out.String()
}

// schemaValue is the default alone: an example stands in its decorator.
func schemaValue(v contract.Variable) string {
	if v.Default == nil || v.Secret {
		return ""
	}
	return *v.Default
}

func decorators(v contract.Variable) []string {
	list := []string{"@type=" + schemaType(v)}
	switch {
	case v.Required:
		list = append(list, "@required")
	default:
		list = append(list, "@optional")
	}
	if v.Secret {
		list = append(list, "@sensitive")
	}
	if v.Example != "" && !v.Secret {
		list = append(list, "@example="+strconv.Quote(v.Example))
	}
	return list
}

// schemaType gives the type of https://varlock.dev/reference/data-types/ that is nearest.
func schemaType(v contract.Variable) string {
	if len(v.Values) > 0 && v.Type != "list" {
		quoted := make([]string, 0, len(v.Values))
		for _, value := range v.Values {
			if strings.ContainsAny(value, ",() \t\n\"'") {
				value = strconv.Quote(value)
			}
			quoted = append(quoted, value)
		}
		return "enum(" + strings.Join(quoted, ", ") + ")"
	}
	switch v.Type {
	case "int", "float":
		var options []string
		if v.Type == "int" {
			options = append(options, "isInt=true")
		}
		for _, bound := range []struct {
			name  string
			value *float64
		}{{"min", v.Min}, {"max", v.Max}} {
			if bound.value != nil {
				options = append(options, bound.name+"="+strconv.FormatFloat(*bound.value, 'f', -1, 64))
			}
		}
		return call("number", options)
	case "bool":
		return "boolean"
	case "url", "email", "port":
		return v.Type
	}
	var options []string
	if v.MinLength != nil {
		options = append(options, fmt.Sprintf("minLength=%d", *v.MinLength))
	}
	if v.MaxLength != nil {
		options = append(options, fmt.Sprintf("maxLength=%d", *v.MaxLength))
	}
	if v.Pattern != "" {
		options = append(options, "matches="+strconv.Quote(v.Pattern))
	}
	return call("string", options)
}

func call(name string, options []string) string {
	if len(options) == 0 {
		return name
	}
	return name + "(" + strings.Join(options, ", ") + ")"
}
