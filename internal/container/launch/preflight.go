package launch

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/gantry-buildpack/gantry/internal/contract"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// preflightReport is what --json prints.
type preflightReport struct {
	OK       bool               `json:"ok"`
	Checked  int                `json:"checked"`
	Findings []contract.Finding `json:"findings"`
	// Missing are the libraries that are not in the run image, one a line.
	Missing string `json:"missing-libraries,omitempty"`
}

// Preflight checks the contract of all process types against an environment, without starting any. The exit code is 0
// when all may start, 1 when one may not, 2 when the question was not understood.
func Preflight(image Image, arguments, environ []string, out io.Writer) int {
	missing, err := missingLibraries(image.Layers, "/", Variables(environ))
	if err != nil {
		return fail(out, 2, err)
	}
	asJSON := len(arguments) == 1 && arguments[0] == "--json"
	if len(arguments) > 0 && !asJSON {
		_, _ = fmt.Fprintln(out, "usage: gantry preflight [--json]")
		return 2
	}
	result := image.Check(environ)
	problems, warnings := split(result.Findings)
	code := 0
	if len(problems) > 0 || missing != "" {
		code = 1
	}
	if asJSON {
		findings := append(problems, warnings...)
		if findings == nil {
			findings = []contract.Finding{}
		}
		text, err := json.MarshalIndent(preflightReport{code == 0, len(image.Contract.Variables), findings, missing}, "", "  ")
		if err != nil {
			return fail(out, 2, err)
		}
		_, _ = fmt.Fprintf(out, "%s\n", text)
		return code
	}
	switch {
	case image.Contract.Empty():
		_, _ = fmt.Fprintln(out, "The application declares no configuration; there is nothing to check.")
	case len(problems) == 0:
		_, _ = fmt.Fprintf(out, "The configuration is complete: %s checked.\n", problem.Count(len(image.Contract.Variables), "variable"))
	default:
		_, _ = fmt.Fprintf(out, "The configuration is not complete: %s.\n\n%s", problem.Count(len(problems), "problem"), describe(problems))
	}
	if missing != "" {
		_, _ = fmt.Fprintf(out, "\nLibraries are missing in the run image:\n\n%s", missing)
	}
	if len(warnings) > 0 {
		_, _ = fmt.Fprintf(out, "\nOld names are in use:\n\n%s", describe(warnings))
	}
	return code
}
