package nodejs

import (
	"cmp"
	"path"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/source/lazyregexp"
	"github.com/gantry-buildpack/gantry/internal/source/shell"
)

// shellText is all that a process has a shell do, with the application's own scripts that it runs; empty where there is no shell.
func (p *Project) shellText(q plan.Process) string {
	text := ""
	if shell.IsShell(q.Args[0]) && len(q.Args) > 2 && q.Args[1] == "-c" {
		text = q.Args[2]
	}
	if file := shell.ScriptFile(q.Args); file != "" {
		text = file
	}
	return text + p.scriptsIn(text, q.Dir, map[string]bool{})
}

// scriptsIn is the text of the scripts that a shell's text names, and of those that these name.
func (p *Project) scriptsIn(text, dir string, seen map[string]bool) string {
	var all strings.Builder
	for _, word := range shell.Fields(text) {
		name := path.Join(dir, word)
		if seen[name] || !p.app.Has(name) {
			continue
		}
		seen[name] = true
		// What cannot be read cannot be run either, which the start says.
		script, _, err := p.app.Read(name)
		if err == nil && shell.IsScript(name, script) {
			all.WriteString("\n" + string(script) + p.scriptsIn(string(script), dir, seen))
		}
	}
	return all.String()
}

// programs are the names of what processes start, as far as their commands, the scripts and the files that they run name them.
func (p *Project) programs(processes []plan.Process) map[string]bool {
	found := map[string]bool{}
	for _, q := range processes {
		names := append(p.startedBy(q), q.Args[0])
		if text := p.shellText(q); text != "" {
			names = nil
		}
		names = append(names, p.shellWords(p.commandText(q), map[string]bool{})...)
		for _, name := range names {
			if manager, runs := scriptRunners[name]; runs {
				names = append(names, cmp.Or(manager, p.manager.Name))
			}
		}
		for _, name := range names {
			found[name] = true
		}
	}
	return found
}

// mostWritten is how large a file is that somebody wrote, in bytes; those that a bundler made are not looked into.
const mostWritten = 1 << 20

// starting finds the programs that a file of the application starts, where the call names them. Package managers and runtimes alone
// matter: an image has them for a reason only.
var starting = lazyregexp.New(`\b(?:exec|execSync|execFile|execFileSync|execa|execaSync|execaCommand|execaCommandSync|spawn|spawnSync)\s*\(\s*(?:\{\s*cmd:\s*)?\[?\s*["'\x60](npm|npx|pnpm|pnpx|yarn|bun|bunx|node)\b`)

// startedBy gives the programs that the file which a process runs starts itself; of one that the build makes, the source is looked
// for next to it and in "src".
func (p *Project) startedBy(q plan.Process) (list []string) {
	if q.Args[0] != "node" && q.Args[0] != "bun" && q.Args[0] != "tsx" && q.Args[0] != "ts-node" {
		return nil
	}
	for _, word := range q.Args[1:] {
		_, below, _ := strings.Cut(path.Clean(word), "/")
		below = strings.TrimSuffix(below, path.Ext(below)) + ".ts"
		for _, name := range []string{word, word + ".js", path.Join(word, "index.js"), "src/" + below, below} {
			// What is no file of the application is a word like others.
			text, _, err := p.app.Read(path.Join(q.Dir, name))
			if err != nil || len(text) > mostWritten {
				continue
			}
			for _, match := range starting().FindAllSubmatch(text, -1) {
				list = append(list, string(match[1]))
			}
		}
	}
	return list
}
