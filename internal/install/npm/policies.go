package npm

import (
	"encoding/json"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/source/semver"
)

// checkPolicies leaves to npm what package.json says in ways that change what npm does.
func (t *Tree) checkPolicies() error {
	m := t.manifests[""]
	if err := t.project.Host.checkDevEngines(m.fields["devEngines"]); err != nil {
		return err
	}
	return t.checkAllowScripts(m.fields["allowScripts"])
}

// checkAllowScripts: "npm rebuild" heeds what is allowed and denied, by npm approve-scripts and npm deny-scripts, itself. But
// npm makes no commands of a package whose scripts are denied: Arborist's rebuild.js.
func (t *Tree) checkAllowScripts(text json.RawMessage) error {
	if len(text) == 0 {
		return nil
	}
	var policy map[string]bool
	if json.Unmarshal(text, &policy) != nil {
		return unsupported("package.json has allowScripts of an unknown form")
	}
	for key, allowed := range policy {
		if allowed {
			continue
		}
		name := key
		if at := strings.LastIndexByte(key, '@'); at > 0 {
			name = key[:at]
		}
		if !isPackageName(name) {
			return unsupported("package.json denies the scripts of %s", key)
		}
		for _, n := range t.nodes {
			if n.packageName() == name && len(n.fields["bin"]) > 0 {
				return unsupported("package.json denies the scripts of %s, which has commands", name)
			}
		}
	}
	return nil
}

// devEngine is one of those that devEngines names: https://docs.npmjs.com/cli/configuring-npm/package-json#devengines.
type devEngine struct{ Name, Version string }

// checkDevEngines leaves it to npm to refuse another runtime or package manager: npm-install-checks' dev-engines.js.
func (h Host) checkDevEngines(text json.RawMessage) error {
	if len(text) == 0 {
		return nil
	}
	var wanted map[string]json.RawMessage
	if json.Unmarshal(text, &wanted) != nil {
		return unsupported("package.json has devEngines of an unknown form")
	}
	have := map[string]devEngine{"runtime": {"node", h.Node}, "packageManager": {"npm", h.NPM}}
	for engine, text := range wanted {
		var one devEngine
		var list []devEngine
		if json.Unmarshal(text, &one) == nil {
			list = []devEngine{one}
		} else if json.Unmarshal(text, &list) != nil {
			return unsupported("package.json has devEngines of an unknown form")
		}
		fits := len(list) == 0
		for _, each := range list {
			fits = fits || each.fits(have[engine])
		}
		if !fits {
			return unsupported("package.json has devEngines.%s, which does not fit", engine)
		}
	}
	return nil
}

func (e devEngine) fits(have devEngine) bool {
	r, err := semver.ParseRange(e.Version)
	v, versionErr := semver.Parse(have.Version)
	return e.Name != "" && e.Name == have.Name && (e.Version == "" || err == nil && versionErr == nil && r.Matches(v))
}
