package node

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/command"
	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/problem"
	"github.com/gantry-buildpack/gantry/internal/procfile"
)

// processes gives the image's process types and, for the log, why web is what it is. made is what a framework's build
// makes, when that is what web runs.
func (p *Project) processes() (list []plan.Process, decisions []plan.Decision, made output, err error) {
	add := func(process plan.Process, origin string) {
		list = append(list, process)
		decisions = append(decisions, plan.Decision{Subject: process.Type, Value: process.String(), Origin: origin})
	}
	for _, entry := range p.declared {
		add(p.declaredProcess(entry), "from "+entry.Where.String())
	}
	if !slices.ContainsFunc(list, func(q plan.Process) bool { return q.Type == "web" }) {
		process, origin, of := p.web()
		made = of
		if process != nil {
			add(*process, origin)
		}
	}
	for _, dir := range p.more {
		other := *p
		m, _ := p.member(dir)
		other.dir, other.manifest = dir, m.manifest
		process, origin, _ := other.web()
		if process == nil {
			return nil, nil, made, other.nothingToStart()
		}
		process.Type = path.Base(dir)
		add(*process, origin)
	}
	if len(list) == 0 {
		return nil, nil, made, p.nothingToStart()
	}
	for i := range list {
		list[i].Default, list[i].Entry = list[i].Type == "web", p.runsFile(list[i])
	}
	return list, decisions, made, nil
}

func (p *Project) declaredProcess(entry procfile.Entry) plan.Process {
	dir := p.folderOf(entry)
	if len(entry.Args) > 0 {
		return plan.Process{Type: entry.Type, Args: entry.Args, Dir: dir}
	}
	return p.process(entry.Type, entry.Command, dir)
}

// startable reports whether the application says how it is started.
func (p *Project) startable() bool {
	if slices.ContainsFunc(p.declared, func(e procfile.Entry) bool { return e.Type == "web" }) {
		return true
	}
	process, _, _ := p.web()
	return process != nil
}

// startsItself reports whether a workspace is an application: a library has a main file, too.
func (p *Project) startsItself() bool {
	f, known := p.framework()
	if known {
		_, known = f.run(p)
	}
	return known || p.manifest.Scripts["start"] != "" || firstOf(p.app, inDir(p.dir, entryFiles[:3])) != "" ||
		slices.ContainsFunc(p.declared, func(e procfile.Entry) bool { return e.Type == "web" })
}

// web is the process that answers requests: what the start script runs, unless that only serves for development; what a
// framework says; the file that "node ." would run.
func (p *Project) web() (process *plan.Process, origin string, made output) {
	started := func(text, origin string) (*plan.Process, string, output) {
		q := p.process("web", text, p.dir)
		return &q, origin, output{}
	}
	if dir := p.settings.StaticDir; dir.Value != "" {
		o := output{static: dir.Value, why: dir.Origin}
		return p.fromOutput(o), "from " + dir.Origin, o
	}
	f, known := p.framework()
	if known {
		made, known = f.run(p)
	}
	if script := p.manifest.Scripts["start"]; script != "" {
		q := p.process("web", p.manager.name+" start", p.dir)
		where := "from scripts.start in " + p.manifest.where("scripts", "start").String()
		switch {
		case develops(q.Args) && known:
			return p.fromOutput(made), f.name + ", since " + q.String() + " only serves for development", made
		case known && made.static != "" && p.serves(q.Args, made.static):
			return p.fromOutput(made), f.name + ", since " + q.String() + " is fetched at every start", made
		case known && made.instead != "" && strings.HasPrefix(strings.Join(q.Args, " ")+" ", made.instead+" "),
			known && slices.Equal(q.Args, []string{"next", "start"}) && made.command != "next start":
			return p.fromOutput(made), f.name + ", " + made.why, made
		case known && made.dir != "" && len(q.Args) > 1 && q.Args[0] == "node" && !p.has(q.Args[1]):
			q.Dir = made.dir
			return &q, where + ", in " + made.dir + ", which the build makes", made
		case slices.Equal(q.Args, strings.Fields(made.command)) && len(q.Args) > 0:
			q.Env = merge(made.env, q.Env)
			return &q, where, made
		}
		return &q, where, output{}
	}
	if known {
		origin := f.name
		if made.why != "" {
			origin += ", " + made.why
		}
		return p.fromOutput(made), origin, made
	}
	if text, origin := p.entry(); text != "" {
		return started(text, origin)
	}
	if !p.manifest.hasDependencies() && p.has("index.html") {
		o := output{static: ".", pages: true, why: "index.html is there"}
		return p.fromOutput(o), "files to serve: index.html is there", o
	}
	return nil, "", output{}
}

