package settings

import (
	"fmt"
	"slices"

	"github.com/gantry-buildpack/gantry/internal/problem"
	"github.com/gantry-buildpack/gantry/internal/source/projecttoml"
)

// Defaults are what settings are when nobody sets them, by their variables, as a buildpack.toml has them: an operator changes
// them there, and packages the buildpack again.
type Defaults map[string]string

// elsewhere are configurations of buildpack.toml that are read by other parts of Gantry.
var elsewhere = []string{"BP_DEPENDENCY_MIRROR"}

// DefaultsOf reads [[metadata.configurations]] of a buildpack.toml, whose table metadata is given:
// https://github.com/paketo-buildpacks/rfcs/blob/main/text/0007-default-configuration.md. One that Gantry does not know, or whose
// default is not a value of the setting, is an error.
func DefaultsOf(metadata map[string]any) (Defaults, error) {
	defaults := Defaults{}
	for _, table := range tables(metadata["configurations"]) {
		name, _ := table["name"].(string)
		i := slices.IndexFunc(definitions, func(d definition) bool { return d.env == name })
		if i < 0 && !slices.Contains(elsewhere, name) {
			return nil, unknownConfiguration(name)
		}
		value, found := table["default"]
		if i < 0 || !found {
			continue
		}
		text := fmt.Sprint(value)
		if d := definitions[i]; d.check != nil {
			if why := d.check(text); why != "" && text != d.fallback {
				return nil, &problem.Problem{
					ID:    "settings/bad-value",
					Title: "the default of " + name + " is not understood",
					Where: problem.Position{File: "buildpack.toml"},
					Why:   why,
					Hints: []string{"Correct the default in [[metadata.configurations]], and package the buildpack again."},
				}
			}
		}
		defaults[name] = text
	}
	return defaults, nil
}

// tables gives an array of tables, as one decoder or another makes it.
func tables(value any) []map[string]any {
	switch value := value.(type) {
	case []map[string]any:
		return value
	case []any:
		var list []map[string]any
		for _, item := range value {
			if table, ok := item.(map[string]any); ok {
				list = append(list, table)
			}
		}
		return list
	}
	return nil
}

func unknownConfiguration(name string) error {
	p := &problem.Problem{
		ID:    "settings/unknown-configuration",
		Title: fmt.Sprintf("buildpack.toml has a configuration %q that Gantry does not know", name),
		Where: problem.Position{File: "buildpack.toml"},
		Hints: []string{"Remove it from [[metadata.configurations]]; the settings are listed in docs/settings.md."},
	}
	var names []string
	for _, d := range definitions {
		names = append(names, d.env)
	}
	if likely := projecttoml.Nearest(name, names); likely != "" {
		p.Hints = append([]string{"Did you mean " + likely + "?"}, p.Hints...)
	}
	return p
}
