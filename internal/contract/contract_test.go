package contract_test

import (
	"errors"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/contract"
)

func number(f float64) *float64 { return &f }
func text(s string) *string     { return &s }

func TestTypes(t *testing.T) {
	for _, c := range []struct {
		variable contract.Variable
		good     []string
		bad      []string
		expected string
	}{
		{variable: contract.Variable{}, good: []string{"x", " "}, bad: []string{""}, expected: "a text"},
		{variable: contract.Variable{Type: "int", Min: number(1), Max: number(10)}, good: []string{"1", "10", "+3"}, bad: []string{"0", "11", "1.5", "x", "1e3"}, expected: "a whole number from 1 to 10"},
		{variable: contract.Variable{Type: "float", Min: number(0.5)}, good: []string{"0.5", "1e3"}, bad: []string{"0.4", "x"}, expected: "a number of at least 0.5"},
		{variable: contract.Variable{Type: "bool"}, good: []string{"true", "False", "1", "off"}, bad: []string{"maybe", "2"}, expected: "true or false"},
		{variable: contract.Variable{Type: "port"}, good: []string{"1", "65535"}, bad: []string{"0", "65536", "-1", "http"}, expected: "a port from 1 to 65535"},
		{variable: contract.Variable{Type: "url", Schemes: []string{"postgres", "postgresql"}}, good: []string{"postgres://u:p@h/db", "postgresql://h"},
			bad: []string{"mysql://h/db", "h/db", "postgres"}, expected: "a URL that begins with postgres:// or postgresql://"},
		{variable: contract.Variable{Type: "url"}, good: []string{"https://x", "sqlite:data.db", "file:///x"}, bad: []string{"x", "://", ""}, expected: "a URL"},
		{variable: contract.Variable{Type: "email"}, good: []string{"a@b.c"}, bad: []string{"a@b", "a b@c.d"}, expected: "an e-mail address"},
		{variable: contract.Variable{Type: "duration", Max: number(60)}, good: []string{"30s", "1m", "500ms"}, bad: []string{"2m", "30", "x"}, expected: "a time such as 30s or 5m of at most 60"},
		{variable: contract.Variable{Type: "size", Min: number(1024)}, good: []string{"1Ki", "2k", "1.5G", "4096", "4096B"}, bad: []string{"1k", "x", "1Q"}, expected: "a size such as 512Mi or 2G of at least 1024"},
		{variable: contract.Variable{Type: "json"}, good: []string{"{}", "[1]", "1"}, bad: []string{"{", "x"}, expected: "JSON"},
		{variable: contract.Variable{Values: []string{"a", "b"}}, good: []string{"a"}, bad: []string{"c", "A"}, expected: "one of a, b"},
		{variable: contract.Variable{Pattern: "[a-z]+|[0-9]"}, good: []string{"abc", "1"}, bad: []string{"abc1", "12"}, expected: "a text that matches [a-z]+|[0-9]"},
	} {
		g := NewWithT(t)
		g.Expect(c.variable.Expected()).To(Equal(c.expected))
		for _, value := range c.good {
			g.Expect(c.variable.Accepts(value)).To(BeTrue(), "%s: %q", c.expected, value)
		}
		for _, value := range c.bad {
			g.Expect(c.variable.Accepts(value)).To(BeFalse(), "%s: %q", c.expected, value)
		}
	}
}

var shop = contract.Contract{
	Variables: []contract.Variable{
		{Name: "DATABASE_URL", Type: "url", Schemes: []string{"postgres"}, Required: true, Secret: true, RenamedFrom: []string{"PG_URL"}, Description: "Where orders are kept", Binding: "postgresql/uri"},
		{Name: "LOG_LEVEL", Values: []string{"debug", "info"}, Default: text("info")},
		{Name: "QUEUE", Required: true, Processes: []string{"worker"}, Example: "orders"},
		{Name: "SMTP_URL", Type: "url"}, {Name: "SENDGRID_KEY", Secret: true},
		{Name: "SMTP_USER", RequiredIf: "SMTP_URL"}, {Name: "MODE"}, {Name: "LICENCE", RequiredIf: "MODE=paid"},
	},
	Groups: []contract.Group{{Kind: "exactly-one-of", Names: []string{"SMTP_URL", "SENDGRID_KEY"}}},
}

func good() map[string]string {
	return map[string]string{"DATABASE_URL": "postgres://u:canary@h/db", "SENDGRID_KEY": "canary"}
}

