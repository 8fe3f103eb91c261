package node

import (
	_ "embed"
	"path"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/semver"
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

// startWithPnP lets Node.js find packages by Yarn's map of them, as "yarn node" does.
func (p *Project) startWithPnP(out *plan.Plan) {
	for i, q := range out.Processes {
		if q.Args[0] != "node" && q.Args[0] != "sh" && q.Args[0] != plan.StaticServer {
			// Programs of packages are inside of archives, where only Yarn finds them.
			out.Processes[i].Args, out.Processes[i].Group = append([]string{"yarn", "run"}, q.Args...), true
		}
	}
	out.LaunchEnv["YARN_IGNORE_PATH"] = "1"
	options := "--require " + plan.AppDir + "/" + out.Dependencies.Index
	if !strings.HasSuffix(out.Dependencies.Index, ".js") {
		const name = "pnploader.cjs"
		out.Files = map[string]string{name: strings.ReplaceAll(registerLoader, "{loader}", path.Join(plan.AppDir, p.root, pnpLoader))}
		options += " --require " + plan.FilesDir + "/" + name
	}
	out.LaunchOptions = map[string]string{"NODE_OPTIONS": options}
}
