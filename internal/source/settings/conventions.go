package settings

import (
	"strings"

	"github.com/gantry-buildpack/gantry/internal/problem"
	"github.com/gantry-buildpack/gantry/internal/source/app"
	"github.com/gantry-buildpack/gantry/internal/source/conventions"
)

// fromConventions fills settings that neither a variable of Gantry's nor project.toml has set with what variables of other platforms say.
func (t Table) fromConventions(s *Settings, a app.App, lookup func(string) (string, bool)) error {
	fields := map[string]definition{}
	for _, d := range t {
		fields[d.Name] = d
	}
	for _, p := range conventions.Platforms {
		for _, row := range p.Rows {
			value, found := "", false
			if row.As != "" {
				value, found = lookup(row.Variable)
			}
			if !found {
				continue
			}
			if value, found = row.Of(a, value); !found {
				continue
			}
			if value == "" && row.As != "BP_NODE_RUN_SCRIPTS" {
				continue
			}
			if row.As == conventions.WebCommand {
				if strings.TrimSpace(value) != "" && s.WebCommand.Value == "" {
					s.WebCommand = Setting{Value: value, Origin: row.Variable}
				}
				continue
			}
			d, known := fields[row.Setting(a)]
			if !known || d.target(s).IsSet() {
				continue
			}
			if why := d.check(value); why != "" {
				return &problem.Problem{
					ID:    "settings/bad-value",
					Title: "the variable has a value that is not understood",
					Where: problem.Position{File: row.Variable},
					Why:   why,
					Hints: []string{"Correct " + row.Variable + ", which counts as " + d.Name + ", or leave it unset" + d.otherwise() + "."},
				}
			}
			*d.target(s) = Setting{Value: value, Origin: row.Variable}
		}
	}
	return nil
}
