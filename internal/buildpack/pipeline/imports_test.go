package pipeline_test

import (
	"testing"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// A build ends well only where the imports of what the default process loads are in the image.
func TestImports(t *testing.T) {
	for name, c := range map[string]struct {
		text  string
		want  string
		hints []string
	}{
		"none":            {text: "const fs = require('node:fs')\n"},
		"a package":       {text: "\nconst x = require('gone')\n", want: "dist/main.js:2: process web cannot find gone: dist/main.js imports gone when it is loaded, and the image does not have it [build/import-missing]", hints: []string{"Add it to the application's dependencies, and commit the lockfile."}},
		"for development": {text: "require('ruler')\nrequire('gone')\n", want: "dist/main.js:1: process web cannot find ruler, gone: dist/main.js imports ruler when it is loaded, and the image does not have it: it is a development dependency, or one of those [build/import-missing]", hints: []string{"Keep it."}},
		"a file":          {text: "require('./nope')\n", want: "dist/main.js:1: process web cannot find ./nope: dist/main.js imports ./nope when it is loaded, and the image does not have it [build/import-missing]", hints: []string{"Correct the import, or have the build write the file."}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorkshop(t)
			w.plan.Image.Processes[0].Imports = []string{"dist/main", "dist/main.js"}
			w.plan.Installs[0].Launch.ToKeep = "Keep it."
			w.plan.Installs[0].List = plan.PackageList{Type: "generic", Packages: []plan.Package{{Key: "ruler", Name: "ruler"}, {Key: "robot", Name: "robot"}}, AtLaunch: []string{"robot"}}
			w.write(w.source, "dist/main.js", c.text)
			err := w.build()
			if c.want == "" {
				w.Expect(err).NotTo(HaveOccurred())
				return
			}
			w.Expect(err).To(MatchError(c.want))
			w.Expect(problem.As(err).Hints).To(Equal(c.hints))
			w.plan.Image.Processes[0].Default = false
			w.Expect(w.build()).To(Succeed())
			w.Expect(w.log).To(ContainSubstring("Process web does not start: "))
		})
	}
}
