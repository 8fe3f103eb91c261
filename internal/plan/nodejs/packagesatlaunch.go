package nodejs

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/plan"
)

// neededPackages are the packages that processes need, and how these find them.
type neededPackages struct {
	install     *plan.Install
	processes   []plan.Process
	environment plan.Environment
	notes       plan.Notes
}

// packagesAtLaunch decides which packages the processes need, and how these find them; path is that of the packages.
func (p *Project) packagesAtLaunch(install *plan.Install, processes []plan.Process, path []string) neededPackages {
	n := neededPackages{install: install, processes: processes, environment: plan.Environment{Path: path}}
	if install == nil {
		return n
	}
	also, all := p.also(processes)
	if len(also) > 0 {
		n.notes.Warnings = []string{p.keepsDevelopmentPackages(also, all)}
	}
	if asked, origin := p.keepsDevelopment(); origin != "" {
		n.notes = plan.Notes{Decisions: []plan.Decision{{Subject: "packages", Value: "development dependencies stay in the image", Origin: "from " + origin}}}
		if !slices.Equal(asked, p.development()) {
			n.notes.Decisions[0].Value = strings.Join(asked, ", ") + " stay in the image"
		}
		also = slices.Compact(slices.Sorted(slices.Values(slices.Concat(also, asked))))
	}
	if len(also) > 0 {
		in := *install
		in.Launch.Production = &plan.Production{Roots: p.roots(), Also: also}
		in.Commands.OnlyLaunch = in.Commands.All
		n.install = &in
	}
	if p.pnp() {
		n.processes, n.environment = p.startWithPnP(processes, n.install.Leftovers.Index)
		n.environment.Path = path
	}
	for _, q := range n.processes {
		if dir := q.Dir + "/" + packagesDir + "/.bin"; q.Dir != "" && p.app.IsDir(q.Dir) && !slices.Contains(n.environment.Path, dir) {
			n.environment.Path = append([]string{dir}, n.environment.Path...)
		}
	}
	return n
}

// keepsDevelopmentPackages warns of development dependencies that are needed at launch; all names a process that needs all of
// them.
func (p *Project) keepsDevelopmentPackages(also []string, all string) string {
	if ofRoot := slices.DeleteFunc(slices.Clone(also), p.manifest.Has); len(ofRoot) > 0 && all == "" {
		return fmt.Sprintf("The application uses %s, which only the root of the workspaces depends on: they are kept in the image. Add them to dependencies in %s.",
			strings.Join(ofRoot, ", "), p.manifest.File)
	}
	switch {
	case all != "":
		return fmt.Sprintf("Process %s runs scripts that need development dependencies: all of these are kept in the image. "+
			"Move what it needs to dependencies in %s.", all, p.manifest.File)
	case len(also) > 1:
		return fmt.Sprintf("The application is started with %s, development dependencies: they are kept in the image. "+
			"Move them to dependencies in %s.", strings.Join(also, ", "), p.manifest.File)
	default:
		return fmt.Sprintf("The application is started with %s, a development dependency: it is kept in the image. "+
			"Move it to dependencies in %s.", strings.Join(also, ", "), p.manifest.File)
	}
}
