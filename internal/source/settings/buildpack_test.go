package settings_test

import (
	"os"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	"github.com/pelletier/go-toml/v2"

	"github.com/gantry-buildpack/gantry/internal/source/settings"
)

// What buildpack.toml and the docs tell of the settings must be what is read. Each failure names the file, and what it lacks.
func TestSettingsAreListed(t *testing.T) {
	g := NewWithT(t)
	text, err := os.ReadFile("../../../buildpack.toml")
	g.Expect(err).NotTo(HaveOccurred())
	docs, err := os.ReadFile("../../../docs/settings.md")
	g.Expect(err).NotTo(HaveOccurred())
	type configuration struct{ Name, Default, Description string }
	var buildpack struct {
		Metadata struct{ Configurations []configuration }
	}
	g.Expect(toml.Unmarshal(text, &buildpack)).To(Succeed())
	listed := map[string]configuration{}
	for _, c := range buildpack.Metadata.Configurations {
		listed[c.Name] = c
	}
	known := map[string]bool{
		// Its names are open-ended: it is read where downloads are.
		"BP_DEPENDENCY_MIRROR": true,
	}
	for _, s := range settings.Names() {
		known[s.Env] = true
		c, found := listed[s.Env]
		switch {
		case !found:
			t.Errorf("buildpack.toml lacks [[metadata.configurations]] with name = %q", s.Env)
		case c.Default != s.Default:
			t.Errorf("buildpack.toml: the default of %s is %q, and %q is read", s.Env, c.Default, s.Default)
		case c.Description == "":
			t.Errorf("buildpack.toml: %s lacks a description", s.Env)
		}
		if row := rowOf(string(docs), s.Env); !strings.Contains(row, "`"+s.Key+" = ") {
			t.Errorf("docs/settings.md lacks a row with `%s` and `%s = …`", s.Env, s.Key)
		} else if s.Alias != "" && !strings.Contains(row, "`"+s.Alias+"`") {
			t.Errorf("docs/settings.md: the row of %s lacks its other name %s", s.Env, s.Alias)
		}
	}
	for name := range listed {
		if !known[name] && !strings.HasPrefix(name, "BPL_") {
			t.Errorf("buildpack.toml lists %s, which internal/source/settings does not read", name)
		}
	}
}

// rowOf gives the row of a table whose first cell names something.
func rowOf(text, name string) string {
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "| `"+name+"`") {
			return line
		}
	}
	return ""
}
