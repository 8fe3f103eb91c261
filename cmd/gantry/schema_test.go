package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/BurntSushi/toml"
	. "github.com/onsi/gomega"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/gantry-buildpack/gantry/internal/contract/declare"
	"github.com/gantry-buildpack/gantry/internal/source/app"
	"github.com/gantry-buildpack/gantry/internal/source/procfile"
	"github.com/gantry-buildpack/gantry/internal/source/settings"
)

func compiled(g *WithT) *jsonschema.Schema {
	text, err := json.Marshal(schema())
	g.Expect(err).NotTo(HaveOccurred())
	document, err := jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
	g.Expect(err).NotTo(HaveOccurred())
	c := jsonschema.NewCompiler()
	g.Expect(c.AddResource("project.json", document)).To(Succeed())
	compiled, err := c.Compile("project.json")
	g.Expect(err).NotTo(HaveOccurred())
	return compiled
}

// valid tells what the schema says of a project.toml.
func valid(g *WithT, schema *jsonschema.Schema, text string) error {
	var values map[string]any
	g.Expect(toml.Unmarshal([]byte(text), &values)).To(Succeed())
	asJSON, err := json.Marshal(values)
	g.Expect(err).NotTo(HaveOccurred())
	document, err := jsonschema.UnmarshalJSON(strings.NewReader(string(asJSON)))
	g.Expect(err).NotTo(HaveOccurred())
	return schema.Validate(document)
}

// read tells what a build says of it.
func read(text string) error {
	a := app.App{FS: fstest.MapFS{"project.toml": {Data: []byte(text)}}}
	s, err := settings.Table(nil).Read(a, func(string) (string, bool) { return "", false })
	if err == nil {
		_, err = procfile.Declared(s.Descriptor)
	}
	if err == nil {
		_, err = declare.Read(a, s.Descriptor)
	}
	return err
}

// Whatever the docs and the samples write in project.toml, the schema and a build accept.
func TestSchemaAcceptsTheDocs(t *testing.T) {
	g := NewWithT(t)
	s := compiled(g)
	pages, err := filepath.Glob("../../docs/*.md")
	g.Expect(err).NotTo(HaveOccurred())
	samples, err := filepath.Glob("../../samples/*/project.toml")
	g.Expect(err).NotTo(HaveOccurred())
	examples := 0
	for _, file := range append(pages, samples...) {
		content, err := os.ReadFile(file)
		g.Expect(err).NotTo(HaveOccurred())
		for _, text := range blocks(string(content)) {
			if strings.Contains(text, "dev.gantry") {
				examples++
				g.Expect(valid(g, s, text)).To(Succeed(), file+":\n"+text)
				g.Expect(read(text)).To(Succeed(), file+":\n"+text)
			}
		}
	}
	g.Expect(examples).To(BeNumerically(">=", 5))
}

// blocks gives the tables [dev.gantry… in the indented blocks of a page, or all of a file that is no page.
func blocks(text string) (list []string) {
	if !strings.Contains(text, "\n    ") {
		return []string{text}
	}
	block := ""
	for line := range strings.Lines(text + "\nend\n") {
		switch code, indented := strings.CutPrefix(line, "    "); {
		case indented && (block != "" || strings.HasPrefix(code, "[dev.gantry") || strings.HasPrefix(code, "[[dev.gantry")):
			block += code
		case block != "" && strings.TrimSpace(line) == "":
			block += "\n"
		case block != "":
			list, block = append(list, block), ""
		}
	}
	return list
}

// What a build refuses, the schema refuses, as far as a schema can tell; what it accepts, it accepts.
func TestSchemaSaysWhatABuildSays(t *testing.T) {
	g := NewWithT(t)
	s := compiled(g)
	for _, text := range []string{
		"node.version = \"24\"", "node.allow-unlisted = \"signed\"", "node.allow-unlisted = false", "node.run-scripts = []", "node.run-scripts = [\"a\", \"b\"]",
		"app = \"apps/web\"", "node.pure-build = true", "node.keep-dev = true", "node.keep-dev = [\"tsx\"]", "config.A.type = \"port\"", "config.A.default = 3", "config.A.values = [1, 2]", "process.web.command = \"x\"",
		"process.web.command = [\"x\", \"y\"]", "config-group = [{exactly-one-of = [\"A\", \"B\"]}]\nconfig.A.required = false\nconfig.B.required = false",
	} {
		g.Expect(valid(g, s, "[dev.gantry]\n"+text)).To(Succeed(), text)
		g.Expect(read("[dev.gantry]\n"+text)).To(Succeed(), text)
	}
	for _, text := range []string{
		"node.verison = \"24\"", "nodes.version = \"24\"", "node.version = 24", "node.run-scripts = \"build\"", "node.run-scripts = [1]", "node.run-scripts = [\"a,b\"]", "node.source = \"here\"",
		"node.allow-unlisted = \"yes\"", "node.pure-build = \"true\"", "config.A.tpye = \"port\"", "config.A.type = \"ports\"", "config.A.min = \"1\"", "config.A.min-length = -1",
		"config.\"A B\" = {}", "process.web = \"x\"", "process.web.command = 1", "process.web.comand = \"x\"", "process.\"a b\".command = \"x\"", "config-group = [{any-of = [\"A\", \"B\"]}]", "config = 1",
	} {
		g.Expect(valid(g, s, "[dev.gantry]\n"+text)).NotTo(Succeed(), text)
		g.Expect(read("[dev.gantry]\n"+text)).NotTo(Succeed(), text)
	}
}
