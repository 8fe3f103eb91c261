package nodejs

import (
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/plan/inventory"
	"github.com/gantry-buildpack/gantry/internal/plan/nodejs/nodeversion"
	"github.com/gantry-buildpack/gantry/internal/plan/nodejs/packagejson"
	"github.com/gantry-buildpack/gantry/internal/problem"
	"github.com/gantry-buildpack/gantry/internal/source/app"
	"github.com/gantry-buildpack/gantry/internal/source/lazyregexp"
	"github.com/gantry-buildpack/gantry/internal/source/semver"
	"github.com/gantry-buildpack/gantry/internal/source/settings"
)

// npm installs with npm, or from its lockfile.
func (p *Project) npm(in plan.Install) plan.Install {
	in.Commands.All = titled("npm ci", []string{"npm", "ci", "--include=dev"})
	in.Commands.OnlyLaunch = runs("npm", "ci", "--omit=dev")
	in.Commands.Prune = titled("npm prune --omit=dev", []string{"npm", "prune", "--omit=dev", "--ignore-scripts", "--offline"})
	in.Commands.Env = map[string]string{"npm_config_cache": plan.StoreDir}
	in.Lockfile.Direct = &plan.DirectInstall{RunScripts: plan.Command{Title: "npm rebuild", Args: []string{"npm", "rebuild"}, Dir: p.root}}
	in.Lockfile.NotDirect = p.notDirect(in.Manager.Version)
	if p.manager.lockfile == "" {
		in.Commands.All = titled("npm install", []string{"npm", "install", "--include=dev", "--no-package-lock"})
		in.Commands.OnlyLaunch = titled("npm install --omit=dev", []string{"npm", "install", "--omit=dev", "--no-package-lock"})
	}
	return in
}

// notDirect says why Gantry cannot install from the lockfile itself; empty when that may be tried.
func (p *Project) notDirect(npm string) string {
	version, err := semver.Parse(npm)
	switch {
	case p.settings.NodeInstaller.Value == "npm":
		return "the setting " + p.settings.NodeInstaller.Origin + " asks for it"
	case p.manager.lockfile == "":
		return "there is no lockfile"
	case err != nil || version.Major < 9 || version.Major > 11:
		return "Gantry makes the trees of npm 9 to 11"
	}
	return ""
}

// oldestNPM is the first major version that knows the options with which it is called.
const oldestNPM = 7

// chooseNPM gives the npm that is asked for, or the one that belongs to the release of Node.js. What "engines" asks for is advice
// (https://docs.npmjs.com/cli/configuring-npm/package-json#engines): where it cannot be had, a warning says so.
func (p *Project) chooseNPM(release plan.Release, releases inventory.Catalog) (m manager, chosen plan.Release, warning string, err error) {
	m = manager{kind: kindOf("npm"), line: release.Manager}
	if p.manager.name == m.name {
		m.asked = p.manager.asked
	}
	chosen, err = m.release(releases, release.Arch)
	if !strings.HasPrefix(m.asked.Origin, "engines.") {
		return m, chosen, "", err
	}
	if known, ok := errors.AsType[*problem.Problem](err); ok && known.ID != "node/manager-version-unsatisfiable" {
		return m, chosen, "", err
	}
	if version, unknown := semver.Parse(chosen.Version); err == nil && (unknown != nil || version.Major >= oldestNPM) {
		return m, chosen, "", nil
	}
	asked := m.asked
	m.asked = nodeversion.Request{}
	chosen, err = m.release(releases, release.Arch)
	return m, chosen, fmt.Sprintf("npm %s, which %s asks for, is not one that Gantry installs: npm %s takes its place, which belongs to Node.js %s.",
		asked.Text, asked.Origin, chosen.Version, release.Version), err
}

// compilesItself reports whether npm compiles the application: https://docs.npmjs.com/cli/using-npm/scripts#npm-install.
func (p *Project) compilesItself() bool {
	return p.manager.name == "npm" && p.top.Scripts["install"] == "" && p.top.Scripts["preinstall"] == "" && p.top.Gypfile != false &&
		p.app.Has(path.Join(p.root, "binding.gyp"))
}

// literalCredential finds credentials that stand in an .npmrc, .yarnrc.yml or bunfig.toml themselves, not as a variable.
var literalCredential = lazyregexp.New(`(?m)(?:^|[\s{,"':])(?:_authToken|_auth|_password|npmAuthToken|npmAuthIdent|token|password)["']?\s*[=:]\s*["']?[^\s"'$]`)

// credentialFiles may hold credentials for registries.
var credentialFiles = []string{".npmrc", ".pnpmrc", ".yarnrc", yarnrcFile, "bunfig.toml"}

// withCredentials gives the files of the application that hold credentials for the build.
func (p *Project) withCredentials() ([]string, error) {
	var list []string
	for _, dir := range p.folders() {
		for _, name := range inDir(dir, credentialFiles) {
			text, found, err := p.app.Read(name)
			if err != nil {
				return nil, err
			}
			if found && literalCredential().Match(text) {
				list = append(list, name)
			}
		}
	}
	return list, nil
}

// folders are those in which settings of package managers may be.
func (p *Project) folders() []string {
	list := []string{p.root}
	if p.selected() {
		list = append(list, p.dir)
	}
	if p.root != "" {
		list = append(list, "")
	}
	return list
}

// chooseRegistry gives the npm registry: the setting, else that of .npmrc, else npm's own.
func chooseRegistry(a app.App, npmrc string, s settings.Settings) (string, error) {
	text, _, err := a.Read(npmrc)
	if err != nil || s.NPMRegistry.IsSet() {
		return s.NPMRegistry.Value, err
	}
	for line := range strings.SplitSeq(string(text), "\n") {
		key, value, _ := strings.Cut(line, "=")
		value = strings.TrimRight(strings.TrimSpace(value), "/")
		// One that is put together from variables is npm's to read.
		if strings.TrimSpace(key) == "registry" && strings.HasPrefix(value, "http") && !strings.Contains(value, "${") {
			return value, nil
		}
	}
	return s.NPMRegistry.Value, nil
}

// hooks are the scripts that package managers run at the end of an installation, in the application's own packages:
// https://docs.npmjs.com/cli/using-npm/scripts#npm-ci.
func (p *Project) hooks() []plan.Command {
	var steps []plan.Command
	add := func(m packagejson.Manifest, dir string) {
		for _, name := range []string{"preinstall", "install", "postinstall", "prepublish", "preprepare", "prepare", "postprepare"} {
			if name == "install" && dir == p.root && p.compilesItself() {
				steps = append(steps, plan.Command{Title: "node-gyp rebuild", Args: []string{"npm", "exec", "--call", "node-gyp rebuild"}, Dir: dir, Failures: nativeFailures()})
			}
			if m.Scripts[name] != "" {
				args := []string{p.manager.name, "run", name}
				if p.manager.name == "npm" {
					args = []string{"npm", "run", "--ignore-scripts", name}
				}
				steps = append(steps, plan.Command{Title: p.manager.name + " run " + name, Args: args, Dir: dir})
			}
		}
	}
	for _, m := range p.members {
		add(m.Manifest, path.Join(p.root, m.dir))
	}
	add(p.top, p.root)
	return steps
}
