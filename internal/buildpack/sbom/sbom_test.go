package sbom_test

import (
	"bytes"
	"os"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/gantry-buildpack/gantry/internal/buildpack/sbom"
)

var document = sbom.Document{
	Name: "@acme/shop", Version: "1.0.0", Tool: "Gantry", ToolVersion: "0.1.0", Roots: []string{"node_modules/a", "not listed"},
	Components: []sbom.Component{
		{Key: "runtime", Type: "generic", Name: "node", Version: "24.18.0", License: "MIT", CPE: "cpe:2.3:a:nodejs:node.js:24.18.0:*:*:*:*:*:*:*", Runtime: true},
		{Key: "node_modules/a", Type: "npm", Name: "@s/a", Version: "1.0.0-beta.1", License: "(MIT OR Apache-2.0)", Needs: []string{"node_modules/b"},
			Integrity: "sha1-AAAAAAAAAAAAAAAAAAAAAAAAAAA= sha512-z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg=="},
		{Key: "node_modules/b", Type: "npm", Name: "b", Version: "2.0.0", License: "SEE LICENSE IN LICENSE.txt"},
		{Key: "node_modules/c", Type: "npm", Name: "c", Version: "3.0.0", License: "UNLICENSED"},
	},
}

// schema compiles a published schema, with those that it refers to.
func schema(t *testing.T, main string, others ...string) *jsonschema.Schema {
	g := NewWithT(t)
	compiler := jsonschema.NewCompiler()
	for _, name := range append(others, main) {
		text, err := os.ReadFile("testdata/" + name)
		g.Expect(err).NotTo(HaveOccurred())
		content, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(compiler.AddResource("http://cyclonedx.org/schema/"+name, content)).To(Succeed())
	}
	compiled, err := compiler.Compile("http://cyclonedx.org/schema/" + main)
	g.Expect(err).NotTo(HaveOccurred())
	return compiled
}

func TestDocumentsAreWhatTheSchemasSay(t *testing.T) {
	cyclonedx := schema(t, "bom-1.6.schema.json", "spdx.schema.json", "jsf-0.82.schema.json")
	spdx := schema(t, "spdx-document-2.3.schema.json")
	for name, d := range map[string]sbom.Document{"all fields": document, "nothing": {Tool: "Gantry", ToolVersion: "0.1.0"}} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			var out bytes.Buffer
			g.Expect(d.CycloneDX(&out)).To(Succeed())
			content, err := jsonschema.UnmarshalJSON(&out)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(cyclonedx.Validate(content)).To(Succeed())

			out.Reset()
			g.Expect(d.SPDX(&out)).To(Succeed())
			content, err = jsonschema.UnmarshalJSON(&out)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(spdx.Validate(content)).To(Succeed())
		})
	}
}

func TestContent(t *testing.T) {
	g := NewWithT(t)
	var cyclonedx, spdx, again bytes.Buffer
	g.Expect(document.CycloneDX(&cyclonedx)).To(Succeed())
	g.Expect(document.SPDX(&spdx)).To(Succeed())
	for _, text := range []string{
		`"purl":"pkg:npm/%40s/a@1.0.0-beta.1"`, `"group":"@s"`, `"expression":"(MIT OR Apache-2.0)"`, `"dependsOn":["node_modules/b"]`, `"dependsOn":["node_modules/a"]`,
		`"alg":"SHA-512"`, `"cpe":"cpe:2.3:a:nodejs:node.js:24.18.0:*:*:*:*:*:*:*"`, `"type":"platform"`,
	} {
		g.Expect(cyclonedx.String()).To(ContainSubstring(text))
	}
	for _, text := range []string{
		`"referenceLocator":"pkg:npm/%40s/a@1.0.0-beta.1"`, `"licenseDeclared":"(MIT OR Apache-2.0)"`, `"algorithm":"SHA512"`, `"relationshipType":"DEPENDS_ON"`,
		`"referenceType":"cpe23Type"`, `"SPDXID":"SPDXRef-Package-2"`,
	} {
		g.Expect(strings.ReplaceAll(spdx.String(), `": "`, `":"`)).To(ContainSubstring(text))
	}
	for _, text := range []string{cyclonedx.String(), spdx.String()} {
		g.Expect(text).NotTo(ContainSubstring("SEE LICENSE"), "no expression")
		g.Expect(text).NotTo(ContainSubstring("not listed"))
	}
	g.Expect(document.SPDX(&again)).To(Succeed())
	g.Expect(again.String()).To(Equal(spdx.String()), "the same content gives the same bytes")
}

// Both formats say whose signature was verified, and of nothing else.
func TestSignedPackages(t *testing.T) {
	g := NewWithT(t)
	d := sbom.Document{Name: "app", Components: []sbom.Component{
		{Key: "a", Type: "npm", Name: "a", Version: "1.0.0", Signed: true}, {Key: "b", Type: "npm", Name: "b", Version: "1.0.0"},
	}}
	var cyclonedx, spdx bytes.Buffer
	g.Expect(d.CycloneDX(&cyclonedx)).To(Succeed())
	g.Expect(d.SPDX(&spdx)).To(Succeed())
	g.Expect(strings.Count(cyclonedx.String(), "gantry:registry-signature")).To(Equal(1))
	g.Expect(strings.Count(spdx.String(), "the registry's signature was verified")).To(Equal(1))
}
