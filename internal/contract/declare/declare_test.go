package declare_test

import (
	"strings"
	"testing"
	"testing/fstest"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/contract"
	"github.com/gantry-buildpack/gantry/internal/contract/declare"
	"github.com/gantry-buildpack/gantry/internal/source/app"
	"github.com/gantry-buildpack/gantry/internal/source/projecttoml"
)

func application(files ...string) app.App {
	fs := fstest.MapFS{}
	for i := 0; i < len(files); i += 2 {
		fs[files[i]] = &fstest.MapFile{Data: []byte(files[i+1])}
	}
	return app.App{FS: fs}
}

// open reads the contract of an application.
func open(a app.App) (contract.Contract, error) {
	table, err := projecttoml.Read(a)
	if err != nil {
		return contract.Contract{}, err
	}
	return declare.Read(a, table)
}

func TestRead(t *testing.T) {
	g := NewWithT(t)
	c, err := open(application("project.toml", `
[dev.gantry.config.DATABASE_URL]
type = "url"
schemes = ["postgres"]
secret = true
processes = ["web", "worker"]
renamed-from = ["PG_URL"]
[dev.gantry.config.WORKERS]
type = "int"
default = 4
min = 1
[dev.gantry.config]
SMTP_URL = { type = "url" }
SENDGRID_KEY = { secret = true }
[[dev.gantry.config-group]]
exactly-one-of = ["SMTP_URL", "SENDGRID_KEY"]
`, "app.json", `{"env": {"WORKERS": "9", "PLAIN": "x", "SECRET": {"generator": "secret"}, "MAYBE": {"required": false, "description": "d"}}}`))
	g.Expect(err).NotTo(HaveOccurred())
	four, x, one := "4", "x", 1.0
	g.Expect(c).To(Equal(contract.Contract{
		Variables: []contract.Variable{
			{Name: "DATABASE_URL", Type: "url", Schemes: []string{"postgres"}, Secret: true, Required: true, Processes: []string{"web", "worker"}, RenamedFrom: []string{"PG_URL"}},
			{Name: "SENDGRID_KEY", Secret: true}, {Name: "SMTP_URL", Type: "url"},
			{Name: "WORKERS", Type: "int", Default: &four, Min: &one},
			{Name: "MAYBE", Description: "d"}, {Name: "PLAIN", Default: &x}, {Name: "SECRET", Secret: true, Required: true},
		},
		Groups: []contract.Group{{Kind: "exactly-one-of", Names: []string{"SMTP_URL", "SENDGRID_KEY"}}},
	}))
}

