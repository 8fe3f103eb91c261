package declare

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/contract"
)

var decorator = regexp.MustCompile(`@(\w+)(?:=("(?:[^"\\]|\\.)*"|'[^']*'|[\w-]+(?:\((?:"[^"]*"|'[^']*'|[^)"'])*\))?|[^\s@]\S*))?`)

// isEnvSchema reports whether a text is an .env.schema: its comments have decorators.
var isEnvSchema = regexp.MustCompile(`(?m)^#\s*@(?:required|optional|sensitive|type|defaultRequired|defaultSensitive|example)\b`)

// IsEnvSchema reports whether a file is an .env.schema, by its name or its decorators.
func IsEnvSchema(name, text string) bool {
	return strings.HasSuffix(name, ".env.schema") || isEnvSchema.MatchString(text)
}

// decorators reads those of comments; what is left is the description.
func decorators(comments []string) (values map[string]string, description string) {
	values = map[string]string{}
	var texts []string
	for _, comment := range comments {
		if !strings.HasPrefix(comment, "@") {
			texts = append(texts, strings.Trim(comment, "-= "))
			continue
		}
		for _, found := range decorator.FindAllStringSubmatch(comment, -1) {
			value := found[2]
			if value == "" {
				value = "true"
			}
			if text, _ := unquote(value, nil); strings.ContainsAny(value[:1], `"'`) {
				value = text
			}
			values[found[1]] = value
		}
	}
	return values, strings.TrimSpace(strings.Join(texts, " "))
}

// EnvSchema reads an .env.schema: https://varlock.dev/env-spec/overview/. A value there is the default; one that is sensitive, which all
// are unless the file says otherwise, is never repeated.
func EnvSchema(text string) []contract.Variable {
	header := map[string]string{}
	if before, after, found := strings.Cut(text, "\n# ---"); found && !strings.Contains("\n"+before, "\n=") && len(entries(before)) == 0 {
		var comments []string
		for line := range strings.Lines(before) {
			comments = append(comments, strings.TrimSpace(strings.TrimLeft(strings.TrimSpace(line), "#")))
		}
		header, _ = decorators(comments)
		_, text, _ = strings.Cut(after, "\n")
	}
	var list []contract.Variable
	for _, e := range entries(text) {
		if e.off {
			continue
		}
		said, description := decorators(e.comments)
		v := contract.Variable{Name: e.name, Description: description}
		v.Secret = sensitive(e.name, said, header)
		value, static := e.value, !strings.Contains(e.value, "(") && !strings.Contains(e.value, "$")
		v.Required = needed(said, header, value != "")
		typed(&v, said["type"])
		if contract.Baked(v.Name) {
			v.Phase = "build"
		}
		if example := said["example"]; example != "" && !v.Secret && v.Accepts(example) {
			v.Example = example
		}
		switch {
		case v.Secret || value == "" || !static || contract.HasPassword(value):
		case v.Phase == "build":
			v.Example = value
		case v.Accepts(value):
			v.Default, v.Required = &value, false
		}
		list = append(list, v)
	}
	return list
}

// sensitive is what a variable's decorator says, else the file's, else that it is.
func sensitive(name string, said, header map[string]string) bool {
	switch {
	case said["sensitive"] != "":
		return said["sensitive"] != "false"
	case said["public"] != "":
		return said["public"] == "false"
	case strings.HasPrefix(header["defaultSensitive"], "inferFromPrefix("):
		prefix := strings.Trim(strings.TrimSuffix(strings.TrimPrefix(header["defaultSensitive"], "inferFromPrefix("), ")"), `"' `)
		return !strings.HasPrefix(name, prefix)
	}
	return header["defaultSensitive"] != "false"
}

// needed is what a variable's decorator says, else the file's, else whether it has a value.
func needed(said, header map[string]string, hasValue bool) bool {
	switch {
	case said["required"] != "":
		// forEnv(…) and the like are true for some environments.
		return said["required"] == "true"
	case said["optional"] != "":
		return said["optional"] == "false"
	case header["defaultRequired"] == "true":
		return true
	case header["defaultRequired"] == "false":
		return false
	}
	return hasValue
}

// optionPattern are divided by commas; one in quotes may hold some.
var optionPattern = regexp.MustCompile(`(?:"[^"]*"|'[^']*'|[^,"'])+`)

// typed reads @type: https://varlock.dev/reference/data-types/. One that has no counterpart is a text.
func typed(v *contract.Variable, text string) {
	name, options, _ := strings.Cut(strings.TrimSuffix(text, ")"), "(")
	var values []string
	named := map[string]string{}
	for _, option := range optionPattern.FindAllString(options, -1) {
		key, value, found := strings.Cut(strings.TrimSpace(option), "=")
		if strings.HasPrefix(key, `"`) || strings.HasPrefix(key, "'") {
			key, found = strings.TrimSpace(option), false
		}
		switch {
		case found:
			named[key] = strings.Trim(value, `"'`)
		case key != "":
			values = append(values, strings.Trim(key, `"'`))
		}
	}
	bound := func(key string) *float64 {
		n, err := strconv.ParseFloat(named[key], 64)
		if err != nil {
			return nil
		}
		return &n
	}
	count := func(key string) *int {
		n, err := strconv.Atoi(named[key])
		if err != nil {
			return nil
		}
		return &n
	}
	switch name {
	case "enum":
		v.Values = values
	case "number":
		v.Type, v.Min, v.Max = "float", bound("min"), bound("max")
		if named["isInt"] == "true" || named["precision"] == "0" {
			v.Type = "int"
		}
	case "boolean":
		v.Type = "bool"
	case "url", "email", "port":
		v.Type = name
	case "string":
		v.MinLength, v.MaxLength = count("minLength"), count("maxLength")
		if pattern := named["matches"]; pattern != "" {
			if _, err := regexp.Compile(pattern); err == nil {
				v.Pattern = pattern
			}
		}
	}
}
