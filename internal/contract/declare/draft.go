package declare

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/contract"
)

var (
	guesses = []struct {
		pattern *regexp.Regexp
		kind    string
	}{
		{regexp.MustCompile(`(_|^)(URL|URI)$`), "url"}, {regexp.MustCompile(`(_|^)PORT$`), "port"}, {regexp.MustCompile(`(_|^)EMAIL$`), "email"},
		{regexp.MustCompile(`_(COUNT|SIZE|LIMIT|MAX|MIN|WORKERS|THREADS)$`), "int"},
	}
	// stores are what addresses with passwords lead to.
	stores = regexp.MustCompile(`DATABASE|POSTGRES|PG_|MYSQL|MONGO|REDIS|AMQP|RABBIT|SMTP|ELASTIC|CLICKHOUSE|WEBHOOK|DSN`)
)

// Guess makes a variable of its name alone: what type it has, whether it is a secret, and whether the build needs it.
func Guess(name string) contract.Variable {
	v := contract.Variable{Name: name, Required: true, Secret: contract.SecretName(name)}
	for _, guess := range guesses {
		if guess.pattern.MatchString(name) {
			v.Type = guess.kind
		}
	}
	if v.Type == "url" && stores.MatchString(name) {
		v.Secret = true // Such addresses hold a password.
	}
	if contract.Baked(name) {
		// What a bundler writes into a page is no secret.
		v.Phase, v.Secret = "build", false
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
			fmt.Fprintf(&out, "# read in %s\n", strings.Join(strings.Fields(place), " "))
		}
		for _, line := range []struct{ key, value string }{
			{"description", v.Description}, {"type", v.Type}, {"phase", v.Phase}, {"pattern", v.Pattern}, {"example", v.Example},
		} {
			if line.value != "" {
				fmt.Fprintf(&out, "%s = %s\n", line.key, contract.QuoteTOML(line.value))
			}
		}
		if len(v.Values) > 0 {
			quoted := make([]string, 0, len(v.Values))
			for _, value := range v.Values {
				quoted = append(quoted, contract.QuoteTOML(value))
			}
			fmt.Fprintf(&out, "values = [%s]\n", strings.Join(quoted, ", "))
		}
		for _, line := range []struct {
			key   string
			value *float64
		}{{"min", v.Min}, {"max", v.Max}, {"min-length", asFloat(v.MinLength)}, {"max-length", asFloat(v.MaxLength)}} {
			if line.value != nil {
				fmt.Fprintf(&out, "%s = %s\n", line.key, strconv.FormatFloat(*line.value, 'f', -1, 64))
			}
		}
		if v.Secret {
			out.WriteString("secret = true\n")
		}
		if v.Default != nil {
			fmt.Fprintf(&out, "default = %s\n", contract.QuoteTOML(*v.Default))
		} else if !v.Required {
			out.WriteString("required = false\n")
		}
	}
	return out.String()
}

func asFloat(n *int) *float64 {
	if n == nil {
		return nil
	}
	f := float64(*n)
	return &f
}
