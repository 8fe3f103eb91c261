// Package pkgmanager is what is known of the package managers of Node.js: which one an application is installed with, in which
// version, by which commands, and what can go wrong. It reads the source tree; it has no effects.
package pkgmanager

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/plan/nodejs/nodeversion"
	"github.com/gantry-buildpack/gantry/internal/plan/nodejs/packagejson"
	"github.com/gantry-buildpack/gantry/internal/source/app"
)

// Kind is a package manager.
type Kind struct {
	Name, Title string
	// Lockfiles in the manager's own order of precedence.
	Lockfiles []string
	// Lock is the command that writes a lockfile.
	Lock string
}

// Kinds are all package managers: adding one is a row here, a file with its commands, and a line in installs.
var Kinds = []Kind{
	{Name: "npm", Title: "npm", Lockfiles: []string{"npm-shrinkwrap.json", "package-lock.json"}, Lock: "npm install"},
	{Name: "yarn", Title: "Yarn", Lockfiles: []string{"yarn.lock"}, Lock: "yarn install"},
	{Name: "pnpm", Title: "pnpm", Lockfiles: []string{"pnpm-lock.yaml"}, Lock: "pnpm install"},
	{Name: "bun", Title: "Bun", Lockfiles: []string{"bun.lock", "bun.lockb"}, Lock: "bun install"},
}

// Source is the part of an application that decides about its packages.
type Source struct {
	App app.App
	// Root is the folder in which packages are installed, relative to the source tree, and Top its package.json.
	Root string
	Top  packagejson.Manifest
	// Workspaces: there are some. Package is the name of the one that was chosen, Chosen whether one was.
	Workspaces, Chosen bool
	Package            string
	// OnlyNPM is where a setting asks that npm installs; empty when none does.
	OnlyNPM string
}

// Manager is the package manager that an application is installed with.
type Manager struct {
	Kind
	// Lockfile is relative to the root of the packages; empty when there is none.
	Lockfile string
	// Text is the lockfile's content; empty for npm's, which decides nothing here and may be large.
	Text []byte
	// Asked is the version that is asked for, by an exact version or a range; empty when none is requested.
	Asked nodeversion.Request
	// Line is the version of npm that belongs to the release of Node.js.
	Line string
	// Hash is the checksum behind the version in "packageManager": ALGORITHM.HEX.
	Hash string
	// Origin says why it is this one.
	Origin string
	// Berry is Yarn 2 or later.
	Berry bool
	// RC is what matters of .yarnrc.yml; RCText is the text of Yarn's settings, which are in .yarnrc for Yarn 1.
	RCText []byte
	RC     yarnrc
}

// installs are how each package manager installs.
var installs = map[string]func(m Manager, in plan.Install, s Source) plan.Install{
	"npm": Manager.npm, "yarn": Manager.yarn, "pnpm": Manager.pnpm, "bun": Manager.bun,
}

// Install gives an installation the commands of the package manager, and what they leave and keep.
func (m Manager) Install(in plan.Install, s Source) plan.Install {
	in = installs[m.Name](m, in, s)
	// Package managers ask no questions then. Scripts do not get it: Create React App takes warnings for errors with it, and
	// Angular keeps no cache.
	env := map[string]string{"CI": "true"}
	maps.Copy(env, in.Commands.Env)
	in.Commands.Env = env
	for _, c := range []*plan.Command{&in.Commands.All, &in.Commands.OnlyLaunch, &in.Commands.Prune} {
		c.Dir = s.Root
	}
	failures := map[string]func(string) []plan.Failure{"npm": npmFailures, "yarn": yarnFailures, "pnpm": pnpmFailures, "bun": bunFailures}[m.Name](m.Lockfile)
	failures = append(append(failures, NativeFailures()...), networkFailure())
	in.Commands.All.Failures, in.Commands.OnlyLaunch.Failures = failures, failures
	if in.Lockfile.Direct != nil {
		in.Lockfile.Direct.RunScripts.Failures = failures
	}
	return in
}

// KindOf gives a package manager by its name.
func KindOf(name string) Kind {
	return Kinds[slices.IndexFunc(Kinds, func(k Kind) bool { return k.Name == name })]
}

// with gives words and one more, in a separate list.
func with(words []string, word string) []string { return slices.Concat(words, []string{word}) }

func titled(title string, args []string) plan.Command { return plan.Command{Title: title, Args: args} }

// OwnScripts says how the package manager itself limits install scripts, for people.
func (m Manager) OwnScripts() string {
	switch {
	case m.Name == "pnpm":
		return "onlyBuiltDependencies, or from pnpm 11 on allowBuilds, in pnpm-workspace.yaml"
	case m.Name == "bun":
		return "trustedDependencies in package.json"
	case m.Name == "yarn" && m.Berry:
		return "enableScripts: false in .yarnrc.yml, and built: true in dependenciesMeta of package.json"
	case m.Name == "yarn":
		return "ignore-scripts true in .yarnrc, for all packages"
	}
	return "allowScripts in package.json, from npm 12 on"
}

// InstallScripts are the application's own scripts that an installation runs, in their order, each with those before and after
// it:
// https://docs.npmjs.com/cli/using-npm/scripts#npm-ci. Yarn 2 and later keep "prepare" for packages that are published
// (https://yarnpkg.com/advanced/lifecycle-scripts).
func (m Manager) InstallScripts() []string {
	if m.Berry {
		return []string{"install"}
	}
	return []string{"install", "prepare"}
}

// RunsBefore reports whether the manager runs "prestart" before "start": Yarn 2 and later do not, nor did pnpm before 9
// (https://github.com/pnpm/pnpm/releases/tag/v9.0.0).
func (m Manager) RunsBefore() bool {
	switch m.Name {
	case "yarn":
		return !m.Berry
	case "pnpm":
		major, _, _ := strings.Cut(strings.TrimLeft(cmp.Or(m.Asked.Text, m.usual()), "^~=v"), ".")
		return !slices.Contains([]string{"6", "7", "8"}, major)
	default:
		return true
	}
}
