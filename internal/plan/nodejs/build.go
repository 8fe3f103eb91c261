package nodejs

import (
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/plan/nodejs/nodeversion"
	"github.com/gantry-buildpack/gantry/internal/problem"
	"github.com/gantry-buildpack/gantry/internal/source/app"
	"github.com/gantry-buildpack/gantry/internal/source/lazyregexp"
)

// Scripts of Heroku's buildpacks: https://devcenter.heroku.com/articles/nodejs-support#heroku-specific-build-steps.
const (
	herokuBefore = "heroku-prebuild"
	herokuBuild  = "heroku-build"
	herokuAfter  = "heroku-postbuild"
	herokuLast   = "heroku-cleanup"
)

// googleBuild is the script that Google's buildpacks run in place of "build":
// https://cloud.google.com/docs/buildpacks/nodejs#executing_custom_build_steps_during_deployment.
const googleBuild = "gcp-build"

// scripts are the names of the scripts to run; a default one is run when it exists.
func (p *Project) scripts() []string {
	var names []string
	for name := range strings.SplitSeq(p.settings.NodeRunScripts.Value, ",") {
		name = strings.TrimSpace(name)
		if name != "" && (p.settings.NodeRunScripts.IsSet() || p.manifest.Scripts[name] != "") {
			names = append(names, name)
		}
	}
	if p.settings.NodeRunScripts.IsSet() {
		return names
	}
	for _, name := range []string{googleBuild, herokuBuild} {
		if p.manifest.Scripts[name] != "" {
			names = []string{name}
		}
	}
	for _, name := range []string{herokuAfter, herokuLast} {
		if p.manifest.Scripts[name] != "" {
			names = append(names, name)
		}
	}
	return names
}

// built is what the application's own build does.
type built struct {
	before, steps []plan.Command
	// env is for the build's steps.
	env   map[string]string
	notes plan.Notes
}

// with gives the build with one more step, and why it is done.
func (b built) with(step plan.Command, origin string) built {
	b.steps, b.notes = append(b.steps, step), b.notes.And(plan.Notes{Decisions: []plan.Decision{stepDecision(step, origin)}})
	return b
}

func stepDecision(step plan.Command, origin string) plan.Decision {
	value := step.Title
	if step.Dir != "" {
		value += " (in " + step.Dir + ")"
	}
	return plan.Decision{Subject: "build", Value: value, Origin: origin}
}

// build gives the application's own steps, those of the workspaces that it needs before them.
func (p *Project) build() (b built, err error) {
	if p.manifest.Scripts[herokuBefore] != "" && !p.settings.NodeRunScripts.IsSet() {
		step := p.script(herokuBefore, p.dir)
		b.before = []plan.Command{step}
		b.notes.Decisions = []plan.Decision{stepDecision(step, "from "+p.manifest.Where("scripts", herokuBefore).String()+", before packages are installed")}
	}
	if !p.hasPackages() {
		for _, step := range p.hooks() {
			b = b.with(step, "an installation runs it, of no packages, too")
		}
	}
	_, _, made := p.web()
	b.env = made.buildEnv
	if made.before != nil {
		step := *made.before
		step.Dir = p.dir
		b.steps = append(b.steps, step)
	}
	names := p.scripts()
	text, from := p.builtBy()
	if p.selected() && (len(names) > 0 || text != "" || len(p.more) > 0) {
		b, names, text = p.buildWorkspaces(b, names, text)
	}
	for _, name := range names {
		if p.manifest.Scripts[name] == "" {
			return b, p.scriptMissing(name)
		}
		b = b.with(p.script(name, p.dir), "from "+p.manifest.Where("scripts", name).String())
	}
	if text != "" {
		b = b.with(plan.Command{Title: text, Args: strings.Fields(text), Dir: p.dir, Failures: p.scriptFailures()}, from)
	}
	for _, step := range p.startBuilds() {
		b = b.with(step, "the start script builds first: that is done now")
	}
	if _, others := p.cacheDirectories(); len(others) > 0 {
		b.notes.Warnings = append(b.notes.Warnings, "cacheDirectories in package.json names "+strings.Join(others, ", ")+", which is not kept from build to build: what a step makes is used again while all "+
			"that the step read is unchanged. A tool's own cache is kept if \"cache\" is in its name.")
	}
	if len(b.steps) == 0 {
		for _, m := range p.entered() {
			b = b.with(p.script("build", path.Join(p.root, m.dir)), "a process is started in a workspace, and no script at the root builds")
		}
	}
	return b, nil
}

// buildWorkspaces adds the steps that build what the application needs of other workspaces. names and text are the scripts,
// and the framework's command, that are left to run after them.
func (p *Project) buildWorkspaces(b built, names []string, text string) (with built, restNames []string, restText string) {
	script := "build"
	if len(names) > 0 {
		script = names[0]
	}
	if step, origin, ok := p.orchestrated(script); ok {
		if step.Args[0] == "nx" {
			// It builds what has no script, too.
			text = ""
		}
		return b.with(step, origin), names[min(1, len(names)):], text
	}
	for _, m := range p.needs(p.roots(), true) {
		if dir := path.Join(p.root, m.dir); dir != p.dir && m.Scripts["build"] != "" {
			b = b.with(p.script("build", dir), "needed by "+strings.Join(p.roots(), ", "))
		}
	}
	return b, names, text
}

