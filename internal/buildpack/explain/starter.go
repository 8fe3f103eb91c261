package explain

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/gantry-buildpack/gantry/internal/contract"
	"github.com/gantry-buildpack/gantry/internal/contract/declare"
	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/plan/resolve"
	"github.com/gantry-buildpack/gantry/internal/source/app"
	"github.com/gantry-buildpack/gantry/internal/source/settings"
)

// starterHead begins a project.toml.
const starterHead = `# What Gantry found in this application. A build does the same with this file and without it: take the # off a line, and its table, where it is to hold.
# Settings have their defaults, or an example; versions, process types and the contract are as they were found.

[_]
schema-version = "0.2"
`

// languages are the tables of settings that are for one language alone, with the subject of its decision.
var languages = map[string]string{"node": "Node.js", "ruby": "Ruby"}

// Starter gives the text of a first project.toml for an application: the settings with what was decided, the process types, and the
// contract that the code reads.
func Starter(o Options) (string, error) {
	resolver, err := resolve.For(o.Metadata)
	if err != nil {
		return "", err
	}
	source := app.Open(o.App)
	resolved, err := resolver.Plan(source, resolve.Given{Lookup: o.Lookup}, resolve.Target{Arch: o.Arch, Libc: "glibc", Published: o.published}, time.Now())
	if err != nil {
		return "", err
	}
	decided := map[string]plan.Decision{}
	for _, d := range resolved.Plan.Decisions {
		decided[d.Subject] = d
	}
	var out strings.Builder
	out.WriteString(starterHead)
	writeSettings(&out, decided)
	for _, p := range resolved.Plan.Image.Processes {
		fmt.Fprintf(&out, "\n# [dev.gantry.process.%s]  # %s\n# command = %s\n", p.Type, cmp.Or(decided[p.Type].Origin, "detected"), list(p.Args))
		if p.Dir != "" && path.Clean(p.Dir) != "." {
			fmt.Fprintf(&out, "# # in the folder %s\n", p.Dir)
		}
	}
	writeContract(&out, declare.Undeclared(declare.Scan(source), resolved.Contract))
	return out.String(), nil
}

// writeSettings writes the tables of settings, with the versions that were decided and the defaults of the rest.
func writeSettings(out *strings.Builder, decided map[string]plan.Decision) {
	tables := map[string][]settings.Configuration{}
	for _, c := range settings.Builtin() {
		group, _, nested := strings.Cut(c.Key, ".")
		if language, only := languages[group]; c.Key == "" || !nested || only && decided[language].Value == "" || strings.Contains(c.Example, "…") {
			continue
		}
		tables[group] = append(tables[group], c)
	}
	for _, group := range slices.Sorted(maps.Keys(tables)) {
		fmt.Fprintf(out, "\n# [dev.gantry.%s]\n", group)
		for _, c := range tables[group] {
			_, key, _ := strings.Cut(c.Key, ".")
			fmt.Fprintf(out, "# # %s\n", c.Description)
			if d := decided[languages[group]]; key == "version" && d.Value != "" {
				fmt.Fprintf(out, "# version = %s  # now: %s\n", contract.QuoteTOML(d.Value), d.Origin)
				continue
			}
			value := c.TOML()
			if c.Name == "BP_NODE_RUN_SCRIPTS" && decided["build"].Value == "" {
				// A script that is named has to be there.
				value = "[]"
			}
			remark := ""
			if c.Default == "" && c.Example != "" {
				remark = "  # an example"
			}
			fmt.Fprintf(out, "# %s = %s%s\n", key, value, remark)
		}
	}
}

// writeContract writes the variables that the code reads.
func writeContract(out *strings.Builder, uses []declare.Use) {
	if len(uses) == 0 {
		return
	}
	var variables []contract.Variable
	where := map[string]string{}
	for _, use := range uses {
		variables = append(variables, use.Variable)
		where[use.Name] = use.Where.String()
	}
	out.WriteString("\n# The config contract: what the application needs when it runs. An image refuses to start without a variable that is declared and has no\n# default, so look at each.\n\n")
	for line := range strings.Lines(declare.Draft(variables, where)) {
		if text := strings.TrimRight(line, "\n"); text != "" {
			out.WriteString("# " + text)
		}
		out.WriteString("\n")
	}
}

// list writes words as TOML does.
func list(words []string) string {
	quoted := make([]string, len(words))
	for i, word := range words {
		quoted[i] = contract.QuoteTOML(word)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}
