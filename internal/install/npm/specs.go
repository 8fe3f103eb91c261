package npm

import (
	"bytes"
	"encoding/json"
	"path"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/source/lazyregexp"
	"github.com/gantry-buildpack/gantry/internal/source/semver"
)

// fits reports whether the package that an edge leads to is what the edge asks for, or what an override puts there.
func (b *builder) fits(e *edge) (bool, error) {
	if rule := b.overrides[e.name]; len(rule.specs) > 0 && !e.to.InBundle {
		for _, spec := range rule.specs {
			if ok, err := satisfies(e.from, e.to, spec); ok || err != nil {
				return ok, err
			}
		}
		if rule.always {
			return false, nil
		}
	}
	return satisfies(e.from, e.to, e.spec)
}

// satisfies is Arborist's dep-valid: https://github.com/npm/cli/blob/latest/workspaces/arborist/lib/dep-valid.js.
// Specifications of git repositories and workspace protocols are left to npm.
func satisfies(from, to *node, spec string) (bool, error) {
	if alias, ok := strings.CutPrefix(spec, "npm:"); ok {
		at := strings.LastIndexByte(alias, '@')
		if at <= 0 {
			return true, nil
		}
		spec = alias[at+1:]
	}
	switch {
	case isWeb(spec):
		return to.target == nil && to.Resolved == spec, nil
	case isTarball(spec):
		return to.target == nil && to.Resolved == "file:"+path.Join(from.key, strings.TrimPrefix(spec, "file:")), nil
	case strings.HasPrefix(spec, "file:") || strings.HasPrefix(spec, "./") || strings.HasPrefix(spec, "../"):
		return to.target != nil && to.target.key == path.Join(from.key, strings.TrimPrefix(spec, "file:")), nil
	case spec == "" || spec == "*":
		return true, nil
	}
	r, err := semver.ParseRange(spec)
	if err != nil && isTag(spec) && to.target == nil && isWeb(to.Resolved) {
		// The lockfile says what was tagged so when it was written.
		return true, nil
	}
	if err != nil {
		return false, unsupported("the specification %s@%s is not a version range", to.title(), spec)
	}
	v, err := semver.Parse(to.version())
	if err != nil {
		return false, unsupported("%s has the version %q", to.title(), to.version())
	}
	return r.Matches(v), nil
}

var tagName = lazyregexp.New(`^[\w.!~*'()-]+$`)

// isTag reports whether a specification can be a tag: https://github.com/npm/npm-package-arg/blob/main/lib/npa.js.
func isTag(spec string) bool { return tagName().MatchString(spec) }

// bundles are the names of the packages that come inside of a package. What an application or workspace bundles is for
// publishing it.
func (n *node) bundles() map[string]bool {
	names := map[string]bool{}
	if n.parent == nil || len(n.BundleDependencies) == 0 {
		return names
	}
	var list []string
	if json.Unmarshal(n.BundleDependencies, &list) == nil {
		for _, name := range list {
			names[name] = true
		}
	}
	return names
}

// overrides are the versions that package.json puts in place of what packages ask for, by the package's name:
// https://docs.npmjs.com/cli/configuring-npm/package-json#overrides.
type overrides map[string]override

type override struct {
	specs []string
	// always: it holds wherever the package is wanted. One that holds below some package only, or for some versions
	// only, may or may not hold for a dependency; the lockfile is believed then.
	always bool
}

func parseOverrides(m manifest) (overrides, error) {
	if len(m.Overrides) == 0 || bytes.Equal(m.Overrides, []byte("null")) {
		return nil, nil
	}
	var rules map[string]any
	if err := json.Unmarshal(m.Overrides, &rules); err != nil {
		return nil, unsupported("the overrides in package.json are not understood")
	}
	o := overrides{}
	return o, o.read(rules, m, true)
}

func (o overrides) read(rules map[string]any, m manifest, top bool) error {
	for key, value := range rules {
		name, version := key, ""
		if at := strings.LastIndexByte(key, '@'); at > 0 {
			name, version = key[:at], key[at+1:]
		}
		spec := value
		if nested, ok := value.(map[string]any); ok {
			spec = nested["."]
			rest := map[string]any{}
			for inner, v := range nested {
				if inner != "." {
					rest[inner] = v
				}
			}
			if err := o.read(rest, m, false); err != nil {
				return err
			}
			if spec == nil {
				continue
			}
		}
		text, ok := spec.(string)
		if !ok {
			return unsupported("the override of %s is not understood", key)
		}
		if reference, ok := strings.CutPrefix(text, "$"); ok {
			if text = m.direct(reference); text == "" {
				return unsupported("the override of %s refers to %s, which is no dependency", key, reference)
			}
		}
		rule := o[name]
		rule.specs = append(rule.specs, text)
		rule.always = top && version == "" && len(rule.specs) == 1
		o[name] = rule
	}
	return nil
}

// direct gives what the application itself asks for.
func (m manifest) direct(name string) string {
	for _, group := range []map[string]string{m.DevDependencies, m.OptionalDependencies, m.Dependencies, m.PeerDependencies} {
		if group[name] != "" {
			return group[name]
		}
	}
	return ""
}
