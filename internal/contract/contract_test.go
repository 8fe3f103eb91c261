package contract_test

import (
	"errors"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/contract"
)

func number(f float64) *float64 { return &f }
func text(s string) *string     { return &s }
func length(n int) *int         { return &n }

func TestTypes(t *testing.T) {
	for _, c := range []struct {
		variable contract.Variable
		good     []string
		bad      []string
		expected string
	}{
		{variable: contract.Variable{}, good: []string{"x", " "}, bad: []string{""}, expected: "a text"},
		{variable: contract.Variable{Type: "int", Min: number(1), Max: number(10)}, good: []string{"1", "10", "+3"}, bad: []string{"0", "11", "1.5", "x", "1e3"}, expected: "a whole number from 1 to 10"},
		{variable: contract.Variable{Type: "float", Min: number(0.5)}, good: []string{"0.5", "1e3"}, bad: []string{"0.4", "x", "NaN", "Inf", "0x1p2", "1_0"}, expected: "a number of at least 0.5"},
		{variable: contract.Variable{Type: "bool"}, good: []string{"true", "False", "1", "off"}, bad: []string{"maybe", "2"}, expected: "true or false"},
		{variable: contract.Variable{Type: "port"}, good: []string{"1", "65535"}, bad: []string{"0", "65536", "-1", "http"}, expected: "a port from 1 to 65535"},
		{variable: contract.Variable{Type: "url", Schemes: []string{"postgres", "postgresql"}}, good: []string{"postgres://u:p@h/db", "postgresql://h"},
			bad: []string{"mysql://h/db", "h/db", "postgres"}, expected: "a URL that begins with postgres:// or postgresql://"},
		{variable: contract.Variable{Type: "url"}, good: []string{"https://x", "sqlite:data.db", "file:///x"}, bad: []string{"x", "://", ""}, expected: "a URL"},
		{variable: contract.Variable{Type: "email"}, good: []string{"a@b.c"}, bad: []string{"a@b", "a b@c.d"}, expected: "an e-mail address"},
		{variable: contract.Variable{Type: "float", NonFinite: true}, good: []string{"NaN", "-inf", "Infinity", ".5", "5."}, bad: []string{"nano", "."}, expected: "a number"},
		{variable: contract.Variable{Type: "duration", Max: number(60)}, good: []string{"30s", "1m", "500ms", "0"}, bad: []string{"2m", "30", "x", "-1s", "1d", "s"}, expected: "a time such as 30s, 5m or 1d12h of at most 60"},
		{variable: contract.Variable{Type: "duration"}, good: []string{"1d12h", "2w", "1.5h", "1h30m"}, bad: []string{"-5m", "1y", "1 h", ""}, expected: "a time such as 30s, 5m or 1d12h"},
		{variable: contract.Variable{Type: "size", Min: number(1024)}, good: []string{"1Ki", "2k", "1.5G", "4096", "4096B", "1mb", "512m", "2Gi", "2GB", "10 MB", "1kib"}, bad: []string{"1k", "x", "1Q", "-1k", "1mm"}, expected: "a size such as 512Mi, 2G or 10mb of at least 1024"},
		{variable: contract.Variable{Type: "list", Of: "int", Max: number(9), MinLength: length(2)}, good: []string{"1,2", " 1 , 9 ,3"}, bad: []string{"1", "1,", "1,x", "1,10", ""},
			expected: "a list of at least 2 entries, separated by commas, of whole numbers, each a whole number of at most 9"},
		{variable: contract.Variable{Type: "list", Of: "url", Separator: " "}, good: []string{"https://a https://b"}, bad: []string{"https://a | https://b", "x"}, expected: "a list, separated by spaces, of URLs"},
		{variable: contract.Variable{Type: "list", Values: []string{"a", "b"}}, good: []string{"a", "b,a"}, bad: []string{"c", "a,c"}, expected: "a list, separated by commas, of some of a, b"},
		{variable: contract.Variable{EmptyAllowed: true, Values: []string{"x"}}, good: []string{"", "x"}, bad: []string{"y"}, expected: "one of x"},
		{variable: contract.Variable{Type: "json", Schema: []byte(`{"type":"object","required":["a"],"properties":{"a":{"type":"integer"}}}`)}, good: []string{`{"a":1}`}, bad: []string{`{}`, `{"a":"x"}`, `[]`, `{`}, expected: "JSON that fits its schema"},
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
		{Name: "LOG"}, {Name: "LOG_FILE"},
		{Name: "SMTP_USER", RequiredIf: contract.Conditions{"SMTP_URL"}}, {Name: "MODE"}, {Name: "LICENCE", RequiredIf: contract.Conditions{"MODE=paid"}},
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
			Name: "DATABASE_URL", Kind: "malformed", What: "is not what it must be: it has no scheme, such as https://", Expected: "a URL that begins with postgres://",
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
			Name: "DATABASE_URL", Kind: "unreadable", What: "is to be read from /gone (DATABASE_URL_FILE), which cannot be read: no such file", Description: "Where orders are kept",
			Advice: "Check that the file is mounted, and that user 1000 may read it."}}, set: nil},
		"a file of a variable that is declared itself": {process: "logs", values: map[string]string{"LOG_FILE": "/there", "DATABASE_URL": "postgres://h", "SENDGRID_KEY": "k"}, want: nil, set: map[string]string{"LOG_LEVEL": "info"}},
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

func FuzzDiff(f *testing.F) {
	f.Add(`{"variables":[{"name":"A","pattern":"(a|b)*","required-if":["!B","C=1"]}],"groups":[{"kind":"all-or-none","names":[]}],"rules":[{"left":"A","operator":"<"}]}`, `{"variables":[{"name":"A","type":"list","of":"int","renamed-from":["A","B"]}]}`)
	f.Fuzz(func(t *testing.T, before, after string) {
		older, err := contract.Parse([]byte(before))
		newer, err2 := contract.Parse([]byte(after))
		if err != nil || err2 != nil || len(older.Variables)+len(newer.Variables) > 6 || len(before)+len(after) > 500 {
			return
		}
		_ = contract.Diff(older, newer)
	})
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
