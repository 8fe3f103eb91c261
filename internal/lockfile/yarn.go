package lockfile

import (
	"strings"

	"go.yaml.in/yaml/v3"
)

// yarnEntry is an entry of either of Yarn's formats.
type yarnEntry struct {
	Version              string            `yaml:"version"`
	Resolution           string            `yaml:"resolution"`
	LinkType             string            `yaml:"linkType"`
	Dependencies         map[string]string `yaml:"dependencies"`
	OptionalDependencies map[string]string `yaml:"optionalDependencies"`
	Conditions           string            `yaml:"conditions"`
	integrity            string
}

// addYarn adds entries by the descriptors that lead to them.
func (g *Graph) addYarn(entries map[string]yarnEntry, by map[string]string, descriptor func(name, wanted string) []string) {
	resolve := func(name, wanted string) (string, bool) {
		for _, d := range descriptor(name, wanted) {
			if key, ok := by[d]; ok {
				return key, entries[key].LinkType != "soft"
			}
		}
		return "", false
	}
	for key, e := range entries {
		if e.LinkType == "soft" || !conditions(e.Conditions).fits(g.on) {
			continue
		}
		name, _ := splitName(key)
		if e.Resolution != "" {
			name, _ = splitName(e.Resolution)
		} else if _, alias, ok := strings.Cut(key, "@npm:"); ok {
			name, _ = splitName(alias)
		}
		p := Package{Name: name, Version: e.Version, Integrity: e.integrity}
		for _, list := range []map[string]string{e.Dependencies, e.OptionalDependencies} {
			for name, wanted := range list {
				if next, ok := resolve(name, wanted); ok {
					p.Needs = append(p.Needs, next)
				}
			}
		}
		g.Packages[key] = p
	}
	g.find = func(_ Wanted, name, wanted string) (string, bool) { return resolve(name, wanted) }
}

// conditions reads "os=linux & cpu=x64 & libc=glibc".
func conditions(text string) requires {
	var r requires
	for part := range strings.SplitSeq(text, " & ") {
		key, value, _ := strings.Cut(strings.Trim(part, "() "), "=")
		switch key {
		case "os":
			r.OS.add(value)
		case "cpu":
			r.CPU.add(value)
		case "libc":
			r.Libc.add(value)
		}
	}
	return r
}

// readYarn reads Yarn 1's format, which is almost YAML: https://classic.yarnpkg.com/lang/en/docs/yarn-lock/.
func (g *Graph) readYarn(text []byte) {
	entries, by := map[string]yarnEntry{}, map[string]string{}
	key, section := "", ""
	unquote := func(text string) string { return strings.Trim(text, `"`) }
	for line := range strings.SplitSeq(string(text), "\n") {
		line = strings.TrimRight(line, "\r ")
		trimmed := strings.TrimLeft(line, " ")
		switch len(line) - len(trimmed) {
		case 0:
			if !strings.HasSuffix(line, ":") || strings.HasPrefix(line, "#") {
				continue
			}
			key, section = "", ""
			for descriptor := range strings.SplitSeq(strings.TrimSuffix(line, ":"), ", ") {
				descriptor = unquote(descriptor)
				if key == "" {
					key = descriptor
				}
				by[descriptor] = key
			}
			entries[key] = yarnEntry{Dependencies: map[string]string{}}
		case 2:
			name, value, _ := strings.Cut(trimmed, " ")
			section = strings.TrimSuffix(name, ":")
			e := entries[key]
			switch name {
			case "version":
				e.Version = unquote(value)
			case "integrity":
				e.integrity = unquote(value)
			}
			entries[key] = e
		case 4:
			if name, wanted, ok := strings.Cut(trimmed, " "); ok && (section == "dependencies" || section == "optionalDependencies") && key != "" {
				entries[key].Dependencies[unquote(name)] = unquote(wanted)
			}
		}
	}
	g.addYarn(entries, by, func(name, wanted string) []string { return []string{name + "@" + wanted} })
}

// readBerry reads the format of Yarn 2 and later, which is YAML.
func (g *Graph) readBerry(text []byte) {
	var entries map[string]yarnEntry
	if yaml.Unmarshal(text, &entries) != nil {
		return
	}
	delete(entries, "__metadata")
	by := map[string]string{}
	for key := range entries {
		for descriptor := range strings.SplitSeq(key, ", ") {
			by[descriptor] = key
		}
	}
	g.addYarn(entries, by, func(name, wanted string) []string {
		return []string{name + "@" + wanted, name + "@npm:" + wanted}
	})
}
