package packagejson

import (
	"encoding/json"

	"github.com/gantry-buildpack/gantry/internal/source/lazyregexp"
)

var notInName = lazyregexp.New(`\W`)

// Variables are what package managers set of the file for scripts: https://docs.npmjs.com/cli/using-npm/scripts#packagejson-vars.
func (m Manifest) Variables() map[string]string {
	list := map[string]string{}
	for name, value := range m.Config {
		list["npm_package_config_"+notInName().ReplaceAllString(name, "_")] = value
	}
	if m.Name != "" {
		list["npm_package_name"] = m.Name
	}
	if m.Version != "" {
		list["npm_package_version"] = m.Version
	}
	return list
}

// packageConfig is "config" of package.json, but for lists and objects, which are those of tools.
type packageConfig map[string]string

// UnmarshalJSON passes over what is of another form, as package managers do.
func (c *packageConfig) UnmarshalJSON(text []byte) error {
	var all map[string]any
	if json.Unmarshal(text, &all) != nil {
		return nil
	}
	*c = packageConfig{}
	for name, value := range all {
		switch value := value.(type) {
		case string:
			(*c)[name] = value
		case float64, bool:
			written, err := json.Marshal(value)
			if err != nil {
				return err
			}
			(*c)[name] = string(written)
		}
	}
	return nil
}
