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
func (p *Project) installPnP(d *plan.Dependencies) {
	index := ".pnp.cjs"
	version, err := semver.Parse(d.Version)
	if err == nil && version.Major < 3 {
		index = ".pnp.js"
	}
	d.InPlace, d.Holders = true, nil
	d.Archives, d.Index = path.Join(p.root, ".yarn/cache"), path.Join(p.root, index)
	d.Dirs = inDir(p.root, []string{".yarn/unplugged", index, pnpLoader, ".yarn/install-state.gz"})
	if !p.app.IsDir(d.Archives) {
		d.Dirs = append(d.Dirs, d.Archives)
	}
	d.TracesAtLaunch = inDir(p.root, []string{".yarn/install-state.gz", ".yarn/build-state.yml"})
	d.Env["YARN_ENABLE_GLOBAL_CACHE"] = "false"
	d.Production = nil
	if err == nil && version.Major < 4 {
		// Its "workspaces focus" is in a plugin that few have.
		p.keepsDevelopment = true
		return
	}
	d.Prune = runs("yarn", "workspaces", "focus", "--all", "--production")
	if p.selected() {
		d.Prune = runs("yarn", "workspaces", "focus", "--production", p.manifest.Name)
	}
	d.InstallLaunch = d.Prune
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
func (p *Project) startWithPnP(out *plan.Plan) {
	out.Files = map[string]string{}
	for i, q := range out.Processes {
		if program := q.Args[0]; program != "node" && program != plan.StaticServer && shell.ScriptFile(q.Args) == "" && !shell.IsShell(program) && !isManager(program) {
			out.Files[pnpProgramFile] = startProgram
			out.Processes[i].Args = append([]string{"node", plan.FilesDir + "/" + pnpProgramFile}, q.Args...)
		}
	}
	out.LaunchEnv["YARN_IGNORE_PATH"] = "1"
	options := "--require " + plan.AppDir + "/" + out.Dependencies.Index
	if !strings.HasSuffix(out.Dependencies.Index, ".js") {
		out.Files[pnpLoaderFile] = strings.ReplaceAll(registerLoader, "{loader}", path.Join(plan.AppDir, p.root, pnpLoader))
		options += " --require " + plan.FilesDir + "/" + pnpLoaderFile
	}
	out.LaunchOptions = map[string]string{"NODE_OPTIONS": options}
}

// isManager reports whether a program is a package manager, or Bun, which are no packages of the application.
func isManager(program string) bool {
	return slices.Contains([]string{"npm", "npx", "yarn", "pnpm", "bun", "bunx"}, program)
}
