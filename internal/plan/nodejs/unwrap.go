package nodejs

import (
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/plan/nodejs/packagejson"
	"github.com/gantry-buildpack/gantry/internal/source/shell"
)

// process turns a command's text into the program to execute: package managers that only run a script are replaced by
// what the script runs, since they neither forward signals nor leave.
func (p *Project) process(kind, text, dir string) plan.Process {
	given := text
	text, dir = p.unwrap(text, dir, &unwrapState{})
	c := shell.Parse(text)
	if c.Shell == "" {
		env, args := p.withoutWrappers(c.Env, c.Args)
		return plan.Process{Type: kind, Env: env, Args: p.inside(args, dir), Dir: dir}
	}
	program := "sh"
	if own := p.scriptShell(); text != given && own != "" {
		program = own
	}
	return plan.Process{Type: kind, Args: []string{program, "-c", c.Shell}, Group: c.Stays, Dir: dir}
}

// scriptShell is the shell that npm runs scripts with, where .npmrc names one that images have:
// https://docs.npmjs.com/cli/using-npm/config#script-shell.
func (p *Project) scriptShell() string {
	values, _ := p.npmrc("script-shell")
	if len(values) == 0 || p.manager.Name != "npm" && p.manager.Name != "pnpm" {
		return ""
	}
	name := path.Base(values[len(values)-1])
	if !shell.IsShell(name) {
		return ""
	}
	return name
}

// settingVariables are programs that set variables for the command behind "--".
var settingVariables = []string{"dotenv", "dotenvx", "env-cmd", "doppler", "infisical"}

// inside puts scripts in the place of package managers also in a command that another program runs: that of another shell, or
// behind "--".
func (p *Project) inside(args []string, dir string) []string {
	if len(args) == 3 && shell.IsShell(args[0]) && args[1] == "-c" {
		return []string{args[0], "-c", shell.Leaving(p.expand(args[2], dir, &unwrapState{}))}
	}
	i := slices.Index(args, "--")
	if i < 1 || !slices.Contains(settingVariables, args[0]) {
		return args
	}
	var words []string
	for _, word := range args[i+1:] {
		words = append(words, plan.Quote(word))
	}
	text, within := p.unwrap(strings.Join(words, " "), dir, &unwrapState{})
	if c := shell.Parse(text); c.Shell == "" && len(c.Env) == 0 && len(c.Args) > 0 && within == dir {
		return slices.Concat(args[:i+1], c.Args)
	}
	return args
}

// withoutWrappers takes off what only sets variables, or only finds a program that is on PATH anyway, and would stay in
// between: cross-env, env, npx, and the runners of package managers.
func (p *Project) withoutWrappers(env map[string]string, args []string) (map[string]string, []string) {
	env = maps.Clone(env)
	for len(args) > 1 {
		if name := byName(args); name[0] == "cross-env" || name[0] == "env" {
			args = name
		}
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
		case (args[0] == "yarn" || args[0] == "pnpm") && args[1] == "node" && len(rest) > 1:
			// Plug'n'Play reaches Node.js by a variable.
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
// leave its program to a daemon, with which the container would end.
func inForeground(args []string) []string {
	switch first := args[0] + " " + args[1]; {
	case args[0] == "nodemon" && len(args) == 2 && slices.Contains([]string{".js", ".mjs", ".cjs"}, path.Ext(args[1])):
		return []string{"node", args[1]}
	case (first == "tsx watch" || first == "node --watch") && len(args) > 2:
		return append([]string{args[0]}, args[2:]...)
	case first == "pm2 start":
		return pm2Runtime(args)
	case first == "forever start" && len(args) > 2:
		return append([]string{"forever"}, args[2:]...)
	}
	return args
}

// installed reports whether a program comes with a package of the application, or with Node.js.
func (p *Project) installed(program string) bool {
	return program == "node" || slices.ContainsFunc(packagesOf(program), func(name string) bool { return p.manifest.Has(name) || p.top.Has(name) })
}

// unwrap replaces "npm start" and "npm run NAME" by the scripts they run, with their "pre" script in front; those of another
// folder are run there. What a start script builds first is left to the build.
func (p *Project) unwrap(text, dir string, w *unwrapState) (string, string) {
	if folder, rest, ok := shell.Enter(text); ok && filepath.IsLocal(folder) && p.app.IsDir(path.Join(dir, folder)) {
		return p.unwrap(rest, path.Join(dir, folder), w)
	}
	c := shell.Parse(text)
	if c.Shell != "" {
		return p.expand(text, dir, w), dir
	}
	setting, words := assignments(c.Args)
	call, ok := p.scriptCall(words, dir)
	if !ok {
		return text, dir
	}
	before, script, ok := p.scriptOf(call, w)
	if !ok {
		return text, dir
	}
	w.scripts = append(w.scripts, call.key())
	script, within := p.unwrap(script, call.dir, w)
	for _, argument := range call.rest {
		script += " " + plan.Quote(argument)
	}
	if before != "" {
		first, there := p.unwrap(before, call.dir, w)
		if within != there {
			return text, dir
		}
		script = first + " && " + script
	}
	for _, key := range slices.Sorted(maps.Keys(c.Env)) {
		setting = append(setting, key+"="+plan.Quote(c.Env[key]))
	}
	if len(setting) == 0 {
		return script, within
	}
	return withVariables(setting, script), within
}

// packageAt gives the package.json that counts in a folder of the application, and its own folder: the nearest above it, as for
// npm (https://docs.npmjs.com/cli/configuring-npm/folders#more-information).
func (p *Project) packageAt(dir string) (packagejson.Manifest, string) {
	for {
		if m, ok := p.member(dir); ok {
			return m.Manifest, dir
		}
		switch dir {
		case p.dir:
			return p.manifest, dir
		case p.root, "", ".":
			return p.top, p.root
		}
		// What is broken there is for the package manager to say: nothing is taken from it.
		if m, found, err := packagejson.Read(p.app, dir); found && err == nil {
			return m, dir
		} else if found {
			return packagejson.Manifest{}, dir
		}
		dir = strings.TrimPrefix(path.Dir(dir), ".")
	}
}
