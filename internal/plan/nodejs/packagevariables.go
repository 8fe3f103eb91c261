package nodejs

import (
	"slices"

	"github.com/gantry-buildpack/gantry/internal/plan"
)

// withPackageVariables gives processes what they read of a package.json other than the application's, whose variables are own,
// where a package manager starts them (https://docs.npmjs.com/cli/using-npm/scripts#packagejson-vars): Gantry starts what the
// script would run instead.
func (p *Project) withPackageVariables(processes []plan.Process, own map[string]string) []plan.Process {
	list := slices.Clone(processes)
	for i, q := range list {
		m, dir := p.packageAt(q.Dir)
		if dir == p.dir || q.Args[0] == plan.StaticServer {
			continue
		}
		for name, value := range m.Variables() {
			if own[name] != value {
				list[i].Env = merge(map[string]string{name: value}, list[i].Env)
			}
		}
	}
	return list
}