func with(values map[string]string, pairs ...string) map[string]string {
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] == "-" {
			delete(values, pairs[i])
		} else {
			values[pairs[i]] = pairs[i+1]
		}
	}
	return values
}

// What is found in an environment, word for word; a secret's value is in none of it.
func TestCheckWordForWord(t *testing.T) {
	for name, c := range map[string]struct {
		process string
		values  map[string]string
		want    []contract.Finding
		set     map[string]string
	}{
		"complete": {process: "web", values: good(), want: nil, set: map[string]string{"LOG_LEVEL": "info"}},
		"missing": {process: "web", values: with(good(), "DATABASE_URL", "-"), want: []contract.Finding{{
			Name: "DATABASE_URL", Kind: "missing", What: "is not set, and it is required", Expected: "a URL that begins with postgres://",
			Description: "Where orders are kept", Advice: "Set it in the deployment, or bind a service of the type postgresql."}}, set: nil},
		"empty": {process: "web", values: with(good(), "DATABASE_URL", ""), want: []contract.Finding{{
			Name: "DATABASE_URL", Kind: "missing", What: "is set, but empty, and it is required", Expected: "a URL that begins with postgres://",
			Description: "Where orders are kept", Advice: "Set it in the deployment, or bind a service of the type postgresql."}}, set: nil},
		"a misspelling": {process: "web", values: with(good(), "DATABASE_URL", "-", "DATABSE_URL", "x"), want: []contract.Finding{{
			Name: "DATABASE_URL", Kind: "missing", What: "is not set, and it is required", Expected: "a URL that begins with postgres://",
			Description: "Where orders are kept", Advice: "DATABSE_URL is set: is that a misspelling? If not, set DATABASE_URL in the deployment."}}, set: nil},
		"malformed secret": {process: "web", values: with(good(), "DATABASE_URL", "canary"), want: []contract.Finding{{
			Name: "DATABASE_URL", Kind: "malformed", What: "is not what it must be", Expected: "a URL that begins with postgres://",
			Description: "Where orders are kept", Advice: "Correct its value in the deployment."}}, set: nil},
		"malformed": {process: "web", values: with(good(), "LOG_LEVEL", "loud"), want: []contract.Finding{{
			Name: "LOG_LEVEL", Kind: "malformed", What: `is "loud"`, Expected: "one of debug, info", Advice: "Correct its value in the deployment."}}, set: nil},
		"malformed in a file": {process: "web", values: with(good(), "LOG_LEVEL_FILE", "/there"), want: []contract.Finding{{
			Name: "LOG_LEVEL", Kind: "malformed", What: "is not what it must be", Expected: "one of debug, info", Advice: "Correct its value in the deployment."}}, set: nil},
		"an old name": {process: "web", values: with(good(), "DATABASE_URL", "-", "PG_URL", "postgres://h/db"), want: []contract.Finding{{
			Name: "DATABASE_URL", Kind: "renamed", What: "is called PG_URL here, its old name",
			Advice: "Rename PG_URL to DATABASE_URL in the deployment; the old name is accepted, and passed on."}},
			set: map[string]string{"DATABASE_URL": "postgres://h/db", "LOG_LEVEL": "info"}},
		"another process": {process: "worker", values: good(), want: []contract.Finding{{
			Name: "QUEUE", Kind: "missing", What: "is not set, and it is required", Expected: "a text", Advice: "Set it in the deployment, for example QUEUE=orders."}}, set: nil},
		"both of a group": {process: "web", values: with(good(), "SMTP_URL", "smtp://h", "SMTP_USER", "u"), want: []contract.Finding{{
			Name: "SMTP_URL, SENDGRID_KEY", Kind: "group", What: "SMTP_URL and SENDGRID_KEY are both set", Expected: "exactly one of them",
			Advice: "Keep the one that is meant, and remove the other from the deployment."}}, set: nil},
		"none of a group": {process: "web", values: with(good(), "SENDGRID_KEY", "-"), want: []contract.Finding{{
			Name: "SMTP_URL, SENDGRID_KEY", Kind: "group", What: "none of them is set", Expected: "exactly one of them", Advice: "Set one of them in the deployment."}}, set: nil},
		"required if another is set": {process: "web", values: with(good(), "SENDGRID_KEY", "-", "SMTP_URL", "smtp://h"), want: []contract.Finding{{
			Name: "SMTP_USER", Kind: "missing", What: "is not set, and it is required while SMTP_URL is set", Expected: "a text", Advice: "Set it in the deployment."}}, set: nil},
		"required if another has a value": {process: "web", values: with(good(), "MODE", "paid"), want: []contract.Finding{{
			Name: "LICENCE", Kind: "missing", What: "is not set, and it is required while MODE is paid", Expected: "a text", Advice: "Set it in the deployment."}}, set: nil},
		"a file that is not there": {process: "web", values: with(good(), "DATABASE_URL", "-", "DATABASE_URL_FILE", "/gone"), want: []contract.Finding{{
			Name: "DATABASE_URL", Kind: "unreadable", What: "is to be read from /gone (DATABASE_URL_FILE), which cannot be read", Description: "Where orders are kept",
			Advice: "Check that the file is mounted, and that user 1000 may read it."}}, set: nil},
		"a file": {process: "web", values: with(good(), "DATABASE_URL", "-", "DATABASE_URL_FILE", "/there"), want: nil, set: map[string]string{"DATABASE_URL": "postgres://file/db", "LOG_LEVEL": "info"}},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			r := shop.Check(c.process, contract.Environment{Values: c.values, ReadFile: func(name string) (string, error) {
				if name == "/there" {
					return "postgres://file/db\n", nil
				}
				return "", errors.New("no such file")
			}})
			g.Expect(r.Findings).To(Equal(c.want))
			if c.set != nil {
				g.Expect(r.Set).To(Equal(c.set))
			}
			for _, f := range r.Findings {
				g.Expect(f.What + f.Expected + f.Advice).NotTo(ContainSubstring("canary"))
			}
		})
	}
	r := shop.Check("web", contract.Environment{Values: with(good(), "DATABASE_URL", "-"), Bindings: map[string]string{"postgresql/uri": "postgres://bound/db\n"}})
	NewWithT(t).Expect(r.Findings).To(BeEmpty())
	NewWithT(t).Expect(r.Set["DATABASE_URL"]).To(Equal("postgres://bound/db"))
}

