package nodejs

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	units "github.com/docker/go-units"

	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/plan/inventory"
	"github.com/gantry-buildpack/gantry/internal/source/semver"
)

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
		"NG_CLI_ANALYTICS":           "false",
		"ASTRO_TELEMETRY_DISABLED":   "1",
		"NUXT_TELEMETRY_DISABLED":    "1",
	}
	// npm 11 warns of the older name, and the node-gyp in npm 10 does not know the newer one.
	name := "npm_package_config_node_gyp_nodedir"
	if v, err := semver.Parse(npm.Version); err == nil && v.Major < 11 {
		name = "npm_config_nodedir"
	}
	env[name] = plan.ToolchainDir
	if p.manager.name == "pnpm" {
		maps.Copy(env, pnpmEnv)
		// Of npm's variables, it hands these to scripts; the first of its version 11 do not, but of the other case.
		env["npm_config_nodedir"], env["NPM_CONFIG_NODEDIR"] = plan.ToolchainDir, plan.ToolchainDir
	}
	return env
}

// homeFiles are where package managers look for what only the user of a build may know.
var homeFiles = map[string]string{"npmrc": ".npmrc", "yarnrc": yarnrcFile, "pnpmrc": ".config/pnpm/rc", "bunfig": ".bunfig.toml"}

// slicesOf are where applications keep what is served as it is, and where build scripts put what they make.
var slicesOf = [][]string{
	{"public", "static", "assets"},
	{"dist", "build", "out", ".next", ".nuxt", ".output", ".svelte-kit", ".astro"},
}

// Plan decides what is to be done.
func (p *Project) Plan(releases inventory.Catalog) (plan.Plan, error) {
	release, version, err := p.chooseRelease(releases)
	if err != nil {
		return plan.Plan{}, err
	}
	out := plan.Plan{
		Language:  "node",
		Decisions: []plan.Decision{version},
		LaunchEnv: map[string]string{"NODE_ENV": "production"},
		Caches:    p.caches(),
		HomeFiles: homeFiles,
		Labels:    p.labels(),
	}
	if p.dir != "" {
		out.Decisions = append(out.Decisions, p.appDecision())
	}
	if out.CacheLimit, err = units.FromHumanSize(p.settings.CacheLimit.Value); err != nil {
		return plan.Plan{}, fmt.Errorf("read the limit of caches: %w", err)
	}
	if err := p.addRuntime(&out, release, releases); err != nil {
		return plan.Plan{}, err
	}
	out.BuildEnv = p.buildEnv(out.Runtime.Manager.Release)
	if p.settings.NPMRegistry.IsSet() {
		for _, name := range []string{"npm_config_registry", "YARN_NPM_REGISTRY_SERVER", "YARN_REGISTRY", "pnpm_config_registry"} {
			out.BuildEnv[name] = p.registry
		}
	}
	if err := p.packages(&out); err != nil {
		return plan.Plan{}, err
	}
	if err := p.buildSteps(&out); err != nil {
		return plan.Plan{}, err
	}
	if err := p.leaveOutCredentials(&out); err != nil {
		return plan.Plan{}, err
	}
	out.NotInImage = append(out.NotInImage, p.others()...)
	if d := out.Dependencies; d != nil {
		// Scripts that a package manager runs leave them, too.
		out.NotInImage = append(out.NotInImage, d.Traces...)
	}
	for _, group := range slicesOf {
		out.Slices = append(out.Slices, inDir(p.dir, group))
	}
	if err := p.start(&out, releases); err != nil {
		return plan.Plan{}, err
	}
	p.packageVariables(&out)
	if d := out.Dependencies; d != nil {
		p.list(d, release.Arch, alsoOf(d))
		if slices.ContainsFunc(d.Packages, func(k plan.Package) bool { return k.Name == "node-gyp" }) {
			// One of its own may be too old for the other name.
			out.BuildEnv["npm_config_nodedir"] = plan.ToolchainDir
		}
	}
	out.Warnings = append(append(out.Warnings, p.fetchedAtStart(out)...), p.withoutBrowser()...)
	out.Signs = p.prisma()
	out.Pure = p.settings.NodePureBuild.Value == "true" && len(out.Scripts) > 0
	return out, nil
}

