package resolve

import (
	"path"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/problem"
	"github.com/gantry-buildpack/gantry/internal/source/app"
	"github.com/gantry-buildpack/gantry/internal/source/lockfile"
	"github.com/gantry-buildpack/gantry/internal/source/settings"
)

// merged are files that say what an application needs. Package managers that find a conflict in one choose a side, or complain of
// something else.
var merged = []string{
	"package.json", "package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml", "bun.lock", "Gemfile", "Gemfile.lock", "gems.rb", "gems.locked", "Procfile",
}

// withoutConflicts refuses a source with a conflict that somebody has committed.
func withoutConflicts(source app.App, s settings.Settings) error {
	dirs := []string{"."}
	for dir := range strings.SplitSeq(s.App.Value, ",") {
		if dir = path.Clean(strings.TrimSpace(dir)); dir != "." {
			dirs = append(dirs, dir)
		}
	}
	for _, dir := range dirs {
		for _, name := range app.InDir(dir, merged) {
			// One that cannot be read is an error where it is needed.
			text, _, _ := source.Read(name)
			if line := lockfile.Conflict(string(text)); line > 0 {
				return &problem.Problem{
					ID:    "app/conflict",
					Title: name + " holds a conflict of a merge",
					Where: problem.Position{File: name, Line: line, Column: 1},
					Why:   "this line is a mark that Git has left there",
					Hints: []string{"Solve it; a lockfile is best made anew by its package manager. Then commit."},
				}
			}
		}
	}
	return nil
}