func (p *Project) scriptMissing(name string) error {
	s := p.settings.NodeRunScripts
	return &problem.Problem{
		ID:    "node/script-missing",
		Title: fmt.Sprintf("there is no script %q in %s", name, p.manifest.File),
		Where: nodeversion.Request{Origin: s.Origin, Where: s.Where}.Place(),
		Why:   "the setting names scripts to run at build: " + s.Value,
		Hints: []string{"Add the script to package.json, or take its name out of the setting."},
	}
}

// entered are the workspaces with a build script among those that processes of the root are started in, and those that these
// need.
func (p *Project) entered() []member {
	if p.selected() || len(p.members) == 0 || !p.builds() || p.buildsOnInstall() {
		return nil
	}
	// What is wrong with the processes is said where they are planned.
	processes, _, _, _ := p.processes()
	var dirs []string
	for _, process := range processes {
		if process.Dir != p.dir {
			dirs = append(dirs, strings.TrimPrefix(strings.TrimPrefix(process.Dir, p.root), "/"))
		}
	}
	needed := p.needs(dirs, true)
	return slices.DeleteFunc(needed, func(m member) bool { return m.Scripts["build"] == "" })
}

// buildsOnInstall reports whether a script of the installation looks as if it built.
func (p *Project) buildsOnInstall() bool {
	return slices.ContainsFunc([]string{"preinstall", "install", "postinstall", "prepare"}, func(name string) bool {
		return strings.Contains(p.manifest.Scripts[name], "build")
	})
}

func (p *Project) script(name, dir string) plan.Command {
	step := plan.Run(p.manager.Name, "run", name)
	step.Dir, step.Failures = dir, p.scriptFailures()
	return step
}

// orchestrated is the step that lets Turborepo or Nx build the application and all that it needs, where the repository
// has one of them: they know more than the workspaces' own dependencies.
func (p *Project) orchestrated(script string) (step plan.Command, origin string, ok bool) {
	if file := path.Join(p.root, "turbo.json"); p.top.Has("turbo") && p.manifest.Name != "" && p.app.Has(file) {
		text, _, err := p.app.Read(file)
		var turbo struct{ Tasks, Pipeline map[string]any }
		if err != nil || json.Unmarshal(text, &turbo) != nil {
			return step, "", false
		}
		_, isTask := turbo.Tasks[script]
		_, isPipeline := turbo.Pipeline[script]
		if isTask || isPipeline {
			words := []string{"turbo", "run", script}
			for _, name := range p.names() {
				words = append(words, "--filter="+name)
			}
			step = plan.Run(words...)
			step.Dir, step.Failures = p.root, p.scriptFailures()
			step.Env = map[string]string{"TURBO_TELEMETRY_DISABLED": "1"}
			return step, file + " is there", true
		}
	}
	if file := path.Join(p.root, "nx.json"); p.top.Has("nx") && p.manifest.Name != "" && p.app.Has(file) {
		step = plan.Run("nx", "run-many", "--targets="+script, "--projects="+strings.Join(p.names(), ","))
		step.Dir, step.Failures = p.root, p.scriptFailures()
		step.Env = map[string]string{"NX_DAEMON": "false"}
		return step, file + " is there", true
	}
	return step, "", false
}

// names are the names of the applications' packages.
func (p *Project) names() []string {
	var list []string
	for _, dir := range p.roots() {
		if m, ok := p.member(dir); ok {
			list = append(list, m.Name)
		}
	}
	return list
}

// caches are the places where build tools keep what makes their next run faster, for every framework.
func (p *Project) caches() []string {
	list := app.InDir(p.root, []string{".turbo", ".nx/cache", packagesDir + "/.cache", packagesDir + "/.vite"})
	names := []string{packagesDir + "/.cache", packagesDir + "/.vite", ".turbo", ".parcel-cache", ".eslintcache"}
	if p.onlyChecksTypes() {
		names = append(names, "*.tsbuildinfo")
	}
	if f, known := p.framework(); known {
		names = append(names, f.caches...)
	}
	kept, _ := p.cacheDirectories()
	names = append(names, kept...)
	list = append(list, app.InDir(p.dir, names)...)
	for _, m := range p.members {
		list = append(list, app.InDir(path.Join(p.root, m.dir), []string{".turbo", packagesDir + "/.cache"})...)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// cacheDirectories are folders that package.json wants to be kept from build to build. Heroku copies them, and leaves them in the image; here a cache
// is in no image. So only what is called a cache is one: others may be what the build makes.
func (p *Project) cacheDirectories() (kept, others []string) {
	for _, dir := range p.manifest.CacheDirectories() {
		switch name := path.Base(dir); {
		case name == packagesDir || name == "bower_components":
		case strings.Contains(strings.ToLower(name), "cache"):
			kept = append(kept, dir)
		default:
			others = append(others, dir)
		}
	}
	return kept, others
}

// traces are where the build's tools note how they ran.
func (p *Project) traces() []string {
	f, known := p.framework()
	if !known || len(f.traces) == 0 {
		return nil
	}
	return app.InDir(p.dir, f.traces)
}

var noEmit = lazyregexp.New(`"noEmit"\s*:\s*true`)

// onlyChecksTypes reports whether the TypeScript compiler writes no files. Where it does, what it remembers of its last run
// would keep it from writing those that are not there any more.
func (p *Project) onlyChecksTypes() bool {
	text, _, err := p.app.Read(p.in("tsconfig.json"))
	return err == nil && noEmit().Match(text)
}
