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
	"github.com/gantry-buildpack/gantry/internal/plan/nodejs/pkgmanager"
	"github.com/gantry-buildpack/gantry/internal/plan/sitefiles"
	"github.com/gantry-buildpack/gantry/internal/source/app"
	"github.com/gantry-buildpack/gantry/internal/source/lockfile"
)

// Language is the name of the toolchain in plans, and in the build plan.
const Language = "node"

// slicesOf are where applications keep what is served as it is, and where build scripts put what they make.
var slicesOf = [][]string{
	{"public", "static", "assets"},
	{"dist", "build", "out", ".next", ".nuxt", ".output", ".svelte-kit", ".astro"},
}

// Plan decides what is to be done.
func (p *Project) Plan(releases inventory.Catalog) (plan.Plan, error) {
	release, notes, err := p.chooseRelease(releases)
	if err != nil {
		return plan.Plan{}, err
	}
	if p.dir != "" {
		notes.Decisions = append(notes.Decisions, p.appDecision())
	}
	limit, err := units.FromHumanSize(p.settings.CacheLimit.Value)
	if err != nil {
		return plan.Plan{}, fmt.Errorf("read the limit of caches: %w", err)
	}
	tools, err := p.toolchain(release, releases)
	if err != nil {
		return plan.Plan{}, err
	}
	installed, err := p.packages(tools.Toolchain)
	if err != nil {
		return plan.Plan{}, err
	}
	built, err := p.build()
	if err != nil {
		return plan.Plan{}, err
	}
	secret, err := p.leaveOutCredentials()
	if err != nil {
		return plan.Plan{}, err
	}
	started, err := p.start(tools.Toolchain, installed, releases)
	if err != nil {
		return plan.Plan{}, err
	}
	for _, n := range []plan.Notes{tools.notes, installed.notes, built.notes, secret.notes, started.notes} {
		notes = notes.And(n)
	}
	toolchain, install := started.toolchain, started.install
	toolchain.Env = merge(toolchain.Env, built.env)
	image := started.image
	image.Labels = p.labels()
	image.Source.Remove = slices.Concat(secret.remove, p.others(), installed.leftovers(), p.traces(), image.Source.Remove)
	for _, group := range slicesOf {
		image.Source.Slices = append(image.Source.Slices, app.InDir(p.dir, group))
	}
	var installs []plan.Install
	var listed []plan.Package
	if install != nil {
		in := *install
		var lacks []string
		if in.List, lacks, err = p.list(in, lockfile.Linux(release.Arch, releases.Libc)); err != nil {
			return plan.Plan{}, err
		}
		notes.Warnings = append(notes.Warnings, lacks...)
		installs, listed = []plan.Install{in}, in.List.Packages
		if (has(listed, "app-root-path") || in.Lockfile.Name == "") && image.Environment.Variables != nil {
			// What it finds by itself is the layer of the packages: https://github.com/inxilpro/node-app-root-path#how-it-works.
			image.Environment.Variables = merge(image.Environment.Variables, map[string]string{"APP_ROOT_PATH": path.Join(plan.AppDir, p.dir)})
		}
		if has(listed, "node-gyp") {
			// One of its own may be too old for the other name.
			toolchain.Env["npm_config_nodedir"] = plan.ToolchainDir
		}
	}
	notes.Warnings = append(append(notes.Warnings, p.fetchedAtStart(image.Processes, listed)...), p.withoutBrowser()...)
	steps := slices.Concat(built.steps, started.steps)
	return plan.Plan{
		Decisions: notes.Decisions, Warnings: notes.Warnings, Toolchains: []plan.Toolchain{toolchain}, Installs: installs,
		Build: plan.Build{
			Before: plan.Steps(built.before, Language), Steps: plan.Steps(steps, Language), Caches: p.caches(), Traces: p.traces(), CacheLimit: limit,
			Checks: p.prisma(),
		},
		Image: image,
	}, nil
}

func has(list []plan.Package, name string) bool {
	return slices.ContainsFunc(list, func(k plan.Package) bool { return k.Name == name })
}

