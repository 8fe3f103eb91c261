package nodejs

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/plan/nodejs/packagejson"
	"github.com/gantry-buildpack/gantry/internal/plan/nodejs/pkgmanager"
	"github.com/gantry-buildpack/gantry/internal/problem"
	"github.com/gantry-buildpack/gantry/internal/source/app"
	"github.com/gantry-buildpack/gantry/internal/source/lockfile"
)

// packagesDir is where Node.js looks for packages.
const packagesDir = "node_modules"

// scratch are folders in node_modules that hold caches of tools.
var scratch = []string{".cache", ".vite", ".vite-temp"}

// hasPackages reports whether anything is to be installed.
func (p *Project) hasPackages() bool {
	// Yarn 2 and later run no script before they have installed.
	return p.top.HasDependencies() || len(p.members) > 0 || p.manager.Berry && len(p.hooks()) > 0
}

// nativeFiles are where node-gyp, prebuild-install and node-pre-gyp put native modules. Those that a package brings for
// several systems are elsewhere.
var nativeFiles = []string{"**/build/Release/*.node", "lib/binding/**/*.node"}

// packages is how the application's packages are installed.
type packages struct {
	// install is nil where there are none.
	install *plan.Install
	// path are the folders of their programs, relative to the source tree.
	path  []string
	notes plan.Notes
}

// leftovers are files that scripts which a package manager runs leave, too.
func (k packages) leftovers() []string {
	if k.install == nil {
		return nil
	}
	return k.install.Leftovers.Always
}

// packages decides how the application's packages are installed.
func (p *Project) packages(t plan.Toolchain) (packages, error) {
	if !p.hasPackages() {
		return packages{}, nil
	}
	m := p.manager
	tool, _ := t.Tool(m.Name)
	in := plan.Install{
		Language: Language, Manager: plan.Manager{Name: m.Name, Version: tool.Release.Version}, Root: p.root, Layer: "modules", Provides: packagesName,
		Lockfile: plan.Lockfile{Name: m.Lockfile}, Inputs: plan.InstallInputs{Files: p.inputs()}, Native: plan.NativeFiles{Patterns: nativeFiles},
		Trees: plan.Trees{Dirs: app.InDir(p.root, []string{packagesDir}), Parents: app.InDir(p.root, []string{packagesDir}), Scratch: slices.Clone(scratch), Beside: true},
		List:  plan.PackageList{Type: "npm"},
	}
	for _, member := range p.members {
		in.Trees.Workspaces = append(in.Trees.Workspaces, member.dir)
		in.Trees.Dirs = append(in.Trees.Dirs, path.Join(p.root, member.dir, packagesDir))
	}
	if p.selected() || m.Name != "npm" {
		in.Launch.Production = &plan.Production{Roots: p.roots()}
	}
	if m.Name == "npm" {
		// npm prune would take out what scripts have made, too.
		in.Launch.ByManager = &plan.Production{Roots: p.roots()}
	}
	in.Launch.ToKeep = "Move the package to dependencies in package.json; or keep it with keep-dev in [dev.gantry.node] of project.toml."
	in = m.Install(in, p.packageSource())
	if v := p.settings.NPMVerify; v.Value != "lockfile" {
		if in.Lockfile.Direct == nil || in.Lockfile.NotDirect != "" {
			return packages{}, p.notVerified(in.Lockfile.NotDirect)
		}
		in.Lockfile.Verify = plan.Verification(v.Value)
	}
	scripts, err := p.allowedScripts(in)
	if err != nil {
		return packages{}, err
	}
	in.Lockfile.Scripts = scripts
	if in.Lockfile.Direct != nil {
		in.Lockfile.Direct.Credentials = p.settings.NodeScriptCredentials.Value == "true"
	}
	in.Commands.Hooks = p.hooks()
	return packages{&in, p.programFolders(), p.packageNotes(in)}, nil
}

