package launch

import (
	"fmt"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/contract"
)

// describe writes findings for people, aligned: the name, what is wrong with it, and below it what to do.
//
//	DATABASE_URL  is not set, and it is required; expected is a URL that begins with postgres://
//	              Where orders are kept
//	              Set it in the deployment.
func describe(findings []contract.Finding) string {
	width := 0
	for _, f := range findings {
		width = max(width, min(len(f.Name), 32))
	}
	var out strings.Builder
	for _, f := range findings {
		what := f.What
		if f.Expected != "" {
			what += "; expected is " + f.Expected
		}
		name := f.Name
		if len(name) > width {
			// A group's names may be long: they stand above.
			fmt.Fprintf(&out, "  %s\n", name)
			name = ""
		}
		fmt.Fprintf(&out, "  %-*s  %s\n", width, name, what)
		for _, line := range []string{f.Description, f.Advice} {
			if line != "" {
				fmt.Fprintf(&out, "  %-*s  %s\n", width, "", line)
			}
		}
	}
	return out.String()
}

// split tells what keeps the application from starting from what does not.
func split(findings []contract.Finding) (problems, warnings []contract.Finding) {
	for _, f := range findings {
		if f.Warning() {
			warnings = append(warnings, f)
		} else {
			problems = append(problems, f)
		}
	}
	return problems, warnings
}
