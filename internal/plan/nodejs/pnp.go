package nodejs

import (
	_ "embed"
	"path"
	"slices"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/plan/nodejs/pkgmanager"
	"github.com/gantry-buildpack/gantry/internal/source/shell"
)

//go:embed pnploader.cjs
var registerLoader string

//go:embed pnpprogram.cjs
var startProgram string

// Names of the two in the image.
const (
	pnpLoaderFile  = "pnploader.cjs"
	pnpProgramFile = "pnpprogram.cjs"
)

// startWithPnP lets Node.js find packages by Yarn's map of them, as "yarn node" and "yarn run" do. Yarn itself would stay in
// between, and wants to write into the application's folder.
func (p *Project) startWithPnP(processes []plan.Process, index string) ([]plan.Process, plan.Environment) {
	files := map[string]string{}
	list := slices.Clone(processes)
	for i, q := range list {
		if program := q.Args[0]; program != "node" && program != plan.StaticServer && shell.ScriptFile(q.Args) == "" && !shell.IsShell(program) && !isManager(program) {
			files[pnpProgramFile] = startProgram
			list[i].Args = append([]string{"node", plan.FilesDir + "/" + pnpProgramFile}, q.Args...)
		}
	}
	options := "--require " + plan.AppDir + "/" + index
	if !strings.HasSuffix(index, ".js") {
		files[pnpLoaderFile] = strings.ReplaceAll(registerLoader, "{loader}", path.Join(plan.AppDir, p.root, pkgmanager.PnPLoader))
		options += " --require " + plan.FilesDir + "/" + pnpLoaderFile
	}
	return list, plan.Environment{
		Variables: map[string]string{"YARN_IGNORE_PATH": "1"}, Options: map[string]string{"NODE_OPTIONS": options}, Files: files,
	}
}

// isManager reports whether a program is a package manager, or Bun, which are no packages of the application.
func isManager(program string) bool {
	return slices.Contains([]string{"npm", "npx", "yarn", "pnpm", "bun", "bunx"}, program)
}
