package nodejs

import (
	"cmp"
	"path"
	"slices"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/plan/nodejs/packagejson"
)

// withValues are options of Node.js with a value in the word behind them: https://nodejs.org/api/cli.html#options.
var withValues = []string{"-r", "--require", "--import", "--loader", "--experimental-loader", "-C", "--conditions", "--env-file", "--title", "--icu-data-dir", "--max-old-space-size"}

// loadsFile gives the names that Node.js tries for the file that a process runs with it:
// https://nodejs.org/api/modules.html#all-together.
func (p *Project) loadsFile(q plan.Process) []string {
	if len(q.Args) < 2 || q.Args[0] != "node" {
		return nil
	}
	words := q.Args[1:]
	for len(words) > 1 && strings.HasPrefix(words[0], "-") {
		switch {
		case slices.Contains([]string{"-e", "--eval", "-p", "--print", "-i", "--run", "--test", "--check", "-c"}, words[0]):
			return nil
		case slices.Contains(withValues, words[0]):
			words = words[1:]
		}
		words = words[1:]
	}
	if len(words) == 0 || strings.HasPrefix(words[0], "-") || strings.Contains(words[0], packagesDir) || path.IsAbs(words[0]) {
		return nil
	}
	file, folder := path.Join(q.Dir, words[0]), path.Clean(words[0]) == "."
	if folder {
		m, at := p.packageAt(q.Dir)
		if at != q.Dir {
			m = packagejson.Manifest{}
		}
		file = path.Join(q.Dir, cmp.Or(m.Main, "index.js"))
	}
	names := []string{file}
	for _, end := range []string{".js", ".json", ".node", "/package.json", "/index.js", "/index.json", "/index.node"} {
		names = append(names, file+end)
	}
	if folder {
		// Node.js passes over a "main" that is not there.
		names = append(names, path.Join(q.Dir, "index.js"))
	}
	if !isBelow(file) {
		return nil
	}
	return names
}