func TestErrorsWordForWord(t *testing.T) {
	for toml, want := range map[string]string{
		"[dev.gantry.config.A]\ntyp = \"int\"\n":                                                                         "project.toml:2:1: typ is not a rule of a variable [contract/unknown-key]",
		"[dev.gantry.config.A]\ntype = \"integer\"\n":                                                                    `project.toml:2:1: config.A.type has a value that is not understood: "integer" is none of string, int, float, bool, port, url, email, duration, size, json, path, list [contract/invalid]`,
		"[dev.gantry.config.A]\nsecret = \"yes\"\n":                                                                      "project.toml:2:1: config.A.secret has a value that is not understood: true or false is expected [contract/invalid]",
		"[dev.gantry.config]\n\"A-B\" = {}\n":                                                                            `project.toml:2:1: "A-B" cannot be a variable's name [contract/invalid]`,
		"[dev.gantry.config]\nA = 1\n":                                                                                   "project.toml:2:1: config.A is not a table [contract/invalid]",
		"[dev.gantry]\nconfig = 1\n":                                                                                     "project.toml:2:1: config is not a table [contract/invalid]",
		"[dev.gantry.config.A]\nrequired = true\ndefault = \"x\"\n":                                                      "project.toml:2:1: config.A: it is required and has a default, which is always there [contract/contradiction]",
		"[dev.gantry.config.A]\nsecret = true\ndefault = \"canary\"\n":                                                   "project.toml:3:1: config.A: a secret cannot have a default, which everybody could read in the image [contract/contradiction]",
		"[dev.gantry.config.A]\nschemes = [\"x\"]\n":                                                                     "project.toml:2:1: config.A: schemes are for the type url [contract/contradiction]",
		"[dev.gantry.config.A]\nmin = 1\n":                                                                               "project.toml:2:1: config.A: min and max are for the types int, float, port, duration and size [contract/contradiction]",
		"[dev.gantry.config.A]\ntype = \"int\"\nmin = 2\nmax = 1\n":                                                      "project.toml:3:1: config.A: min is greater than max [contract/contradiction]",
		"[dev.gantry.config.A]\npattern = \"(\"\n":                                                                       "project.toml:2:1: config.A: the pattern does not compile: missing closing ): `(` [contract/contradiction]",
		"[dev.gantry.config.A]\ntype = \"int\"\ndefault = \"x\"\n":                                                       `project.toml:3:1: config.A: the default "x" is not a whole number [contract/contradiction]`,
		"[dev.gantry.config.A]\ntype = \"int\"\nexample = \"x\"\n":                                                       "project.toml:3:1: config.A: the example is not a whole number [contract/contradiction]",
		"[dev.gantry.config.A]\ntype = \"int\"\nvalues = [\"x\"]\n":                                                      `project.toml:3:1: config.A: the value "x" is not a whole number [contract/contradiction]`,
		"[dev.gantry.config.A]\nrequired-if = \"B\"\n":                                                                   "project.toml:2:1: required-if names B, which is not declared [contract/invalid]",
		"[dev.gantry.config.A]\nbinding = \"x\"\n":                                                                       "project.toml:2:1: config.A: a binding is written TYPE/KEY [contract/contradiction]",
		"[[dev.gantry.config-group]]\nexactly-one-of = [\"A\", \"B\"]\n":                                                 "project.toml has 2 mistakes [app/mistakes]; project.toml:2:1: the group names A, which is not declared [contract/invalid]; project.toml:2:1: the group names B, which is not declared [contract/invalid]",
		"[[dev.gantry.config-group]]\none-of = [\"A\"]\n":                                                                "project.toml:2:1: one-of is not a rule of a group [contract/unknown-key]",
		"[[dev.gantry.config-group]]\nall-or-none = [\"A\"]\n":                                                           "project.toml:1:14: a group names fewer than two variables [contract/invalid]",
		"[dev.gantry.config.A]\nmin = nan\ntype = \"float\"\n":                                                           "project.toml:2:1: config.A.min has a value that is not understood: a number that is finite is expected [contract/invalid]",
		"[dev.gantry.config.A]\ntype = \"url\"\nschemes = [\"postgres://\"]\n":                                           `project.toml:3:1: config.A: "postgres://" is not the scheme of a URL [contract/contradiction]`,
		"[dev.gantry.config]\nA = {}\nB = {}\n[[dev.gantry.config-group]]\nexactly-one-of = [\"A\", \"A\"]\n":            "project.toml:5:1: the group names A twice [contract/invalid]",
		"[dev.gantry.config]\nA = {values = [\"a\"]}\nB = {required-if = \"A=b\"}\n":                                     `project.toml:3:6: A cannot be "b": it is one of a [contract/invalid]`,
		"[dev.gantry.config]\nA = {required-if = \"A\"}\n":                                                               "project.toml:2:6: required-if names the variable itself [contract/invalid]",
		"[dev.gantry.config]\nA = {required-if = \"A B\"}\n":                                                             `project.toml:2:6: the condition "A B" is not understood [contract/invalid]`,
		"[dev.gantry.config]\nA = {}\nB = {}\n[[dev.gantry.config-rule]]\nrule = \"A < B\"\n":                            "project.toml:5:1: A and B have no order [contract/invalid]",
		"[dev.gantry.config]\nA = {}\n[[dev.gantry.config-rule]]\nrule = \"A < 3\"\n":                                    "project.toml:4:1: the rule is not understood [contract/invalid]",
		"[dev.gantry.config]\nA = {default = 1}\nB = {}\n[[dev.gantry.config-group]]\nexactly-one-of = [\"A\", \"B\"]\n": "project.toml:2:6: A has a default, so that it is always set, and stands in a group exactly-one-of [contract/invalid]",
		"[dev.gantry.config]\nA = {type = \"json\", schema = {type = 3}}\n":                                              "project.toml:2:21: the schema is not a JSON Schema [contract/invalid]",
		"[dev.gantry.config]\nA = {type = \"json\", schema = \"gone.json\"}\n":                                           "project.toml:2:21: there is no file gone.json in the application [contract/invalid]",
		"[dev.gantry.config]\nA = {empty = true}\n":                                                                      "project.toml:2:6: config.A.empty has a value that is not understood: \"allowed\" is expected [contract/invalid]",
		"[dev.gantry.config]\nA = {phase = \"build\", default = \"x\"}\n":                                                "project.toml:2:23: config.A: a default is set when a process starts, and this is for the build; write it into the build's own configuration [contract/contradiction]",
		"[dev.gantry.config]\nB = {}\nA = {required-if = \"B == c\"}\n":                                                  `project.toml:3:6: the condition "B == c" is not understood [contract/invalid]`,
		"[dev.gantry.config]\nA = {type = \"port\", min = 70000}\n":                                                      "project.toml:2:21: config.A: there is no port within min and max [contract/contradiction]",
		"[dev.gantry.config]\nA = {type = \"int\", min = 1.2, max = 1.8}\n":                                              "project.toml:2:20: config.A: there is no int within min and max [contract/contradiction]",
		"[dev.gantry.config]\nA = {max-length = 0}\n":                                                                    "project.toml:2:6: config.A: nothing has no characters and no entries; empty = \"allowed\" allows an empty value [contract/contradiction]",
		"[dev.gantry.config]\nA = {values = [\"a\"], default = \"\"}\n":                                                  "project.toml:2:22: config.A: the default is empty, which is none of the values [contract/contradiction]",
		"[dev.gantry.config]\nA = {type = \"list\", of = \"int\", min = 5, values = [\"1\"]}\n":                          `project.toml:2:42: config.A: the value "1" is not a whole number of at least 5 [contract/contradiction]`,
		"[dev.gantry.config]\nA = {type = \"int\", default = 5}\nB = {type = \"int\", default = 3}\n[[dev.gantry.config-rule]]\nrule = \"A < B\"\n":                               "project.toml:5:1: the defaults of A and B break the rule [contract/invalid]",
		"[dev.gantry.config]\nA = {processes = [\"web\"]}\nB = {processes = [\"web\"]}\n[[dev.gantry.config-group]]\nexactly-one-of = [\"A\", \"B\"]\nprocesses = [\"worker\"]\n": "project.toml:6:1: no variable of the group concerns the process worker [contract/invalid]",
		"[dev.gantri.config.A]\n":                   "project.toml:1:6: [dev.gantri.config.A] is not a table that Gantry reads [settings/misspelled-table]",
		"[dve.gantry.config.A]\n":                   "project.toml:1:2: [dve.gantry.config.A] is not a table that Gantry reads [settings/misspelled-table]",
		"[gantry.config.A]\n":                       "project.toml:1:2: [gantry.config.A] is not a table that Gantry reads [settings/misspelled-table]",
		"[config.A]\n":                              "project.toml:1:2: [config.A] is not a table that Gantry reads [settings/misspelled-table]",
		"[dev.Gantry]\n":                            "project.toml:1:6: [dev.Gantry] is not a table that Gantry reads [settings/misspelled-table]",
		"\ufeff[dev.gantry.config.A]\ntype = int\n": "project.toml:2:8: project.toml is not valid TOML: expected keyword \"inf\" [settings/project-invalid]",
		"[dev.gantry.config]\nA = {}\nB = {renamed-from = [\"A\"]}\n": "project.toml:3:6: the old name A is another variable's, too [contract/invalid]",
	} {
		_, err := open(application("project.toml", toml))
		NewWithT(t).Expect(err).To(MatchError(want))
	}
	_, err := open(application("app.json", `{"env": {"A": []}}`))
	NewWithT(t).Expect(err).To(MatchError("app.json:1:15: app.json has a variable that is not understood [contract/app-json-invalid]"))
}

