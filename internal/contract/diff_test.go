package contract_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/contract"
)

// tell writes changes in short.
func tell(changes []contract.Change) []string {
	var lines []string
	for _, c := range changes {
		line := c.Kind + " " + c.Name
		if c.Example != "" {
			line += ": " + c.Example
		}
		if len(c.Processes) > 0 {
			line += " (" + strings.Join(c.Processes, ", ") + ")"
		}
		lines = append(lines, line)
	}
	return lines
}

func declared(variables ...contract.Variable) contract.Contract {
	return contract.Contract{Variables: variables}
}

func TestDiff(t *testing.T) {
	one := func(v contract.Variable) contract.Contract { return declared(v) }
	pair := func(kind string) contract.Contract {
		c := declared(contract.Variable{Name: "A"}, contract.Variable{Name: "B"})
		if kind != "" {
			c.Groups = []contract.Group{{Kind: kind, Names: []string{"A", "B"}}}
		}
		return c
	}
	for name, c := range map[string]struct {
		older, newer contract.Contract
		want         []string
	}{
		"a new name that the old one still leads to": {older: one(contract.Variable{Name: "OLD", Required: true}), newer: one(contract.Variable{Name: "NEW", Required: true, RenamedFrom: []string{"OLD"}}),
			want: []string{"optional NEW"}},
		"the old name is no longer accepted": {older: one(contract.Variable{Name: "NEW", Required: true, RenamedFrom: []string{"OLD"}}), newer: one(contract.Variable{Name: "NEW", Required: true}),
			want: []string{"required NEW: without NEW"}},
		"optional becomes required under a new name": {older: one(contract.Variable{Name: "OLD"}), newer: one(contract.Variable{Name: "NEW", Required: true, RenamedFrom: []string{"OLD"}}),
			want: []string{"required NEW: without NEW"}},
		"a type":                      {older: one(contract.Variable{Name: "S", Required: true}), newer: one(contract.Variable{Name: "S", Required: true, Type: "int"}), want: []string{"stricter S: S=text"}},
		"values narrowed":             {older: one(contract.Variable{Name: "S", Values: []string{"a", "b"}}), newer: one(contract.Variable{Name: "S", Values: []string{"a"}}), want: []string{"stricter S: S=b"}},
		"values widened":              {older: one(contract.Variable{Name: "S", Values: []string{"a"}}), newer: one(contract.Variable{Name: "S", Values: []string{"a", "b"}})},
		"bounds narrowed":             {older: one(contract.Variable{Name: "S", Type: "int", Max: number(10)}), newer: one(contract.Variable{Name: "S", Type: "int", Max: number(9)}), want: []string{"stricter S: S=10"}},
		"bounds widened":              {older: one(contract.Variable{Name: "S", Type: "duration", Max: number(9)}), newer: one(contract.Variable{Name: "S", Type: "duration", Max: number(10)})},
		"a pattern":                   {older: one(contract.Variable{Name: "S", Pattern: "[a-z]{2,4}"}), newer: one(contract.Variable{Name: "S", Pattern: "[a-y]{2,4}"}), want: []string{"stricter S: S=az"}},
		"a looser pattern":            {older: one(contract.Variable{Name: "S", Pattern: "(a|b)+"}), newer: one(contract.Variable{Name: "S", Pattern: "[a-c]*"})},
		"a pattern that looks around": {older: one(contract.Variable{Name: "S", Pattern: `.*\bx\b.*`}), newer: one(contract.Variable{Name: "S", Pattern: `.*\bx\b.*|y`}), want: []string{"undecided S"}},
		"a pattern's length": {older: one(contract.Variable{Name: "S", Pattern: "[0-9]+", MaxLength: length(9)}), newer: one(contract.Variable{Name: "S", Pattern: "[0-9]+", MaxLength: length(7)}),
			want: []string{"stricter S: S=00000000"}},
		"a scheme":             {older: one(contract.Variable{Name: "S", Type: "url"}), newer: one(contract.Variable{Name: "S", Type: "url", Schemes: []string{"https"}}), want: []string{"stricter S: S=x://y"}},
		"required":             {older: one(contract.Variable{Name: "S"}), newer: one(contract.Variable{Name: "S", Required: true}), want: []string{"required S: without S"}},
		"no longer required":   {older: one(contract.Variable{Name: "S", Required: true}), newer: one(contract.Variable{Name: "S"})},
		"a default":            {older: one(contract.Variable{Name: "S", Required: true}), newer: one(contract.Variable{Name: "S", Default: text("x")})},
		"a default taken away": {older: one(contract.Variable{Name: "S", Default: text("x")}), newer: one(contract.Variable{Name: "S", Required: true}), want: []string{"required S: without S"}},
		"gone":                 {older: one(contract.Variable{Name: "S"}), want: []string{"removed S"}},
		"new":                  {newer: declared(contract.Variable{Name: "S"}, contract.Variable{Name: "R", Required: true}), want: []string{"required R: without R", "optional S"}},
		"more processes":       {older: one(contract.Variable{Name: "S", Required: true, Processes: []string{"web"}}), newer: one(contract.Variable{Name: "S", Required: true, Processes: []string{"web", "worker"}}), want: []string{"required S: without S (worker)"}},
		"all processes":        {older: one(contract.Variable{Name: "S", Required: true, Processes: []string{"web"}}), newer: one(contract.Variable{Name: "S", Required: true}), want: []string{"required S: without S (*)"}},
		"an empty value":       {older: one(contract.Variable{Name: "S", Required: true, EmptyAllowed: true}), newer: one(contract.Variable{Name: "S", Required: true}), want: []string{"required S: S="}},
		"a new group":          {older: pair(""), newer: pair("exactly-one-of"), want: []string{"together A, B: without A and B"}},
		"a stricter group":     {older: pair("at-least-one-of"), newer: pair("exactly-one-of"), want: []string{"together A, B: A=text, B=text"}},
		"a looser group":       {older: pair("exactly-one-of"), newer: pair("at-least-one-of")},
		"required-if applies newly": {older: declared(contract.Variable{Name: "MODE", Values: []string{"free", "paid"}}, contract.Variable{Name: "L"}),
			newer: declared(contract.Variable{Name: "MODE", Values: []string{"free", "paid"}}, contract.Variable{Name: "L", RequiredIf: contract.Conditions{"MODE=paid"}}), want: []string{"required L: MODE=paid, without L"}},
		"required-if of a value that cannot be": {older: declared(contract.Variable{Name: "MODE", Values: []string{"free"}}, contract.Variable{Name: "L"}),
			newer: declared(contract.Variable{Name: "MODE", Values: []string{"free", "paid"}}, contract.Variable{Name: "L", RequiredIf: contract.Conditions{"MODE=paid"}})},
		"a new comparison": {older: declared(contract.Variable{Name: "MIN", Type: "int"}, contract.Variable{Name: "MAX", Type: "int"}),
			newer: contract.Contract{Variables: []contract.Variable{{Name: "MIN", Type: "int"}, {Name: "MAX", Type: "int"}}, Rules: []contract.Rule{{Left: "MIN", Operator: "<=", Right: "MAX"}}},
			want:  []string{"together MIN, MAX: MAX=0, MIN=1"}},
		"a typed name that the old one still leads to": {older: one(contract.Variable{Name: "PG_URL", Type: "url", Required: true}), newer: one(contract.Variable{Name: "DATABASE_URL", Type: "url", Required: true, RenamedFrom: []string{"PG_URL"}}),
			want: []string{"optional DATABASE_URL"}},
		"a new typed variable":     {newer: one(contract.Variable{Name: "A", Type: "int"}), want: []string{"optional A"}},
		"a pattern becomes values": {older: one(contract.Variable{Name: "A", Pattern: "a|b|c"}), newer: one(contract.Variable{Name: "A", Values: []string{"a", "b"}}), want: []string{"stricter A: A=c"}},
		"a long text":              {older: one(contract.Variable{Name: "A", MaxLength: length(300)}), newer: one(contract.Variable{Name: "A", MaxLength: length(250)}), want: []string{"stricter A: A=" + strings.Repeat("1", 251)}},
		"a pattern of an e-mail":   {older: one(contract.Variable{Name: "A", Type: "email", Pattern: `.*@(corp|acme)\.com`}), newer: one(contract.Variable{Name: "A", Type: "email", Pattern: `.*@corp\.com`}), want: []string{"stricter A: A=.@acme.com"}},
		"a bound of a pattern":     {older: one(contract.Variable{Name: "A", Type: "size", Pattern: "[0-9]+Mi", Max: number(100 << 20)}), newer: one(contract.Variable{Name: "A", Type: "size", Pattern: "[0-9]+Mi", Max: number(50 << 20)}), want: []string{"stricter A: A=99Mi"}},
		"a text becomes a list":    {older: one(contract.Variable{Name: "A"}), newer: one(contract.Variable{Name: "A", Type: "list"}), want: []string{"stricter A: A=a,,b"}},
		"true in capitals":         {older: one(contract.Variable{Name: "A", Type: "bool"}), newer: one(contract.Variable{Name: "A", Values: []string{"true", "false", "1", "0", "yes", "no", "on", "off"}}), want: []string{"stricter A: A=TRUE"}},
		"a default in a rule": {older: contract.Contract{Variables: []contract.Variable{{Name: "MIN", Type: "int", Default: text("2")}, {Name: "MAX", Type: "int", Default: text("10")}}, Rules: []contract.Rule{{Left: "MIN", Operator: "<=", Right: "MAX"}}},
			newer: contract.Contract{Variables: []contract.Variable{{Name: "MIN", Type: "int", Default: text("5")}, {Name: "MAX", Type: "int", Default: text("10")}}, Rules: []contract.Rule{{Left: "MIN", Operator: "<=", Right: "MAX"}}},
			want:  []string{"together MIN, MAX: MAX=2, without MIN"}},
		"a binding":        {older: one(contract.Variable{Name: "A", Binding: "x/y"}), newer: one(contract.Variable{Name: "A"}), want: []string{"undecided A"}},
		"a path":           {older: one(contract.Variable{Name: "A", Type: "path"}), newer: one(contract.Variable{Name: "A", Type: "path", MustExist: true}), want: []string{"undecided A"}},
		"a secret":         {older: one(contract.Variable{Name: "A", Secret: true, Example: "canary"}), newer: one(contract.Variable{Name: "A", Secret: true, Type: "int"}), want: []string{"stricter A: A=…"}},
		"a schema's words": {older: one(contract.Variable{Name: "S", Type: "json", Schema: []byte(`{"type":"object","description":"a"}`)}), newer: one(contract.Variable{Name: "S", Type: "json", Schema: []byte(`{"description":"b","type":"object"}`)})},
		"a schema":         {older: one(contract.Variable{Name: "S", Type: "json"}), newer: one(contract.Variable{Name: "S", Type: "json", Schema: []byte(`{"type":"object"}`)}), want: []string{"stricter S: S=1"}},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			got := contract.Diff(c.older, c.newer)
			g.Expect(tell(got)).To(Equal(c.want))
			g.Expect(contract.Diff(c.older, c.older)).To(BeEmpty())
			g.Expect(contract.Diff(c.newer, c.newer)).To(BeEmpty())
		})
	}
}

