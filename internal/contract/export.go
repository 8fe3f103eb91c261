package contract

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Formats are what Export can write.
var Formats = []string{"json-schema", "env", "configmap", "markdown"}

// Export writes the contract for other tools and for people.
func (c Contract) Export(format, name string) (string, error) {
	switch format {
	case "json-schema":
		return c.jsonSchema()
	case "env":
		return c.env(), nil
	case "configmap":
		return c.configMap(name), nil
	case "markdown":
		return c.markdown(), nil
	}
	return "", fmt.Errorf("%q is none of %s", format, strings.Join(Formats, ", "))
}

// jsonSchema describes the environment as an object of strings: https://json-schema.org/draft/2020-12.
func (c Contract) jsonSchema() (string, error) {
	properties, required := map[string]any{}, []string{}
	for _, v := range c.Variables {
		p := map[string]any{"type": "string", "$comment": v.Expected()}
		if v.Description != "" {
			p["description"] = v.Description
		}
		if len(v.Values) > 0 {
			p["enum"] = v.Values
		}
		if v.Pattern != "" {
			p["pattern"] = "^(?:" + v.Pattern + ")$"
		}
		if v.MinLength != nil {
			p["minLength"] = *v.MinLength
		}
		if v.MaxLength != nil {
			p["maxLength"] = *v.MaxLength
		}
		if format := map[string]string{"url": "uri", "email": "email"}[v.Type]; format != "" {
			p["format"] = format
		}
		if v.Default != nil {
			p["default"] = *v.Default
		}
		if v.Secret {
			p["writeOnly"] = true
		}
		if v.Example != "" {
			p["examples"] = []string{v.Example}
		}
		properties[v.Name] = p
		if v.Required {
			required = append(required, v.Name)
		}
	}
	text, err := json.MarshalIndent(map[string]any{
		"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object", "properties": properties, "required": required,
	}, "", "  ")
	return string(text) + "\n", err
}

func (c Contract) env() string {
	var out strings.Builder
	for i, v := range c.Variables {
		if i > 0 {
			out.WriteByte('\n')
		}
		if v.Description != "" {
			fmt.Fprintf(&out, "# %s\n", v.Description)
		}
		fmt.Fprintf(&out, "# %s; %s\n", v.need(), v.Expected())
		value := v.Example
		if v.Default != nil {
			value = *v.Default
		}
		if v.Secret {
			value = ""
		}
		if strings.ContainsAny(value, " #'\"$\\") {
			value = fmt.Sprintf("%q", value)
		}
		fmt.Fprintf(&out, "%s=%s\n", v.Name, value)
	}
	return out.String()
}

func (v Variable) need() string {
	switch {
	case v.Required:
		return "required"
	case v.RequiredIf != "":
		return "required if " + v.RequiredIf
	case v.Default != nil:
		return fmt.Sprintf("default %q", *v.Default)
	default:
		return "optional"
	}
}

// configMap writes a ConfigMap with what is no secret, and a Secret with the names of what is.
func (c Contract) configMap(name string) string {
	var plain, secret strings.Builder
	for _, v := range c.Variables {
		if v.Secret {
			fmt.Fprintf(&secret, "  %s: \"\" # %s; %s\n", v.Name, v.need(), v.Expected())
			continue
		}
		value := v.Example
		if v.Default != nil {
			value = *v.Default
		}
		fmt.Fprintf(&plain, "  %s: %q # %s; %s\n", v.Name, value, v.need(), v.Expected())
	}
	var documents []string
	if plain.Len() > 0 {
		documents = append(documents, "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: "+name+"\ndata:\n"+plain.String())
	}
	if secret.Len() > 0 {
		documents = append(documents, "apiVersion: v1\nkind: Secret\nmetadata:\n  name: "+name+"\nstringData:\n"+secret.String())
	}
	return strings.Join(documents, "---\n")
}

func (c Contract) markdown() string {
	var out strings.Builder
	out.WriteString("| variable | needed | value | processes | |\n|---|---|---|---|---|\n")
	for _, v := range c.Variables {
		processes, description := strings.Join(v.Processes, ", "), v.Description
		if processes == "" {
			processes = "all"
		}
		if v.Secret {
			description = strings.TrimSpace("(secret) " + description)
		}
		fmt.Fprintf(&out, "| `%s` | %s | %s | %s | %s |\n", v.Name, v.need(), strings.ReplaceAll(v.Expected(), "|", `\|`), processes, strings.ReplaceAll(description, "|", `\|`))
	}
	for _, g := range c.Groups {
		fmt.Fprintf(&out, "\n%s: `%s`\n", strings.ReplaceAll(g.Kind, "-", " "), strings.Join(g.Names, "`, `"))
	}
	return out.String()
}