func (p *Project) appDecision() plan.Decision {
	switch {
	case p.chosen != "":
		return plan.Decision{Subject: "app", Value: p.dir, Origin: p.chosen}
	case p.selected():
		return plan.Decision{Subject: "app", Value: p.dir, Origin: "from " + p.settings.App.Origin + "; a workspace of " + cmp.Or(p.root, "the source")}
	default:
		return plan.Decision{Subject: "app", Value: p.dir, Origin: "from " + p.settings.App.Origin}
	}
}

// started is how the application starts, and what that needs of the toolchain and of the packages.
type started struct {
	toolchain plan.Toolchain
	install   *plan.Install
	image     plan.Image
	// steps are those of the build that only the start needs.
	steps []plan.Command
	notes plan.Notes
}

// start decides about the processes, and what they need in the image.
func (p *Project) start(tools plan.Toolchain, installed packages, releases inventory.Catalog) (started, error) {
	processes, decisions, made, err := p.processes()
	if err != nil {
		return started{}, err
	}
	s := started{
		toolchain: tools, install: installed.install, notes: plan.Notes{Decisions: decisions},
		image: plan.Image{Processes: processes, Environment: plan.Environment{Variables: merge(productionEnv(), made.launchEnv), Path: installed.path}},
	}
	s.toolchain.Path = installed.path
	if s.notes.Warnings, err = p.checkScripts(processes); err != nil {
		return started{}, err
	}
	if made.warning != "" {
		s.notes.Warnings = append(s.notes.Warnings, made.warning)
	}
	if made.after != "" {
		s.steps = []plan.Command{{Title: "what the server needs next to it", Args: []string{"sh", "-c", made.after}, Dir: p.dir}}
	}
	if len(processes) == 1 && (made.static != "" || made.alone != nil) {
		s = p.startAlone(s, made)
	} else if s, err = p.startWithPackages(s, releases); err != nil {
		return s, err
	}
	if s.image.Environment.Variables != nil {
		own := p.manifest.Variables()
		s.image.Environment.Variables = merge(s.image.Environment.Variables, own)
		s.image.Processes = p.withPackageVariables(s.image.Processes, own)
	}
	return s, nil
}

// productionEnv tells Node.js' packages where they run.
func productionEnv() map[string]string { return map[string]string{"NODE_ENV": "production"} }

// startAlone is for an image that holds nothing but what the build makes.
func (p *Project) startAlone(s started, made output) started {
	keep, home := made.alone, cmp.Or(made.dir, p.dir)
	if made.static != "" {
		keep = []string{made.static}
		if path.Clean(made.static) == "." {
			s.image.Source.Remove = sitefiles.NotServed(cmp.Or(home, "."))
		}
		s.toolchain.Runtime.Files.Launch, s.image.Environment.Variables = nil, nil
	}
	s.image.Source.Only = app.InDir(home, keep)
	var programs []string
	if s.install != nil {
		s.install = withoutLaunch(*s.install)
		programs = app.InDir(p.root, []string{packagesDir + "/.bin"})
	}
	s.toolchain.Path, s.image.Environment.Path = programs, programs
	return s
}

func withoutLaunch(in plan.Install) *plan.Install {
	in.Launch.None = true
	return &in
}

