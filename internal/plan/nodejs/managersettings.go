package nodejs

import (
	"path"
	"slices"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/plan/nodejs/packagejson"
)

// npmrc gives a key's values in the .npmrc of the packages, and its origin: https://docs.npmjs.com/cli/configuring-npm/npmrc.
func (p *Project) npmrc(key string) (values []string, origin string) {
	file := path.Join(p.root, ".npmrc")
	// One that cannot be read is an error where credentials are looked for.
	text, _, _ := p.app.Read(file)
	for line := range strings.SplitSeq(string(text), "\n") {
		name, value, _ := strings.Cut(line, "=")
		if name = strings.TrimSpace(name); name == key || name == key+"[]" {
			values, origin = append(values, strings.Trim(strings.TrimSpace(value), `"'`)), key+" in "+file
		}
	}
	return values, origin
}

// ignoresScripts reports whether the package manager is told to run no lifecycle scripts, neither those of packages nor
// the ones around a script: https://docs.npmjs.com/cli/using-npm/config#ignore-scripts.
func (p *Project) ignoresScripts() bool {
	for _, name := range map[string][]string{
		"npm": {"npm_config_ignore_scripts"}, "pnpm": {"npm_config_ignore_scripts", "pnpm_config_ignore_scripts"}, "yarn": {"yarn_ignore_scripts"},
	}[p.manager.Name] {
		if v, found := p.settings.ManagerVariables[name]; found {
			return v.Value != "false"
		}
	}
	if p.manager.Name == "yarn" || p.manager.Name == "bun" {
		return p.manager.IgnoresScripts()
	}
	values, _ := p.npmrc("ignore-scripts")
	return len(values) > 0 && values[len(values)-1] != "false"
}

// keepsDevelopment says which development dependencies stay in the image since somebody asks for them, and where.
func (p *Project) keepsDevelopment() (names []string, origin string) {
	s := p.settings.NodeKeepDev
	switch s.Value {
	case "true":
		return p.development(), s.Origin
	case "false", "":
	default:
		for name := range strings.SplitSeq(s.Value, ",") {
			names = append(names, strings.TrimSpace(name))
		}
		return names, s.Origin
	}
	if s.IsSet() {
		return nil, ""
	}
	for _, each := range []struct {
		name  string
		means func(string) bool
	}{
		{"npm_config_include", func(v string) bool { return slices.Contains(strings.Fields(strings.ReplaceAll(v, ",", " ")), "dev") }},
		{"npm_config_production", isFalse}, {"npm_config_prod", isFalse}, {"pnpm_config_prod", isFalse}, {"yarn_production", isFalse},
		{"node_env", func(v string) bool { return v == "development" }},
	} {
		if v, found := p.settings.ManagerVariables[each.name]; found && each.means(v.Value) {
			return p.development(), v.Origin + "=" + v.Value
		}
	}
	if values, origin := p.npmrc("include"); slices.Contains(values, "dev") {
		return p.development(), origin
	}
	for _, key := range []string{"production", "prod"} {
		if values, origin := p.npmrc(key); slices.Contains(values, "false") {
			return p.development(), origin
		}
	}
	return nil, ""
}

func isFalse(value string) bool { return value == "false" }

// development are the names of all development dependencies.
func (p *Project) development() (names []string) {
	for _, m := range []packagejson.Manifest{p.manifest, p.top} {
		for name := range m.DevDependencies {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
