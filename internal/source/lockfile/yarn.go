package lockfile

import (
	"strings"

	"go.yaml.in/yaml/v3"
)

// YarnEntry is an entry of either of Yarn's formats; Checksum, Resolution, LinkType and Conditions are those of Yarn 2 and later.
type YarnEntry struct {
	Version              string            `yaml:"version"`
	Resolution           string            `yaml:"resolution"`
	LinkType             string            `yaml:"linkType"`
	Dependencies         map[string]string `yaml:"dependencies"`
	OptionalDependencies map[string]string `yaml:"optionalDependencies"`
	Conditions           string            `yaml:"conditions"`
	Checksum             string            `yaml:"checksum"`
	integrity            string
}

// Fits reports whether a package is installed on a platform.
func (e YarnEntry) Fits(on Platform) bool { return conditions(e.Conditions).fits(on) }

// addYarn adds entries by the descriptors that lead to them.
func (g *Graph) addYarn(entries map[string]YarnEntry, by map[string]string, descriptor func(name, wanted string) []string) {
	resolve := func(name, wanted string) (string, bool) {
		for _, d := range descriptor(name, wanted) {
			if key, ok := by[d]; ok {
				return key, entries[key].LinkType != "soft"
			}
		}
		return "", false
	}
	for key, e := range entries {
		if e.LinkType == "soft" || !e.Fits(g.on) {
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

// Yarn1Entry is an entry of a lockfile of Yarn 1.
type Yarn1Entry struct {
	// Descriptors are the dependencies that lead to it, such as "express@^4.0.0".
	Descriptors []string
	// Fields are "version", "resolved", "integrity" and others.
	Fields map[string]string
	// Dependencies are those that are optional, too.
	Dependencies map[string]string
}

// Yarn1 reads Yarn 1's format, which is almost YAML: https://classic.yarnpkg.com/lang/en/docs/yarn-lock/.
func Yarn1(text []byte) []Yarn1Entry {
	var entries []Yarn1Entry
	section := ""
	unquote := func(text string) string { return strings.Trim(text, `"`) }
	for line := range strings.SplitSeq(string(text), "\n") {
		line = strings.TrimRight(line, "\r ")
		trimmed := strings.TrimLeft(line, " ")
		depth := len(line) - len(trimmed)
		name, value, spaced := strings.Cut(trimmed, " ")
		switch {
		case depth == 0 && strings.HasSuffix(line, ":") && !strings.HasPrefix(line, "#"):
			e := Yarn1Entry{Fields: map[string]string{}, Dependencies: map[string]string{}}
			for descriptor := range strings.SplitSeq(strings.TrimSuffix(line, ":"), ", ") {
				e.Descriptors = append(e.Descriptors, unquote(descriptor))
			}
			entries, section = append(entries, e), ""
		case len(entries) == 0:
		case depth == 2:
			section = strings.TrimSuffix(name, ":")
			entries[len(entries)-1].Fields[name] = unquote(value)
		case depth == 4 && spaced && (section == "dependencies" || section == "optionalDependencies"):
			entries[len(entries)-1].Dependencies[unquote(name)] = unquote(value)
		}
	}
	return entries
}

func (g *Graph) readYarn(text []byte) {
	entries, by := map[string]YarnEntry{}, map[string]string{}
	for _, e := range Yarn1(text) {
		key := e.Descriptors[0]
		for _, descriptor := range e.Descriptors {
			by[descriptor] = key
		}
		entries[key] = YarnEntry{Version: e.Fields["version"], integrity: e.Fields["integrity"], Dependencies: e.Dependencies}
	}
	g.addYarn(entries, by, func(name, wanted string) []string { return []string{name + "@" + wanted} })
}

// Berry reads the format of Yarn 2 and later, which is YAML: entries by all the dependencies that lead to them. What is not
// understood is empty.
func Berry(text []byte) map[string]YarnEntry {
	var entries map[string]YarnEntry
	if yaml.Unmarshal(text, &entries) != nil {
		return nil
	}
	delete(entries, "__metadata")
	return entries
}

func (g *Graph) readBerry(text []byte) {
	entries := Berry(text)
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