// values are those from which contracts and environments are made, so that they meet.
var values = []string{"a", "b", "c", "1", "2", "3", "10", "5s", "10s", "1k", "true", "https://a", "postgres://h/d", "aa", "ab", "aaa", "x y", "", "a,b", "1,2"}

func randomContract(r *rand.Rand) contract.Contract {
	names := []string{"A", "B", "C", "D"}
	pick := func(list []string) string { return list[r.IntN(len(list))] }
	maybe := func() bool { return r.IntN(4) == 0 }
	var c contract.Contract
	for _, name := range names[:1+r.IntN(4)] {
		v := contract.Variable{Name: name, Type: pick([]string{"", "", "string", "int", "duration", "size", "url", "bool", "list", "float"})}
		for v.Type == "" && maybe() {
			v.Values = append(v.Values, pick([]string{"a", "b", "c", "aa"}))
		}
		if (v.Type == "" || v.Type == "string") && len(v.Values) == 0 && maybe() {
			v.Pattern = pick([]string{"a+", "[ab]+", "a|b", "a{1,2}", "[a-c]*", "(ab?)+", "..?", `\d+`, "[^x]+"})
		}
		if slices.Contains(contract.Numbers, v.Type) && maybe() {
			v.Min = number(float64(r.IntN(4)))
		}
		if slices.Contains(contract.Numbers, v.Type) && maybe() {
			v.Max = number(float64(4 + r.IntN(8)))
		}
		if maybe() {
			v.MinLength = length(r.IntN(3))
		}
		if maybe() {
			v.MaxLength = length(2 + r.IntN(4))
		}
		if v.Type == "url" && maybe() {
			v.Schemes = []string{pick([]string{"https", "postgres"})}
		}
		if v.Type == "list" {
			v.Of = pick([]string{"", "int", "bool"})
		}
		v.EmptyAllowed = maybe()
		switch r.IntN(4) {
		case 0:
			v.Required = true
		case 1:
			// What is declared can only depend on what is declared.
			if len(c.Variables) == 0 {
				break
			}
			other := c.Variables[r.IntN(len(c.Variables))].Name
			v.RequiredIf = contract.Conditions{pick([]string{other, "!" + other, other + "=" + pick(values[:6]), other + "!=a"})}
		case 2:
			if value := pick(values); value != "" && v.Accepts(value) {
				v.Default = &value
			}
		}
		if maybe() {
			v.Processes = []string{pick([]string{"web", "worker"})}
		}
		if maybe() {
			v.RenamedFrom = []string{pick([]string{"OLD_", "ALT_"}) + name}
		}
		c.Variables = append(c.Variables, v)
	}
	if len(c.Variables) > 1 && r.IntN(3) == 0 {
		c.Groups = append(c.Groups, contract.Group{Kind: pick(contract.GroupKinds), Names: []string{c.Variables[0].Name, c.Variables[1].Name}})
	}
	if len(c.Variables) > 1 && c.Variables[0].Type == "int" && c.Variables[1].Type == "int" {
		c.Rules = append(c.Rules, contract.Rule{Left: "A", Operator: pick(contract.Operators), Right: "B"})
	}
	return c
}

