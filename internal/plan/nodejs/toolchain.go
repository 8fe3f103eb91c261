package nodejs

import (
	"maps"

	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/plan/inventory"
	"github.com/gantry-buildpack/gantry/internal/plan/nodejs/nodeversion"
	"github.com/gantry-buildpack/gantry/internal/plan/nodejs/pkgmanager"
	"github.com/gantry-buildpack/gantry/internal/source/semver"
)

// toolchain is Node.js with the package managers.
type toolchain struct {
	plan.Toolchain
	notes plan.Notes
}

// homeFiles are where package managers look for what only the user of a build may know, by the types of bindings; some types have two
// names.
var homeFiles = map[string]string{
	"npmrc": ".npmrc", "npm-registry": ".npmrc", "yarnrc": pkgmanager.YarnRC, "pnpmrc": ".config/pnpm/rc", "pnpm": ".config/pnpm/rc", "bunfig": ".bunfig.toml",
}

// keeps are where Node.js, its package managers and its tools keep what makes their next run faster.
var keeps = []string{
	".npm", ".config/configstore", ".config/yarn", ".yarn", ".local/share/pnpm", ".local/state/pnpm", ".node-gyp", ".bun", ".turbo",
	"node-compile-cache", "v8-compile-cache*", "yarn--*", "xfs-*", "tsx-*",
}

// sources translates the setting.
var sources = map[string]string{"auto": plan.SourceAny, "nodejs.org": plan.SourceOfficial, "npm-registry": plan.SourceRegistry}

// toolchain decides about the package managers that the build needs besides a release of Node.js.
func (p *Project) toolchain(release plan.Release, releases inventory.Catalog) (toolchain, error) {
	arch := release.Arch
	npm, chosen, warning, err := p.manager.NPM(release, releases)
	if err != nil {
		return toolchain{}, err
	}
	npmTool, err := npm.Tool(chosen, releases, arch)
	if err != nil {
		return toolchain{}, err
	}
	npmTool.WithRuntime, npmTool.Chosen = true, npm.Asked.Text != ""
	t := toolchain{Toolchain: plan.Toolchain{
		Language: Language, Runtime: p.runtime(release), Tools: []plan.Tool{npmTool}, Env: p.buildEnv(chosen), HomeFiles: homeFiles, Keeps: keeps,
	}}
	if warning != "" {
		t.notes.Warnings = []string{warning}
	}
	if p.manager.Name != "npm" && (p.hasPackages() || len(p.scripts()) > 0 || len(p.hooks()) > 0) {
		tool, err := p.managerTool(p.manager.Kind, arch, releases)
		if err != nil {
			return t, err
		}
		t.Tools = append(t.Tools, tool)
	}
	for _, k := range p.otherManagers() {
		tool, err := p.managerTool(k, arch, releases)
		if err != nil {
			return t, err
		}
		t.Tools = append(t.Tools, tool)
		t.notes.Decisions = append(t.notes.Decisions, plan.Decision{Subject: k.Title, Value: tool.Release.Version, Origin: "scripts run it; " + p.manager.Title + " installs"})
	}
	return t, nil
}

// runtime is a release of Node.js, and what of it is needed for what.
func (p *Project) runtime(release plan.Release) plan.Runtime {
	return plan.Runtime{
		Title: "Node.js", Release: release, ABI: nodeversion.Major(release),
		Source: plan.Source{From: sources[p.settings.NodeSource.Value], Setting: "BP_NODE_SOURCE", Registry: p.registry},
		Files: plan.RuntimeFiles{
			Launch:      []string{"LICENSE", "bin/node"},
			NotForBuild: []string{"share", "CHANGELOG.md", "README.md", "lib/node_modules/npm/docs", "lib/node_modules/npm/man", "lib/node_modules/corepack"},
			Headers:     []string{"include"},
		},
		Programs:  []string{"bin/node"},
		Libraries: nodeversion.Libraries,
	}
}

// buildEnv makes npm quiet and quick, lets native modules find the headers of the very Node.js that runs them, and has
// Node.js trust what the build image trusts.
func (p *Project) buildEnv(npm plan.Release) map[string]string {
	env := map[string]string{
		"NODE_EXTRA_CA_CERTS":        plan.CACertificates,
		"npm_config_audit":           "false",
		"npm_config_fund":            "false",
		"npm_config_update_notifier": "false",
		"npm_config_progress":        "false",
		"NEXT_TELEMETRY_DISABLED":    "1",
		// node-gyp's Python would write next to its programs in the toolchain, which then counts as changed by the build.
		"PYTHONDONTWRITEBYTECODE":  "1",
		"NG_CLI_ANALYTICS":         "false",
		"ASTRO_TELEMETRY_DISABLED": "1",
		"NUXT_TELEMETRY_DISABLED":  "1",
	}
	// npm 11 warns of the older name, and the node-gyp in npm 10 does not know the newer one.
	name := "npm_package_config_node_gyp_nodedir"
	if v, err := semver.Parse(npm.Version); err == nil && v.Major < 11 {
		name = "npm_config_nodedir"
	}
	env[name] = plan.ToolchainDir
	if p.manager.Name == "pnpm" {
		maps.Copy(env, pkgmanager.PNPMEnv)
		// Of npm's variables, it hands these to scripts; the first of its version 11 do not, but of the other case.
		env["npm_config_nodedir"], env["NPM_CONFIG_NODEDIR"] = plan.ToolchainDir, plan.ToolchainDir
	}
	if s := p.settings.NPMRegistry; s.IsSet() || s.IsOperators() && p.registry == s.Value {
		for _, name := range []string{"npm_config_registry", "YARN_NPM_REGISTRY_SERVER", "YARN_REGISTRY", "pnpm_config_registry"} {
			env[name] = p.registry
		}
	}
	return env
}

// managerTool is a further package manager as a program of the build.
func (p *Project) managerTool(k pkgmanager.Kind, arch string, releases inventory.Catalog) (plan.Tool, error) {
	m := pkgmanager.Manager{Kind: k}
	if p.manager.Name == k.Name {
		m = p.manager
	}
	release, err := m.Release(releases, arch)
	if err != nil {
		return plan.Tool{}, err
	}
	return m.Tool(release, releases, arch)
}
