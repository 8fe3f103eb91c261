package export_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/dotenv"
	. "github.com/onsi/gomega"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"github.com/gantry-buildpack/gantry/internal/contract"
	"github.com/gantry-buildpack/gantry/internal/contract/export"
)

func write(t *testing.T, c contract.Contract, format string) string {
	text, err := export.Write(c, format, "shop")
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return text
}

func ptr[T any](value T) *T { return &value }

// Texts of people stand in every format as what they are, whatever they hold.
func TestAnyText(t *testing.T) {
	g := NewWithT(t)
	hostile := "line 1\nINJECTED=1 */ | \"q\" 'p' #c: {x} \\ $HOME `id`"
	c := contract.Contract{Variables: []contract.Variable{
		{Name: "A", Required: true, Description: hostile, Example: hostile}, {Name: "B", Secret: true, Example: "canary", Description: hostile},
		{Name: "C", Default: ptr("it's \"x\" $y\n"), Pattern: "a|b\nc"}, {Name: "D", Default: ptr("plain")}, {Name: "E", Deprecated: hostile, Values: []string{"a\"b", "*/"}},
	}}
	env := write(t, c, "env")
	values, err := dotenv.UnmarshalWithLookup(env, nil)
	g.Expect(err).NotTo(HaveOccurred(), env)
	g.Expect(values).To(HaveLen(5))
	g.Expect(values["D"]).To(Equal("plain"))
	g.Expect(values["C"]).To(Equal("it's \"x\" $y\n"))
	g.Expect(values["B"]).To(BeEmpty())

	var documents []map[string]any
	decoder := yaml.NewDecoder(strings.NewReader(write(t, c, "configmap")))
	for range 2 {
		var document map[string]any
		g.Expect(decoder.Decode(&document)).To(Succeed())
		documents = append(documents, document)
	}
	g.Expect(documents[0]["data"]).To(Equal(map[string]any{"A": hostile, "C": "it's \"x\" $y\n", "D": "plain", "E": ""}))
	g.Expect(documents[1]["stringData"]).To(Equal(map[string]any{"B": ""}))

	var list []map[string]any
	g.Expect(yaml.Unmarshal([]byte(export.Environment(c, "keys")), &list)).To(Succeed())
	g.Expect(list).To(HaveLen(5))
	g.Expect(list[0]["value"]).To(Equal(hostile))

	for _, line := range strings.Split(strings.TrimSpace(write(t, c, "markdown")), "\n") {
		g.Expect(line).To(MatchRegexp(`^\|.*\|$`))
	}
	types := write(t, c, "types")
	g.Expect(types).To(ContainSubstring("      readonly A: string\n"))
	g.Expect(types).To(ContainSubstring(`      readonly E?: "a\"b" | "*/"` + "\n"))
	g.Expect(strings.Count(types, "*/")).To(Equal(6), "five comments end, and one value holds it")
	var schema map[string]any
	g.Expect(json.Unmarshal([]byte(write(t, c, "json-schema")), &schema)).To(Succeed())
	_, err = export.Write(c, "xml", "")
	g.Expect(err).To(MatchError(`"xml" is none of markdown, json-schema, types, env, env-schema, configmap`))
}

// The JSON Schema accepts what the contract accepts, where it can say the same: all but bounds of numbers, lists and comparisons.
func TestTheSchemaIsTheContract(t *testing.T) {
	g := NewWithT(t)
	values := []string{"a", "b", "1", "0", "true", "no", "5s", "1d12h", "10mb", "2Gi", "https://h/", "postgres://h/db", "x@y.z", "70000", "aaa", "x y", "1.5", "-1"}
	accepted, refused := 0, 0
	for seed := range uint64(400) {
		r := rand.New(rand.NewPCG(seed, 7))
		pick := func(list ...string) string { return list[r.IntN(len(list))] }
		var c contract.Contract
		for _, name := range []string{"A", "B", "C"} {
			v := contract.Variable{Name: name, Type: pick("", "int", "float", "bool", "port", "duration", "size", "email")}
			switch r.IntN(5) {
			case 0:
				v.Required = true
			case 1:
				v.RequiredIf = contract.Conditions{pick("A", "!B", "A=a", "B!=b", "C")}
			case 2:
				v.Type, v.Values = "", []string{"a", "b"}
			case 3:
				v.Type, v.Pattern, v.MaxLength = "", "[a-z]+", ptr(2)
			}
			if r.IntN(4) == 0 {
				v.RenamedFrom = []string{"OLD_" + name}
			}
			c.Variables = append(c.Variables, v)
		}
		if r.IntN(2) == 0 {
			c.Groups = []contract.Group{{Kind: pick(contract.GroupKinds...), Names: []string{"A", "B"}}}
		}
		compiler := jsonschema.NewCompiler()
		document, err := jsonschema.UnmarshalJSON(strings.NewReader(write(t, c, "json-schema")))
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(compiler.AddResource("s.json", document)).To(Succeed())
		schema, err := compiler.Compile("s.json")
		g.Expect(err).NotTo(HaveOccurred())
		for range 30 {
			env, object := map[string]string{}, map[string]any{}
			for _, name := range []string{"A", "B", "C"} {
				if r.IntN(2) == 0 {
					env[name] = pick(values...)
					object[name] = env[name]
				}
			}
			ok := !c.Check("", contract.Environment{Values: env}).Failed()
			g.Expect(schema.Validate(object) == nil).To(Equal(ok), fmt.Sprintf("%v\n%s", env, write(t, c, "json-schema")))
			if ok {
				accepted++
			} else {
				refused++
			}
		}
	}
	t.Logf("%d accepted, %d refused", accepted, refused)
	g.Expect(accepted).To(BeNumerically(">", 500))
	g.Expect(refused).To(BeNumerically(">", 500))
}
