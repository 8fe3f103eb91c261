package nodejs

import (
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/container/site"
	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/plan/nodejs/packagejson"
	"github.com/gantry-buildpack/gantry/internal/plan/sitefiles"
	"github.com/gantry-buildpack/gantry/internal/problem"
	"github.com/gantry-buildpack/gantry/internal/source/app"
	"github.com/gantry-buildpack/gantry/internal/source/procfile"
	"github.com/gantry-buildpack/gantry/internal/source/shell"
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
		other.dir, other.manifest = dir, m.Manifest
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
		list[i].Default, list[i].Entry = list[i].Type == "web", p.loadsFile(list[i])
		if p.findsPlainly(list[i]) {
			list[i].Imports = p.importedBy(list[i])
		}
		read := func(name string) ([]byte, bool, error) { return p.app.Read(path.Join(list[i].Dir, name)) }
		list[i].Group = list[i].Group || shell.StaysBehindScript(list[i].Args, read)
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

// callsFramework reports whether a script of a workspace runs the framework: a library of components depends on it, too.
func (p *Project) callsFramework(f framework) bool {
	programs := slices.Clone(f.packages)
	for _, command := range append(slices.Clone(f.develop), f.build) {
		first, _, _ := strings.Cut(command, " ")
		programs = append(programs, first)
	}
	for _, script := range p.manifest.Scripts {
		for _, word := range shell.Fields(script) {
			if word != "" && slices.Contains(programs, word) {
				return true
			}
		}
	}
	// Without scripts, a task runner may know what to do.
	name := strings.TrimPrefix(f.packages[0], "@")
	return p.has("project.json") || p.has("index.html") || p.config(name+".config") != "" || p.hasFolder("app", "pages", "src/app", "src/pages", "src/routes")
}

// startsNothing reports whether a start script only serves for the development of a library, or does nothing.
func startsNothing(script string) bool {
	args := shell.Parse(script).Args
	if len(args) == 0 {
		return false
	}
	return slices.Contains([]string{"echo", "true", "exit", ":", "storybook", "start-storybook"}, args[0]) || leads(args, compilers) && staying().MatchString(script)
}

// startsItself reports whether a workspace is an application, and why: a library has a main file, too.
func (p *Project) startsItself() (why string, ok bool) {
	for _, name := range append([]string{"start"}, productionScripts...) {
		if script := p.manifest.Scripts[name]; script != "" && !startsNothing(script) {
			return "script " + name, true
		}
	}
	if f, known := p.framework(); known && p.callsFramework(f) {
		if _, known = f.run(p); known {
			return f.name, true
		}
	}
	if file := p.app.FirstOf(app.InDir(p.dir, entryFiles[:3])); file != "" {
		return "file " + path.Base(file), true
	}
	return "", slices.ContainsFunc(p.declared, func(e procfile.Entry) bool { return e.Type == "web" })
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
		q := p.process("web", p.manager.Name+" start", p.dir)
		where := "from scripts.start in " + p.manifest.Where("scripts", "start").String()
		if q.Dir != p.dir && develops(q.Args) {
			if process, origin, of := p.servedIn(q.Dir, q.Args[0]); process != nil {
				return process, origin + ", since " + q.String() + " only serves for development", of
			}
		}
		if name := p.productionScript(); name != "" && (develops(q.Args) && !known || q.Args[0] == "nodemon") {
			return started(p.manager.Name+" run "+name, "from scripts."+name+" in "+p.manifest.Where("scripts", name).String()+", since "+q.String()+" only serves for development")
		}
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
	if name := p.productionScript(); name != "" {
		return started(p.manager.Name+" run "+name, "from scripts."+name+" in "+p.manifest.Where("scripts", name).String()+"; there is no script start")
	}
	if text, origin := p.entry(); text != "" {
		return started(text, origin)
	}
	if o, ok := p.saidStatic(); ok {
		return p.fromOutput(o), o.why, o
	}
	if !p.manifest.HasDependencies() && p.has("index.html") {
		o := output{static: ".", pages: true, why: "index.html is there"}
		return p.fromOutput(o), "files to serve: index.html is there", o
	}
	return nil, "", output{}
}

// saidStatic is the folder that a file for another platform names, where a build may make it.
func (p *Project) saidStatic() (output, bool) {
	// What is wrong with the files is told when all is planned.
	said, err := sitefiles.Find(p.app, p.dir)
	if err != nil || said.Root == "" || len(p.scripts()) == 0 && !p.app.IsDir(p.in(said.Root)) {
		return output{}, false
	}
	return output{static: said.Root, pages: true, why: "from " + said.RootFrom}, true
}

// productionScripts are the names of scripts that start an application for its users, where none is called start.
var productionScripts = []string{"start:prod", "start:production", "prod", "production"}

// productionScript is the first of these that there is.
func (p *Project) productionScript() string {
	for _, name := range productionScripts {
		if p.manifest.Scripts[name] != "" {
			return name
		}
	}
	return ""
}

// servedIn is what the build makes of a workspace in which the start script of the repository runs a program that only
// serves for development; its package may be the repository's.
func (p *Project) servedIn(dir, program string) (*plan.Process, string, output) {
	m, ok := p.member(dir)
	if !ok || len(p.scripts()) == 0 {
		return nil, "", output{}
	}
	other := *p
	other.dir, other.manifest = dir, m.Manifest
	f, known := other.framework()
	if i := slices.IndexFunc(frameworks, func(f framework) bool { return slices.Contains(f.packages, program) }); !known && i >= 0 {
		f, known = frameworks[i], true
	}
	if !known {
		return nil, "", output{}
	}
	made, ok := f.run(&other)
	if !ok || made.dir != "" {
		return nil, "", output{}
	}
	made.dir = dir
	return other.fromOutput(made), f.name + " in " + dir, made
}

// fromOutput is the process that runs, or serves, what a build makes.
func (p *Project) fromOutput(o output) *plan.Process {
	if o.static != "" {
		return &plan.Process{Type: "web", Args: []string{plan.StaticServer, o.static}, Dir: p.dir, Site: &site.Site{Pages: o.pages, Start: o.fallback}}
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
				return "node " + plan.Quote(file), "from main in " + p.manifest.Where("main").String()
			}
		}
		if len(p.scripts()) > 0 {
			return "node " + plan.Quote(clean), "from main in " + p.manifest.Where("main").String() + ", made by the build"
		}
	}
	if file := p.app.FirstOf(app.InDir(p.dir, entryFiles)); file != "" {
		return "node " + path.Base(file), path.Base(file) + " is there"
	}
	return "", ""
}

func (p *Project) nothingToStart() error {
	where := problem.Position{File: p.in(packagejson.Name)}
	if p.manifest.Text != nil {
		where = p.manifest.Where("scripts")
	}
	var first []string
	if f, known := p.framework(); known {
		if o, _ := f.run(p); o.hint != "" {
			first = append(first, o.hint)
		}
	}
	if hint := p.nxHint(); hint != "" {
		first = append(first, hint)
	}
	if file := p.app.FirstOf(app.InDir(p.dir, []string{"wrangler.toml", "wrangler.json", "wrangler.jsonc"})); file != "" {
		first = append(first, file+" is for Cloudflare Workers, which run nowhere else: add a server for Node.js, such as @hono/node-server for Hono.")
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
