package nodejs

import (
	"slices"

	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/plan/inventory"
	"github.com/gantry-buildpack/gantry/internal/source/app"
	"github.com/gantry-buildpack/gantry/internal/source/settings"
)

// Bare is an application of which Node.js knows nothing: it only builds something with Node.js.
func Bare(a app.App, s settings.Settings) *Project {
	return &Project{app: a, settings: s, manager: manager{kind: kinds[0]}, registry: s.NPMRegistry.Value}
}

// Beside decides what is to be done for an application of another language: Node.js and the packages are for its build, and
// where atLaunch says why, Node.js is for its processes, too, with the packages or without.
func (p *Project) Beside(releases inventory.Catalog, atLaunch string, packages bool, processes []plan.Process) (plan.Plan, error) {
	release, version, err := p.chooseRelease(releases)
	if err != nil {
		return plan.Plan{}, err
	}
	if atLaunch == "" {
		version.Origin += "; for building the assets"
	} else {
		version.Origin += "; in the image, too: " + atLaunch
	}
	out := plan.Plan{Language: "node", Decisions: []plan.Decision{version}, HomeFiles: homeFiles, LaunchEnv: map[string]string{"NODE_ENV": "production"}}
	if err := p.addRuntime(&out, release, releases); err != nil {
		return plan.Plan{}, err
	}
	out.BuildEnv = p.buildEnv(out.Runtime.Manager.Release)
	if err := p.packages(&out); err != nil {
		return plan.Plan{}, err
	}
	if err := p.leaveOutCredentials(&out); err != nil {
		return plan.Plan{}, err
	}
	if atLaunch == "" {
		out.Runtime.Launch, out.LaunchEnv = nil, nil
	}
	if d := out.Dependencies; d != nil && !packages {
		d.NotAtLaunch = true
		// Its folder of programs is on the PATH of the build.
		out.LaunchPath = inDir(p.root, []string{packagesDir + "/.bin"})
		p.list(d, release.Arch, nil)
		d.AtLaunch = nil
	}
	if !packages {
		return out, nil
	}
	// They stay the other language's.
	out.Processes = slices.Clone(processes)
	p.packagesAtLaunch(&out)
	err = p.managersAtLaunch(&out, releases)
	out.Processes = nil
	if d := out.Dependencies; d != nil {
		p.list(d, release.Arch, alsoOf(d))
	}
	return out, err
}