// startWithPackages is for processes that need packages, or programs of the toolchain.
func (p *Project) startWithPackages(s started, releases inventory.Catalog) (started, error) {
	if p.manifest.Has("@angular/ssr") && !p.allowsHosts() {
		s.notes.Warnings = append(s.notes.Warnings, "Angular's server refuses requests for hosts that it does not know: name yours in security.allowedHosts of angular.json, "+
			"or at run time in NG_ALLOWED_HOSTS=www.example.com.")
	}
	if p.manifest.Has("fastify-cli") {
		s.image.Environment.Variables["FASTIFY_ADDRESS"] = "0.0.0.0"
	}
	needed := p.packagesAtLaunch(s.install, s.image.Processes, s.image.Environment.Path)
	s.install, s.notes = needed.install, s.notes.And(needed.notes)
	s.image.Processes = needed.processes
	s.toolchain.Path = needed.environment.Path
	s.image.Environment = withEnvironment(s.image.Environment, needed.environment)
	if options, _ := p.npmrc("node-options"); len(options) > 0 && p.manager.Name == "npm" {
		// npm sets the variable for scripts.
		s.image.Environment.Options = merge(s.image.Environment.Options, map[string]string{"NODE_OPTIONS": strings.TrimSpace(s.image.Environment.Options["NODE_OPTIONS"] + " " + options[len(options)-1])})
	}
	tools, env, err := p.managersAtLaunch(s.toolchain, s.image.Processes, releases)
	if err != nil {
		return s, err
	}
	s.toolchain, s.image.Environment.Variables = tools, merge(s.image.Environment.Variables, env)
	return s, nil
}

// withEnvironment gives an environment with what another one adds; the path is that of the other.
func withEnvironment(e, more plan.Environment) plan.Environment {
	return plan.Environment{Variables: merge(e.Variables, more.Variables), Options: merge(e.Options, more.Options), Path: more.Path, Files: merge(e.Files, more.Files)}
}

// leftOut are files that the image must not have.
type leftOut struct {
	remove []string
	notes  plan.Notes
}

// leaveOutCredentials keeps files with credentials out of the image.
func (p *Project) leaveOutCredentials() (leftOut, error) {
	files, err := p.withCredentials()
	if err != nil {
		return leftOut{}, err
	}
	left := leftOut{remove: files}
	if len(files) > 0 {
		left.notes.Warnings = []string{strings.Join(files, ", ") + " holds credentials. It is left out of the image, but whoever reads the source has them: " +
			"put a variable of the build in their place, for example _authToken=${NPM_TOKEN}."}
	}
	for _, name := range app.InDir(p.root, p.manager.Lockfiles) {
		text, _, err := p.app.Read(name)
		if err != nil {
			return left, err
		}
		if warning := lockfile.CredentialsWarning(name, text); warning != "" {
			left.notes.Warnings = append(left.notes.Warnings, warning)
		}
	}
	return left, nil
}

// managersAtLaunch adds to the toolchain the package managers, and Bun, that a process runs, and gives the variables that they need.
func (p *Project) managersAtLaunch(t plan.Toolchain, processes []plan.Process, releases inventory.Catalog) (plan.Toolchain, map[string]string, error) {
	env := map[string]string{}
	started := p.programs(processes)
	if started["pm2-runtime"] {
		// It writes there, and the home folder may be missing, or not to be written.
		env["PM2_HOME"] = "/tmp/.pm2"
	}
	if _, has := t.Tool("bun"); started["bun"] && !has {
		tool, err := p.managerTool(pkgmanager.KindOf("bun"), t.Runtime.Release.Arch, releases)
		if err != nil {
			return t, nil, err
		}
		t.Tools = append(slices.Clone(t.Tools), tool)
	}
	launch := slices.Clone(t.Runtime.Files.Launch)
	for _, tool := range t.Tools {
		needed := false
		for name := range tool.Bin {
			needed = needed || started[name]
		}
		if !needed {
			continue
		}
		launch = append(launch, tool.Dir)
		if tool.Release.Name == "pnpm" {
			maps.Copy(env, pkgmanager.PNPMEnv)
		}
		for name := range tool.Bin {
			launch = append(launch, "bin/"+name)
		}
	}
	alone := !slices.ContainsFunc(processes, func(q plan.Process) bool { return q.Args[0] != "bun" })
	if alone && !started["node"] && !slices.ContainsFunc(launch, func(name string) bool {
		return strings.HasPrefix(name, "lib/node_modules/") && name != "lib/node_modules/bun"
	}) {
		// Bun is a runtime of its own, if not of other package managers.
		launch = slices.DeleteFunc(launch, func(name string) bool { return name == "LICENSE" || name == "bin/node" })
	}
	slices.Sort(launch)
	t.Runtime.Files.Launch = launch
	return t, env, nil
}
