package nodejs

import (
	"path"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/plan/nodejs/packagejson"
	"github.com/gantry-buildpack/gantry/internal/plan/nodejs/pkgmanager"
	"github.com/gantry-buildpack/gantry/internal/source/app"
	"github.com/gantry-buildpack/gantry/internal/source/lazyregexp"
	"github.com/gantry-buildpack/gantry/internal/source/settings"
)

// compilesItself reports whether npm compiles the application: https://docs.npmjs.com/cli/using-npm/scripts#npm-install.
func (p *Project) compilesItself() bool {
	return p.manager.Name == "npm" && p.top.Scripts["install"] == "" && p.top.Scripts["preinstall"] == "" && p.top.Gypfile != false &&
		p.app.Has(path.Join(p.root, "binding.gyp"))
}

// literalCredential finds credentials that stand in an .npmrc, .yarnrc.yml or bunfig.toml themselves, not as a variable.
var literalCredential = lazyregexp.New(`(?m)(?:^|[\s{,"':])(?:_authToken|_auth|_password|npmAuthToken|npmAuthIdent|token|password)["']?\s*[=:]\s*["']?[^\s"'$]`)

// credentialFiles may hold credentials for registries.
var credentialFiles = []string{".npmrc", ".pnpmrc", ".yarnrc", pkgmanager.YarnRC, "bunfig.toml"}

// withCredentials gives the files of the application that hold credentials for the build.
func (p *Project) withCredentials() ([]string, error) {
	var list []string
	for _, dir := range p.folders() {
		for _, name := range app.InDir(dir, credentialFiles) {
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
	if p.ignoresScripts() {
		return nil
	}
	run := func(name, dir string) {
		step := plan.Run(p.manager.Name, "run", name)
		step.Dir = dir
		steps = append(steps, step)
	}
	add := func(m packagejson.Manifest, dir string) {
		for _, main := range p.manager.InstallScripts() {
			if main == "prepare" && m.Scripts["prepublish"] != "" && p.manager.Name != "pnpm" {
				run("prepublish", dir)
			}
			if m.Scripts[main] != "" && p.manager.RunsBefore() {
				// The package manager runs those around it.
				run(main, dir)
				continue
			}
			for _, name := range []string{"pre" + main, main, "post" + main} {
				if name == "install" && dir == p.root && p.compilesItself() {
					steps = append(steps, plan.Command{Title: "node-gyp rebuild", Args: []string{"npm", "exec", "--call", "node-gyp rebuild"}, Dir: dir, Failures: pkgmanager.NativeFailures()})
				}
				if m.Scripts[name] != "" {
					run(name, dir)
				}
			}
		}
	}
	for _, m := range p.members {
		add(m.Manifest, path.Join(p.root, m.dir))
	}
	add(p.top, p.root)
	return steps
}
