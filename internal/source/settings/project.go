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

// notSettings are the tables of [dev.gantry] that say something else: the config contract, and process types.
var notSettings = []string{"config", "config-group", "process"}

// apply walks a table of settings; prefix is the dotted path that leads to it.
func apply(s *Settings, t projecttoml.Table, table map[string]any, prefix string) error {
	for _, name := range slices.Sorted(maps.Keys(table)) {
		key := prefix + name
		if slices.Contains(notSettings, key) {
			continue
		}
		if i := slices.IndexFunc(definitions, func(d definition) bool { return d.key == key }); i >= 0 {
			setting, err := definitions[i].read(table[name], t.Where(key))
			if err != nil {
				return err
			}
			*definitions[i].target(s) = setting
			continue
		}
		inner, isTable := table[name].(map[string]any)
		if isTable && slices.ContainsFunc(definitions, func(d definition) bool { return strings.HasPrefix(d.key, key+".") }) {
			if err := apply(s, t, inner, key+"."); err != nil {
				return err
			}
			continue
		}
		return unknown(key, t.Where(key))
	}
	return nil
}

func (d definition) read(raw any, where problem.Position) (Setting, error) {
	bad := func(why string) error {
		return &problem.Problem{
			ID:    "settings/bad-value",
			Title: "dev.gantry." + d.key + " has a value that is not understood",
			Where: where,
			Why:   why,
			Hints: []string{"Correct the value, or remove the line for the default."},
		}
	}
	value, ok := raw.(string)
	if d.list {
		items, isList := raw.([]any)
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
	if d.boolean {
		yes, isBoolean := raw.(bool)
		if !isBoolean {
			return Setting{}, bad("true or false is expected")
		}
		value, ok = strconv.FormatBool(yes), true
	}
	if !ok {
		return Setting{}, bad("a string is expected")
	}
	if d.check != nil {
		if why := d.check(value); why != "" {
			return Setting{}, bad(why)
		}
	}
	return Setting{Value: value, Origin: where.String(), Where: where}, nil
}

func unknown(key string, where problem.Position) error {
	p := &problem.Problem{
		ID:    "settings/unknown-key",
		Title: "dev.gantry." + key + " is not a setting",
		Where: where,
		Hints: []string{"Remove it; the settings are listed in docs/settings.md."},
	}
	names := map[string]bool{}
	for _, name := range notSettings {
		names[name] = true
	}
	for _, d := range definitions {
		names[d.key] = true
		group, _, _ := strings.Cut(d.key, ".")
		names[group] = true
	}
	if likely := projecttoml.Nearest(key, slices.Sorted(maps.Keys(names))); likely != "" {
		p.Hints = append([]string{fmt.Sprintf("Did you mean dev.gantry.%s?", likely)}, p.Hints...)
	}
	return p
}
