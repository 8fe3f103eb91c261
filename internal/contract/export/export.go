// Package export writes a contract for other tools and for people.
package export

import (
	"encoding/json"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/gantry-buildpack/gantry/internal/contract"
)

// Formats are what Write can write.
var Formats = []string{"markdown", "json-schema", "types", "env", "env-schema", "configmap"}

// Write gives a contract in a format; name is that of the ConfigMap and the Secret.
func Write(c contract.Contract, format, name string) (string, error) {
	switch format {
	case "json-schema":
		return jsonSchema(c)
	case "types":
		return types(c), nil
	case "env":
		return env(c), nil
	case "env-schema":
		return envSchema(c), nil
	case "configmap":
		return configMap(c, name)
	case "markdown":
		return markdown(c), nil
	}
	return "", fmt.Errorf("%q is none of %s", format, strings.Join(Formats, ", "))
}

// oneLine is a text without line breaks, for comments and cells.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// need says whether a variable must be set.
func need(v contract.Variable) string {
	switch {
	case v.Required:
		return "required"
	case len(v.RequiredIf) > 0:
		return "required if " + v.RequiredIf.String()
	case v.Default != nil:
		return fmt.Sprintf("default %q", *v.Default)
	default:
		return "optional"
	}
}

// placeholder is what stands for a value that is not known: a default, else an example, but nothing for a secret.
func placeholder(v contract.Variable) string {
	switch {
	case v.Secret:
		return ""
	case v.Default != nil:
		return *v.Default
	}
	return v.Example
}

func env(c contract.Contract) string {
	var out strings.Builder
	for i, v := range c.Variables {
		if i > 0 {
			out.WriteByte('\n')
		}
		writeComment(&out, v.Description)
		fmt.Fprintf(&out, "# %s; %s\n%s=%s\n", oneLine(need(v)), oneLine(v.Expected()), v.Name, quote(placeholder(v)))
	}
	return out.String()
}

func writeComment(out *strings.Builder, text string) {
	for line := range strings.Lines(text) {
		fmt.Fprintf(out, "# %s\n", oneLine(line))
	}
}

// quote writes a value as dotenv and Compose read it: in quotes that it does not hold.
func quote(value string) string {
	switch {
	case value != "" && !strings.ContainsAny(value, " \t\r\n#'\"`$\\"):
		return value
	case value == "":
		return ""
	case !strings.Contains(value, "'"):
		return "'" + value + "'"
	case !strings.ContainsAny(value, "\"$\\"):
		return `"` + value + `"`
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, `$`, `\$`, "\n", `\n`, "\r", `\r`).Replace(value) + `"`
}

// configMap writes a ConfigMap with what is no secret, and a Secret with the names of what is.
func configMap(c contract.Contract, name string) (string, error) {
	var plain, secret []*yaml.Node
	for _, v := range c.Variables {
		key := &yaml.Node{Kind: yaml.ScalarNode, Value: v.Name}
		value := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Style: yaml.DoubleQuotedStyle, Value: placeholder(v), LineComment: "# " + oneLine(need(v)+"; "+v.Expected())}
		if v.Secret {
			secret = append(secret, key, value)
		} else {
			plain = append(plain, key, value)
		}
	}
	var documents []string
	for _, o := range []struct {
		kind, field string
		values      []*yaml.Node
	}{{"ConfigMap", "data", plain}, {"Secret", "stringData", secret}} {
		if len(o.values) == 0 {
			continue
		}
		text, err := yaml.Marshal(struct {
			APIVersion string            `yaml:"apiVersion"`
			Kind       string            `yaml:"kind"`
			Metadata   map[string]string `yaml:"metadata"`
			Data       *yaml.Node        `yaml:"data,omitempty"`
			StringData *yaml.Node        `yaml:"stringData,omitempty"`
		}{"v1", o.kind, map[string]string{"name": name}, mapping(o.values, o.field == "data"), mapping(o.values, o.field == "stringData")})
		if err != nil {
			return "", err
		}
		documents = append(documents, string(text))
	}
	return strings.Join(documents, "---\n"), nil
}

// Environment is the list env of a container: secrets come from the Secret of a name, and what has no default is to be filled in.
func Environment(c contract.Contract, secret string) string {
	var out strings.Builder
	for _, v := range c.Variables {
		comment := oneLine(need(v) + "; " + v.Expected())
		if v.Secret {
			fmt.Fprintf(&out, "- { name: %s, valueFrom: { secretKeyRef: { name: %s, key: %s } } } # %s\n", v.Name, secret, v.Name, comment)
			continue
		}
		fmt.Fprintf(&out, "- { name: %s, value: %s } # %s\n", v.Name, jsonText(placeholder(v)), comment)
	}
	return out.String()
}

// jsonText is a text of JSON, which is one of YAML in quotes.
func jsonText(text string) string {
	quoted, _ := json.Marshal(text)
	return string(quoted)
}

func mapping(content []*yaml.Node, wanted bool) *yaml.Node {
	if !wanted {
		return nil
	}
	return &yaml.Node{Kind: yaml.MappingNode, Content: content}
}

func markdown(c contract.Contract) string {
	cell := func(text string) string {
		return strings.NewReplacer("|", `\|`, "<", "&lt;", ">", "&gt;").Replace(oneLine(text))
	}
	var out strings.Builder
	out.WriteString("| variable | needed | value | processes | |\n|---|---|---|---|---|\n")
	for _, v := range c.Variables {
		processes, description := strings.Join(v.Processes, ", "), v.Description
		if processes == "" {
			processes = "all"
		}
		if !v.AtLaunch() {
			processes = "the build"
		}
		if v.Deprecated != "" {
			description = "(deprecated: " + v.Deprecated + ") " + description
		}
		if v.Secret {
			description = "(secret) " + description
		}
		fmt.Fprintf(&out, "| `%s` | %s | %s | %s | %s |\n", v.Name, cell(need(v)), cell(v.Expected()), cell(processes), cell(description))
	}
	for _, g := range c.Groups {
		fmt.Fprintf(&out, "\n%s: `%s`\n", strings.ReplaceAll(g.Kind, "-", " "), strings.Join(g.Names, "`, `"))
	}
	for _, r := range c.Rules {
		fmt.Fprintf(&out, "\nwhere both are set: `%s`\n", r)
	}
	return out.String()
}
