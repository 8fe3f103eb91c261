package nodejs

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/source/lockfile"
)

// packagesDir is where Node.js looks for packages.
const packagesDir = "node_modules"

// scratch are folders in node_modules that hold caches of tools.
var scratch = []string{".cache", ".vite", ".vite-temp"}

// hasPackages reports whether anything is to be installed.
func (p *Project) hasPackages() bool { return p.top.hasDependencies() || len(p.members) > 0 }

// nativeFiles are where node-gyp, prebuild-install and node-pre-gyp put native modules. Those that a package brings for
// several systems are elsewhere.
var nativeFiles = []string{"**/build/Release/*.node", "lib/binding/**/*.node"}

// packages adds how the application's packages are installed.
func (p *Project) packages(out *plan.Plan) error {
	if !p.hasPackages() {
		return nil
	}
	m := p.manager
	d := &plan.Dependencies{
		Manager: m.name, Version: out.Runtime.Manager.Release.Version, Root: p.root,
		Dirs: inDir(p.root, []string{packagesDir}), Holders: inDir(p.root, []string{packagesDir}), Scratch: slices.Clone(scratch), Lockfile: m.lockfile,
		NativeFiles: nativeFiles,
	}
	if m.name != "npm" {
		d.Version = out.Runtime.Tools[0].Release.Version
		d.Production = &plan.Production{}
	}
	for _, member := range p.members {
		d.Workspaces = append(d.Workspaces, member.dir)
		d.Dirs = append(d.Dirs, path.Join(p.root, member.dir, packagesDir))
	}
	if p.selected() {
		d.Production = &plan.Production{}
	}
	if d.Production != nil {
		d.Production.Roots = p.roots()
	}
	switch m.name {
	case "npm":
		if m.lockfile != "" {
			var err error
			if p.manager.text, _, err = p.app.Read(path.Join(p.root, m.lockfile)); err != nil {
				return err
			}
		}
		p.npm(d)
		d.NotDirect = p.notDirect(d)
	case "yarn":
		p.yarn(d)
	case "pnpm":
		p.pnpm(d)
	case "bun":
		p.bun(d)
	}
	// Package managers ask no questions then. Scripts do not get it: Create React App takes warnings for errors with it, and
	// Angular keeps no cache.
	d.Env = merge(d.Env, map[string]string{"CI": "true"})
	for _, c := range []*plan.Command{&d.Install, &d.InstallLaunch, &d.Prune} {
		c.Dir = p.root
	}
	failures := map[string]func(string) []plan.Failure{"npm": npmFailures, "yarn": yarnFailures, "pnpm": pnpmFailures, "bun": bunFailures}[m.name](m.lockfile)
	failures = append(append(failures, nativeFailures()...), networkFailure())
	d.Install.Failures, d.InstallLaunch.Failures = failures, failures
	if p.keepsDevelopment {
		out.Warnings = append(out.Warnings, "Yarn "+d.Version+" cannot take development packages out of a Plug'n'Play application: the image holds them. Yarn 4 can.")
	}
	decision := plan.Decision{Subject: "packages", Value: m.title + " " + d.Version, Origin: m.origin}
	if m.name == "npm" {
		decision.Value = d.Install.Title
	}
	if m.lockfile == "" {
		out.Warnings = append(out.Warnings, p.noLockfile())
	}
	out.Decisions = append(out.Decisions, decision)
	d.Inputs = p.inputs()
	d.Hooks = p.hooks()
	out.Dependencies = d
	out.LaunchPath = []string{path.Join(p.root, packagesDir, ".bin")}
	if p.selected() {
		for _, dir := range p.roots() {
			out.LaunchPath = append([]string{path.Join(dir, packagesDir, ".bin")}, out.LaunchPath...)
		}
	}
	return nil
}

func (p *Project) noLockfile() string {
	file := p.manager.lockfiles[len(p.manager.lockfiles)-1]
	if p.manager.name == "bun" {
		file = p.manager.lockfiles[0]
	}
	return fmt.Sprintf("There is no %s: the newest versions that package.json allows are installed, and they are kept until package.json "+
		"changes. Two builds of the same source can differ. Run `%s` and commit %s.", file, p.manager.lock, file)
}

// roots are the packages that are run, relative to the source tree.
func (p *Project) roots() []string {
	if p.selected() {
		return append([]string{p.dir}, p.more...)
	}
	list := []string{p.root}
	for _, m := range p.members {
		list = append(list, path.Join(p.root, m.dir))
	}
	return list
}

