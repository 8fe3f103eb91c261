package pkgmanager

import (
	"errors"
	"fmt"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/plan/inventory"
	"github.com/gantry-buildpack/gantry/internal/plan/nodejs/nodeversion"
	"github.com/gantry-buildpack/gantry/internal/problem"
	"github.com/gantry-buildpack/gantry/internal/source/semver"
)

// npm installs with npm, or from its lockfile.
func (m Manager) npm(in plan.Install, s Source) plan.Install {
	in.Commands.All = titled("npm ci", []string{"npm", "ci", "--include=dev"})
	in.Commands.OnlyLaunch = plan.Run("npm", "ci", "--omit=dev")
	in.Commands.Env = map[string]string{"npm_config_cache": plan.StoreDir}
	in.Lockfile.Direct = &plan.DirectInstall{RunScripts: plan.Command{Title: "npm rebuild", Args: []string{"npm", "rebuild"}, Dir: s.Root}}
	in.Lockfile.NotDirect = m.notDirect(in.Manager.Version, s)
	if m.Lockfile == "" {
		in.Commands.All = titled("npm install", []string{"npm", "install", "--include=dev", "--no-package-lock"})
		in.Commands.OnlyLaunch = titled("npm install --omit=dev", []string{"npm", "install", "--omit=dev", "--no-package-lock"})
	}
	return in
}

// notDirect says why Gantry cannot install from the lockfile itself; empty when that may be tried.
func (m Manager) notDirect(npm string, s Source) string {
	version, err := semver.Parse(npm)
	switch {
	case s.OnlyNPM != "":
		return "the setting " + s.OnlyNPM + " asks for it"
	case m.Lockfile == "":
		return "there is no lockfile"
	case err != nil || version.Major < 9 || version.Major > 11:
		return "Gantry makes the trees of npm 9 to 11"
	}
	return ""
}

// oldestNPM is the first major version that knows the options with which it is called.
const oldestNPM = 7

// NPM gives the npm that is asked for, or the one that belongs to the release of Node.js. What "engines" asks for is advice
// (https://docs.npmjs.com/cli/configuring-npm/package-json#engines): where it cannot be had, a warning says so.
func (own Manager) NPM(release plan.Release, releases inventory.Catalog) (m Manager, chosen plan.Release, warning string, err error) {
	m = Manager{Kind: KindOf("npm"), Line: release.Manager}
	if own.Name == m.Name {
		m.Asked = own.Asked
	}
	chosen, err = m.Release(releases, release.Arch)
	if !strings.HasPrefix(m.Asked.Origin, "engines.") {
		return m, chosen, "", err
	}
	if known, ok := errors.AsType[*problem.Problem](err); ok && known.ID != "node/manager-version-unsatisfiable" {
		return m, chosen, "", err
	}
	if version, unknown := semver.Parse(chosen.Version); err == nil && (unknown != nil || version.Major >= oldestNPM) {
		return m, chosen, "", nil
	}
	asked := m.Asked
	m.Asked = nodeversion.Request{}
	chosen, err = m.Release(releases, release.Arch)
	return m, chosen, fmt.Sprintf("npm %s, which %s asks for, is not one that Gantry installs: npm %s takes its place, which belongs to Node.js %s.",
		asked.Text, asked.Origin, chosen.Version, release.Version), err
}
