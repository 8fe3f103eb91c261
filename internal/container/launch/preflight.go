package launch

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

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

// Preflight checks the contract of some process types, of all where none is named, against an environment, without starting any. The exit
// code is 0 when all may start, 1 when one may not, 2 when the question was not understood.
func Preflight(image Image, arguments, environ []string, out, log io.Writer) int {
	missing, err := missingLibraries(image.Layers, "/", Variables(environ))
	if err != nil {
		return fail(log, 2, err)
	}
	asJSON := slices.Contains(arguments, "--json")
	types := slices.DeleteFunc(slices.Clone(arguments), func(word string) bool { return word == "--json" })
	for _, name := range types {
		if strings.HasPrefix(name, "-") {
			_, _ = fmt.Fprintln(log, "usage: gantry preflight [--json] [TYPE…]")
			return 2
		}
		if !slices.Contains(image.Processes, name) {
			_, _ = fmt.Fprintf(log, "gantry: there is no process type %s; there are %s\n", problem.Visible(name), strings.Join(image.Processes, ", "))
			return 2
		}
	}
	result := image.Check(types, environ)
	checked := image.Contract.Count(types)
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
		text, err := json.MarshalIndent(preflightReport{code == 0, checked, findings, missing}, "", "  ")
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
		_, _ = fmt.Fprintf(out, "The configuration is complete: %s checked.\n", problem.Count(checked, "variable"))
	default:
		_, _ = fmt.Fprintf(out, "The configuration is not complete: %s.\n\n%s", problem.Count(len(problems), "problem"), describe(problems))
	}
	if missing != "" {
		_, _ = fmt.Fprintf(out, "\nLibraries are missing in the run image:\n\n%s", missing)
	}
	if len(warnings) > 0 {
		_, _ = fmt.Fprintf(out, "\nWarnings:\n\n%s", describe(warnings))
	}
	return code
}
