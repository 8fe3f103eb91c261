package resolve

import (
	"maps"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/container/variables"
	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/plan/inventory"
	"github.com/gantry-buildpack/gantry/internal/source/settings"
)

// Defaults are those in [[metadata.configurations]] of a buildpack.toml: an operator changes them there.
type Defaults struct {
	// Build are the settings of a build, with their defaults.
	Build settings.Table
	// Container are those of the variables BPL_… of a container, of which only those are given that an operator has added:
	// Gantry's own are where they take effect.
	Container map[string]string
	// Dependencies are the releases in [[metadata.dependencies]].
	Dependencies []plan.Release
}

// For gives the resolver for a buildpack.toml, whose table metadata is given.
func For(metadata map[string]any) (Resolver, error) {
	d := Defaults{Container: map[string]string{}}
	var build []settings.Configuration
	for _, c := range settings.Configurations(metadata) {
		if !strings.HasPrefix(c.Name, variables.Prefix) {
			build = append(build, c)
			continue
		}
		expected, known := variables.Check(c.Name, c.Default)
		switch {
		case !known:
			return Resolver{}, settings.UnknownConfiguration(c.Name, variables.Names())
		case expected != nil:
			return Resolver{}, settings.BadDefault(c.Name, "it must be "+expected.Error())
		case c.Default != "":
			d.Container[c.Name] = c.Default
		}
	}
	var err error
	if d.Dependencies, err = inventory.DependenciesOf(metadata); err != nil {
		return Resolver{}, err
	}
	d.Build, err = settings.Of(build)
	return Resolver{Languages: Default.Languages, Defaults: d}, err
}

// withDefaults adds defaults to variables of which the plan says nothing.
func withDefaults(planned, defaults map[string]string) map[string]string {
	if len(defaults) == 0 {
		return planned
	}
	all := maps.Clone(defaults)
	maps.Copy(all, planned)
	return all
}
