package nodejs

import (
	"encoding/json"
	"maps"

	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/source/lazyregexp"
)

// packageVariables sets what applications read of their package.json where a package manager starts them
// (https://docs.npmjs.com/cli/using-npm/scripts#packagejson-vars): Gantry starts what the script would run instead.
func (p *Project) packageVariables(out *plan.Plan) {
	if out.LaunchEnv == nil {
		return
	}
	own := p.manifest.variables()
	maps.Copy(out.LaunchEnv, own)
	for i := range out.Processes {
		q := &out.Processes[i]
		m, dir := p.packageAt(q.Dir)
		if dir == p.dir || q.Args[0] == plan.StaticServer {
			continue
		}
		for name, value := range m.variables() {
			if own[name] != value {
				q.Env = merge(map[string]string{name: value}, q.Env)
			}
		}
	}
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
