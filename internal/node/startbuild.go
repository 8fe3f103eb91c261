package node

import (
	"path"
	"slices"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/command"
	"github.com/gantry-buildpack/gantry/internal/pattern"
	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/procfile"
)

// way is what unwrapping a command has met.
type way struct {
	// scripts were unwrapped, by folder and name: one that calls itself is left to the package manager.
	scripts []string
	// builds are commands that stood in front of a start script and that the build does not run otherwise.
	builds []string
}

// withoutBuilds takes the commands that build off the front of a start script and its "pre" script: "npm run build && node
// dist/main.js" in an image would need the development packages and a file system that can be written, at every start.
func (p *Project) withoutBuilds(w *way, before, script string) (restBefore, rest string) {
	steps := command.List(before)
	if n := p.leadingBuilds(steps); n > 0 && n == len(steps) {
		w.meet(p, steps)
		before = ""
	}
	steps = command.List(script)
	if n := p.leadingBuilds(steps); before == "" && n > 0 && n < len(steps) {
		w.meet(p, steps[:n])
		script = strings.Join(steps[n:], " && ")
	}
	return before, script
}

func (w *way) meet(p *Project, steps []string) {
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
		case !strings.HasPrefix(step, "rimraf ") && !strings.HasPrefix(step, "rm -rf "):
			return n
		}
	}
	return n
}

// isRun reports whether the build runs the script, or what it consists of, anyway.
func (p *Project) isRun(step string) bool {
	call, ok := p.scriptCall(command.Parse(step).Args, p.dir)
	return slices.ContainsFunc(p.scripts(), func(name string) bool {
		return ok && call.dir == p.dir && call.name == name || p.manifest.Scripts[name] == step
	})
}

// compilers are commands that build and end.
var compilers = []string{
	"tsc", "tspc", "tsup", "tsdown", "rollup", "webpack", "esbuild", "swc", "babel", "nest build", "vite build", "next build", "nuxt build", "nuxi build",
	"astro build", "ng build", "remix build", "remix vite:build", "react-router build", "react-scripts build", "vue-cli-service build", "gatsby build",
	"parcel build",
}

// staying are the words with which such commands do not end.
var staying = pattern.Lazy(`watch|(?:^|\s)(?:-w|(?:--)?serve)(?:[\s=:]|$)`)

// isBuild reports whether a command builds: a script of that name, or a compiler. Where a setting names the scripts to run,
// no others do.
func (p *Project) isBuild(step string) bool {
	if p.settings.NodeRunScripts.IsSet() || p.isRun(step) {
		return p.isRun(step)
	}
	c := command.Parse(step)
	if c.Shell != "" || staying().MatchString(step) {
		return false
	}
	if call, ok := p.scriptCall(c.Args, p.dir); ok {
		script := p.manifest.Scripts[call.name]
		name, _, _ := strings.Cut(call.name, ":")
		return call.dir == p.dir && len(call.rest) == 0 && script != "" && (name == "build" || name == "compile") && !staying().MatchString(script)
	}
	_, args := p.withoutWrappers(c.Env, c.Args)
	return slices.Contains(compilers, args[0]) || len(args) > 1 && slices.Contains(compilers, args[0]+" "+args[1])
}

// startBuilds are the steps of the build that stand in front of start scripts.
func (p *Project) startBuilds() (steps []plan.Command) {
	var w way
	for _, entry := range p.declared {
		if len(entry.Args) == 0 {
			p.unwrap(entry.Command, p.folderOf(entry), &w)
		}
	}
	if !slices.ContainsFunc(p.declared, func(e procfile.Entry) bool { return e.Type == "web" }) && p.settings.StaticDir.Value == "" {
		p.unwrap(p.manager.name+" start", p.dir, &w)
	}
	for _, text := range w.builds {
		c := command.Parse(text)
		env, args := p.withoutWrappers(c.Env, c.Args)
		steps = append(steps, plan.Command{Title: text, Args: args, Env: env, Dir: p.dir})
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
