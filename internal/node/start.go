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
)

// processes gives the image's process types and, for the log, why web is what it is.
func (p *Project) processes() ([]plan.Process, []plan.Decision, error) {
	var list []plan.Process
	var decisions []plan.Decision
	add := func(kind, text, origin string) {
		process := p.process(kind, text)
		list = append(list, process)
		decisions = append(decisions, plan.Decision{Subject: kind, Value: describe(process), Origin: origin})
	}
	for _, entry := range p.procfile {
		add(entry.Type, entry.Command, "from "+entry.Where.String())
	}
	hasWeb := slices.ContainsFunc(list, func(q plan.Process) bool { return q.Type == "web" })
	if text, origin := p.startCommand(); !hasWeb && text != "" {
		add("web", text, origin)
	}
	if len(list) == 0 {
		return nil, nil, p.nothingToStart()
	}
	for i := range list {
		list[i].Default = list[i].Type == "web"
	}
	return list, decisions, nil
}

// startCommand is what "npm start" would run; without a start script, the file that "node ." would run.
func (p *Project) startCommand() (text, origin string) {
	if p.manifest.Scripts["start"] != "" {
		return "npm start", "from scripts.start in " + p.manifest.where("scripts", "start").String()
	}
	// npm's own default: https://docs.npmjs.com/cli/using-npm/scripts#npm-start.
	if p.app.Has("server.js") {
		return "node server.js", "server.js is there"
	}
	if main := p.manifest.Main; main != "" {
		clean := path.Clean(main)
		for _, file := range []string{clean, clean + ".js", path.Join(clean, "index.js")} {
			if p.app.Has(file) {
				return "node " + quote(file), "from main in " + p.manifest.where("main").String()
			}
		}
		if len(p.scripts()) > 0 {
			return "node " + quote(clean), "from main in " + p.manifest.where("main").String() + ", made by the build"
		}
	}
	if file := firstOf(p.app, entryFiles); file != "" {
		return "node " + file, file + " is there"
	}
	return "", ""
}

func (p *Project) nothingToStart() error {
	where := problem.Position{File: manifestFile}
	if p.manifest.text != nil {
		where = p.manifest.where("scripts")
	}
	return &problem.Problem{
		ID:    "node/nothing-to-start",
		Title: "nothing says how to start the application",
		Where: where,
		Why:   "there is no Procfile, no start script, no main file, and none of " + strings.Join(entryFiles, ", "),
		Hints: []string{
			`Add a start script to package.json, for example "scripts": { "start": "node dist/main.js" }.`,
			"Or add a Procfile with a line such as: web: node dist/main.js",
		},
	}
}

// process turns a command's text into the program to execute: package managers that only run a script are replaced by
// what the script runs, since they neither forward signals nor leave.
func (p *Project) process(kind, text string) plan.Process {
	c := command.Parse(p.unwrap(text, map[string]bool{}))
	if c.Shell == "" {
		return plan.Process{Type: kind, Env: c.Env, Args: c.Args}
	}
	return plan.Process{Type: kind, Args: []string{"sh", "-c", c.Shell}, Group: c.Stays}
}

// unwrap replaces "npm start" and "npm run NAME" by the scripts they run, with their "pre" script in front. seen holds
// the scripts on the way, so that one that calls itself is left to the package manager.
func (p *Project) unwrap(text string, seen map[string]bool) string {
	c := command.Parse(text)
	name, rest, ok := runsScript(c.Args)
	script := p.manifest.Scripts[name]
	if name == "start" && script == "" && p.app.Has("server.js") {
		script = "node server.js"
	}
	if !ok || script == "" || seen[name] || c.Shell != "" {
		return text
	}
	seen[name] = true
	script = p.unwrap(script, seen)
	for _, argument := range rest {
		script += " " + quote(argument)
	}
	for _, key := range slices.Sorted(maps.Keys(c.Env)) {
		// Variables assigned in front hold for the script as if it stood there; a list of commands needs the export.
		script = fmt.Sprintf("%s=%s %s", key, quote(c.Env[key]), script)
		if command.Parse(script).Shell != "" {
			return text
		}
	}
	if before := p.manifest.Scripts["pre"+name]; before != "" {
		return before + " && " + script
	}
	return script
}

// runsScript recognises a call of npm that does nothing but run a script.
func runsScript(args []string) (name string, rest []string, ok bool) {
	if len(args) < 2 || args[0] != "npm" {
		return "", nil, false
	}
	args = args[1:]
	for len(args) > 0 && (args[0] == "--silent" || args[0] == "-s") {
		args = args[1:]
	}
	switch {
	case len(args) > 0 && args[0] == "start":
		name, rest = "start", args[1:]
	case len(args) > 1 && (args[0] == "run" || args[0] == "run-script"):
		name, rest = args[1], args[2:]
	default:
		return "", nil, false
	}
	if strings.HasPrefix(name, "-") {
		return "", nil, false
	}
	switch {
	case len(rest) == 0:
		return name, nil, true
	case rest[0] == "--":
		return name, rest[1:], true
	default:
		// npm takes words and options without "--" itself in ways that differ between its versions.
		return "", nil, false
	}
}

// quote writes a word so that a shell reads it back as it is.
func quote(word string) string {
	if word != "" && strings.Trim(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:=@%+,-") == "" {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// describe writes a process as one would type it.
func describe(p plan.Process) string {
	var words []string
	for _, key := range slices.Sorted(maps.Keys(p.Env)) {
		words = append(words, key+"="+quote(p.Env[key]))
	}
	for _, argument := range p.Args {
		words = append(words, quote(argument))
	}
	return strings.Join(words, " ")
}
