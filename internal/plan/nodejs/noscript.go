package nodejs

import (
	"fmt"
	"maps"
	"path"
	"slices"

	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/problem"
	"github.com/gantry-buildpack/gantry/internal/source/shell"
)

// checkScripts gives the error of a process that runs a script which does not exist, and warnings where another one than web does.
func (p *Project) checkScripts(processes []plan.Process) (warnings []string, err error) {
	for _, q := range processes {
		fault := p.noScript(q)
		switch {
		case fault == nil:
		case q.Default:
			return nil, fault
		default:
			warnings = append(warnings, fmt.Sprintf("Process %s does not start: %s.", q.Type, fault.Title))
		}
	}
	return warnings, nil
}

// noScript finds a script that a process runs for certain and that package.json does not have. Yarn and Bun run programs by their names,
// too: theirs are not looked at.
func (p *Project) noScript(q plan.Process) *problem.Problem {
	calls := []shell.Call{{Words: q.Args}}
	if shell.IsShell(q.Args[0]) && len(q.Args) > 2 && q.Args[1] == "-c" {
		calls = shell.Calls(q.Args[2])
	}
	for _, c := range calls {
		if !slices.Contains([]string{"npm", "pnpm", "node"}, c.Words[0]) {
			continue
		}
		call, ok := p.scriptCall(c.Words, path.Join(q.Dir, c.Dir))
		m, _ := p.packageAt(call.dir)
		if !ok || m.File == "" || m.Scripts[call.name] != "" || call.name == "start" && p.app.Has(path.Join(call.dir, "server.js")) {
			continue
		}
		fault := &problem.Problem{
			ID:    "node/no-script",
			Title: fmt.Sprintf("there is no script %q in %s", call.name, m.File),
			Where: problem.Position{File: m.File},
			Why:   fmt.Sprintf("process %s runs it (%s)", q.Type, q.String()),
			Hints: []string{"Add the script, or correct what starts the application."},
		}
		if likely := problem.Nearest(call.name, slices.Sorted(maps.Keys(m.Scripts))); likely != "" {
			fault.Hints = append([]string{fmt.Sprintf("Did you mean %q?", likely)}, fault.Hints...)
		}
		return fault
	}
	return nil
}