// notVerified is the error of a setting that cannot be honoured.
func (p *Project) notVerified(why string) error {
	v := p.settings.NPMVerify
	if why == "" {
		why = p.manager.Title + " installs the packages"
	}
	return &problem.Problem{
		ID:    "node/verify-unsupported",
		Title: "packages cannot be verified as " + v.Origin + " wants it",
		Where: v.Where,
		Why:   "Gantry does that where it installs from npm's lockfile itself, and here " + why,
		Hints: []string{"Leave the setting out: package managers verify the checksums in their lockfiles. Or install with npm and a package-lock.json."},
	}
}

// allowedScripts are the packages whose install scripts may run, where the settings limit them.
func (p *Project) allowedScripts(in plan.Install) (*plan.AllowedScripts, error) {
	v := p.settings.NodeAllowScripts
	if v.Value == "true" {
		return nil, nil
	}
	if in.Lockfile.Direct == nil || in.Lockfile.NotDirect != "" {
		why := in.Lockfile.NotDirect
		if why == "" {
			why = p.manager.Title + " installs the packages"
		}
		return nil, &problem.Problem{
			ID:    "node/scripts-unsupported",
			Title: "install scripts cannot be limited as " + v.Origin + " wants it",
			Where: v.Where,
			Why:   "Gantry does that where it installs from npm's lockfile itself, and here " + why,
			Hints: []string{"Leave the setting out, and use the package manager's own: " + p.manager.OwnScripts() + "."},
		}
	}
	allowed := &plan.AllowedScripts{}
	if v.Value != "false" {
		for name := range strings.SplitSeq(v.Value, ",") {
			if name = strings.TrimSpace(name); name != "" {
				allowed.Allowed = append(allowed.Allowed, name)
			}
		}
	}
	return allowed, nil
}

// packageNotes are what there is to say of the installation.
func (p *Project) packageNotes(in plan.Install) (notes plan.Notes) {
	if p.manager.KeepsDevelopment(in.Manager.Version) {
		notes.Warnings = append(notes.Warnings, "Yarn "+in.Manager.Version+" cannot take development packages out of a Plug'n'Play application: the image holds them. Yarn 4 can.")
	}
	if in.Lockfile.Name == "" {
		notes.Warnings = append(notes.Warnings, p.noLockfile())
	}
	value := p.manager.Title + " " + in.Manager.Version
	if p.manager.Name == "npm" {
		value = in.Commands.All.Title
	}
	notes.Decisions = []plan.Decision{{Subject: "packages", Value: value, Origin: p.manager.Origin}}
	return notes
}

// programFolders are where packages put their programs, the nearest first.
func (p *Project) programFolders() []string {
	list := []string{path.Join(p.root, packagesDir, ".bin")}
	if p.selected() {
		for _, dir := range p.roots() {
			list = append([]string{path.Join(dir, packagesDir, ".bin")}, list...)
		}
	}
	return list
}

