package settings

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/problem"
	"github.com/gantry-buildpack/gantry/internal/source/conventions"
)

// Unheeded tells of variables that are given to a build, have the form of a setting, and are none of Gantry's: nothing that a user sets is ignored
// in silence. names are those of the variables.
func Unheeded(names []string) (warnings []string) {
	var builds, launches []string
	for _, c := range Builtin() {
		list := &builds
		if strings.HasPrefix(c.Name, "BPL_") {
			list = &launches
		}
		*list = append(*list, c.Name)
		if c.Alias != "" {
			*list = append(*list, c.Alias)
		}
	}
	for _, name := range slices.Sorted(slices.Values(names)) {
		_, _, answered := conventions.Of(name)
		switch {
		case answered, slices.Contains(builds, name), slices.ContainsFunc(elsewhere, func(prefix string) bool { return name == prefix || strings.HasPrefix(name, prefix+"_") }):
		case slices.Contains(launches, name):
			warnings = append(warnings, name+" is read when the container starts, and has no effect on a build: set it where the image is deployed.")
		case strings.HasPrefix(name, "BP_"), strings.HasPrefix(name, "BPL_"):
			hint := " The settings are listed at " + problem.Page("settings.md")
			if near := problem.Nearest(name, slices.Concat(builds, launches)); near != "" {
				hint = " Did you mean " + near + "?"
			}
			warnings = append(warnings, fmt.Sprintf("%s is not a setting of Gantry, and has no effect unless another buildpack of this build reads it.%s", name, hint))
		}
	}
	return warnings
}
