package pipeline

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/gantry-buildpack/gantry/internal/problem"
)

// checkEntries checks that the files exist that processes run, once all is built.
func (p pipeline) checkEntries() error {
	for _, q := range p.Image.Processes {
		there := func(name string) bool {
			info, err := os.Stat(filepath.Join(p.App, name))
			return err == nil && !info.IsDir()
		}
		if len(q.Entry) == 0 || slices.ContainsFunc(q.Entry, there) {
			continue
		}
		why := fmt.Sprintf("process %s runs it (%s), and neither the source nor the build has it", q.Type, q.String())
		if !q.Default {
			p.Log.Warning("There is no " + q.Entry[0] + ": " + why + ".")
			continue
		}
		return &problem.Problem{
			ID:    "build/entry-missing",
			Title: "there is no " + q.Entry[0],
			Where: problem.Position{File: q.Entry[0]},
			Why:   why,
			Hints: []string{"Check where the build script writes to, and that it runs at all: the decisions above name the scripts that do.", "Or correct what starts the application."},
		}
	}
	return nil
}

// runBuildChecks warns of faults that the files of the application show.
func (p pipeline) runBuildChecks() {
	find := func(patterns []string) (files []string) {
		for _, pattern := range patterns {
			found, _ := filepath.Glob(filepath.Join(p.App, pattern))
			files = append(files, found...)
		}
		return files
	}
	for _, check := range p.Plan.Build.Checks {
		if len(find(check.IfPresent)) == 0 {
			continue
		}
		files := find(check.Files)
		shows := func(file string) bool {
			text, err := os.ReadFile(file)
			return err == nil && bytes.Contains(text, []byte(check.Contains))
		}
		if len(files) == 0 || slices.ContainsFunc(files, shows) {
			p.Log.Warning(check.Warning)
		}
	}
}