// changed is a contract that another one may have become.
func changed(r *rand.Rand, c contract.Contract) contract.Contract {
	other := randomContract(r)
	c.Variables = slices.Clone(c.Variables)
	for i := range c.Variables {
		if len(other.Variables) > i && r.IntN(2) == 0 {
			c.Variables[i] = other.Variables[i]
		}
	}
	if r.IntN(2) == 0 {
		c.Groups = nil
	}
	return c
}

func randomEnvironment(r *rand.Rand) map[string]string {
	env := map[string]string{}
	for _, name := range []string{"A", "B", "C", "D", "OLD_A", "OLD_B", "ALT_A"} {
		if r.IntN(2) == 0 {
			env[name] = values[r.IntN(len(values))]
		}
	}
	return env
}

// What Diff says is what the launcher says: an environment that the older contract accepts and the newer one refuses is told of,
// and what is told of has such an environment.
func TestDiffIsTheLaunchersVerdict(t *testing.T) {
	g := NewWithT(t)
	refused, breaking := 0, 0
	for seed := range uint64(pairs(t)) {
		r := rand.New(rand.NewPCG(seed, 1))
		older := randomContract(r)
		newer := changed(r, older)
		changes := contract.Diff(older, newer)
		told := map[string]bool{}
		for _, c := range changes {
			if c.Breaks() {
				breaking++
				told[c.Name] = true
			}
		}
		for range 200 {
			env := contract.Environment{Values: randomEnvironment(r)}
			// A deployment of the old image sets what that declares.
			maps.DeleteFunc(env.Values, func(name, _ string) bool {
				return !slices.ContainsFunc(older.Variables, func(v contract.Variable) bool { return v.Name == name || slices.Contains(v.RenamedFrom, name) })
			})
			for _, process := range []string{"web", "worker", "other"} {
				if older.Check(process, env).Failed() {
					continue
				}
				for _, f := range newer.Check(process, env).Findings {
					if !f.Warning() {
						refused++
						g.Expect(told).To(HaveKey(f.Name), fmt.Sprintf("seed %d, process %s\nolder %s\nnewer %s\nenvironment %v\n%v", seed, process, write(older), write(newer), env.Values, f))
					}
				}
			}
		}
	}
	t.Logf("%d pairs, %d changes that break, %d environments refused", pairs(t), breaking, refused)
	g.Expect(refused).To(BeNumerically(">", 1000))
}

// pairs is how many are tried: more with GANTRY_TEST_PAIRS.
func pairs(t *testing.T) int {
	if text := os.Getenv("GANTRY_TEST_PAIRS"); text != "" {
		n, err := strconv.Atoi(text)
		NewWithT(t).Expect(err).NotTo(HaveOccurred())
		return n
	}
	return 150
}

func write(c contract.Contract) string {
	text, err := json.Marshal(c)
	if err != nil {
		return err.Error()
	}
	return string(text)
}
