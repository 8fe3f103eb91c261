package resolve_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/container/variables"
	"github.com/gantry-buildpack/gantry/internal/source/conventions"
	"github.com/gantry-buildpack/gantry/internal/source/settings"
)

var update = flag.Bool("update", false, "write the tables of docs/settings.md")

// What buildpack.toml says of a container's variables is what containers do: their program does not read it.
func TestContainersFollowBuildpackTOML(t *testing.T) {
	g := NewWithT(t)
	var listed []string
	for _, c := range settings.Builtin() {
		if c.Launch {
			listed = append(listed, c.Name)
			kind, values, _ := variables.Form(c.Name)
			g.Expect(c.Type).To(Equal(kind), c.Name)
			g.Expect(c.Values).To(Equal(values), c.Name)
		}
	}
	slices.Sort(listed)
	g.Expect(listed).To(Equal(variables.Names()))
}

// The tables of docs/settings.md are written from buildpack.toml: go test ./internal/plan/resolve -update.
func TestDocsFollowBuildpackTOML(t *testing.T) {
	g := NewWithT(t)
	file := filepath.FromSlash("../../../docs/settings.md")
	text, err := os.ReadFile(file)
	g.Expect(err).NotTo(HaveOccurred())
	page := replaceTable(g, string(text), "| variable | `project.toml`", settingsTable())
	page = replaceTable(g, page, "| variable | values |", variablesTable())
	if *update {
		g.Expect(os.WriteFile(file, []byte(page), 0o644)).To(Succeed())
	}
	g.Expect(string(text)).To(Equal(page), "docs/settings.md is not what buildpack.toml says")
	for _, c := range settings.Builtin() {
		g.Expect(c.Description).NotTo(BeEmpty(), c.Name)
		if link, _, _ := strings.Cut(c.See, "#"); link != "" {
			g.Expect(filepath.Join("../../../docs", link)).To(BeAnExistingFile(), c.Name)
		}
	}
}

// replaceTable exchanges the table that begins with a line.
func replaceTable(g *WithT, text, begin, table string) string {
	before, rest, found := strings.Cut(text, begin)
	g.Expect(found).To(BeTrue(), "docs/settings.md lacks the table that begins with "+begin)
	_, after, found := strings.Cut(rest, "\n\n")
	g.Expect(found).To(BeTrue())
	return before + table + "\n" + after
}

func settingsTable() string {
	var out strings.Builder
	out.WriteString("| variable | `project.toml`, in `[dev.gantry]` | meaning | values | without it |\n|---|---|---|---|---|\n")
	for _, c := range settings.Builtin() {
		if c.Launch {
			continue
		}
		names, line := "`"+c.Name+"`", ""
		if c.Alias != "" {
			names += ", `" + c.Alias + "`"
		}
		if c.Key != "" {
			line = "`" + c.Key + " = " + c.Example + "`"
		}
		fmt.Fprintf(&out, "| %s | %s | %s | %s | %s |\n", names, line, meaning(c), values(c), without(c))
	}
	return out.String()
}

func variablesTable() string {
	var out strings.Builder
	out.WriteString("| variable | values | meaning | without it |\n|---|---|---|---|\n")
	for _, c := range settings.Builtin() {
		if !c.Launch {
			continue
		}
		mark := ""
		if _, _, refused := variables.Form(c.Name); refused {
			mark = " †"
		}
		fmt.Fprintf(&out, "| `%s`%s | %s | %s | %s |\n", c.Name, mark, values(c), meaning(c), without(c))
	}
	return out.String()
}

func meaning(c settings.Configuration) string {
	if c.See == "" {
		return c.Description
	}
	page, _, _ := strings.Cut(c.See, "#")
	text, _ := os.ReadFile(filepath.Join("../../../docs", page))
	heading, _, _ := strings.Cut(string(text), "\n")
	return c.Description + " ([" + strings.TrimPrefix(heading, "# ") + "](" + c.See + "))"
}

// forms are the types of values, for people.
var forms = map[string]string{
	"text": "text", "boolean": "`true`, `false`", "switch": "`on`, `off`", "list": "a list; the variable: separated by commas", "packages": "`true`, `false`, or a list of packages; the variable: separated by commas", "folder": "a folder", "folders": "a folder, or several separated by commas",
	"size": "a size: `500MB`, `2GiB`", "duration": "a time: `30s`, `5m`", "time": "a time: `20261101T000000Z`", "url": "an address", "path": "a path: `config.json`, `env.js`", "archive": "an address and a checksum", "host": "an address", "port": "a number",
	"absolute-path": "an absolute path",
}

func values(c settings.Configuration) string {
	if len(c.Values) > 0 {
		return "`" + strings.Join(c.Values, "`, `") + "`"
	}
	return forms[c.Type]
}

func without(c settings.Configuration) string {
	if c.Default != "" {
		return "`" + c.Default + "`"
	}
	return c.Unset
}

// The tables of docs/migrate.md are written from the conventions: go test ./internal/plan/resolve -update.
func TestDocsFollowConventions(t *testing.T) {
	g := NewWithT(t)
	file := filepath.FromSlash("../../../docs/migrate.md")
	text, err := os.ReadFile(file)
	g.Expect(err).NotTo(HaveOccurred())
	page := string(text)
	for _, p := range conventions.Platforms {
		page = replaceTable(g, page, "| "+p.Name+" |", conventionsTable(p))
	}
	if *update {
		g.Expect(os.WriteFile(file, []byte(page), 0o644)).To(Succeed())
	}
	g.Expect(string(text)).To(Equal(page), "docs/migrate.md is not what the conventions say")
}

func conventionsTable(p conventions.Platform) string {
	var out strings.Builder
	fmt.Fprintf(&out, "| %s | with Gantry | what it does, or what to do instead |\n|---|---|---|\n", p.Name)
	for _, r := range p.Rows {
		does := map[bool]string{true: "honoured", false: "a line of the build"}[r.Honoured]
		if r.Quiet {
			does = "not read"
		}
		fmt.Fprintf(&out, "| `%s` | %s | %s |\n", strings.ReplaceAll(r.Name(), "*", "…"), does, r.Does)
	}
	return out.String()
}
