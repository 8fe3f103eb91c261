package node

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/catalog"
	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/problem"
	"github.com/gantry-buildpack/gantry/internal/semver"
)

// buildEnv makes npm quiet and quick, lets native modules find the headers of the very Node.js that runs them, and has
// Node.js trust what the build image trusts.
func buildEnv(npm plan.Release) map[string]string {
	env := map[string]string{
		"CI":                         "true",
		"NODE_EXTRA_CA_CERTS":        plan.CACertificates,
		"npm_config_audit":           "false",
		"npm_config_fund":            "false",
		"npm_config_update_notifier": "false",
		"npm_config_progress":        "false",
	}
	// npm 11 warns of the older name, and the node-gyp in npm 10 does not know the newer one.
	name := "npm_package_config_node_gyp_nodedir"
	if v, err := semver.Parse(npm.Version); err == nil && v.Major < 11 {
		name = "npm_config_nodedir"
	}
	env[name] = plan.ToolchainDir
	return env
}

// slicesOf are where applications keep what is served as it is, and where build scripts put what they make.
var slicesOf = [][]string{
	{"public", "static", "assets"},
	{"dist", "build", "out", ".next", ".nuxt", ".output", ".svelte-kit", ".astro"},
}

// Plan decides what is to be done.
func (p *Project) Plan(releases catalog.Catalog) (plan.Plan, error) {
	release, version, err := p.choose(releases)
	if err != nil {
		return plan.Plan{}, err
	}
	out := plan.Plan{
		Language:  "node",
		Decisions: []plan.Decision{version},
		LaunchEnv: map[string]string{"NODE_ENV": "production"},
	}
	if out.Runtime, err = p.runtime(release, releases); err != nil {
		return plan.Plan{}, err
	}
	out.BuildEnv = buildEnv(out.Runtime.Manager.Release)
	if p.settings.NPMRegistry.IsSet() {
		out.BuildEnv["npm_config_registry"] = p.registry
	}
	if err := p.dependencies(&out); err != nil {
		return plan.Plan{}, err
	}
	if out.Scripts, err = p.buildSteps(); err != nil {
		return plan.Plan{}, err
	}
	for _, script := range p.scripts() {
		decision := plan.Decision{Subject: "build", Value: "npm run " + script, Origin: "from " + p.manifest.where("scripts", script).String()}
		out.Decisions = append(out.Decisions, decision)
	}
	if out.NotInImage, err = p.withCredentials(); err != nil {
		return plan.Plan{}, err
	}
	if len(out.NotInImage) > 0 {
		out.Warnings = append(out.Warnings, ".npmrc holds credentials. It is left out of the image, but whoever reads the source has them: "+
			"put a variable of the build in their place, for example _authToken=${NPM_TOKEN}.")
	}
	out.Slices, out.Pure = slicesOf, p.settings.NodePureBuild.Value == "true" && len(out.Scripts) > 0
	processes, decisions, err := p.processes()
	if err != nil {
		return plan.Plan{}, err
	}
	out.Processes = processes
	out.Decisions = append(out.Decisions, decisions...)
	if slices.ContainsFunc(processes, runsManager) {
		tool := out.Runtime.Manager
		out.Runtime.Launch = append(out.Runtime.Launch, tool.Dir)
		for name := range tool.Bin {
			out.Runtime.Launch = append(out.Runtime.Launch, "bin/"+name)
		}
		slices.Sort(out.Runtime.Launch)
	}
	return out, nil
}

// runsManager reports whether a process needs npm in the image.
func runsManager(process plan.Process) bool {
	if process.Args[0] != "sh" {
		return process.Args[0] == "npm" || process.Args[0] == "npx"
	}
	words := strings.FieldsFunc(process.Args[len(process.Args)-1], func(r rune) bool { return strings.ContainsRune(" \t\n;&|()`$\"'", r) })
	return slices.Contains(words, "npm") || slices.Contains(words, "npx")
}

// sources translates the setting.
var sources = map[string]string{"auto": plan.SourceAny, "nodejs.org": plan.SourceOfficial, "npm-registry": plan.SourceRegistry}

func (p *Project) runtime(release plan.Release, releases catalog.Catalog) (plan.Runtime, error) {
	i := slices.IndexFunc(releases.Releases, func(r plan.Release) bool { return r.Name == "npm" && r.Version == release.Manager })
	if i < 0 {
		return plan.Runtime{}, fmt.Errorf("buildpack.toml has no npm %s, which Node.js %s needs", release.Manager, release.Version)
	}
	return plan.Runtime{
		Title:    "Node.js",
		Release:  release,
		Source:   sources[p.settings.NodeSource.Value],
		Registry: p.registry,

		SourceSetting: "BP_NODE_SOURCE",
		Launch:        []string{"LICENSE", "bin/node"},
		Programs:      []string{"bin/node"},
		NotForBuild:   []string{"share", "CHANGELOG.md", "README.md", "lib/node_modules/npm/docs", "lib/node_modules/npm/man"},
		Native:        []string{"include"},
		Manager: plan.Tool{
			Release: releases.Releases[i],
			Dir:     "lib/node_modules/npm",
			Bin:     map[string]string{"npm": "bin/npm-cli.js", "npx": "bin/npx-cli.js"},
		},
	}, nil
}

// scripts are the names of the scripts to run; a default one is run when it exists.
func (p *Project) scripts() []string {
	var names []string
	for name := range strings.SplitSeq(p.settings.NodeRunScripts.Value, ",") {
		name = strings.TrimSpace(name)
		if name != "" && (p.settings.NodeRunScripts.IsSet() || p.manifest.Scripts[name] != "") {
			names = append(names, name)
		}
	}
	return names
}

func (p *Project) buildSteps() ([]plan.Command, error) {
	var steps []plan.Command
	for _, name := range p.scripts() {
		if p.manifest.Scripts[name] == "" {
			s := p.settings.NodeRunScripts
			return nil, &problem.Problem{
				ID:    "node/script-missing",
				Title: fmt.Sprintf("there is no script %q in package.json", name),
				Where: request{origin: s.Origin, where: s.Where}.place(),
				Why:   "the setting names scripts to run at build: " + s.Value,
				Hints: []string{"Add the script to package.json, or take its name out of the setting."},
			}
		}
		steps = append(steps, plan.Command{Title: "npm run " + name, Args: []string{"npm", "run", name}})
	}
	return steps, nil
}
