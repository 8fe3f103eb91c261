package declare

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/contract"
)

// DotEnv reads variables from an .env.example or .env.schema: NAME=value, with comments above as description. A value
// becomes the example; a name that looks like a secret becomes one, and its value is left out.
func DotEnv(text string) []contract.Variable {
	var list []contract.Variable
	var comments []string
	for line := range strings.Lines(strings.TrimPrefix(text, "\ufeff")) {
		line = strings.TrimSpace(line)
		if comment, ok := strings.CutPrefix(line, "#"); ok {
			comments = append(comments, strings.TrimSpace(comment))
			continue
		}
		name, value, found := strings.Cut(strings.TrimPrefix(line, "export "), "=")
		name = strings.TrimSpace(name)
		if found && namePattern.MatchString(name) {
			v := Guess(name)
			v.Description = strings.Join(comments, " ")
			if value = unquote(value); value != "" && !v.Secret {
				v.Example = value
				if v.Type != "" && !v.Accepts(value) {
					v.Type = ""
				}
			}
			list = append(list, v)
		}
		comments = nil
	}
	return list
}

func unquote(value string) string {
	value = strings.TrimSpace(value)
	if value != "" && (value[0] == '"' || value[0] == '\'') {
		if end := strings.IndexByte(value[1:], value[0]); end >= 0 {
			return value[1 : end+1]
		}
	}
	value, _, _ = strings.Cut(value, " #")
	return strings.TrimSpace(value)
}

var (
	secretPattern = regexp.MustCompile(`(SECRET|TOKEN|PASSWORD|PASSWD|PRIVATE|CREDENTIAL|(^|_)KEY$|API_KEY|DSN$)`)
	guesses       = []struct {
		pattern *regexp.Regexp
		kind    string
	}{
		{regexp.MustCompile(`(_|^)(URL|URI)$`), "url"}, {regexp.MustCompile(`(_|^)PORT$`), "port"}, {regexp.MustCompile(`(_|^)EMAIL$`), "email"},
		{regexp.MustCompile(`_(COUNT|SIZE|LIMIT|MAX|MIN|WORKERS|THREADS)$`), "int"},
	}
)

// Guess makes a variable of its name alone: what type it has, and whether it is a secret.
func Guess(name string) contract.Variable {
	v := contract.Variable{Name: name, Required: true, Secret: secretPattern.MatchString(name)}
	for _, guess := range guesses {
		if guess.pattern.MatchString(name) {
			v.Type = guess.kind
		}
	}
	if v.Type == "url" && regexp.MustCompile(`DATABASE|POSTGRES|MYSQL|MONGO|REDIS|AMQP`).MatchString(name) {
		v.Secret = true // Such addresses hold a password.
	}
	return v
}

// Draft writes variables as tables of project.toml.
func Draft(variables []contract.Variable, where map[string]string) string {
	var out strings.Builder
	for i, v := range variables {
		if i > 0 {
			out.WriteByte('\n')
		}
		fmt.Fprintf(&out, "[dev.gantry.config.%s]\n", v.Name)
		if place := where[v.Name]; place != "" {
			fmt.Fprintf(&out, "# read in %s\n", place)
		}
		if v.Description != "" {
			fmt.Fprintf(&out, "description = %q\n", v.Description)
		}
		if v.Type != "" {
			fmt.Fprintf(&out, "type = %q\n", v.Type)
		}
		if v.Example != "" {
			fmt.Fprintf(&out, "example = %q\n", v.Example)
		}
		if v.Secret {
			out.WriteString("secret = true\n")
		}
		if v.Default != nil {
			fmt.Fprintf(&out, "default = %q\n", *v.Default)
		} else if !v.Required {
			out.WriteString("required = false\n")
		}
	}
	return out.String()
}
