package settings_test

import (
	"testing"
	"testing/fstest"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/problem"
	"github.com/gantry-buildpack/gantry/internal/source/app"
	"github.com/gantry-buildpack/gantry/internal/source/settings"
)

func read(project string, env map[string]string) (settings.Settings, error) {
	files := fstest.MapFS{}
	if project != "" {
		files["project.toml"] = &fstest.MapFile{Data: []byte(project)}
	}
	return settings.Table(nil).Read(app.App{FS: files}, func(name string) (string, bool) {
		value, found := env[name]
		return value, found
	})
}

// A default that an operator changes in buildpack.toml takes effect, below what a user sets; what is wrong there is an error.
func TestDefaults(t *testing.T) {
	g := NewWithT(t)
	table, err := settings.Of(settings.Configurations(map[string]any{"configurations": []any{
		map[string]any{"name": "BP_NODE_RUN_SCRIPTS", "default": "compile"}, map[string]any{"name": "BP_NODE_INSTALLER", "values": []any{"npm"}, "default": "npm"}, map[string]any{"name": "BP_CACHE_LIMIT", "default": "1GB"}, map[string]any{"name": "BP_DEPENDENCY_MIRROR"},
	}}))
	g.Expect(err).NotTo(HaveOccurred())
	read := func(env map[string]string) settings.Settings {
		s, err := table.Read(app.App{FS: fstest.MapFS{}}, func(name string) (string, bool) { value, found := env[name]; return value, found })
		g.Expect(err).NotTo(HaveOccurred())
		return s
	}
	s := read(nil)
	g.Expect(s.NodeRunScripts).To(Equal(settings.Setting{Value: "compile", Origin: "the default in buildpack.toml"}))
	g.Expect(s.NodeRunScripts.IsSet()).To(BeFalse())
	g.Expect(s.CacheLimit.Value).To(Equal("1GB"))
	g.Expect(s.NodeSource.Value).To(Equal("auto"))
	_, err = table.Read(app.App{FS: fstest.MapFS{}}, func(name string) (string, bool) { return "auto", name == "BP_NODE_INSTALLER" })
	g.Expect(err).To(MatchError(`BP_NODE_INSTALLER: the variable has a value that is not understood: "auto" is none of npm [settings/bad-value]`))
	g.Expect(read(map[string]string{"BP_NODE_RUN_SCRIPTS": "build"}).NodeRunScripts).To(Equal(settings.Setting{Value: "build", Origin: "BP_NODE_RUN_SCRIPTS"}))

	_, err = settings.Of([]settings.Configuration{{Name: "BP_CACHE_LIMTI"}})
	g.Expect(err).To(MatchError(`buildpack.toml: buildpack.toml has a configuration "BP_CACHE_LIMTI" that Gantry does not know [settings/unknown-configuration]`))
	g.Expect(problem.As(err).Hints[0]).To(Equal("Did you mean BP_CACHE_LIMIT?"))
	_, err = settings.Of([]settings.Configuration{{Name: "BP_NODE_SOURCE", Default: "everywhere", HasDefault: true}})
	g.Expect(err).To(MatchError(`buildpack.toml: the default of BP_NODE_SOURCE is not understood: "everywhere" is none of auto, nodejs.org, npm-registry [settings/bad-value]`))
	_, err = settings.Of([]settings.Configuration{{Name: "BP_NODE_SOURCE", Type: "enum"}})
	g.Expect(err).To(MatchError(`buildpack.toml: the configuration BP_NODE_SOURCE has the type "enum", which Gantry does not know: a type is one of archive, boolean, duration, folder, folders, list, packages, path, size, text, time, url [settings/unknown-configuration]`))
}

func TestPrecedence(t *testing.T) {
	g := NewWithT(t)
	project := "[dev.gantry.node]\nversion = \"22\"\nrun-scripts = [\"a\", \"b\"]\n"

	s, err := read("", nil)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(s.NodeRunScripts.Value).To(Equal("build"))
	g.Expect(s.NodeVersion.IsSet()).To(BeFalse())

	s, err = read(project, nil)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(s.NodeVersion.Value).To(Equal("22"))
	g.Expect(s.NodeVersion.Origin).To(Equal("project.toml:2:1"))
	g.Expect(s.NodeRunScripts.Value).To(Equal("a,b"))

	s, err = read(project, map[string]string{"BP_NODE_VERSION": "24", "BP_NPM_REGISTRY": "https://npm.example/x/"})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(s.NodeVersion).To(Equal(settings.Setting{Value: "24", Origin: "BP_NODE_VERSION"}))
	g.Expect(s.NPMRegistry.Value).To(Equal("https://npm.example/x"))
}

func TestErrorsWordForWord(t *testing.T) {
	for name, c := range map[string]struct {
		project string
		env     map[string]string
		want    string
	}{
		"not TOML": {
			project: "[dev.gantry\n",
			want:    `project.toml:1:12: project.toml is not valid TOML: expected ']' to close table name [settings/project-invalid]`,
		},
		"unknown key": {
			project: "[dev.gantry.node]\nverison = \"24\"\n",
			want:    `project.toml:2:1: dev.gantry.node.verison is not a setting [settings/unknown-key]`,
		},
		"unknown table": {
			project: "[dev.gantry]\n  nodes = { version = \"24\" }\n",
			want:    `project.toml:2:3: dev.gantry.nodes is not a setting [settings/unknown-key]`,
		},
		"wrong type": {
			project: "[dev.gantry]\nnode.version = 24\n",
			want:    `project.toml:2:6: dev.gantry.node.version has a value that is not understood: a string is expected [settings/bad-value]`,
		},
		"wrong type of a table": {
			project: "[dev]\ngantry = 1\n",
			want:    `project.toml:2:1: dev.gantry has a value that is not understood: a table is expected [settings/bad-value]`,
		},
		"not a list": {
			project: "[dev.gantry.node]\nrun-scripts = \"build\"\n",
			want:    `project.toml:2:1: dev.gantry.node.run-scripts has a value that is not understood: a list of strings is expected [settings/bad-value]`,
		},
		"bad value in project.toml": {
			project: "[dev.gantry.node]\nsource = \"here\"\n",
			want:    `project.toml:2:1: dev.gantry.node.source has a value that is not understood: "here" is none of auto, nodejs.org, npm-registry [settings/bad-value]`,
		},
		"bad value in the environment": {
			env:  map[string]string{"BP_NPM_REGISTRY": "user:secret@host"},
			want: `BP_NPM_REGISTRY: the variable has a value that is not understood: it is not an http:// or https:// address [settings/bad-value]`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := read(c.project, c.env)
			NewWithT(t).Expect(err).To(MatchError(c.want))
		})
	}
}

func FuzzProject(f *testing.F) {
	for _, seed := range []string{"[dev.gantry.node]\nversion=\"24\"", "dev.gantry = {node={version=1}}", "[[dev.gantry]]", "\"dev\".'gantry'.x=1"} {
		f.Add(seed)
	}
	f.Fuzz(func(_ *testing.T, text string) { _, _ = read(text, nil) })
}
