package nodejs

import (
	"cmp"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/gantry-buildpack/gantry/internal/plan"
)

// nxProject is what matters of a project.json: https://nx.dev/reference/project-configuration.
type nxProject struct {
	dir               string
	Name, ProjectType string
	Targets           struct {
		Build struct {
			Executor string
			Options  struct{ OutputPath, OutputFileName, Main string }
		}
	}
}

// nxOutput is what the build target makes of the project that "nx serve" serves while it is being written.
func nxOutput(p *Project) (output, bool) {
	if len(p.scripts()) == 0 {
		return output{}, false
	}
	project, ok := p.nxServed()
	build := project.Targets.Build
	if !ok || build.Options.OutputPath == "" {
		return output{}, false
	}
	dir := path.Clean(strings.NewReplacer("{workspaceRoot}", ".", "{projectRoot}", cmp.Or(project.dir, ".")).Replace(build.Options.OutputPath))
	file := cmp.Or(build.Options.OutputFileName, "main.js")
	_, executor, _ := strings.Cut(build.Executor, ":")
	switch executor {
	case "esbuild", "webpack", "rspack", "rollup":
	case "tsc", "swc":
		file = strings.TrimSuffix(strings.TrimPrefix(build.Options.Main, project.dir+"/"), ".ts") + ".js"
	default:
		return output{}, false
	}
	return output{command: "node " + plan.Quote(path.Join(dir, file)), why: "the build target of " + project.Name}, isBelow(dir)
}

// nxServed finds the project that the start script serves, or the only one.
func (p *Project) nxServed() (nxProject, bool) {
	words := strings.FieldsFunc(p.manifest.Scripts["start"], func(r rune) bool { return r == ' ' || r == ':' })
	all := p.nxProjects()
	for _, project := range all {
		if slices.Contains(words, project.Name) || project.dir == p.dir {
			return project, true
		}
	}
	if len(all) == 1 {
		return all[0], true
	}
	return nxProject{}, false
}

// nxProjects are the applications, where they have a file of Nx.
func (p *Project) nxProjects() (all []nxProject) {
	for _, glob := range []string{"project.json", "apps/*/project.json", "packages/*/project.json"} {
		files, _ := doublestar.Glob(p.app.FS, p.in(glob), doublestar.WithNoFollow())
		for _, file := range files {
			project := nxProject{dir: strings.TrimPrefix(path.Dir(file), ".")}
			text, _, err := p.app.Read(file)
			if err != nil || json.Unmarshal(text, &project) != nil || project.ProjectType == "library" {
				continue
			}
			project.Name = cmp.Or(project.Name, path.Base(project.dir))
			all = append(all, project)
		}
	}
	return all
}

// nxHint says how an application of Nx is named where nothing does; empty without Nx.
func (p *Project) nxHint() string {
	if !p.has("nx.json") {
		return ""
	}
	name, dir := "APP", "apps/APP"
	if all := p.nxProjects(); len(all) > 0 {
		name, dir = all[0].Name, strings.TrimPrefix(strings.TrimPrefix(all[0].dir, p.dir), "/")
	}
	return fmt.Sprintf(`Nx knows the applications, and package.json has to name one: add scripts such as "build": "nx build %s" and "start": "node dist/%s/main.js"; `+
		"for pages that are served as they are, the first of them, and BP_STATIC_DIR.", name, dir)
}
