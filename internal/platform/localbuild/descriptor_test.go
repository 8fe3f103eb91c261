package localbuild

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/problem"
)

// What a platform reads of project.toml, as pack reads it.
func TestDescriptor(t *testing.T) {
	const version = "[_]\nschema-version = \"0.2\"\n"
	files := []string{"server.js", "secret.txt", "docs/a.md", "docs/keep.md", "lib/b.js", "lib/secret.txt"}
	for name, c := range map[string]struct {
		text  string
		env   map[string]string
		kept  []string
		told  []string
		fails string
	}{
		"nothing": {text: "", kept: files},
		"variables": {text: version + "[[io.buildpacks.build.env]]\nname = \"A\"\nvalue = \"x\"\n", env: map[string]string{"A": "x", "GIVEN": "1"}, kept: files,
			told: []string{"variables of the build: A"}},
		"variables, as they were written before": {text: version + "[[io.buildpacks.env.build]]\nname = \"A\"\nvalue = \"x\"\n", env: map[string]string{"A": "x", "GIVEN": "1"}, kept: files, told: []string{"variables of the build: A"}},
		"the command line wins":                  {text: version + "[[io.buildpacks.build.env]]\nname = \"GIVEN\"\nvalue = \"x\"\n", env: map[string]string{"GIVEN": "1"}, kept: files, told: []string{"variables of the build: GIVEN"}},
		"exclude": {text: version + "[io.buildpacks]\nexclude = [\"secret.txt\", \"docs\", \"!docs/keep.md\"]\n", kept: []string{"server.js", "docs/keep.md", "lib/b.js"},
			told: []string{"some files are left out of the build, as include or exclude says"}},
		"include": {text: version + "[io.buildpacks]\ninclude = [\"*.js\", \"/docs/\"]\n", kept: []string{"server.js", "docs/a.md", "docs/keep.md", "lib/b.js"}, told: []string{"some files are left out of the build, as include or exclude says"}},
		"the schema 0.1": {text: "[build]\nexclude = [\"/secret.txt\"]\n[[build.env]]\nname = \"A\"\nvalue = \"x\"\n", env: map[string]string{"A": "x", "GIVEN": "1"}, kept: []string{"server.js", "docs/a.md", "docs/keep.md", "lib/b.js", "lib/secret.txt"},
			told: []string{"variables of the build: A", "some files are left out of the build, as include or exclude says"}},
		"no version": {text: "[io.buildpacks]\nexclude = [\"docs\"]\n", kept: []string{"server.js", "secret.txt", "lib/b.js", "lib/secret.txt"},
			told: []string{`pack ignores [io.buildpacks] without schema-version = "0.2" below [_]`, "some files are left out of the build, as include or exclude says"}},
		"Gantry alone":        {text: version + "[[io.buildpacks.group]]\nid = \"gantry\"\nversion = \"1\"\n", kept: files},
		"another buildpack":   {text: version + "[[io.buildpacks.group]]\nid = \"gantry\"\n[[io.buildpacks.group]]\nid = \"other/one\"\n", fails: "project.toml: project.toml cannot be honoured: io.buildpacks.group names the buildpack other/one, and only Gantry builds here [localbuild/descriptor]"},
		"one before it":       {text: version + "[[io.buildpacks.pre.group]]\nuri = \"docker://x\"\n", fails: "project.toml: project.toml cannot be honoured: io.buildpacks.pre.group names the buildpack docker://x, and only Gantry builds here [localbuild/descriptor]"},
		"include and exclude": {text: version + "[io.buildpacks]\ninclude = [\"a\"]\nexclude = [\"b\"]\n", fails: "project.toml: project.toml cannot be honoured: io.buildpacks has both include and exclude [localbuild/descriptor]"},
		"a builder":           {text: version + "[io.buildpacks]\nbuilder = \"b\"\n", kept: files, told: []string{"io.buildpacks.builder (b) is not used: no builder is needed here"}},
	} {
		t.Run(name, func(t *testing.T) {
			g, app, copied := NewWithT(t), t.TempDir(), t.TempDir()
			for _, file := range files {
				g.Expect(os.MkdirAll(filepath.Dir(filepath.Join(app, file)), 0o755)).To(Succeed())
				g.Expect(os.WriteFile(filepath.Join(app, file), nil, 0o644)).To(Succeed())
			}
			if c.text != "" {
				g.Expect(os.WriteFile(filepath.Join(app, descriptorFile), []byte(c.text), 0o644)).To(Succeed())
			}
			d, err := readDescriptor(app, "gantry")
			if c.fails != "" {
				g.Expect(problem.As(err).Error()).To(Equal(c.fails))
				return
			}
			g.Expect(err).NotTo(HaveOccurred())
			if c.env == nil {
				c.env = map[string]string{"GIVEN": "1"}
			}
			g.Expect(d.over(map[string]string{"GIVEN": "1"})).To(Equal(c.env))
			g.Expect(d.told()).To(Equal(c.told))
			g.Expect(copyApp(app, copied, nil, d.keeps)).To(Succeed())
			kept := slices.DeleteFunc(slices.Clone(files), func(file string) bool {
				_, err := os.Stat(filepath.Join(copied, file))
				return err != nil
			})
			g.Expect(kept).To(Equal(c.kept))
		})
	}
}
