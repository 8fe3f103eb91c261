package declare_test

import (
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/contract"
	"github.com/gantry-buildpack/gantry/internal/contract/declare"
	"github.com/gantry-buildpack/gantry/internal/contract/export"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// short writes variables in one line each.
func short(list []contract.Variable) []string {
	var lines []string
	for _, v := range list {
		text := v.Name
		for _, word := range []struct {
			there bool
			text  string
		}{
			{v.Type != "", ":" + v.Type}, {len(v.Values) > 0, " of " + strings.Join(v.Values, "|")}, {v.Phase != "", " " + v.Phase}, {v.Secret, " secret"}, {!v.Required && v.Default == nil, " optional"},
			{v.Example != "", " e.g. " + v.Example},
		} {
			if word.there {
				text += word.text
			}
		}
		if v.Default != nil {
			text += " = " + *v.Default
		}
		lines = append(lines, text)
	}
	return lines
}

func TestAppJSON(t *testing.T) {
	g := NewWithT(t)
	c, err := open(application("project.toml", "[dev.gantry.config.OWN]\nrequired-if = \"PORT_COUNT\"\n[[dev.gantry.config-group]]\nat-least-one-of = [\"OWN\", \"REGION\"]\n", "app.json", `{"env": {
		"MASTER_KEY": "myMasterKey", "SESSION_SECRET": {"value": "x"}, "GITHUB_TOKEN": {"required": false}, "ADMIN_PASSWORD": {"value": "admin"}, "COOKIE": {"generator": "secret"},
		"PORT_COUNT": {"value": 3, "required": true}, "DEBUG_SQL": {"value": false}, "OPTIONAL": {"required": "false"}, "NEEDED": {"required": "true"}, "EMPTY": {"value": null}, "REGION": "eu",
		"SITE": {"value": "https://example.com"}, "HELLO": {"value": "change me"}, "DB": "postgres://u:p@h/db", "PUBLIC_KEY_ID": "7"}}`))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(short(c.Variables)).To(Equal([]string{
		"OWN optional", "ADMIN_PASSWORD secret", "COOKIE secret", "DB", "DEBUG_SQL = false", "EMPTY", "GITHUB_TOKEN secret optional", "HELLO e.g. change me", "MASTER_KEY secret", "NEEDED", "OPTIONAL optional", "PORT_COUNT = 3",
		"PUBLIC_KEY_ID = 7", "REGION = eu", "SESSION_SECRET secret", "SITE e.g. https://example.com",
	}))
}

func TestDotEnv(t *testing.T) {
	g := NewWithT(t)
	list := declare.DotEnv(`
# The database
DATABASE_URL=postgres://u:p@h/db

# Optional things
# LANGFUSE_HOST=https://example.com
#SMTP_CONNECTION_URL=
# a sentence that says NAME=x is not one, since words stand before it
export MAX=25 # at most
DEBUG_MODE=false
REGION=eu-west-1
YAML: style
MULTI="line 1
line 2"
API_KEY=abc
REGION=again
NEXT_PUBLIC_URL=http://localhost:3000
`)
	g.Expect(short(list)).To(Equal([]string{
		"DATABASE_URL:url secret", "LANGFUSE_HOST optional e.g. https://example.com", "SMTP_CONNECTION_URL:url secret optional", "MAX = 25", "DEBUG_MODE = false", "REGION e.g. eu-west-1", "YAML e.g. style",
		"MULTI e.g. line 1\nline 2", "API_KEY secret", "NEXT_PUBLIC_URL:url build e.g. http://localhost:3000",
	}))
	g.Expect(list[0].Description).To(Equal("The database"))
}

// An .env.schema is read for what it is, and comes back from what is written.
func TestEnvSchema(t *testing.T) {
	g := NewWithT(t)
	const text = `# @defaultRequired=infer @defaultSensitive=false
# ---

# Where it runs
# @type=enum(development, production) @required
APP_ENV=production
# @type=url @sensitive @required
DATABASE_URL=postgres://u:canary@h/db
# @type=number(min=1, max=10, isInt=true) @optional @example="3"
WORKERS=
# @type=string(minLength=3)
NAME=shop
# @sensitive @example=canary
TOKEN=canary
OTHER=$APP_ENV
# @type=boolean
FLAG=true
# @type=port
API_PORT=
`
	g.Expect(declare.IsEnvSchema(".env.schema", "")).To(BeTrue())
	g.Expect(declare.IsEnvSchema(".env.example", text)).To(BeTrue())
	g.Expect(declare.IsEnvSchema(".env.example", "# mail me @ home\nA=1\n")).To(BeFalse())
	list := declare.EnvSchema(text)
	g.Expect(short(list)).To(Equal([]string{
		"APP_ENV of development|production = production", "DATABASE_URL:url secret", "WORKERS:int optional e.g. 3", "NAME = shop", "TOKEN secret", "OTHER", "FLAG:bool = true", "API_PORT:port optional",
	}))
	g.Expect(list[0].Description).To(Equal("Where it runs"))
	g.Expect(short(declare.EnvSchema("A=canary\n# @sensitive=false\nB=x\n"))).To(Equal([]string{"A secret", "B = x"}), "all is sensitive where nothing says otherwise")
	written, err := export.Write(contract.Contract{Variables: list}, "env-schema", "")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(written).NotTo(ContainSubstring("canary"))
	again := declare.EnvSchema(written)
	for i := range again {
		g.Expect(again[i]).To(Equal(list[i]))
	}
}

func TestScanOfManyForms(t *testing.T) {
	for text, want := range map[string]string{
		"js: const { DATABASE_URL, LOG_LEVEL = 'info', API_KEY: key } = process.env":                                "API_KEY secret; DATABASE_URL:url secret; LOG_LEVEL optional",
		"js: const {\n  FIRST,\n  SECOND: second = 1,\n} = process.env;":                                            "FIRST; SECOND optional",
		"js: const { other } = thing; const { NAME } = config":                                                      "",
		"js: process.env?.FIRST; process.env['SECOND']; process.env?.['THIRD']; Bun.env.FOURTH":                     "FIRST; FOURTH; SECOND; THIRD",
		"js: const a = process.env.FIRST ?? 'x', b = process.env.SECOND || 'y', c = Number(process.env.THIRD) || 3": "FIRST optional; SECOND optional; THIRD optional",
		"js: process.env.FIRST ?? 'x'; start(process.env.FIRST)":                                                    "FIRST",
		"ts: import.meta.env.VITE_API; import.meta.env.MODE; import.meta.env.DEV; import.meta.env.BASE_URL":         "VITE_API build",
		"js: process.env.BASE_URL; process.env.NODE_ENV; process.env.npm_package_name; process.env.PORT":            "BASE_URL:url",
		"tsx: fetch(process.env.NEXT_PUBLIC_URL)":                                                                   "NEXT_PUBLIC_URL:url build",
		"ts: import { z } from 'zod'\nconst s = z.object({ DATABASE_URL: z.string().url(), COUNT: z.coerce.number().int().default(3), MODE: z.enum(['a', 'b']).optional(), FLAG: z.string().min(1) }).parse(process.env)":                                                                                     "COUNT:int = 3; DATABASE_URL:url secret; FLAG; MODE of a|b optional",
		"ts: import { createEnv } from '@t3-oss/env-nextjs'\nimport { z } from \"zod\"\nexport const env = createEnv({ server: { AUTH_SECRET: z.string().min(10) }, client: { NEXT_PUBLIC_X: z.string() }, runtimeEnv: { AUTH_SECRET: process.env.AUTH_SECRET, NEXT_PUBLIC_X: process.env.NEXT_PUBLIC_X } })": "AUTH_SECRET secret; NEXT_PUBLIC_X build",
		"js: const { cleanEnv, str, num, url } = require('envalid'); cleanEnv(process.env, { HOST_NAME: str(), POOL: num({ default: 5 }), LEVEL: str({ choices: ['a', 'b'], devDefault: 'a' }), HOOK: url({ default: undefined }) })":                                                                         "HOOK:url optional; HOST_NAME; LEVEL of a|b; POOL:float = 5",
		"js: const env = process.env\nstart(env.FIRST, env.SECOND ?? 1)\n// process.env.THIRD\n/* process.env.FOURTH */\nprocess.env.FIFTH = 'x'; delete process.env.SIXTH; process.env[`SEVENTH`]":                                                                                                           "FIRST; SECOND optional; SEVENTH",
		"rb: # ENV['FIRST']\nENV['SECOND'] # ENV['THIRD']":                                                                  "SECOND; THIRD",
		"rb: ENV.fetch 'FIRST'; ENV.fetch(\"SECOND\", \"d\"); ENV.fetch('THIRD') { 3 }; ENV['FOURTH'] || 'x'; ENV['FIFTH']": "FIFTH; FIRST; FOURTH optional; SECOND optional; THIRD optional",
		"yml: url: <%= ENV.fetch('DB_HOST') %>\npool: <%= ENV.fetch(\"POOL_SIZE\") { 5 } %>":                                "DB_HOST; POOL_SIZE:int optional",
	} {
		t.Run(text, func(t *testing.T) {
			g := NewWithT(t)
			ending, code, _ := strings.Cut(text, ": ")
			var variables []contract.Variable
			for _, u := range declare.Scan(application("src/a."+ending, code)) {
				variables = append(variables, u.Variable)
				g.Expect(u.Where.Line).To(BeNumerically(">", 0))
			}
			g.Expect(strings.Join(short(variables), "; ")).To(Equal(want))
			// What is drafted can be read, and says the same.
			c, err := open(application("project.toml", declare.Draft(variables, nil)))
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(strings.Join(short(c.Variables), "; ")).To(Equal(want))
		})
	}
}

// All mistakes are told at once, in their order, each with its line; what may be a secret is not repeated.
func TestAllMistakesAtOnce(t *testing.T) {
	g := NewWithT(t)
	_, err := open(application("project.toml", `[dev.gantry.config.A]
tpye = "int"
min = "x"

[dev.gantry.config.B]
secret = true
default = "canary"

[[dev.gantry.config-group]]
exactly-one = ["A", "B"]
`))
	p := problem.As(err)
	g.Expect(p.Title).To(Equal("project.toml has 4 mistakes"))
	var told []string
	for _, part := range p.Parts {
		told = append(told, part.Where.String()+" "+part.Title+"\n"+part.Excerpt+"\n"+part.Hints[0])
	}
	g.Expect(told).To(Equal([]string{
		"project.toml:2:1 tpye is not a rule of a variable\n2 | tpye = \"int\"\n  | ^^^^\nDid you mean type?",
		"project.toml:3:1 config.A.min has a value that is not understood: a number is expected\n3 | min = \"x\"\n  | ^^^\nCorrect the value.",
		"project.toml:7:1 config.B: a secret cannot have a default, which everybody could read in the image\n7 | default = \"…\"\n  | ^^^^^^^\nChange or remove one of the rules.",
		"project.toml:10:1 exactly-one is not a rule of a group\n10 | exactly-one = [\"A\", \"B\"]\n   | ^^^^^^^^^^^\nDid you mean exactly-one-of?",
	}))
	g.Expect(err.Error()).NotTo(ContainSubstring("canary"))

	_, err = open(application("project.toml", "[dev.gantry]\nconfig-group = [{exactly-one-off = [\"A\", \"B\"]}, {all-or-none = [\"A\", \"C\"]}]\n[dev.gantry.config]\nA = {tpye = 1}\n"))
	g.Expect(err).To(MatchError("project.toml has 3 mistakes [app/mistakes]; project.toml:2:18: exactly-one-off is not a rule of a group [contract/unknown-key]; " +
		"project.toml:2:50: the group names C, which is not declared [contract/invalid]; project.toml:4:6: tpye is not a rule of a variable [contract/unknown-key]"))
}

func FuzzEnvSchema(f *testing.F) {
	f.Add("# @defaultSensitive=inferFromPrefix(PUBLIC_)\n# ---\n# @type=enum(a, b) @required\nA=b\n")
	f.Fuzz(func(_ *testing.T, text string) { _ = declare.Draft(declare.EnvSchema(text), nil) })
}

func FuzzScan(f *testing.F) {
	f.Add("const {A, B = 1} = process.env; z.object({C: z.string()}) // zod")
	f.Fuzz(func(_ *testing.T, text string) { _ = declare.Scan(application("a.ts", text, "b.rb", text)) })
}
