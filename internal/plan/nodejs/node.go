// Package nodejs is all that is known of Node.js applications: which versions they ask for, how they are installed, built
// and started. It reads the source tree and decides; it has no effects.
package nodejs

import (
	"path"

	"github.com/gantry-buildpack/gantry/internal/plan/nodejs/packagejson"
	"github.com/gantry-buildpack/gantry/internal/plan/nodejs/pkgmanager"
	"github.com/gantry-buildpack/gantry/internal/source/app"
	"github.com/gantry-buildpack/gantry/internal/source/procfile"
	"github.com/gantry-buildpack/gantry/internal/source/settings"
)

// entryFiles are started when nothing else says what to start, in this order.
var entryFiles = []string{"server.js", "server.mjs", "server.cjs", "index.js", "index.mjs", "index.cjs", "app.js"}

// detectFiles are the entry files that make an application even without a package.json.
var detectFiles = entryFiles[:6]

// LookedFor are the files by which a Node.js application is recognised.
var LookedFor = append([]string{packagejson.Name}, detectFiles...)

// Project is a Node.js application as its files describe it.
type Project struct {
	app      app.App
	settings settings.Settings
	// root is the folder in which packages are installed, dir that of the application; both relative to the source tree.
	// They differ when the application is one of several workspaces.
	root, dir string
	// top is the package.json of root, manifest that of dir.
	top, manifest packagejson.Manifest
	// found: there is a package.json.
	found   bool
	members []member
	// chosen is why dir was chosen among the workspaces, where no setting says it.
	chosen string
	// more are the folders of further applications of the same image.
	more    []string
	manager pkgmanager.Manager
	// declared are the processes that the Procfile and project.toml declare.
	declared []procfile.Entry
	// registry is the npm registry's URL.
	registry string
}

// Read gives the project in a source tree; nil when it is no Node.js application.
func Read(a app.App, s settings.Settings) (*Project, error) {
	p := &Project{app: a, settings: s}
	if err := p.locate(); err != nil {
		return nil, err
	}
	if !p.selected() && !p.found && a.FirstOf(app.InDir(p.dir, detectFiles)) == "" {
		return nil, nil
	}
	var err error
	if p.declared, err = p.readProcesses(); err != nil {
		return nil, err
	}
	if err := p.chooseMember(); err != nil {
		return nil, err
	}
	if p.manager, err = pkgmanager.Choose(p.packageSource()); err != nil {
		return nil, err
	}
	if p.registry, err = chooseRegistry(a, path.Join(p.root, ".npmrc"), s); err != nil {
		return nil, err
	}
	return p, nil
}

// readProcesses reads the Procfile of the application, or else that of the whole source tree, and the process types in
// project.toml, which win.
func (p *Project) readProcesses() ([]procfile.Entry, error) {
	entries, err := procfile.Declared(p.settings.Descriptor)
	if err != nil {
		return nil, err
	}
	entries = procfile.WithGiven(entries, p.settings.WebCommand.Value, p.settings.WebCommand.Origin, p.settings.WebCommand.Origin == "BP_WEB_COMMAND")
	for _, name := range []string{path.Join(p.dir, procfile.Name), procfile.Name} {
		text, found, err := p.app.Read(name)
		if err != nil {
			return nil, err
		}
		if !found {
			continue
		}
		more, err := procfile.Parse(name, text)
		if err != nil {
			return nil, err
		}
		return procfile.Merge(entries, more), nil
	}
	return entries, nil
}

// packageSource is what decides about the packages.
func (p *Project) packageSource() pkgmanager.Source {
	s := pkgmanager.Source{App: p.app, Root: p.root, Top: p.top, Workspaces: len(p.members) > 0, Chosen: p.selected(), Package: p.manifest.Name}
	if p.settings.NodeInstaller.Value == "npm" {
		s.OnlyNPM = p.settings.NodeInstaller.Origin
	}
	return s
}

// pnp reports whether Node.js finds packages by Yarn's Plug'n'Play: https://yarnpkg.com/features/pnp.
func (p *Project) pnp() bool { return p.manager.PnP() && p.hasPackages() }

// in gives the name of a file of the application in the source tree.
func (p *Project) in(name string) string { return path.Join(p.dir, name) }

func (p *Project) has(name string) bool { return p.app.Has(p.in(name)) }

// Name is what plans call the language.
func (*Project) Name() string { return Language }

// Provides are the names of Paketo's buildpacks, which others follow: https://github.com/paketo-buildpacks/node-engine#integration.
func (*Project) Provides() []string { return []string{"node", "npm", packagesName} }

// packagesName is the name under which other buildpacks require the packages.
const packagesName = "node_modules"
