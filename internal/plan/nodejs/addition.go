package nodejs

import (
	"slices"

	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/plan/inventory"
	"github.com/gantry-buildpack/gantry/internal/plan/nodejs/pkgmanager"
	"github.com/gantry-buildpack/gantry/internal/source/app"
	"github.com/gantry-buildpack/gantry/internal/source/lockfile"
	"github.com/gantry-buildpack/gantry/internal/source/settings"
)

// BuildOnly is an application of which Node.js knows nothing: it only builds something with Node.js.
func BuildOnly(a app.App, s settings.Settings) *Project {
	return &Project{app: a, settings: s, manager: pkgmanager.Manager{Kind: pkgmanager.KindOf("npm")}, registry: s.NPMRegistry.Value}
}

// Addition is what Node.js adds to an application of another language.
type Addition struct {
	Toolchain plan.Toolchain
	// Install is nil where the application has no packages.
	Install     *plan.Install
	Environment plan.Environment
	// Remove are files that the image must not have.
	Remove []string
	Notes  plan.Notes
}

// Add decides what Node.js adds to an application of another language: Node.js and the packages are for its build, and where
// atLaunch says why, Node.js is for its processes, too, with the packages or without.
func (p *Project) Add(releases inventory.Catalog, atLaunch string, withPackages bool, processes []plan.Process) (Addition, error) {
	release, notes, err := p.chooseRelease(releases)
	if err != nil {
		return Addition{}, err
	}
	if version := &notes.Decisions[0]; atLaunch == "" {
		version.Origin += "; for building the assets"
	} else {
		version.Origin += "; in the image, too: " + atLaunch
	}
	tools, err := p.toolchain(release, releases)
	if err != nil {
		return Addition{}, err
	}
	installed, err := p.packages(tools.Toolchain)
	if err != nil {
		return Addition{}, err
	}
	secret, err := p.leaveOutCredentials()
	if err != nil {
		return Addition{}, err
	}
	a := Addition{
		Toolchain: tools.Toolchain, Install: installed.install, Remove: secret.remove,
		Notes: notes.And(tools.notes).And(installed.notes).And(secret.notes),
	}
	a.Toolchain.Path = installed.path
	if atLaunch == "" {
		a.Toolchain.Runtime.Files.Launch = nil
	} else {
		a.Environment.Variables = productionEnv()
	}
	if !withPackages {
		if a.Install != nil {
			a.Install = withoutLaunch(*a.Install)
			// Its folder of programs is on the PATH of the build.
			a.Toolchain.Path = app.InDir(p.root, []string{packagesDir + "/.bin"})
		}
	} else if a, err = p.addToProcesses(a, slices.Clone(processes), releases); err != nil {
		return a, err
	}
	if a.Install == nil {
		return a, nil
	}
	in := *a.Install
	var lacks []string
	in.List, lacks, err = p.list(in, lockfile.Linux(release.Arch, releases.Libc))
	a.Install, a.Notes.Warnings = &in, append(a.Notes.Warnings, lacks...)
	return a, err
}

// addToProcesses adds what the other language's processes need of the packages and package managers; the processes stay as
// they are.
func (p *Project) addToProcesses(a Addition, processes []plan.Process, releases inventory.Catalog) (Addition, error) {
	needed := p.packagesAtLaunch(a.Install, processes, a.Toolchain.Path)
	tools, env, err := p.managersAtLaunch(a.Toolchain, needed.processes, releases)
	if err != nil {
		return a, err
	}
	a.Toolchain, a.Install, a.Notes = tools, needed.install, a.Notes.And(needed.notes)
	a.Toolchain.Path = needed.environment.Path
	a.Environment = withEnvironment(a.Environment, needed.environment)
	a.Environment.Variables = merge(a.Environment.Variables, env)
	return a, nil
}
