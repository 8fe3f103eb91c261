package explain_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/buildpack/explain"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

var update = flag.Bool("update", false, "write the golden files again")

func application(t *testing.T, files map[string]string) string {
	dir := t.TempDir()
	for name, text := range files {
		file := filepath.Join(dir, name)
		NewWithT(t).Expect(os.MkdirAll(filepath.Dir(file), 0o755)).To(Succeed())
		NewWithT(t).Expect(os.WriteFile(file, []byte(text), 0o644)).To(Succeed())
	}
	return dir
}

var shop = map[string]string{
	"package.json": `{"name": "shop", "engines": {"node": "24.18.0"}, "scripts": {"build": "tsc", "start": "node dist/server.js", "postinstall": "node prepare.js"},
		"dependencies": {"express": "5"}, "devDependencies": {"typescript": "5"}}`,
	"package-lock.json": `{"lockfileVersion": 3, "packages": {}}`,
	"server.ts":         "process.env.STRIPE_KEY",
	"project.toml":      "[dev.gantry.config.DATABASE_URL]\ntype = \"url\"\n",
}

func write(t *testing.T, files map[string]string, env map[string]string, asJSON bool) string {
	var out bytes.Buffer
	lookup := func(name string) (string, bool) { value, found := env[name]; return value, found }
	NewWithT(t).Expect(explain.Write(explain.Options{App: application(t, files), Arch: "amd64", Lookup: lookup, JSON: asJSON}, &out)).To(Succeed())
	return out.String()
}

// What people read, word for word.
func TestText(t *testing.T) {
	static := map[string]string{
		"package.json": `{"engines": {"node": "24.18.0"}, "scripts": {"build": "vite build"}, "devDependencies": {"vite": "7"}}`, "index.html": "", "pnpm-lock.yaml": "lockfileVersion: '9.0'\n",
	}
	both := map[string]string{
		"Gemfile": "gem 'rails'\n", ".ruby-version": "3.4.5\n", "config/application.rb": "", "Rakefile": "", "config.ru": "",
		"Gemfile.lock": "GEM\n  remote: https://rubygems.org/\n  specs:\n    puma (6.6.0)\n    railties (7.2.2)\n    propshaft (1.3.2)\n\nPLATFORMS\n  x86_64-linux\n\nDEPENDENCIES\n  rails\n\nBUNDLED WITH\n   2.5.22\n",
		"package.json": `{"engines": {"node": "24.18.0"}, "dependencies": {"ms": "2"}}`, "package-lock.json": `{"lockfileVersion": 3, "packages": {}}`,
		"Procfile": "web: bundle exec puma\nrender: node render.js\n",
	}
	for name, files := range map[string]map[string]string{"server": shop, "static": static, "both": both} {
		text := write(t, files, nil, false)
		golden := "testdata/" + name + ".txt"
		if *update {
			NewWithT(t).Expect(os.WriteFile(golden, []byte(text), 0o644)).To(Succeed())
		}
		want, err := os.ReadFile(golden)
		NewWithT(t).Expect(err).NotTo(HaveOccurred())
		NewWithT(t).Expect(text).To(Equal(string(want)))
	}
}

// What programs read.
func TestJSON(t *testing.T) {
	g := NewWithT(t)
	var e struct {
		Decisions []struct{ Subject, Value, Origin string }
		Steps     []struct{ Title, Folder string }
		Processes []struct {
			Type    string
			Args    []string
			Default bool
		}
		Layers []struct {
			Name        string
			Image       bool
			RebuiltWhen []string `json:"rebuilt-when"`
		}
		Contract struct{ Variables []struct{ Name string } }
	}
	g.Expect(json.Unmarshal([]byte(write(t, shop, map[string]string{"BP_NODE_RUN_SCRIPTS": ""}, true)), &e)).To(Succeed())
	g.Expect(e.Decisions[0].Subject).To(Equal("Node.js"))
	g.Expect(e.Decisions[0].Origin).To(HavePrefix("from engines.node in package.json:1:38"))
	g.Expect(e.Steps).To(HaveLen(2), "the variable of the build takes the script away; the hook stays")
	g.Expect(e.Processes[0].Args).To(Equal([]string{"node", "dist/server.js"}))
	g.Expect(e.Layers[0].Name).To(Equal("gantry"))
	g.Expect(e.Layers[1].RebuiltWhen).To(ContainElement("package-lock.json"))
	g.Expect(e.Contract.Variables[0].Name).To(Equal("DATABASE_URL"))
}

// A default that an operator has changed in buildpack.toml is what explain tells of.
func TestDefaultsOfBuildpackTOML(t *testing.T) {
	g := NewWithT(t)
	var out bytes.Buffer
	options := explain.Options{
		App: application(t, map[string]string{"server.js": ""}), Arch: "amd64", Lookup: func(string) (string, bool) { return "", false },
		Metadata: map[string]any{"configurations": []any{map[string]any{"name": "BP_NODE_VERSION", "default": "22"}}},
	}
	g.Expect(explain.Write(options, &out)).To(Succeed())
	g.Expect(out.String()).To(MatchRegexp(`Node\.js  22\.\S+ +from the default in buildpack\.toml \(22\)`))
}

func TestNoApplication(t *testing.T) {
	err := explain.Write(explain.Options{App: t.TempDir(), Arch: "amd64", Lookup: func(string) (string, bool) { return "", false }}, &bytes.Buffer{})
	NewWithT(t).Expect(problem.As(err).ID).To(Equal("app/unknown"))
	NewWithT(t).Expect(err).To(MatchError("Gantry does not recognise this application: its folder contains none of Gemfile, gems.rb, package.json, server.js, server.mjs, server.cjs, index.js, index.mjs, index.cjs, index.html, public/index.html, static.json, Staticfile, netlify.toml [app/unknown]"))
}
