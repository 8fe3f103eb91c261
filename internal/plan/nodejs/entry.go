package nodejs

import (
	"cmp"
	"path"
	"slices"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/plan/nodejs/packagejson"
)

// runsFile gives the names of the file that a process runs with Node.js, where the source does not have it: a build is to
// make it. They are those that Node.js tries: https://nodejs.org/api/modules.html#all-together.
func (p *Project) runsFile(q plan.Process) []string {
	if len(q.Args) < 2 || q.Args[0] != "node" || strings.HasPrefix(q.Args[1], "-") || strings.Contains(q.Args[1], packagesDir) || path.IsAbs(q.Args[1]) {
		return nil
	}
	file, folder := path.Join(q.Dir, q.Args[1]), path.Clean(q.Args[1]) == "."
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
	if !isBelow(file) || slices.ContainsFunc(names, p.app.Has) {
		return nil
	}
	return names
}
