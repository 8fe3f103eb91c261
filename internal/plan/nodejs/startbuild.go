package nodejs

import (
	"path"
	"slices"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/source/lazyregexp"
	"github.com/gantry-buildpack/gantry/internal/source/procfile"
	"github.com/gantry-buildpack/gantry/internal/source/shell"
)

// unwrapState is what unwrapping a command has met.
type unwrapState struct {
	// scripts were unwrapped, by folder and name: one that calls itself is left to the package manager.
	scripts []string
	// builds are commands that stood in front of a start script and that the build does not run otherwise.
	builds []string
}

// withoutBuilds takes the commands that build off the front of a start script and its "pre" script: "npm run build && node
// dist/main.js" in an image would need the development packages and a file system that can be written, at every start.
func (p *Project) withoutBuilds(w *unwrapState, before, script string) (restBefore, rest string) {
	steps := shell.List(before)
	if n := p.leadingBuilds(steps); n > 0 && n == len(steps) {
		w.meet(p, steps)
		before = ""
	}
	steps = shell.List(script)
	if n := p.leadingBuilds(steps); before == "" && n > 0 && n < len(steps) {
		w.meet(p, steps[:n])
		script = strings.Join(steps[n:], " && ")
	}
	return before, script
}

// withoutRun takes commands off the front of a script that the build runs anyway.
func (p *Project) withoutRun(script string) string {
	steps := shell.List(script)
	n := 0
	for n < len(steps)-1 && p.isRun(steps[n]) {
		n++
	}
	if n == 0 {
		return script
	}
	return strings.Join(steps[n:], " && ")
}

// withoutInstalls takes the installation of packages off the front of a script: they are installed.
func withoutInstalls(script string) string {
	steps := shell.List(script)
	n := 0
	for n < len(steps)-1 && isInstall(shell.Parse(steps[n]).Args) {
		n++
	}
	if n == 0 {
		return script
	}
	return strings.Join(steps[n:], " && ")
}

func isInstall(args []string) bool {
	switch {
	case len(args) == 0 || !slices.Contains([]string{"npm", "yarn", "pnpm", "bun"}, args[0]):
		return false
	case len(args) == 1:
		return args[0] == "yarn"
	}
	for _, option := range args[2:] {
		// A name is a package to add.
		if !strings.HasPrefix(option, "-") {
			return false
		}
	}
	return args[0] == "yarn" && strings.HasPrefix(args[1], "-") || slices.Contains([]string{"install", "i", "ci", "clean-install"}, args[1])
}

func (w *unwrapState) meet(p *Project, steps []string) {
	if !slices.ContainsFunc(steps, func(step string) bool { return p.isBuild(step) && !p.isRun(step) }) {
		return
	}
	for _, step := range steps {
		if !slices.Contains(w.builds, step) {
			w.builds = append(w.builds, step)
		}
	}
}

// leadingBuilds counts the commands at the front that build, and those that clear the place for one.
func (p *Project) leadingBuilds(steps []string) (n int) {
	for i, step := range steps {
		switch {
		case p.isBuild(step):
			n = i + 1
		case !p.clears(step):
			return n
		}
	}
	return n
}

// clearing are commands that remove what a build made.
var clearing = []string{"rimraf", "rm", "shx rm", "del", "del-cli", "lb-clean"}

func (p *Project) clears(step string) bool {
	args := shell.Parse(step).Args
	call, ok := p.scriptCall(args, p.dir)
	return ok && call.name == "clean" || leads(args, clearing)
}

// leads reports whether a command begins with one of a list.
func leads(args, list []string) bool {
	return len(args) > 0 && slices.Contains(list, args[0]) || len(args) > 1 && slices.Contains(list, args[0]+" "+args[1])
}