func (p *Project) appDecision() plan.Decision {
	switch {
	case p.onlyMember:
		return plan.Decision{Subject: "app", Value: p.dir, Origin: "the one workspace that can be started"}
	case p.selected():
		return plan.Decision{Subject: "app", Value: p.dir, Origin: "from " + p.settings.App.Origin + "; a workspace of " + cmp.Or(p.root, "the source")}
	default:
		return plan.Decision{Subject: "app", Value: p.dir, Origin: "from " + p.settings.App.Origin}
	}
}

// notServed are files of a source that is served as it is which are not for everybody.
var notServed = []string{
	".git", ".gitignore", ".env", ".npmrc", ".dockerignore", packagesDir, manifestFile, "package-lock.json", "yarn.lock", "pnpm-lock.yaml", "bun.lock",
	"project.toml", "Procfile", "app.json", "Dockerfile", "docker-compose.yml", "compose.yaml", "README.md",
}

// start adds the processes, and what they need in the image.
func (p *Project) start(out *plan.Plan, releases inventory.Catalog) error {
	processes, decisions, made, err := p.processes()
	if err != nil {
		return err
	}
	out.Processes, out.Decisions = processes, append(out.Decisions, decisions...)
	d := out.Dependencies
	maps.Copy(out.LaunchEnv, made.launchEnv)
	if made.warning != "" {
		out.Warnings = append(out.Warnings, made.warning)
	}
	if made.after != "" {
		out.Scripts = append(out.Scripts, plan.Command{Title: "what the server needs beside it", Args: []string{"sh", "-c", made.after}, Dir: p.dir})
	}
	if len(processes) == 1 && (made.static != "" || made.alone != nil) {
		keep, home := made.alone, cmp.Or(made.dir, p.dir)
		if made.static != "" {
			keep = []string{made.static}
			if path.Clean(made.static) == "." {
				out.NotInImage = append(out.NotInImage, inDir(home, notServed)...)
			}
			out.Runtime.Launch, out.LaunchEnv = nil, nil
		}
		out.Only, out.LaunchPath = inDir(home, keep), nil
		if d != nil {
			d.NotAtLaunch = true
			out.LaunchPath = inDir(p.root, []string{packagesDir + "/.bin"})
		}
		return nil
	}
	if p.manifest.has("@angular/ssr") && !p.allowsHosts() {
		out.Warnings = append(out.Warnings, "Angular's server refuses requests for hosts that it does not know: name yours in security.allowedHosts of angular.json, "+
			"or at run time in NG_ALLOWED_HOSTS=www.example.com.")
	}
	if p.manifest.has("fastify-cli") {
		out.LaunchEnv["FASTIFY_ADDRESS"] = "0.0.0.0"
	}
	p.packagesAtLaunch(out)
	return p.managersAtLaunch(out, releases)
}

// packagesAtLaunch decides which packages the processes need, and how these find them.
func (p *Project) packagesAtLaunch(out *plan.Plan) {
	d := out.Dependencies
	if d == nil {
		return
	}
	if also, all := p.also(out.Processes); len(also) > 0 {
		if d.Production == nil {
			d.Production = &plan.Production{Roots: p.roots()}
		}
		d.Production.Also = also
		d.InstallLaunch = d.Install
		warning := fmt.Sprintf("The application is started with %s, a development dependency: it is kept in the image. "+
			"Move it to dependencies in %s.", strings.Join(also, ", "), p.manifest.file)
		switch {
		case all != "":
			warning = fmt.Sprintf("Process %s runs scripts that need development dependencies: all of these are kept in the image. "+
				"Move what it needs to dependencies in %s.", all, p.manifest.file)
		case len(also) > 1:
			warning = fmt.Sprintf("The application is started with %s, development dependencies: they are kept in the image. "+
				"Move them to dependencies in %s.", strings.Join(also, ", "), p.manifest.file)
		}
		out.Warnings = append(out.Warnings, warning)
	}
	if p.pnp() {
		p.startWithPnP(out)
	}
	for _, q := range out.Processes {
		if dir := path.Join(q.Dir, packagesDir, ".bin"); q.Dir != "" && p.app.IsDir(q.Dir) && !slices.Contains(out.LaunchPath, dir) {
			out.LaunchPath = append([]string{dir}, out.LaunchPath...)
		}
	}
}

// leaveOutCredentials keeps files with credentials out of the image.
func (p *Project) leaveOutCredentials(out *plan.Plan) error {
	files, err := p.withCredentials()
	if err != nil || len(files) == 0 {
		return err
	}
	out.NotInImage = append(out.NotInImage, files...)
	out.Warnings = append(out.Warnings, strings.Join(files, ", ")+" holds credentials. It is left out of the image, but whoever reads the source has them: "+
		"put a variable of the build in their place, for example _authToken=${NPM_TOKEN}.")
	return nil
}