func TestScanAndDraft(t *testing.T) {
	g := NewWithT(t)
	a := application("server.js", "const a = process.env.DATABASE_URL\nprocess.env['API_TOKEN']; process.env.PORT; process.env.NODE_ENV",
		"src/x.ts", "process.env.MAX_WORKERS", "node_modules/m/i.js", "process.env.NOT_OURS", "test/t.js", "process.env.TEST_ONLY",
		"config/app.rb", `ENV.fetch("REDIS_URL") { ENV["STRIPE_KEY"] }`)
	uses := declare.Scan(a)
	var names []string
	for _, u := range uses {
		names = append(names, u.Name+" "+u.Where.String())
	}
	g.Expect(names).To(Equal([]string{"API_TOKEN server.js:2:14", "DATABASE_URL server.js:1:23", "MAX_WORKERS src/x.ts:1:13",
		"REDIS_URL config/app.rb:1:12", "STRIPE_KEY config/app.rb:1:31"}))
	left := declare.Undeclared(uses, contract.Contract{Variables: []contract.Variable{{Name: "API_TOKEN"}, {Name: "DB", RenamedFrom: []string{"DATABASE_URL"}}}})
	g.Expect(left).To(HaveLen(3))

	draft := declare.Draft(declare.DotEnv("# Where orders\n# are kept\nDATABASE_URL=postgres://u:p@h/db\n\nexport NAME='x y' # c\nSMTP_PORT=25\n"), nil)
	g.Expect(draft).To(Equal(`[dev.gantry.config.DATABASE_URL]
description = "Where orders are kept"
type = "url"
secret = true

[dev.gantry.config.NAME]
example = "x y"

[dev.gantry.config.SMTP_PORT]
type = "port"
default = "25"
`))
	// What is drafted can be read.
	c, err := open(application("project.toml", draft))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(c.Variables).To(HaveLen(3))
	g.Expect(strings.Contains(draft, "u:p@h")).To(BeFalse())
}

func FuzzRead(f *testing.F) {
	f.Add("[dev.gantry.config.A]\ntype = 'int'\nmin = 1\n[[dev.gantry.config-group]]\nall-or-none = ['A', 'B']\n", `{"env":{"B":{"value":"1"}}}`)
	f.Add("dev.gantry.config = {A = {values = [1, true], pattern = 'x'}}", `{"env":[]}`)
	f.Fuzz(func(_ *testing.T, toml, json string) {
		_, _ = open(application("project.toml", toml, "app.json", json))
	})
}

func FuzzDotEnv(f *testing.F) {
	f.Add("# a\nexport A='b' # c\n=\nX")
	f.Fuzz(func(_ *testing.T, text string) { _ = declare.Draft(declare.DotEnv(text), nil) })
}
