package nodejs

import (
	"path"
	"slices"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/source/lazyregexp"
)

// changesSearch are packages with which an application finds modules in ways of its own, beyond those of Node.js.
var changesSearch = []string{"module-alias", "app-module-path", "tsconfig-paths", "better-module-alias", "require-self-ref", "rootpath", "alias-hq", "tsc-alias-register"}

// findsPlainly reports whether a process has Node.js find modules as it does by itself, without loaders and hooks.
func (p *Project) findsPlainly(q plan.Process) bool {
	if q.Args[0] != "node" || p.pnp() || q.Env["NODE_PATH"]+q.Env["NODE_OPTIONS"] != "" {
		return false
	}
	for _, word := range q.Args[1:] {
		if !strings.HasPrefix(word, "-") {
			break
		}
		flag, _, _ := strings.Cut(word, "=")
		if slices.Contains([]string{"-r", "--require", "--import", "--loader", "--experimental-loader", "-C", "--conditions", "--experimental-strip-types", "--experimental-transform-types", "--preserve-symlinks"}, flag) {
			return false
		}
	}
	return !slices.ContainsFunc(changesSearch, p.manifest.Has)
}

// importedBy gives the names of the file of which the imports are checked: one name where the source has it.
func (p *Project) importedBy(q plan.Process) []string {
	names := p.loadsFile(q)
	if i := slices.IndexFunc(names, p.app.Has); i >= 0 {
		return names[i : i+1]
	}
	return names
}

// What the files of an application name: packages that they import anywhere, files next to them, and commands that they start.
var (
	anywhere = lazyregexp.New(`(?:\bfrom\s*|\bimport\s*|\b(?:require(?:\.resolve)?|import)\s*\(\s*)["']([^"'\n]+)["']`)
	aFile    = lazyregexp.New(`["']((?:\.{1,2}/)[^"'\n]+|[\w./-]+\.[cm]?[jt]s)["']`)
	// byAnother finds what a function is called with that createRequire has made: https://nodejs.org/api/module.html#modulecreaterequirefilename.
	byAnother = lazyregexp.New(`\b\w+\(\s*["']([^"'\n]+)["']\s*\)`)
	// unguarded are the beginnings of lines on which an import is part of no condition.
	unguarded = lazyregexp.New(`^(?:(?:import|export)\b[^;]*|\}\s*|(?:const|let|var)\s+[\w$\s{},:]+=\s*)?$`)
	aCommand  = lazyregexp.New(`\b(?:exec|execSync|execa|execaCommand|spawn|spawnSync|execFile|execFileSync)\s*\(\s*["'\x60]([^"'\x60\n]+)["'\x60]`)
	// forDevelopment is what a line says before an import that production, or the application itself, can do without.
	forDevelopment = lazyregexp.New(`NODE_ENV|development|__DEV__|isDev\b|\btry\s*\{`)
)

// mostFiles is how many files of an application are followed, mostBefore how much of the text in front of an import is looked at.
const mostFiles, mostBefore = 500, 160

// imports gives the packages that the files which a process runs import, wherever they do, and the words of the commands that they start. Installed by its
// package manager, an application has its development dependencies.
func (p *Project) imports(q plan.Process) (packages, words []string) {
	if len(p.development()) == 0 && !p.selected() || !slices.Contains([]string{"node", "bun", "tsx", "ts-node"}, q.Args[0]) {
		return nil, nil
	}
	queue := p.loadsFile(plan.Process{Args: append([]string{"node"}, q.Args[1:]...), Dir: q.Dir})
	for _, word := range append(slices.Clone(q.Args[1:]), strings.Fields(q.Env["NODE_OPTIONS"])...) {
		_, value, joined := strings.Cut(word, "=")
		if !joined {
			value = word
		}
		if strings.HasPrefix(value, "./") || strings.HasPrefix(value, "../") {
			queue = append(queue, path.Join(q.Dir, value))
		}
	}
	seen := map[string]bool{}
	for i := 0; i < len(queue) && len(seen) < mostFiles; i++ {
		file := queue[i]
		if seen[file] || strings.Contains(file, packagesDir+"/") {
			continue
		}
		text, found, err := p.app.Read(file)
		if !found || err != nil || len(text) > mostWritten {
			continue
		}
		seen[file] = true
		plain := typesOnly().ReplaceAllString(comments().ReplaceAllString(string(text), ""), "")
		for _, at := range anywhere().FindAllStringSubmatchIndex(plain, -1) {
			line := plain[strings.LastIndexByte(plain[:at[0]], '\n')+1 : at[0]]
			if unguarded().MatchString(line) || !forDevelopment().MatchString(plain[max(0, at[0]-mostBefore):at[0]]) {
				packages = append(packages, loaded(plain[at[2]:at[3]]))
			}
		}
		if strings.Contains(plain, "createRequire(") {
			for _, match := range byAnother().FindAllStringSubmatch(plain, -1) {
				packages = append(packages, loaded(match[1]))
			}
		}
		for _, match := range aCommand().FindAllStringSubmatch(plain, -1) {
			words = append(words, strings.Fields(match[1])...)
		}
		for _, match := range aFile().FindAllStringSubmatch(plain, -1) {
			name := path.Join(path.Dir(file), match[1])
			without := strings.TrimSuffix(name, path.Ext(name))
			queue = append(queue, name, name+".js", name+".cjs", name+".mjs", name+".ts", name+"/index.js", name+"/index.ts", without+".ts")
		}
	}
	return packages, words
}
