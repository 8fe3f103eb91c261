package pipeline

import (
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/buildpack/observe"
)

// What is kept in the home folder, or in that for temporary files, by whatever program: https://specifications.freedesktop.org/basedir-spec/latest/.
var keptByAll = []string{".cache", "gantry-*", ".gantry-*"}

// elsewhere is the state of the places, outside of the source, where a step may leave something for another: the home folder, that for
// temporary files, and the toolchains that are open. What cannot be read, or is a machine's and not a build's, is left out.
func (p pipeline) elsewhere() map[string]observe.Tree {
	variables := p.Variables()
	temporary := variables["TMPDIR"]
	if temporary == "" {
		temporary = os.TempDir()
	}
	dirs := map[string]string{"~": variables["HOME"], temporary: temporary}
	for _, t := range p.Toolchains {
		if dir := p.toolchains.dir(t.Language); dir != "" {
			dirs["the folder of "+t.Runtime.Title] = dir
		}
	}
	kept := slices.Clone(keptByAll)
	for _, t := range p.Toolchains {
		kept = append(kept, t.Keeps...)
	}
	trees := map[string]observe.Tree{}
	for name, dir := range dirs {
		if dir == "" || dir == "/" || holds(p.App, dir) {
			continue
		}
		seen := 0
		source := observe.Source{Dir: filepath.Clean(dir), Skip: func(name string) bool {
			seen++
			place := filepath.Join(dir, name)
			return seen > mostElsewhere || holds(place, p.App) || holds(place, p.Layers) || slices.ContainsFunc(kept, func(pattern string) bool {
				matched, _ := path.Match(pattern, name)
				return matched
			})
		}}
		if tree, err := source.Read(nil); err == nil && seen <= mostElsewhere {
			trees[name] = tree
		}
	}
	return trees
}

// mostElsewhere bounds how many entries of a place are looked at.
const mostElsewhere = 20_000

// holds reports whether a folder is another one, or has it in it.
func holds(dir, other string) bool { return strings.HasPrefix(other+"/", dir+"/") }

// changedElsewhere names what has changed in these places.
func changedElsewhere(before, after map[string]observe.Tree) (names []string) {
	for place, tree := range after {
		if before[place] == nil {
			continue
		}
		c := before[place].Touched(tree)
		for name := range c.Made {
			names = append(names, path.Join(place, name))
		}
		for _, name := range c.Gone {
			names = append(names, path.Join(place, name))
		}
	}
	slices.Sort(names)
	return names
}