// fromOutput is the process that runs, or serves, what a build makes.
func (p *Project) fromOutput(o output) *plan.Process {
	if o.static != "" {
		args := []string{plan.StaticServer, o.static}
		switch {
		case o.pages:
			args = append(args, "--pages")
		case o.fallback != "":
			args = append(args, o.fallback)
		}
		return &plan.Process{Type: "web", Args: args, Dir: p.dir}
	}
	q := p.process("web", o.command, p.dir)
	q.Env = merge(o.env, q.Env)
	if o.dir != "" {
		q.Dir = o.dir
	}
	return &q
}

func merge(a, b map[string]string) map[string]string {
	if len(a)+len(b) == 0 {
		return nil
	}
	all := maps.Clone(a)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, b)
	return all
}

// entry is the file that "node ." would run.
func (p *Project) entry() (text, origin string) {
	// npm's own default: https://docs.npmjs.com/cli/using-npm/scripts#npm-start.
	if p.has("server.js") {
		return "node server.js", "server.js is there"
	}
	if text, origin := p.bunEntry(); text != "" {
		return text, origin
	}
	if main := p.manifest.Main; main != "" {
		clean := path.Clean(main)
		for _, file := range []string{clean, clean + ".js", path.Join(clean, "index.js")} {
			if p.has(file) {
				return "node " + plan.Quote(file), "from main in " + p.manifest.where("main").String()
			}
		}
		if len(p.scripts()) > 0 {
			return "node " + plan.Quote(clean), "from main in " + p.manifest.where("main").String() + ", made by the build"
		}
	}
	if file := firstOf(p.app, inDir(p.dir, entryFiles)); file != "" {
		return "node " + path.Base(file), path.Base(file) + " is there"
	}
	return "", ""
}

func (p *Project) nothingToStart() error {
	where := problem.Position{File: p.in(manifestFile)}
	if p.manifest.text != nil {
		where = p.manifest.where("scripts")
	}
	var first []string
	if f, known := p.framework(); known {
		if o, _ := f.run(p); o.hint != "" {
			first = append(first, o.hint)
		}
	}
	return &problem.Problem{
		ID:    "node/nothing-to-start",
		Title: "nothing says how to start the application",
		Where: where,
		Why:   "there is no Procfile, no start script, no main file, no framework that says it, and none of " + strings.Join(entryFiles, ", "),
		Hints: append(first,
			`Add a start script to package.json, for example "scripts": { "start": "node dist/main.js" }.`,
			"Or add a Procfile with a line such as: web: node dist/main.js",
			"For files to be served as they are, set BP_STATIC_DIR to their folder.",
		),
	}
}

// process turns a command's text into the program to execute: package managers that only run a script are replaced by
// what the script runs, since they neither forward signals nor leave.
func (p *Project) process(kind, text, dir string) plan.Process {
	text, dir = p.unwrap(text, dir, &way{})
	c := command.Parse(text)
	if c.Shell == "" {
		env, args := p.withoutWrappers(c.Env, c.Args)
		return plan.Process{Type: kind, Env: env, Args: args, Dir: dir}
	}
	return plan.Process{Type: kind, Args: []string{"sh", "-c", c.Shell}, Group: c.Stays, Dir: dir}
}

