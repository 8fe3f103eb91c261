package settings

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/BurntSushi/toml"

	gantry "github.com/gantry-buildpack/gantry"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// Configuration is one of [[metadata.configurations]] in a buildpack.toml:
// https://github.com/paketo-buildpacks/rfcs/blob/main/text/0007-default-configuration.md. What Key, Alias, Type, Values, Unset, See
// and Example are is told there.
type Configuration struct {
	Name, Description, Default            string
	Key, Alias, Type, Unset, See, Example string
	Values                                []string
	Launch                                bool
	// HasDefault is false where it has none, not even an empty one.
	HasDefault bool
}

// Configurations reads them from a buildpack.toml, whose table metadata is given.
func Configurations(metadata map[string]any) (list []Configuration) {
	for _, table := range Tables(metadata["configurations"]) {
		text := func(key string) string {
			value, _ := table[key].(string)
			return value
		}
		c := Configuration{
			Name: text("name"), Description: text("description"), Key: text("key"), Alias: text("alias"), Type: text("type"), Unset: text("unset"),
			See: text("see"), Example: text("example"), Launch: table["launch"] == true,
		}
		if value, found := table["default"]; found {
			c.Default, c.HasDefault = fmt.Sprint(value), true
		}
		if values, ok := table["values"].([]any); ok {
			for _, value := range values {
				c.Values = append(c.Values, fmt.Sprint(value))
			}
		}
		list = append(list, c)
	}
	return list
}

// over gives a configuration with what it says itself, and for the rest what another one says.
func (c Configuration) over(other Configuration) Configuration {
	for _, text := range []struct {
		own   *string
		other string
	}{{&c.Key, other.Key}, {&c.Alias, other.Alias}, {&c.Type, other.Type}, {&c.Unset, other.Unset}, {&c.See, other.See}, {&c.Example, other.Example}} {
		if *text.own == "" {
			*text.own = text.other
		}
	}
	if c.Values == nil {
		c.Values = other.Values
	}
	if !c.HasDefault {
		c.Default, c.HasDefault = other.Default, other.HasDefault
	}
	return c
}

// releases is where a buildpack.toml goes on with releases, which take longer to read than all the rest.
const releases = "\n[[metadata.dependencies]]"

// Builtin gives the configurations of the buildpack.toml that belongs to this program.
var Builtin = sync.OnceValue(func() []Configuration {
	text, _, _ := strings.Cut(gantry.BuildpackTOML, releases)
	metadata, err := Metadata([]byte(text))
	if err != nil {
		// It is part of the program, and a test reads it.
		panic(err)
	}
	return Configurations(metadata)
})

// Metadata gives the table metadata of a buildpack.toml, as libcnb reads it.
func Metadata(text []byte) (map[string]any, error) {
	var buildpack struct{ Metadata map[string]any }
	err := toml.Unmarshal(text, &buildpack)
	return buildpack.Metadata, err
}

// Version gives the version of the buildpack that a buildpack.toml describes.
func Version(text string) (string, error) {
	var descriptor struct{ Buildpack struct{ Version string } }
	_, err := toml.Decode(text, &descriptor)
	return descriptor.Buildpack.Version, err
}

// Tables gives an array of tables, which an encoder of TOML may write as an array of inline tables.
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
		Hints: []string{"Remove it from [[metadata.configurations]]; the settings are listed at " + problem.Page("settings.md")},
	}
	if likely := problem.Nearest(name, names); likely != "" {
		p.Hints = append([]string{"Did you mean " + likely + "?"}, p.Hints...)
	}
	return p
}

// unknownType is a type in buildpack.toml that a setting cannot have.
func unknownType(c Configuration) error {
	p := &problem.Problem{
		ID:    "settings/unknown-configuration",
		Title: fmt.Sprintf("the configuration %s has the type %q, which Gantry does not know", c.Name, c.Type),
		Where: problem.Position{File: "buildpack.toml"},
		Why:   "a type is one of " + strings.Join(types(), ", "),
		Hints: []string{"Remove the line type from [[metadata.configurations]]: Gantry knows which it is."},
	}
	return p
}

// TOML writes its default, or where it has none the example of buildpack.toml, as a value of project.toml.
func (c Configuration) TOML() string {
	switch {
	case c.Default == "" && c.Example != "":
		return c.Example
	case c.Type == "boolean" || c.Type == "packages":
		return cmp.Or(c.Default, "false")
	case c.Type == "list":
		var quoted []string
		for part := range strings.SplitSeq(c.Default, ",") {
			quoted = append(quoted, strconv.Quote(strings.TrimSpace(part)))
		}
		return "[" + strings.Join(quoted, ", ") + "]"
	}
	return strconv.Quote(c.Default)
}
