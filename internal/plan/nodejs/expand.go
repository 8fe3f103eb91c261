package nodejs

import (
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/source/shell"
)

// expand puts scripts in the place of the package managers that run them within a shell's text: "cd server; npm start",
// "npm run migrate && npm run serve", "npm start -- --port $PORT". What a manager starts hears no signals.
func (p *Project) expand(text, dir string, w *unwrapState) string {
	pure := shell.List(text) != nil
	expanded := shell.Rewrite(text, func(c shell.Call) (string, bool) { return p.inPlaceOf(c, path.Join(dir, c.Dir), pure, w) })
	if shell.Parse(expanded).Err != nil {
		// A script may end with what nothing can follow, such as a comment.
		return text
	}
	return expanded
}

// inPlaceOf gives the text of the script that a command runs in a folder; pure: the command is one of several joined by &&, or
// alone.
func (p *Project) inPlaceOf(c shell.Call, dir string, pure bool, w *unwrapState) (string, bool) {
	setting, words := assignments(c.Words)
	call, ok := p.scriptCall(words, dir)
	if !ok || c.Rest != "" && !takesRest(words) {
		return "", false
	}
	before, script, ok := p.scriptOf(call, w)
	if !ok {
		return "", false
	}
	scripts := w.scripts
	w.scripts = append(slices.Clone(scripts), call.key())
	defer func() { w.scripts = scripts }()
	script, within := p.unwrap(script, call.dir, w)
	for _, argument := range call.rest {
		script += " " + plan.Quote(argument)
	}
	script = strings.TrimSpace(script + " " + c.Rest)
	if before != "" {
		first, there := p.unwrap(before, call.dir, w)
		if there != within {
			return "", false
		}
		script = first + " && " + script
	}
	if within != dir {
		relative, err := filepath.Rel("/"+dir, "/"+within)
		if err != nil {
			return "", false
		}
		script = "cd " + plan.Quote(relative) + " && " + script
	}
	switch {
	case len(setting) > 0:
		return withVariables(append([]string{"env"}, setting...), script), true
	case shell.IsCommand(script):
		return script, true
	case c.Assigned:
		return withVariables(nil, script), true
	case pure && shell.List(script) != nil && (c.Last || !strings.Contains(script, "cd ")):
		return script, true
	case c.Last:
		return "{ " + script + "; }", true
	default:
		// It has a shell of its own, in which it may enter folders and set variables.
		return "(" + script + ")", true
	}
}

// withVariables puts assignments in front of a script: they hold for one program.
func withVariables(setting []string, script string) string {
	c := shell.Parse(script)
	if c.Shell != "" || len(c.Args) == 0 {
		script = "sh -c " + plan.Quote(shell.Leaving(script))
	}
	return strings.Join(append(slices.Clone(setting), script), " ")
}

// assignments takes "env A=b" and "cross-env A=b" off the front of a command, and gives what they set.
func assignments(words []string) (setting, rest []string) {
	words = byName(words)
	if len(words) == 0 || words[0] != "env" && words[0] != "cross-env" {
		return nil, words
	}
	rest = words[1:]
	for len(rest) > 0 && strings.Contains(rest[0], "=") && !strings.HasPrefix(rest[0], "-") {
		name, value, _ := strings.Cut(rest[0], "=")
		setting, rest = append(setting, name+"="+plan.Quote(value)), rest[1:]
	}
	if len(setting) == 0 {
		return nil, words
	}
	return setting, rest
}

// byName gives a command with the name of its program where that is named by its place among the programs of packages, which are on
// PATH.
func byName(words []string) []string {
	if len(words) > 0 && strings.HasSuffix(path.Dir(words[0]), packagesDir+"/.bin") && !path.IsAbs(words[0]) {
		return append([]string{path.Base(words[0])}, words[1:]...)
	}
	return words
}

// takesRest reports whether a package manager hands words that are not known yet to the script: npm reads those in front of
// "--" itself.
func takesRest(words []string) bool {
	return words[0] != "npm" && words[0] != "node" && words[0] != "turbo" || slices.Contains(words, "--")
}

// key tells one script from others.
func (c scriptCall) key() string { return c.dir + " " + c.name }

// scriptOf gives the text of the script that a call runs, and of the one that the package manager runs before it; ok is false
// where there is none, or where it calls itself. What a start script builds first is left to the build.
func (p *Project) scriptOf(call scriptCall, w *unwrapState) (before, script string, ok bool) {
	m, _ := p.packageAt(call.dir)
	script = m.Scripts[call.name]
	if call.name == "start" && script == "" && p.app.Has(path.Join(call.dir, "server.js")) {
		script = "node server.js"
	}
	if script == "" || slices.Contains(w.scripts, call.key()) || readsItsName(script) {
		return "", "", false
	}
	script = withoutInstalls(p.withNPMsPrograms(script))
	if p.manager.RunsBefore() && !call.alone && !p.ignoresScripts() {
		before = m.Scripts["pre"+call.name]
	}
	if call.dir == p.dir && (call.name == "start" || strings.HasPrefix(call.name, "start:")) {
		before, script = p.withoutBuilds(w, before, script)
	} else if call.dir == p.dir {
		script = p.withoutRun(script)
	}
	return before, script, true
}

// withNPMsPrograms puts names in the place of the variables that package managers set to their own places: they are not in the
// image. https://docs.npmjs.com/cli/using-npm/scripts#environment.
func (p *Project) withNPMsPrograms(script string) string {
	return strings.NewReplacer("${npm_execpath}", p.manager.Name, "$npm_execpath", p.manager.Name, "${npm_node_execpath}", "node", "$npm_node_execpath", "node").Replace(script)
}

// readsItsName reports whether a script is one of Wireit, which finds out from the package manager which script it is:
// https://github.com/google/wireit#setup.
func readsItsName(script string) bool { return strings.TrimSpace(script) == "wireit" }
