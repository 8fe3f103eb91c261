package fetch

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/problem"
)

// Mirrors say where files are found instead of at their own place. The forms are those of Paketo's libpak:
// https://paketo.io/docs/howto/configuration/#dependency-mirrors.
type Mirrors struct {
	// hosts maps a lower-case host name, or "" for all others, to a mirror.
	hosts map[string]mirror
	// files maps a checksum in hex digits to a URL (bindings of type dependency-mapping).
	files map[string]string
}

type mirror struct {
	url      *url.URL
	skipPath string
	// origin names the setting, for errors.
	origin string
}

const mirrorVariable = "BP_DEPENDENCY_MIRROR"

// Binding is a service binding: https://servicebinding.io/spec/core/1.1.0/#workload-projection.
type Binding struct {
	Name, Type string
	Secret     map[string]string
}

// ReadMirrors takes mirrors from bindings (dependency-mirror, dependency-mapping) and the environment, which wins.
func ReadMirrors(environ []string, bindings []Binding) (Mirrors, error) {
	m := Mirrors{hosts: map[string]mirror{}, files: map[string]string{}}
	seen := map[string]string{}
	for _, binding := range bindings {
		for key, value := range binding.Secret {
			kind := strings.ToLower(binding.Type)
			name := kind + " " + strings.ToLower(key)
			if other, twice := seen[name]; twice && (kind == "dependency-mapping" || kind == "dependency-mirror") {
				return m, twoBindings(binding, other, key)
			}
			seen[name] = binding.Name
			switch kind {
			case "dependency-mapping":
				digits := strings.ToLower(key[strings.IndexByte(key, ':')+1:])
				m.files[digits] = strings.TrimSpace(value)
			case "dependency-mirror":
				host := strings.ToLower(key)
				if host == "default" {
					host = ""
				}
				if err := m.add(host, strings.TrimSpace(value), "the binding "+binding.Name); err != nil {
					return m, err
				}
			}
		}
	}
	for _, variable := range environ {
		name, value, _ := strings.Cut(variable, "=")
		suffix, ok := strings.CutPrefix(name, mirrorVariable)
		if !ok || value == "" || (suffix != "" && suffix[0] != '_') {
			continue
		}
		host := strings.ToLower(strings.NewReplacer("__", "-", "_", ".").Replace(strings.TrimPrefix(suffix, "_")))
		if err := m.add(host, value, name); err != nil {
			return m, err
		}
	}
	return m, nil
}

func twoBindings(b Binding, other, key string) error {
	return &problem.Problem{
		ID:    "fetch/two-mirrors",
		Title: "two service bindings say where one thing comes from",
		Where: problem.Position{File: "the binding " + b.Name},
		Why:   fmt.Sprintf("the binding %s of type %s has the key %s as well", other, b.Type, key),
		Hints: []string{"Remove the key from one of them."},
	}
}

// add reads a mirror: a URL, or "mirror=URL,skip-path=PATH".
func (m Mirrors) add(host, text, origin string) error {
	entry := mirror{origin: origin}
	address := ""
	for i, part := range strings.Split(text, ",") {
		name, value, named := strings.Cut(part, "=")
		switch {
		case named && name == "mirror":
			address = value
		case named && name == "skip-path":
			entry.skipPath = value
		case i == 0:
			address = part
		}
	}
	u, err := url.Parse(address)
	if err != nil || !(u.Scheme == "file" && u.Host == "" && u.Path != "" || (u.Scheme == "http" || u.Scheme == "https") && u.Host != "") {
		return &problem.Problem{
			ID:    "fetch/bad-mirror",
			Title: "a dependency mirror is not understood",
			Where: problem.Position{File: origin},
			Why:   "it is not an http://, https:// or file:/// address",
			Hints: []string{"Write it like https://mirror.example/path or file:///mirror/path: " + problem.Page("mirrors.md")},
		}
	}
	entry.url = u
	m.hosts[host] = entry
	return nil
}

// resolve gives the place of a file: a mapping of its checksum, else its host's mirror, else the general one.
func (m Mirrors) resolve(file File, digest string) (*url.URL, error) {
	if mapped := m.files[digest]; mapped != "" {
		u, err := url.Parse(mapped)
		if err != nil {
			return nil, fmt.Errorf("a dependency-mapping for %s is not a URL", file.Name())
		}
		return u, nil
	}
	original, err := url.Parse(file.URL)
	if err != nil {
		return nil, fmt.Errorf("%q is not a URL", file.URL)
	}
	entry, found := m.hosts[strings.ToLower(original.Hostname())]
	if !found {
		if entry, found = m.hosts[""]; !found {
			return original, nil
		}
	}
	target := *entry.url
	base := strings.Replace(target.Path, "{originalHost}", original.Hostname(), 1)
	target.Path = strings.TrimRight(base, "/") + strings.Replace(original.Path, entry.skipPath, "", 1)
	target.RawPath = ""
	return &target, nil
}
