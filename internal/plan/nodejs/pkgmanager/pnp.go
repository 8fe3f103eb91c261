package pkgmanager

import (
	"path"

	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/source/app"
	"github.com/gantry-buildpack/gantry/internal/source/semver"
)

// pnp reports whether Node.js finds packages by Yarn's Plug'n'Play: https://yarnpkg.com/features/pnp.
func (m Manager) PnP() bool {
	return m.Berry && (m.RC.NodeLinker == "" || m.RC.NodeLinker == "pnp")
}

// installPnP has Yarn write its map of the packages. Their places are written into it, so that they stay where they are.
func (m Manager) installPnP(in plan.Install, s Source) plan.Install {
	index := ".pnp.cjs"
	version, err := semver.Parse(in.Manager.Version)
	if err == nil && version.Major < 3 {
		index = ".pnp.js"
	}
	archives := path.Join(s.Root, ".yarn/cache")
	in.Launch, in.Trees.Parents = plan.Launch{InPlace: true}, nil
	in.Trees.Dirs = app.InDir(s.Root, []string{".yarn/unplugged", index, PnPLoader, ".yarn/install-state.gz"})
	if !s.App.IsDir(archives) {
		in.Trees.Dirs = append(in.Trees.Dirs, archives)
	}
	in.Leftovers = plan.Leftovers{
		AtLaunch: app.InDir(s.Root, []string{".yarn/install-state.gz", ".yarn/build-state.yml"}), Archives: archives, Index: path.Join(s.Root, index),
	}
	in.Commands.Env["YARN_ENABLE_GLOBAL_CACHE"] = "false"
	if m.KeepsDevelopment(in.Manager.Version) {
		return in
	}
	in.Commands.Prune = plan.Run("yarn", "workspaces", "focus", "--all", "--production")
	if s.Chosen {
		in.Commands.Prune = plan.Run("yarn", "workspaces", "focus", "--production", s.Package)
	}
	in.Commands.OnlyLaunch = in.Commands.Prune
	return in
}

// keepsDevelopment reports whether a Yarn cannot remove development packages: "workspaces focus" of Yarn 2 and 3 is in a plugin
// that few have.
func (m Manager) KeepsDevelopment(yarn string) bool {
	version, err := semver.Parse(yarn)
	return m.PnP() && err == nil && version.Major < 4
}

// PnPLoader is what Yarn writes for ES modules, where one of the packages is one: https://yarnpkg.com/configuration/yarnrc#pnpEnableEsmLoader.
const PnPLoader = ".pnp.loader.mjs"
