package nodejs

import (
	"encoding/json"
	"slices"

	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/source/lazyregexp"
)

// withPackageVariables gives processes what they read of a package.json other than the application's, whose variables are own,
// where a package manager starts them (https://docs.npmjs.com/cli/using-npm/scripts#packagejson-vars): Gantry starts what the
// script would run instead.
func (p *Project) withPackageVariables(processes []plan.Process, own map[string]string) []plan.Process {
	list := slices.Clone(processes)
	for i, q := range list {
		m, dir := p.packageAt(q.Dir)
		if dir == p.dir || q.Args[0] == plan.StaticServer {
			continue
		}
		for name, value := range m.variables() {
			if own[name] != value {
				list[i].Env = merge(map[string]string{name: value}, list[i].Env)
			}
		}
	}
	return list
}

var notInName = lazyregexp.New(`\W`)

func (m manifest) variables() map[string]string {
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
