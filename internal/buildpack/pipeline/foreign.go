package pipeline

import (
	"fmt"
	"path"

	"github.com/gantry-buildpack/gantry/internal/buildpack/session"
	"github.com/gantry-buildpack/gantry/internal/install/direct"
	"github.com/gantry-buildpack/gantry/internal/plan/resolve"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// An image for another architecture than the build's own is made of an application that is built: no step runs, packages come from the
// lockfile for that architecture, and the runtime is its. What would have to run there cannot be built here.

// foreign gives what is to be done for another architecture.
func foreign(r resolve.Resolved, s session.Session) (resolve.Resolved, error) {
	if !s.Foreign() {
		return r, nil
	}
	for n, in := range r.Installs {
		r.Installs[n].Commands.Hooks = nil
		if in.Launch.None {
			// No package is in the image.
			continue
		}
		if in.Lockfile.Direct == nil || in.Lockfile.NotDirect != "" {
			why := in.Lockfile.NotDirect
			if why == "" {
				why = "its packages are installed by " + in.Manager.Name + ", which installs for the machine that it runs on"
			}
			return r, notForeign(s.Arch, why)
		}
	}
	r.Plan.Build.Before, r.Plan.Build.Steps, r.Plan.Build.Checks, r.Plan.Build.Caches = nil, nil, nil, nil
	for _, t := range r.Toolchains {
		if t.Agent != nil {
			return r, notForeign(s.Arch, fmt.Sprintf("what looks into a process of %s is compiled", t.Runtime.Title))
		}
	}
	return r, nil
}

// withoutScripts refuses packages whose install scripts would have to run on the other architecture.
func withoutScripts(s session.Session, l direct.Lockfile) error {
	names := l.WithScripts(true)
	if !s.Foreign() || len(names) == 0 {
		return nil
	}
	for i, name := range names {
		names[i] = path.Clean(name)
	}
	return notForeign(s.Arch, "install scripts of "+problem.Some(names)+" compile or choose native code for the machine that they run on")
}

func notForeign(arch, why string) error {
	return &problem.Problem{
		ID:    "build/other-platform",
		Title: "the application cannot be built for linux/" + arch + " on this machine",
		Why:   why,
		Hints: []string{"Build on a machine of that architecture, or under an emulator of it (pack build --platform linux/" + arch + "), and join the images in an index."},
	}
}
