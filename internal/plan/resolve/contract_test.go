package resolve_test

import (
	"testing"
	"testing/fstest"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/plan/resolve"
	"github.com/gantry-buildpack/gantry/internal/source/app"
)

func source(files map[string]string) app.App {
	fs := fstest.MapFS{}
	for name, text := range files {
		fs[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return app.App{FS: fs}
}

// One contract for all who ask: with what the language needs, and of process types that there are.
func TestContract(t *testing.T) {
	g := NewWithT(t)
	c, types, err := resolve.Contract(source(map[string]string{
		"server.js": "", "Procfile": "web: node server.js\nworker: node server.js\n", "project.toml": "[dev.gantry.config.A]\nprocesses = [\"worker\"]\n[dev.gantry]\nschema-version = \"0.1\"\n",
	}), nothing)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(c.Variables).To(HaveLen(1))
	g.Expect(types).To(ConsistOf("web", "worker"))
	_, _, err = resolve.Contract(source(map[string]string{"README": ""}), nothing)
	g.Expect(err).To(MatchError(resolve.ErrNotRecognized))
	_, err = resolve.Declared(source(map[string]string{"README": ""}), nothing)
	g.Expect(err).To(MatchError(resolve.ErrNotRecognized))
}

// Settings and contract are told of at once, whichever is wrong; and process types that a contract names must be there.
func TestMistakesOfTheWholeFile(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"settings and contract": {
			text: "[dev.gantry.config.A]\ntpye = \"int\"\n[dev.gantry.node]\nversoin = \"24\"\n",
			want: "project.toml has 2 mistakes [app/mistakes]; project.toml:2:1: tpye is not a rule of a variable [contract/unknown-key]; project.toml:4:1: dev.gantry.node.versoin is not a setting [settings/unknown-key]",
		},
		"process types": {
			text: "[dev.gantry.config]\nA = {processes = [\"wrker\"]}\nB = {type = \"int\"}\nC = {type = \"int\"}\n[[dev.gantry.config-group]]\nat-least-one-of = [\"A\", \"B\"]\nprocesses = [\"cron\"]\n[[dev.gantry.config-rule]]\nrule = \"B < C\"\nprocesses = [\"web\"]\n",
			want: "project.toml has 2 mistakes [app/mistakes]; project.toml:2:6: there is no process type wrker [contract/invalid]; project.toml:7:1: there is no process type cron [contract/invalid]",
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := resolve.Contract(source(map[string]string{"server.js": "", "Procfile": "web: node server.js\nworker: node server.js\n", "project.toml": c.text}), nothing)
			NewWithT(t).Expect(err).To(MatchError(c.want))
		})
	}
}