// managersAtLaunch adds the package managers, and Bun, that a process runs.
func (p *Project) managersAtLaunch(out *plan.Plan, releases inventory.Catalog) error {
	started := p.programs(out.Processes)
	if started["pm2-runtime"] {
		// It writes there, and the home folder may be missing, or not to be written.
		out.LaunchEnv["PM2_HOME"] = "/tmp/.pm2"
	}
	if started["bun"] && !slices.ContainsFunc(out.Runtime.Tools, func(t plan.Tool) bool { return t.Release.Name == "bun" }) {
		if err := p.addManager(&out.Runtime, kinds[3], releases); err != nil {
			return err
		}
	}
	for _, tool := range append([]plan.Tool{out.Runtime.Manager}, out.Runtime.Tools...) {
		needed := false
		for name := range tool.Bin {
			needed = needed || started[name]
		}
		if !needed {
			continue
		}
		out.Runtime.Launch = append(out.Runtime.Launch, tool.Dir)
		if tool.Release.Name == "pnpm" {
			maps.Copy(out.LaunchEnv, pnpmEnv)
		}
		for name := range tool.Bin {
			out.Runtime.Launch = append(out.Runtime.Launch, "bin/"+name)
		}
	}
	alone := !slices.ContainsFunc(out.Processes, func(q plan.Process) bool { return q.Args[0] != "bun" })
	if alone && !started["node"] && !slices.ContainsFunc(out.Runtime.Launch, func(name string) bool {
		return strings.HasPrefix(name, "lib/node_modules/") && name != "lib/node_modules/bun"
	}) {
		// Bun is a runtime of its own, if not of other package managers.
		out.Runtime.Launch = slices.DeleteFunc(out.Runtime.Launch, func(name string) bool { return name == "LICENSE" || name == "bin/node" })
	}
	slices.Sort(out.Runtime.Launch)
	return nil
}

// sources translates the setting.
var sources = map[string]string{"auto": plan.SourceAny, "nodejs.org": plan.SourceOfficial, "npm-registry": plan.SourceRegistry}

func (p *Project) addRuntime(out *plan.Plan, release plan.Release, releases inventory.Catalog) (err error) {
	var warning string
	if out.Runtime, warning, err = p.runtime(release, releases); warning != "" {
		out.Warnings = append(out.Warnings, warning)
	}
	for _, k := range p.otherManagers() {
		for _, tool := range out.Runtime.Tools {
			if tool.Release.Name == k.name {
				out.Decisions = append(out.Decisions, plan.Decision{Subject: k.title, Value: tool.Release.Version, Origin: "scripts run it; " + p.manager.title + " installs"})
			}
		}
	}
	return err
}

// runtime gives the runtime with the package managers, and a warning where one is not what was asked for.
func (p *Project) runtime(release plan.Release, releases inventory.Catalog) (r plan.Runtime, warning string, err error) {
	r = plan.Runtime{
		Title:    "Node.js",
		License:  "MIT",
		CPE:      "nodejs:node.js",
		Release:  release,
		Source:   sources[p.settings.NodeSource.Value],
		Registry: p.registry,

		SourceSetting: "BP_NODE_SOURCE",
		Launch:        []string{"LICENSE", "bin/node"},
		Programs:      []string{"bin/node"},
		// Since 25: https://github.com/nodejs/node/issues/60790.
		Libraries:   []string{"libatomic.so.1"},
		NotForBuild: []string{"share", "CHANGELOG.md", "README.md", "lib/node_modules/npm/docs", "lib/node_modules/npm/man", "lib/node_modules/corepack"},
		Native:      []string{"include"},
	}
	arch := release.Arch
	npm, chosen, warning, err := p.chooseNPM(release, releases)
	if err != nil {
		return r, "", err
	}
	if r.Manager, err = npm.tool(chosen, releases, arch); err != nil {
		return r, "", err
	}
	r.Manager.Chosen = npm.asked.text != ""
	var others []kind
	if p.manager.name != "npm" && (p.hasPackages() || len(p.scripts()) > 0) {
		others = append(others, p.manager.kind)
	}
	for _, k := range append(others, p.otherManagers()...) {
		if err := p.addManager(&r, k, releases); err != nil {
			return r, warning, err
		}
	}
	return r, warning, nil
}
