package pipeline

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/gantry-buildpack/gantry/internal/problem"
)

// checkEntries looks for the files that processes run, once all is built.
func (w *work) checkEntries() error {
	for _, p := range w.plan.Processes {
		there := func(name string) bool {
			info, err := os.Stat(filepath.Join(w.ctx.ApplicationPath, name))
			return err == nil && !info.IsDir()
		}
		if len(p.Entry) == 0 || slices.ContainsFunc(p.Entry, there) {
			continue
		}
		why := fmt.Sprintf("process %s runs it (%s), and neither the source nor the build has it", p.Type, p.String())
		if !p.Default {
			w.Report.Warning("There is no " + p.Entry[0] + ": " + why + ".")
			continue
		}
		return &problem.Problem{
			ID:    "build/entry-missing",
			Title: "there is no " + p.Entry[0],
			Where: problem.Position{File: p.Entry[0]},
			Why:   why,
			Hints: []string{"Check where the build script writes to, and that it runs at all: the decisions above name the scripts that do.", "Or correct what starts the application."},
		}
	}
	return nil
}

// lookForSigns warns of what the files of the application tell.
func (w *work) lookForSigns() {
	find := func(patterns []string) (files []string) {
		for _, pattern := range patterns {
			found, _ := filepath.Glob(filepath.Join(w.ctx.ApplicationPath, pattern))
			files = append(files, found...)
		}
		return files
	}
	for _, sign := range w.plan.Signs {
		if len(find(sign.Beside)) == 0 {
			continue
		}
		files := find(sign.Files)
		shows := func(file string) bool {
			text, err := os.ReadFile(file)
			return err == nil && bytes.Contains(text, []byte(sign.Shows))
		}
		if len(files) == 0 || slices.ContainsFunc(files, shows) {
			w.Report.Warning(sign.Warning)
		}
	}
}
