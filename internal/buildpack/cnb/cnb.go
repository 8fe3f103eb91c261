// Package cnb is what the phases of a buildpack share when they meet the lifecycle: variables, and how an error
// ends a phase.
package cnb

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/buildpacks/libcnb/v2"

	gantry "github.com/gantry-buildpack/gantry"
	"github.com/gantry-buildpack/gantry/internal/buildpack/buildlog"
	"github.com/gantry-buildpack/gantry/internal/problem"
	"github.com/gantry-buildpack/gantry/internal/source/settings"
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

// Log is a phase's output. A buildpack writes into a pipe, whose reader is often somebody at a terminal: so it is in colour, as other buildpacks' is,
// unless NO_COLOR is set (https://no-color.org). Platforms take the colours off where nobody sees them: pack --no-color.
func Log() *buildlog.Log { return buildlog.New(os.Stdout, os.Getenv("NO_COLOR") == "") }

// ByHand answers a person who starts a phase from a shell, and reports whether it was one: the lifecycle gives no words, and variables.
func ByHand(phase string, words []string) (code int, byHand bool) {
	help := slices.ContainsFunc(words, func(word string) bool {
		return slices.Contains([]string{"--help", "-h", "help", "--version", "version"}, word)
	})
	if !help && (os.Getenv("CNB_BUILDPACK_DIR") != "" || len(words) > 0) {
		return 0, false
	}
	version, _ := settings.Version(gantry.BuildpackTOML)
	text := fmt.Sprintf("bin/%s of the buildpack gantry/app %s. The lifecycle starts it, not people: build with gantry build, pack build --buildpack, or kpack.\n", phase, version)
	if help {
		fmt.Print(text)
		return 0, true
	}
	fmt.Fprint(os.Stderr, text)
	return 1, true
}
