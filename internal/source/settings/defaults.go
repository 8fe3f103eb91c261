package settings

import (
	"fmt"
	"slices"

	"github.com/pelletier/go-toml/v2"

	"github.com/gantry-buildpack/gantry/internal/problem"
	"github.com/gantry-buildpack/gantry/internal/source/projecttoml"
)

// Defaults are what settings are when nobody sets them, by their variables, as a buildpack.toml has them: an operator changes
// them there, and packages the buildpack again.
type Defaults map[string]string

// elsewhere are configurations of buildpack.toml that are read by other parts of Gantry.
var elsewhere = []string{"BP_DEPENDENCY_MIRROR"}

// Configuration is one of [[metadata.configurations]] in a buildpack.toml:
// https://github.com/paketo-buildpacks/rfcs/blob/main/text/0007-default-configuration.md.
type Configuration struct {
	Name, Default string
	// HasDefault is false where it has none, not even an empty one.
	HasDefault bool
}

// Configurations reads them from a buildpack.toml, whose table metadata is given.
func Configurations(metadata map[string]any) (list []Configuration) {
	for _, table := range Tables(metadata["configurations"]) {
		name, _ := table["name"].(string)
		c := Configuration{Name: name}
		if value, found := table["default"]; found {
			c.Default, c.HasDefault = fmt.Sprint(value), true
		}
		list = append(list, c)
	}
	return list
}

// DefaultsOf gives the defaults of configurations. One that Gantry does not know, or whose default is not a value of the
// setting, is an error.
func DefaultsOf(configurations []Configuration) (Defaults, error) {
	defaults := Defaults{}
	for _, c := range configurations {
		i := slices.IndexFunc(definitions, func(d definition) bool { return d.env == c.Name })
		if i < 0 && !slices.Contains(elsewhere, c.Name) {
			var names []string
			for _, d := range definitions {
				names = append(names, d.env)
			}
			return nil, UnknownConfiguration(c.Name, names)
		}
		if i < 0 || !c.HasDefault {
			continue
		}
		if d := definitions[i]; d.check != nil {
			if why := d.check(c.Default); why != "" && c.Default != d.fallback {
				return nil, BadDefault(c.Name, why)
			}
		}
		defaults[c.Name] = c.Default
	}
	return defaults, nil
}

// Metadata gives the table metadata of a buildpack.toml, as libcnb reads it.
func Metadata(text []byte) (map[string]any, error) {
	var buildpack struct{ Metadata map[string]any }
	err := toml.Unmarshal(text, &buildpack)
	return buildpack.Metadata, err
}

// Tables gives an array of tables, as one decoder of TOML or another makes it.
func Tables(value any) []map[string]any {
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

// BadDefault is a default in buildpack.toml that its configuration cannot have; why says what it must be.
func BadDefault(name, why string) error {
	return &problem.Problem{
		ID:    "settings/bad-value",
		Title: "the default of " + name + " is not understood",
		Where: problem.Position{File: "buildpack.toml"},
		Why:   why,
		Hints: []string{"Correct the default in [[metadata.configurations]], and package the buildpack again."},
	}
}

// UnknownConfiguration is one in buildpack.toml that is none of the names that Gantry knows.
func UnknownConfiguration(name string, names []string) error {
	p := &problem.Problem{
		ID:    "settings/unknown-configuration",
		Title: fmt.Sprintf("buildpack.toml has a configuration %q that Gantry does not know", name),
		Where: problem.Position{File: "buildpack.toml"},
		Hints: []string{"Remove it from [[metadata.configurations]]; the settings are listed in docs/settings.md."},
	}
	if likely := projecttoml.Nearest(name, names); likely != "" {
		p.Hints = append([]string{"Did you mean " + likely + "?"}, p.Hints...)
	}
	return p
}
