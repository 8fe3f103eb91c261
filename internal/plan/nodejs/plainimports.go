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

// statically finds what a file imports for certain when it is loaded: static imports, and calls of require at the beginning of a line.
var statically = lazyregexp.New(`(?m)^(?:import\s+(?:[^"';]*?\sfrom\s*)?|export\s[^"';]*?\sfrom\s*|(?:(?:const|let|var)\s+(?:[\w$]+|\{[^{}=;()\n]*\}|\[[^\[\]=;()\n]*\])\s*=\s*)?(?:[\w.]+\()*require\(\s*)["']([^"'\n]+)["']`)

// mostFiles is how many files of an application are followed.
const mostFiles = 500

// imports gives the packages that the file which a process runs imports for certain, with its files.
func (p *Project) imports(q plan.Process) (list []string) {
	if !slices.Contains([]string{"node", "bun", "tsx", "ts-node"}, q.Args[0]) {
		return nil
	}
	q.Args = append([]string{"node"}, q.Args[1:]...)
	queue := p.loadsFile(q)
	seen := map[string]bool{}
	for i := 0; i < len(queue) && len(seen) < mostFiles; i++ {
		text, found, err := p.app.Read(queue[i])
		if seen[queue[i]] || !found || err != nil || len(text) > mostWritten {
			continue
		}
		seen[queue[i]] = true
		plain := typesOnly().ReplaceAllString(comments().ReplaceAllString(string(text), ""), "")
		for _, match := range statically().FindAllStringSubmatch(plain, -1) {
			name := match[1]
			if !strings.HasPrefix(name, ".") {
				list = append(list, loaded(name))
				continue
			}
			file := path.Join(path.Dir(queue[i]), name)
			without := strings.TrimSuffix(file, path.Ext(file))
			queue = append(queue, file, file+".js", file+".cjs", file+".mjs", file+".ts", file+"/index.js", file+"/index.ts", without+".ts")
		}
	}
	return list
}