// isRun reports whether the build runs a command anyway, as a script, or as what a script consists of.
func (p *Project) isRun(step string) bool {
	run := func(step string) bool {
		call, ok := p.scriptCall(shell.Parse(step).Args, p.dir)
		return slices.ContainsFunc(p.scripts(), func(name string) bool {
			return ok && call.dir == p.dir && call.name == name || p.manifest.Scripts[name] == step
		})
	}
	return run(step) || p.consistsOf(step, run)
}

// consistsOf reports whether a command is a script that does nothing but what is asked for, and clear the place for it.
func (p *Project) consistsOf(step string, what func(step string) bool) bool {
	call, ok := p.scriptCall(shell.Parse(step).Args, p.dir)
	if !ok || call.dir != p.dir || len(call.rest) > 0 {
		return false
	}
	steps := shell.List(p.manifest.Scripts[call.name])
	other := func(step string) bool { return !what(step) && !p.clears(step) }
	return slices.ContainsFunc(steps, what) && !slices.ContainsFunc(steps, other)
}

// compilers are commands that build and end.
var compilers = []string{
	"tsc", "tspc", "tsup", "tsdown", "rollup", "webpack", "esbuild", "swc", "babel", "nest build", "vite build", "next build", "nuxt build", "nuxi build",
	"astro build", "ng build", "remix build", "remix vite:build", "react-router build", "react-scripts build", "vue-cli-service build", "gatsby build",
	"parcel build",
}

// staying are the words with which such commands do not end.
var staying = lazyregexp.New(`watch|(?:^|\s)(?:-w|(?:--)?serve)(?:[\s=:]|$)`)

// isBuild reports whether a command builds: it compiles, or is a script that does nothing else. Where a setting names the
// scripts to run, no others do.
func (p *Project) isBuild(step string) bool {
	if p.settings.NodeRunScripts.IsSet() || p.isRun(step) {
		return p.isRun(step)
	}
	return p.compiles(step) || p.consistsOf(step, p.compiles)
}

// building are what scripts that build are called, alone or in front of a colon.
var building = []string{"build", "compile", "transpile", "bundle"}

// compiles reports whether a command is a compiler, or a script that is called so.
func (p *Project) compiles(step string) bool {
	c := shell.Parse(step)
	if c.Shell != "" || staying().MatchString(step) {
		return false
	}
	if all, _, _ := inAll(c.Args); all != "" {
		name, _, _ := strings.Cut(all, ":")
		return slices.Contains(building, name)
	}
	if call, ok := p.scriptCall(c.Args, p.dir); ok {
		script := p.manifest.Scripts[call.name]
		name, _, _ := strings.Cut(call.name, ":")
		return call.dir == p.dir && len(call.rest) == 0 && script != "" && slices.Contains(building, name) && !staying().MatchString(script)
	}
	_, args := p.withoutWrappers(c.Env, c.Args)
	return leads(args, compilers)
}

// startBuilds are the steps of the build that stand in front of start scripts.
func (p *Project) startBuilds() (steps []plan.Command) {
	var w unwrapState
	for _, entry := range p.declared {
		if len(entry.Args) == 0 {
			p.unwrap(entry.Command, p.folderOf(entry), &w)
		}
	}
	if !slices.ContainsFunc(p.declared, func(e procfile.Entry) bool { return e.Type == "web" }) && p.settings.StaticDir.Value == "" {
		p.unwrap(p.manager.Name+" start", p.dir, &w)
	}
	for _, text := range w.builds {
		c := shell.Parse(text)
		env, args := p.withoutWrappers(c.Env, c.Args)
		steps = append(steps, plan.Command{Title: text, Args: args, Env: env, Dir: p.dir, Failures: p.scriptFailures()})
	}
	return steps
}

// folderOf is where a declared process is started.
func (p *Project) folderOf(entry procfile.Entry) string {
	if path.Base(entry.Where.File) == procfile.Name {
		return strings.TrimPrefix(path.Dir(entry.Where.File), ".")
	}
	return p.dir
}
