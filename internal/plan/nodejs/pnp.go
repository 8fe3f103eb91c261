package nodejs

import (
	_ "embed"
	"path"
	"slices"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/source/semver"
	"github.com/gantry-buildpack/gantry/internal/source/shell"
)

// pnp reports whether Node.js finds packages by Yarn's Plug'n'Play: https://yarnpkg.com/features/pnp.
func (p *Project) pnp() bool {
	return p.manager.berry && (p.manager.rc.NodeLinker == "" || p.manager.rc.NodeLinker == "pnp") && p.hasPackages()
}

// installPnP has Yarn write its map of the packages. Their places are written into it, so that they stay where they are.
func (p *Project) installPnP(in plan.Install) plan.Install {
	index := ".pnp.cjs"
	version, err := semver.Parse(in.Manager.Version)
	if err == nil && version.Major < 3 {
		index = ".pnp.js"
	}
	archives := path.Join(p.root, ".yarn/cache")
	in.Launch, in.Trees.Parents = plan.Launch{InPlace: true}, nil
	in.Trees.Dirs = inDir(p.root, []string{".yarn/unplugged", index, pnpLoader, ".yarn/install-state.gz"})
	if !p.app.IsDir(archives) {
		in.Trees.Dirs = append(in.Trees.Dirs, archives)
	}
	in.Leftovers = plan.Leftovers{
		AtLaunch: inDir(p.root, []string{".yarn/install-state.gz", ".yarn/build-state.yml"}), Archives: archives, Index: path.Join(p.root, index),
	}
	in.Commands.Env["YARN_ENABLE_GLOBAL_CACHE"] = "false"
	if p.keepsDevelopment(in.Manager.Version) {
		return in
	}
	in.Commands.Prune = runs("yarn", "workspaces", "focus", "--all", "--production")
	if p.selected() {
		in.Commands.Prune = runs("yarn", "workspaces", "focus", "--production", p.manifest.Name)
	}
	in.Commands.OnlyLaunch = in.Commands.Prune
	return in
}

// keepsDevelopment reports whether a Yarn cannot remove development packages: "workspaces focus" of Yarn 2 and 3 is in a plugin
// that few have.
func (p *Project) keepsDevelopment(yarn string) bool {
	version, err := semver.Parse(yarn)
	return p.pnp() && err == nil && version.Major < 4
}

// pnpLoader is what Yarn writes for ES modules, where one of the packages is one: https://yarnpkg.com/configuration/yarnrc#pnpEnableEsmLoader.
const pnpLoader = ".pnp.loader.mjs"

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
		files[pnpLoaderFile] = strings.ReplaceAll(registerLoader, "{loader}", path.Join(plan.AppDir, p.root, pnpLoader))
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