// withoutWrappers takes off what only sets variables, or only finds a program that is on PATH anyway, and would stay in
// between: cross-env, env, npx, and the runners of package managers.
func (p *Project) withoutWrappers(env map[string]string, args []string) (map[string]string, []string) {
	env = maps.Clone(env)
	for len(args) > 1 {
		args = inForeground(args)
		rest := args[1:]
		switch {
		case args[0] == "cross-env" || args[0] == "env" && strings.Contains(args[1], "="):
			for len(rest) > 0 && strings.Contains(rest[0], "=") && !strings.HasPrefix(rest[0], "=") {
				name, value, _ := strings.Cut(rest[0], "=")
				env = merge(env, map[string]string{name: value})
				rest = rest[1:]
			}
			if len(rest) == 0 || strings.HasPrefix(rest[0], "-") {
				return env, args
			}
		case (args[0] == "npx" || args[0] == "bunx" || args[0] == "pnpx") && p.installed(args[1]):
		case (args[0] == "pnpm" || args[0] == "yarn") && args[1] == "exec" && len(rest) > 1 && p.installed(rest[1]):
			rest = rest[1:]
		default:
			return env, args
		}
		args = rest
	}
	return env, args
}

// inForeground gives the form of a command that a container runs: one that does not wait for files to change, and does not
// leave its program to a daemon, with which the container would end (https://pm2.keymetrics.io/docs/usage/docker-pm2-nodejs/).
func inForeground(args []string) []string {
	switch first := args[0] + " " + args[1]; {
	case args[0] == "nodemon" && len(args) == 2 && slices.Contains([]string{".js", ".mjs", ".cjs"}, path.Ext(args[1])):
		return []string{"node", args[1]}
	case (first == "tsx watch" || first == "node --watch") && len(args) > 2:
		return append([]string{args[0]}, args[2:]...)
	case first == "pm2 start":
		return append([]string{"pm2-runtime"}, args[1:]...)
	case first == "forever start" && len(args) > 2:
		return append([]string{"forever"}, args[2:]...)
	}
	return args
}

// installed reports whether a program comes with a package of the application, or with Node.js.
func (p *Project) installed(program string) bool {
	return program == "node" || p.manifest.has(packageOf(program, true)) || p.top.has(packageOf(program, true))
}

// unwrap replaces "npm start" and "npm run NAME" by the scripts they run, with their "pre" script in front; those of a
// workspace are run in its folder. What a start script builds first is left to the build.
func (p *Project) unwrap(text, dir string, w *way) (string, string) {
	c := command.Parse(text)
	call, ok := p.scriptCall(c.Args, dir)
	m := p.manifestOf(call.dir)
	script := m.Scripts[call.name]
	if call.name == "start" && script == "" && p.app.Has(path.Join(call.dir, "server.js")) {
		script = "node server.js"
	}
	if !ok || script == "" || c.Shell != "" || slices.Contains(w.scripts, call.dir+" "+call.name) {
		return text, dir
	}
	w.scripts = append(w.scripts, call.dir+" "+call.name)
	before := ""
	if p.manager.runsBefore() {
		before = m.Scripts["pre"+call.name]
	}
	if call.dir == p.dir && (call.name == "start" || strings.HasPrefix(call.name, "start:")) {
		before, script = p.withoutBuilds(w, before, script)
	}
	script, within := p.unwrap(script, call.dir, w)
	for _, argument := range call.rest {
		script += " " + plan.Quote(argument)
	}
	for _, key := range slices.Sorted(maps.Keys(c.Env)) {
		// Variables assigned in front hold for the script as if it stood there; a list of commands needs the export.
		script = fmt.Sprintf("%s=%s %s", key, plan.Quote(c.Env[key]), script)
		if command.Parse(script).Shell != "" {
			return text, dir
		}
	}
	if before != "" {
		if within != call.dir {
			return text, dir
		}
		return before + " && " + script, within
	}
	return script, within
}

// manifestOf gives the package.json of a folder of the application.
func (p *Project) manifestOf(dir string) manifest {
	if m, ok := p.member(dir); ok {
		return m.manifest
	}
	if dir == p.dir {
		return p.manifest
	}
	return p.top
}
