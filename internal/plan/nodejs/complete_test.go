package nodejs

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/plan/nodejs/pkgmanager"
	"github.com/gantry-buildpack/gantry/internal/source/lockfile"
)

// A framework is a row, an application with its plan, the command with which people develop, and a row in the docs. Each
// failure names the file, and what it lacks.
func TestFrameworksAreComplete(t *testing.T) {
	g := NewWithT(t)
	docs, err := os.ReadFile("../../../docs/nodejs.md")
	g.Expect(err).NotTo(HaveOccurred())
	_, table, _ := strings.Cut(string(docs), "\n## Frameworks\n")
	files, err := filepath.Glob("testdata/plans/*.txtar")
	g.Expect(err).NotTo(HaveOccurred())
	plans := ""
	for _, file := range files {
		text, err := os.ReadFile(file)
		g.Expect(err).NotTo(HaveOccurred())
		plans += string(text)
	}
	for _, f := range frameworks {
		planned := false
		for _, name := range f.packages {
			planned = planned || strings.Contains(plans, `"`+name+`":`)
		}
		if !planned {
			t.Errorf("internal/plan/nodejs/testdata/plans lacks an application of %s, with %s in its package.json", f.name, f.packages[0])
		}
		if !regexp.MustCompile(`(?m)^\|[^|]*\b` + regexp.QuoteMeta(f.name) + `\b`).MatchString(table) {
			t.Errorf("docs/nodejs.md lacks a row for %s under Frameworks", f.name)
		}
		if len(f.develop) == 0 {
			t.Errorf("internal/plan/nodejs/framework.go: %s lacks develop, the command with which people develop", f.name)
		}
		for _, command := range f.develop {
			if !develops(strings.Fields(command)) {
				t.Errorf("internal/plan/nodejs/developing.go: %q of %s is not taken for a command of development", command, f.name)
			}
		}
	}
}

// A package manager is a row, a reader of its lockfile, an application that is really installed, and a column in the docs.
func TestPackageManagersAreComplete(t *testing.T) {
	g := NewWithT(t)
	docs, err := os.ReadFile("../../../docs/nodejs.md")
	g.Expect(err).NotTo(HaveOccurred())
	for _, k := range pkgmanager.Kinds {
		file := k.Lockfiles[len(k.Lockfiles)-1]
		if k.Name == "bun" {
			file = k.Lockfiles[0]
		}
		for _, name := range k.Lockfiles {
			if !strings.Contains(string(docs), "`"+name+"`") {
				t.Errorf("docs/nodejs.md lacks %s, a lockfile of %s", name, k.Title)
			}
		}
		if !lockfile.IsKnown(file) {
			t.Errorf("internal/source/lockfile lacks a reader for %s, the lockfile of %s", file, k.Title)
		}
		used, err := filepath.Glob("../../../integration/testdata/managers/*/" + file)
		g.Expect(err).NotTo(HaveOccurred())
		samples, err := filepath.Glob("../../../samples/*/" + file)
		g.Expect(err).NotTo(HaveOccurred())
		if len(used)+len(samples) == 0 {
			t.Errorf("integration/testdata/managers lacks an application with %s, the lockfile of %s", file, k.Title)
		}
		if pkgmanager.Example[k.Name] == "" {
			t.Errorf("internal/plan/nodejs/pkgmanager/choose.go: Example lacks a version of %s for hints", k.Title)
		}
	}
}
