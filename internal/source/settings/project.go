package settings

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/problem"
	"github.com/gantry-buildpack/gantry/internal/source/projecttoml"
)

// notSettings are the keys of [dev.gantry] that say something else: the config contract, process types, and the version of the table,
// which any may have: https://github.com/buildpacks/spec/blob/main/extensions/project-descriptor.md.
var notSettings = []string{"config", "config-group", "config-rule", "process", "schema-version"}

// apply walks a table of settings; prefix is the dotted path that leads to it. All mistakes are given.
func (known Table) apply(s *Settings, t projecttoml.Table, table map[string]any, prefix string) (mistakes []*problem.Problem) {
	for _, name := range slices.Sorted(maps.Keys(table)) {
		key := prefix + name
		if slices.Contains(notSettings, key) {
			continue
		}
		if i := slices.IndexFunc(known, func(d definition) bool { return d.Key == key }); i >= 0 {
			setting, wrong := known[i].read(table[name], t.Where(key))
			if wrong != nil {
				mistakes = append(mistakes, wrong)
				continue
			}
			*known[i].target(s) = setting
			continue
		}
		inner, isTable := table[name].(map[string]any)
		if isTable && slices.ContainsFunc(known, func(d definition) bool { return strings.HasPrefix(d.Key, key+".") }) {
			mistakes = append(mistakes, known.apply(s, t, inner, key+".")...)
			continue
		}
		mistakes = append(mistakes, known.unknown(key, t.Where(key)))
	}
	return mistakes
}

func (d definition) read(raw any, where problem.Position) (Setting, *problem.Problem) {
	bad := func(why string) *problem.Problem {
		return &problem.Problem{
			ID:    "settings/bad-value",
			Title: "dev.gantry." + d.Key + " has a value that is not understood",
			Where: where,
			Why:   why,
			Hints: []string{"Correct the value, or remove the line for the default."},
		}
	}
	value, ok := raw.(string)
	items, isList := raw.([]any)
	if d.Type == "list" || d.Type == "packages" && isList {
		if !isList {
			return Setting{}, bad("a list of strings is expected")
		}
		var texts []string
		for _, item := range items {
			text, isText := item.(string)
			if !isText || strings.Contains(text, ",") {
				return Setting{}, bad("a list of strings is expected")
			}
			texts = append(texts, text)
		}
		value, ok = strings.Join(texts, ","), true
	}
	yes, isBoolean := raw.(bool)
	if isBoolean && d.boolean() {
		value, ok = strconv.FormatBool(yes), true
	}
	switch {
	case d.Type == "boolean" && !isBoolean:
		return Setting{}, bad("true or false is expected")
	case !ok:
		return Setting{}, bad("a string is expected")
	}
	if why := d.check(value); why != "" {
		return Setting{}, bad(why)
	}
	return Setting{Value: value, Origin: where.String(), Where: where}, nil
}

func (known Table) unknown(key string, where problem.Position) *problem.Problem {
	p := &problem.Problem{
		ID:    "settings/unknown-key",
		Title: "dev.gantry." + key + " is not a setting",
		Where: where,
		Hints: []string{"Remove it; the settings are listed at " + problem.Page("settings.md")},
	}
	names := map[string]bool{}
	for _, name := range notSettings {
		names[name] = true
	}
	for _, d := range known {
		names[d.Key] = true
		group, _, _ := strings.Cut(d.Key, ".")
		names[group] = true
	}
	if likely := problem.Nearest(key, slices.Sorted(maps.Keys(names))); likely != "" {
		p.Hints = append([]string{fmt.Sprintf("Did you mean dev.gantry.%s?", likely)}, p.Hints...)
	}
	return p
}
