// Package cnb is what the phases of a buildpack share when they meet the lifecycle: variables, and how an error
// ends a phase.
package cnb

import (
	"os"
	"strings"

	"github.com/buildpacks/libcnb/v2"

	"github.com/gantry-buildpack/gantry/internal/buildpack/buildlog"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// Lookup finds variables: those that the user gave the platform, then those of the process (a builder's own).
func Lookup(given map[string]string, environ []string) func(string) (string, bool) {
	own := map[string]string{}
	for _, variable := range environ {
		name, value, _ := strings.Cut(variable, "=")
		own[name] = value
	}
	return func(name string) (string, bool) {
		if value, found := given[name]; found {
			return value, true
		}
		value, found := own[name]
		return value, found
	}
}

// Exit ends a phase: the exit codes are those of the specification, errors are printed as problems.
func Exit(r *buildlog.Log) libcnb.Option { return libcnb.WithExitHandler(exit{r}) }

// failDetection is the specification's "not for this buildpack".
const failDetection = 100

type exit struct{ report *buildlog.Log }

func (e exit) Error(err error) {
	e.report.Problem(problem.As(err))
	os.Exit(1)
}
func (exit) Fail() { os.Exit(failDetection) }
func (exit) Pass() { os.Exit(0) }
