package node

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/gantry-buildpack/gantry/internal/app"
	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/problem"
	"github.com/gantry-buildpack/gantry/internal/settings"
)

// packagesDir is where Node.js looks for packages.
const packagesDir = "node_modules"

// lockfiles are npm's, in npm's order of precedence.
var lockfiles = []string{"npm-shrinkwrap.json", "package-lock.json"}

// foreignLockfiles belong to package managers that this version does not install with.
var foreignLockfiles = map[string]string{"yarn.lock": "Yarn", "pnpm-lock.yaml": "pnpm", "bun.lock": "Bun", "bun.lockb": "Bun"}

// dependencies adds how the application's packages are installed.
func (p *Project) dependencies(out *plan.Plan) error {
	if !p.manifest.hasDependencies() {
		return nil
	}
	out.LaunchPath = []string{packagesDir + "/.bin"}
	lockfile := firstOf(p.app, lockfiles)
	if err := p.checkManager(lockfile); err != nil {
		return err
	}
	d := &plan.Dependencies{
		Manager:       "npm",
		Dirs:          []string{packagesDir},
		Scratch:       []string{".cache", ".vite", ".vite-temp"},
		Lockfile:      lockfile,
		Inputs:        []string{manifestFile},
		Install:       plan.Command{Title: "npm ci", Args: []string{"npm", "ci", "--include=dev"}},
		InstallLaunch: plan.Command{Title: "npm ci --omit=dev", Args: []string{"npm", "ci", "--omit=dev"}},
		Prune:         plan.Command{Title: "npm prune --omit=dev", Args: []string{"npm", "prune", "--omit=dev", "--ignore-scripts", "--offline"}},
	}
	for _, command := range []*plan.Command{&d.Install, &d.InstallLaunch} {
		command.Failures = installFailures(lockfile)
	}
	decision := plan.Decision{Subject: "packages", Value: "npm ci", Origin: lockfile + " is there"}
	if lockfile == "" {
		d.Install.Title, d.Install.Args = "npm install", []string{"npm", "install", "--include=dev", "--no-package-lock"}
		d.InstallLaunch.Title, d.InstallLaunch.Args = "npm install --omit=dev", []string{"npm", "install", "--omit=dev", "--no-package-lock"}
		decision = plan.Decision{Subject: "packages", Value: "npm install", Origin: "there is no lockfile"}
		out.Warnings = append(out.Warnings,
			"There is no package-lock.json: the newest versions that package.json allows are installed, and they are kept until "+
				"package.json changes. Two builds of the same source can differ. Run `npm install` and commit package-lock.json.")
	}
	switch {
	case p.settings.NodeInstaller.Value == "npm":
		d.NotDirect = "the setting " + p.settings.NodeInstaller.Origin + " asks for it"
	case lockfile == "":
		d.NotDirect = "there is no lockfile"
	}
	workspaces, err := p.workspaces()
	if err != nil {
		return err
	}
	for _, file := range workspaces {
		d.Workspaces = append(d.Workspaces, path.Dir(file))
		d.Dirs = append(d.Dirs, path.Join(path.Dir(file), packagesDir))
	}
	for _, name := range slices.Concat([]string{lockfile, ".npmrc"}, workspaces) {
		if name != "" && p.app.Has(name) {
			d.Inputs = append(d.Inputs, name)
		}
	}
	d.Hooks = p.hooks()
	out.Dependencies = d
	out.Decisions = append(out.Decisions, decision)
	return nil
}

// literalCredential finds credentials that stand in an .npmrc themselves, not as a variable.
var literalCredential = regexp.MustCompile(`(?m)^\s*(?://[^=\n]*:)?(?:_authToken|_auth|_password)\s*=\s*["']?[^\s"'$]`)

// withCredentials gives the files of the application that hold credentials for the build.
func (p *Project) withCredentials() ([]string, error) {
	text, _, err := p.app.Read(".npmrc")
	if err != nil || !literalCredential.Match(text) {
		return nil, err
	}
	return []string{".npmrc"}, nil
}

// chooseRegistry gives the npm registry: the setting, else that of .npmrc, else npm's own.
func chooseRegistry(a app.App, s settings.Settings) (string, error) {
	text, _, err := a.Read(".npmrc")
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

// hooks are the application's own scripts that npm runs at the end of an installation:
// https://docs.npmjs.com/cli/using-npm/scripts#npm-ci.
func (p *Project) hooks() []plan.Command {
	var steps []plan.Command
	for _, name := range []string{"preinstall", "install", "postinstall", "prepublish", "preprepare", "prepare", "postprepare"} {
		if p.manifest.Scripts[name] != "" {
			steps = append(steps, plan.Command{Title: "npm run " + name, Args: []string{"npm", "run", "--ignore-scripts", name}})
		}
	}
	return steps
}

// checkManager refuses applications that were made for another package manager and have no npm lockfile.
func (p *Project) checkManager(lockfile string) error {
	manager, where := "", problem.Position{}
	if name, _, _ := strings.Cut(p.manifest.PackageManager, "@"); name != "" && name != "npm" {
		manager, where = name, p.manifest.where("packageManager")
	}
	for name, title := range foreignLockfiles {
		if manager == "" && lockfile == "" && p.app.Has(name) {
			manager, where = title, problem.Position{File: name}
		}
	}
	if manager == "" {
		return nil
	}
	return &problem.Problem{
		ID:    "node/manager-unsupported",
		Title: fmt.Sprintf("this application is installed with %s, and this version of Gantry installs with npm only", manager),
		Where: where,
		Hints: []string{"Run `npm install`, commit package-lock.json, and remove what names " + manager + "."},
	}
}

// workspaces gives the package.json of every npm workspace: https://docs.npmjs.com/cli/using-npm/workspaces.
func (p *Project) workspaces() ([]string, error) {
	var found []string
	for _, pattern := range p.manifest.Workspaces {
		pattern, negated := strings.CutPrefix(pattern, "!")
		pattern = path.Join(strings.TrimPrefix(pattern, "./"), manifestFile)
		matches, err := doublestar.Glob(p.app.FS, pattern, doublestar.WithNoFollow())
		if err != nil {
			return nil, &problem.Problem{
				ID:    "node/workspaces-invalid",
				Title: fmt.Sprintf("the workspace pattern %q is not understood", pattern),
				Where: p.manifest.where("workspaces"),
				Why:   err.Error(),
				Hints: []string{`Write folders or patterns such as "packages/*".`},
				Err:   err,
			}
		}
		for _, match := range matches {
			if strings.Contains(match, "node_modules/") {
				continue
			}
			i := slices.Index(found, match)
			switch {
			case negated && i >= 0:
				found = slices.Delete(found, i, i+1)
			case !negated && i < 0:
				found = append(found, match)
			}
		}
	}
	slices.Sort(found)
	return found, nil
}
