package pkgmanager

import (
	"bytes"
	"path"
	"strconv"

	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/plan/nodejs/packagejson"
	"github.com/gantry-buildpack/gantry/internal/problem"
	"github.com/gantry-buildpack/gantry/internal/source/app"
	"github.com/gantry-buildpack/gantry/internal/source/lazyregexp"
	"github.com/gantry-buildpack/gantry/internal/source/semver"
)

var pnpmFormat = lazyregexp.New(`(?m)^lockfileVersion: '?(\d+)`)

// usualPNPM: versions 9 to 12 share a format; 10 runs on every Node.js that is supported.
func (m Manager) usualPNPM() string {
	format := 9
	if match := pnpmFormat().FindSubmatch(m.Text); match != nil {
		format, _ = strconv.Atoi(string(match[1]))
	}
	switch {
	case format < 6:
		return "7.x"
	case format < 9:
		return "8.x"
	default:
		return "10.x"
	}
}

var pnpmPnP = lazyregexp.New(`(?m)^\s*(?:node-linker\s*=|nodeLinker:)\s*["']?pnp\b`)

// checkLinker refuses what would not start: with pnpm's own Plug'n'Play (https://pnpm.io/settings#nodelinker), Node.js finds
// no packages.
func (s Source) checkLinker() error {
	for _, file := range app.InDir(s.Root, []string{".npmrc", PNPMWorkspace}) {
		text, _, err := s.App.Read(file)
		if err != nil {
			return err
		}
		if at := pnpmPnP().FindIndex(text); at != nil {
			return &problem.Problem{
				ID:    "node/pnpm-pnp",
				Title: "pnpm's Plug'n'Play is not supported",
				Where: problem.Position{File: file, Line: 1 + bytes.Count(text[:at[1]], []byte("\n")), Column: 1},
				Why:   "with it, no packages are where Node.js looks for them",
				Hints: []string{"Take the setting out, or make it hoisted. Yarn's Plug'n'Play is supported."},
			}
		}
	}
	return nil
}

// PNPMEnv keeps pnpm from looking for another version of itself: it is the one that is asked for. And it keeps pnpm from
// looking, before each script, whether it must install again (https://pnpm.io/settings#verifydepsbeforerun), as it would since its
// store is not at its usual place.
var PNPMEnv = map[string]string{
	"npm_config_manage_package_manager_versions": "false", "pnpm_config_pm_on_fail": "ignore",
	"npm_config_verify_deps_before_run": "false", "pnpm_config_verify_deps_before_run": "false",
}

// pnpm installs with pnpm.
func (m Manager) pnpm(in plan.Install, s Source) plan.Install {
	// It is exact, and understood, by now.
	version, _ := semver.Parse(in.Manager.Version)
	in.Trees.Scratch = append(in.Trees.Scratch, ".modules.yaml", ".pnpm-workspace-state.json", ".pnpm-workspace-state-v1.json", ".pnpm/lock.yaml")
	in.Trees.Parents = append(in.Trees.Parents, path.Join(s.Root, "node_modules", ".pnpm"))
	in.Trees.HardLinks = true
	install := []string{"pnpm", "install", "--store-dir=" + plan.StoreDir, "--reporter=append-only", "--config.confirmModulesPurge=false"}
	if m.Lockfile == "" {
		install = append(install, "--no-frozen-lockfile", "--no-lockfile")
	} else {
		install = append(install, "--frozen-lockfile")
		in.Lockfile.Prefetch = pnpmStore(version)
	}
	everything := with(install, "--prod=false")
	if version.Major == 12 && version.Minor < 4 {
		// It takes no value yet, and installs everything, unless a variable says otherwise.
		everything = install
	}
	all, onlyLaunch := titled("pnpm install --frozen-lockfile", everything), titled("pnpm install --frozen-lockfile --prod", with(install, "--prod"))
	if m.Lockfile == "" {
		all.Title, onlyLaunch.Title = "pnpm install", "pnpm install --prod"
	}
	ignored := []plan.OutputWarning{{Quote: ignoredBuilds(), Title: "pnpm has not run install scripts that nobody approved", Hint: approveBuilds}}
	all.Warnings, onlyLaunch.Warnings = ignored, ignored
	in.Commands.All, in.Commands.OnlyLaunch = all, onlyLaunch
	return in
}