func (p *Project) noLockfile() string {
	file := p.manager.Lockfiles[len(p.manager.Lockfiles)-1]
	if p.manager.Name == "bun" {
		file = p.manager.Lockfiles[0]
	}
	return fmt.Sprintf("There is no %s: the newest versions that package.json allows are installed, and they are kept until package.json "+
		"changes. Two builds of the same source can differ. Run `%s` and commit %s.", file, p.manager.Lock, file)
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
	names := app.InDir(p.root, []string{packagejson.Name, p.manager.Lockfile, ".npmrc", ".pnpmrc", ".yarnrc", pkgmanager.YarnRC, "bunfig.toml", pkgmanager.PNPMWorkspace, ".pnpmfile.cjs", ".pnpmfile.mjs"})
	if p.manager.Lockfile == "" {
		names = slices.DeleteFunc(names, func(name string) bool { return name == p.root })
	}
	for _, m := range p.members {
		names = append(names, path.Join(p.root, m.dir, packagejson.Name), path.Join(p.root, m.dir, ".npmrc"))
	}
	names = slices.DeleteFunc(names, func(name string) bool { return !p.app.Has(name) })
	dirs := []string{p.root}
	for _, m := range p.members {
		dirs = append(dirs, path.Join(p.root, m.dir))
	}
	for _, dir := range dirs {
		for _, folder := range app.InDir(dir, []string{"prisma", "patches", ".yarn/patches", ".yarn/plugins"}) {
			if p.app.IsDir(folder) {
				names = append(names, folder)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// list gives the packages of the lockfile, and warnings of those that it lacks.
func (p *Project) list(in plan.Install, on lockfile.Platform) (list plan.PackageList, warnings []string, err error) {
	var also []string
	if in.Launch.Production != nil && !in.Launch.None {
		also = in.Launch.Production.Also
	}
	text := p.manager.Text
	if p.manager.Name == "npm" && in.Lockfile.Name != "" {
		// It may be large, and decides nothing before.
		if text, _, err = p.app.Read(path.Join(p.root, in.Lockfile.Name)); err != nil {
			return list, nil, err
		}
	}
	own := []lockfile.Wanted{p.wanted(p.top, "", also)}
	all := []string{""}
	for _, m := range p.members {
		own, all = append(own, p.wanted(m.Manifest, m.dir, also)), append(all, m.dir)
	}
	graph := lockfile.Read(in.Lockfile.Name, text, own, on)
	list.Type = in.List.Type
	for _, key := range graph.Needed(all, true) {
		q := graph.Packages[key]
		slices.Sort(q.Needs)
		list.Packages = append(list.Packages, plan.Package{Key: key, Name: q.Name, Version: q.Version, Integrity: q.Integrity, License: q.License, Tarball: q.Tarball, Needs: slices.Compact(q.Needs)})
	}
	if in.Launch.None {
		return list, nil, nil
	}
	var roots []string
	for _, root := range p.roots() {
		roots = append(roots, strings.TrimPrefix(strings.TrimPrefix(root, p.root), "/"))
	}
	list.AtLaunch, list.DependsOn = graph.Needed(roots, false), graph.Direct(roots)
	warnings, err = p.checkVariants(graph, list.AtLaunch)
	return list, warnings, err
}

// checkVariants refuses a lockfile that lacks the variant of a package for this platform, where the running application needs
// that; where the application may do without, it warns.
func (p *Project) checkVariants(graph lockfile.Graph, atLaunch []string) (warnings []string, err error) {
	file := p.manager.Lockfile
	for _, l := range graph.Lacks {
		if !slices.Contains(atLaunch, l.By) {
			continue
		}
		by := graph.Packages[l.By].Name
		if l.Optional {
			warnings = append(warnings, fmt.Sprintf("%s lacks %s, which %s loads on Linux: delete node_modules and %s, run `%s`, and commit the lockfile.", file, l.Name, by, file, p.manager.Lock))
			continue
		}
		return nil, &problem.Problem{
			ID:    "node/lockfile-of-another-system",
			Title: "the lockfile lacks a package for Linux: " + l.Name,
			Where: problem.Position{File: path.Join(p.root, file)},
			Why:   by + " loads it when the application starts, and the lockfile has it for another system alone",
			Hints: []string{"npm leaves it out when it finds packages of another system in place: delete node_modules and " + file + ", run `" + p.manager.Lock + "`, and commit the lockfile."},
		}
	}
	return warnings, nil
}

// wanted is what a package.json in a folder wants; also are development dependencies that the application needs at launch.
func (p *Project) wanted(m packagejson.Manifest, dir string, also []string) lockfile.Wanted {
	w := lockfile.Wanted{
		Dir: dir, Name: m.Name, Dependencies: maps.Clone(m.Dependencies), Optional: m.OptionalDependencies, Dev: m.DevDependencies, Peer: m.PeerDependencies,
	}
	for _, name := range also {
		if path.Join(p.root, dir) != p.dir {
			continue
		}
		for _, wanted := range []map[string]string{m.DevDependencies, p.top.DevDependencies, p.top.OptionalDependencies, p.top.Dependencies} {
			if version, found := wanted[name]; found && w.Dependencies[name] == "" {
				w.Dependencies = merge(w.Dependencies, map[string]string{name: version})
			}
		}
	}
	return w
}