// inputs are the files that decide what is installed, and those that install scripts are known to read.
func (p *Project) inputs() []string {
	names := inDir(p.root, []string{manifestFile, p.manager.lockfile, ".npmrc", ".pnpmrc", ".yarnrc", yarnrcFile, "bunfig.toml", pnpmWorkspace, ".pnpmfile.cjs", ".pnpmfile.mjs"})
	if p.manager.lockfile == "" {
		names = slices.DeleteFunc(names, func(name string) bool { return name == p.root })
	}
	for _, m := range p.members {
		names = append(names, path.Join(p.root, m.dir, manifestFile), path.Join(p.root, m.dir, ".npmrc"))
	}
	names = slices.DeleteFunc(names, func(name string) bool { return !p.app.Has(name) })
	dirs := []string{p.root}
	for _, m := range p.members {
		dirs = append(dirs, path.Join(p.root, m.dir))
	}
	for _, dir := range dirs {
		for _, folder := range inDir(dir, []string{"prisma", "patches", ".yarn/patches", ".yarn/plugins"}) {
			if p.app.IsDir(folder) {
				names = append(names, folder)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// also are the development dependencies that a process is started with: without them it could not start. all names a process
// for which these are all of them.
func (p *Project) also(processes []plan.Process) (list []string, all string) {
	add := func(pkg string) {
		found, atLaunch := p.manifest.uses(pkg)
		if pkg != "" && found && !atLaunch && !slices.Contains(list, pkg) {
			list = append(list, pkg)
		}
	}
	for _, q := range processes {
		for _, pkg := range p.importedAtStart(q) {
			add(pkg)
		}
		if text := p.shellText(q); text != "" {
			scripts, before := map[string]bool{}, len(list)
			for _, word := range p.shellWords(text, scripts) {
				add(packageOf(word, true))
			}
			if len(scripts) > 0 && len(list) > before {
				// A step of the build at the start: its tools need others that no command names.
				all = q.Type
				for name := range p.manifest.DevDependencies {
					add(name)
				}
			}
			continue
		}
		for i, word := range q.Args {
			add(packageOf(word, i == 0))
		}
	}
	slices.Sort(list)
	return list, all
}

// shellWords gives the words of a shell's script, and of the scripts in package.json that are named in it.
func (p *Project) shellWords(text string, seen map[string]bool) []string {
	var list []string
	for _, word := range shellFields(text) {
		list = append(list, word)
		if script := p.manifest.Scripts[word]; script != "" && !seen[word] {
			seen[word] = true
			list = append(list, p.shellWords(script, seen)...)
		}
	}
	return list
}

// programs maps commands to the packages that they come in, where the names differ.
var programs = map[string]string{
	"nest": "@nestjs/cli", "remix-serve": "@remix-run/serve", "react-router-serve": "@react-router/serve", "dotenv": "dotenv-cli",
	"tsc": "typescript", "babel-node": "@babel/node", "nuxi": "nuxt", "swc-node": "@swc-node/register", "ts-node-dev": "ts-node-dev",
	"ts-node-esm": "ts-node", "ts-node-transpile-only": "ts-node", "cross-env-shell": "cross-env", "pm2-runtime": "pm2",
}

// packageOf gives the package that a word of a command needs: the one that a program comes in, or one that Node.js is
// told to load ("--import tsx", "-r ts-node/register").
func packageOf(word string, program bool) string {
	if program {
		if name, known := programs[word]; known {
			return name
		}
		return word
	}
	word = strings.TrimPrefix(strings.TrimPrefix(strings.TrimPrefix(word, "--import="), "--require="), "--loader=")
	if strings.HasPrefix(word, ".") || strings.HasPrefix(word, "-") {
		return ""
	}
	parts := strings.SplitN(word, "/", 3)
	if strings.HasPrefix(word, "@") && len(parts) > 1 {
		return parts[0] + "/" + parts[1]
	}
	return parts[0]
}

func runs(args ...string) plan.Command { return titled(strings.Join(args, " "), args) }

// with gives words and one more, in a list of its own.
func with(words []string, word string) []string { return slices.Concat(words, []string{word}) }

func titled(title string, args []string) plan.Command { return plan.Command{Title: title, Args: args} }

// alsoOf are development dependencies that are needed at launch.
func alsoOf(d *plan.Dependencies) []string {
	if d.Production == nil {
		return nil
	}
	return d.Production.Also
}

// list gives the packages of the lockfile; also are development dependencies that are needed at launch.
func (p *Project) list(d *plan.Dependencies, arch string, also []string) {
	wanted := func(m manifest, dir string) lockfile.Wanted {
		w := lockfile.Wanted{
			Dir: dir, Name: m.Name, Dependencies: maps.Clone(m.Dependencies), Optional: m.OptionalDependencies, Dev: m.DevDependencies, Peer: m.PeerDependencies,
		}
		for _, name := range also {
			if version, found := m.DevDependencies[name]; found && path.Join(p.root, dir) == p.dir {
				w.Dependencies = merge(w.Dependencies, map[string]string{name: version})
			}
		}
		return w
	}
	own := []lockfile.Wanted{wanted(p.top, "")}
	all := []string{""}
	for _, m := range p.members {
		own, all = append(own, wanted(m.manifest, m.dir)), append(all, m.dir)
	}
	var roots []string
	for _, root := range p.roots() {
		roots = append(roots, strings.TrimPrefix(strings.TrimPrefix(root, p.root), "/"))
	}
	on := lockfile.Platform{OS: "linux", CPU: map[string]string{"amd64": "x64", "arm64": "arm64"}[arch], Libc: "glibc"}
	graph := lockfile.Read(d.Lockfile, p.manager.text, own, on)
	for _, key := range graph.Needed(all, true) {
		q := graph.Packages[key]
		slices.Sort(q.Needs)
		d.Packages = append(d.Packages, plan.Package{Key: key, Name: q.Name, Version: q.Version, Integrity: q.Integrity, License: q.License, Tarball: q.Tarball, Needs: slices.Compact(q.Needs)})
	}
	if d.NotAtLaunch {
		return
	}
	d.AtLaunch = graph.Needed(roots, false)
	d.DependsOn = graph.Direct(roots)
}