// pnpmStore tells the kind of store that a version of pnpm has, where that can be filled.
func pnpmStore(version semver.Version) plan.Prefetch {
	switch {
	case version.Major == 8 || version.Major == 9:
		return plan.PNPMStore3
	case version.Major == 10:
		return plan.PNPMStore10
	}
	return ""
}

// ignoredBuilds finds the packages whose install scripts pnpm leaves out: https://pnpm.io/cli/approve-builds.
var ignoredBuilds = lazyregexp.New(`(?m)Ignored build scripts: (.*?)[.,\s│]*$`)

const approveBuilds = "What they compile or fetch is not there: run `pnpm approve-builds`, and commit what it writes."

var pnpmFailed = lazyregexp.New(`(?m)^.*ERR_PNPM_[A-Z_]+\W+(.*)$`)

var pnpmIntegrity = lazyregexp.New(`(Got unexpected checksum for "[^"]+")`)

func pnpmFailures(lockfile string) []plan.Failure {
	return []plan.Failure{
		{
			Shows: "ERR_PNPM_OUTDATED_LOCKFILE", Quote: pnpmFailed(),
			ID: "node/lockfile-out-of-sync", Title: lockfile + " does not fit package.json", Where: lockfile,
			Hints: []string{"Run `pnpm install`, look at what it changes in pnpm-lock.yaml, and commit it."},
		},
		{
			Shows: "ERR_PNPM_LOCKFILE_CONFIG_MISMATCH", Quote: pnpmFailed(),
			ID: "node/lockfile-out-of-sync", Title: lockfile + " was written with other settings", Where: lockfile,
			Hints: []string{"Run `pnpm install` with the pnpm that the build uses, and commit pnpm-lock.yaml."},
		},
		{
			Shows: "ERR_PNPM_IGNORED_BUILDS", Quote: ignoredBuilds(),
			ID: "node/install-scripts-ignored", Title: "pnpm does not run install scripts that nobody approved", Where: PNPMWorkspace,
			Hints: []string{approveBuilds},
		},
		{
			Shows: "ERR_PNPM_FETCH_401", Quote: pnpmFailed(),
			ID: "node/registry-unauthorized", Title: "the npm registry wants credentials", Where: ".npmrc",
			Hints: []string{"Give the build an .npmrc with a valid token, as a service binding of type npmrc or with the token in a variable."},
		},
		{
			Shows: "ERR_PNPM_FETCH_404", Quote: pnpmFailed(),
			ID: "node/package-not-found", Title: "a package is not in the npm registry", Where: lockfile,
			Hints: []string{"Check its name and version, and that the right registry is set for its scope in .npmrc."},
		},
		{
			Shows: "ERR_PNPM_TARBALL_INTEGRITY", Quote: pnpmIntegrity(),
			ID: "node/package-integrity", Title: "a package is not the one that " + lockfile + " pins", Where: lockfile,
			Hints: []string{"If a registry or proxy was changed on purpose, run `pnpm install --update-checksums` and commit the lockfile; otherwise do not go on."},
		},
		{
			Shows: "ERR_PNPM_UNSUPPORTED_ENGINE", Quote: pnpmFailed(),
			ID: "node/engine-unsupported", Title: "a package wants another version of Node.js or pnpm", Where: packagejson.Name,
			Hints: []string{"Ask for a version that it accepts, with engines.node or packageManager in package.json."},
		},
	}
}

// PNPMWorkspace is the file with pnpm's workspaces and settings: https://pnpm.io/pnpm-workspace_yaml.
const PNPMWorkspace = "pnpm-workspace.yaml"