func TestExports(t *testing.T) {
	g := NewWithT(t)
	c := contract.Contract{Variables: []contract.Variable{
		{Name: "A", Required: true, Description: "What for", Example: "x y"}, {Name: "B", Secret: true, Example: "canary"}, {Name: "C", Default: text("1"), Type: "int"},
	}}
	env, err := c.Export("env", "")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(env).To(Equal("# What for\n# required; a text\nA=\"x y\"\n\n# optional; a text\nB=\n\n# default \"1\"; a whole number\nC=1\n"))
	objects, err := c.Export("configmap", "shop")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(objects).To(Equal("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: shop\ndata:\n  A: \"x y\" # required; a text\n  C: \"1\" # default \"1\"; a whole number\n" +
		"---\napiVersion: v1\nkind: Secret\nmetadata:\n  name: shop\nstringData:\n  B: \"\" # optional; a text\n"))
	table, err := c.Export("markdown", "")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(table).To(ContainSubstring("| `B` | optional | a text | all | (secret) |"))
	schema, err := c.Export("json-schema", "")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(schema).To(ContainSubstring(`"required": [`))
	_, err = c.Export("xml", "")
	g.Expect(err).To(MatchError(`"xml" is none of json-schema, env, configmap, markdown`))
}

func TestDiff(t *testing.T) {
	older := contract.Contract{Variables: []contract.Variable{{Name: "A", Required: true}, {Name: "OLD", Required: true}, {Name: "S", Required: true}, {Name: "GONE"}}}
	newer := contract.Contract{Variables: []contract.Variable{
		{Name: "A", Required: true}, {Name: "NEW", Required: true, RenamedFrom: []string{"OLD"}}, {Name: "S", Required: true, Type: "int"}, {Name: "KEY", Required: true}, {Name: "O"},
	}}
	NewWithT(t).Expect(contract.Diff(older, newer)).To(Equal([]contract.Change{
		{Name: "NEW", Kind: "optional", Expected: "the new name; the old one is still accepted"}, {Name: "S", Kind: "stricter", Expected: "a whole number"},
		{Name: "KEY", Kind: "required", Expected: "a text"}, {Name: "O", Kind: "optional", Expected: "a text"}, {Name: "GONE", Kind: "removed"},
	}))
}

func FuzzParse(f *testing.F) {
	f.Add(`{"variables":[{"name":"A","type":"size","min":1,"pattern":"(","required-if":"B=1"}],"groups":[{"kind":"all-or-none","names":["A"]}]}`, "A", "1Gi")
	f.Fuzz(func(_ *testing.T, text, name, value string) {
		c, err := contract.Parse([]byte(text))
		if err == nil {
			_ = c.Check("web", contract.Environment{Values: map[string]string{name: value}})
		}
	})
}
