package layers

import (
	"slices"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/buildpack/session"
	"github.com/gantry-buildpack/gantry/internal/contract"
	"github.com/gantry-buildpack/gantry/internal/plan"
)

// All are the layers that a build makes: those of the image from its bottom to its top, then the caches.
func All(s session.Session, p plan.Plan, c contract.Contract) ([]Spec, error) {
	image := []Spec{Gantry{Session: s, Plan: p, Contract: c}.Spec()}
	if len(p.System.Packages) > 0 {
		image = append(image, System(s, p.System))
	}
	packages, err := PackagesOf(s, p)
	if err != nil {
		return nil, err
	}
	for _, t := range p.Toolchains {
		if !t.AtLaunch() {
			continue
		}
		for _, in := range p.Installs {
			if in.Language == t.Language && !in.Launch.None && !in.Launch.InPlace {
				spec := Packages(in, packages[in.Layer])
				spec.Also = append(spec.Also, WrittenInput)
				image = append(image, spec)
			}
		}
		image = append(image, RuntimeSpec(t, s.Arch))
		if t.Agent != nil {
			image = append(image, Agent{Session: s, Toolchain: t}.Spec())
		}
	}
	for _, in := range p.Installs {
		if !in.Launch.None && (in.Native.All || len(in.Native.Patterns) > 0) {
			image = append(image, SystemLibraries(s, p.System, nil))
			break
		}
	}
	return append(image, Caches(s, p, packages)...), nil
}

// PackagesOf gives the inputs of the packages of each installation, by the layer that they are in.
func PackagesOf(s session.Session, p plan.Plan) (map[string]PackageInputs, error) {
	all := map[string]PackageInputs{}
	for _, in := range p.Installs {
		t, _ := p.Toolchain(in.Language)
		inputs, err := InputsOf(s, in, t)
		if err != nil {
			return nil, err
		}
		if !p.System.None() && (in.Native.All || len(in.Native.Patterns) > 0) {
			// What is compiled, and whether it is, depends on what there is to be linked with.
			inputs.All["packages of the distribution"] = strings.Join(slices.Concat(p.System.Packages, p.System.Build), " ")
		}
		all[in.Layer] = inputs
	}
	return all, nil
}

// Caches are the layers that make the next build faster.
func Caches(s session.Session, p plan.Plan, packages map[string]PackageInputs) []Spec {
	var list []Spec
	for _, in := range p.Installs {
		t, _ := p.Toolchain(in.Language)
		list = append(list, InstallCaches(s, p, in, t, packages[in.Layer])...)
	}
	for _, t := range p.Toolchains {
		list = append(list, ToolchainCache(t, s.Arch, true))
	}
	if !p.System.None() {
		list = append(list, SystemCache(p.System, s.Distribution, s.Arch, ""))
	}
	if len(p.Build.Steps)+len(p.Build.Before) > 0 && len(p.Build.Caches) > 0 {
		list = append(list, BuildCache{s, p.Build}.Spec())
	}
	if len(Steps(p)) > 0 {
		list = append(list, OutputSpec(""))
	}
	if slices.ContainsFunc(p.Image.Processes, func(q plan.Process) bool { return q.Args[0] == plan.StaticServer }) {
		list = append(list, CompressedFiles())
	}
	return list
}

// Steps are the application's own steps, in the order in which they run: those before packages are installed, those of the installations,
// and those of the build.
func Steps(p plan.Plan) []plan.Step {
	list := slices.Clone(p.Build.Before)
	for _, in := range p.Installs {
		if Builds(p, in) {
			list = append(list, plan.Steps(in.Commands.Hooks, in.Language)...)
		}
	}
	return append(list, p.Build.Steps...)
}

// InstallCaches are those of one installation.
func InstallCaches(s session.Session, p plan.Plan, in plan.Install, t plan.Toolchain, i PackageInputs) []Spec {
	if in.Lockfile.Direct != nil && in.Lockfile.NotDirect == "" {
		return []Spec{PackageArchives(t), ScriptResults(t, i)}
	}
	list := []Spec{ManagerStore(s, in, t, i)}
	if Builds(p, in) || in.Launch.None || in.Launch.InPlace {
		list = slices.Insert(list, 0, BuildPackages(t, i))
	}
	return list
}

// Builds reports whether steps of the application need the packages for building. Packages of another language than the
// application's, that it does not need at launch, are there for steps that use them alone.
func Builds(p plan.Plan, in plan.Install) bool {
	steps := slices.Concat(p.Build.Before, p.Build.Steps)
	if in.Launch.None && in.Language != p.Toolchains[0].Language {
		return slices.ContainsFunc(steps, func(s plan.Step) bool { return slices.Contains(s.Toolchains, in.Language) })
	}
	return len(steps)+len(in.Commands.Hooks) > 0
}

// KeptCaches are the caches of an installation that the last build may have left, however it was installed.
func KeptCaches(s session.Session, in plan.Install, t plan.Toolchain, i PackageInputs) []Spec {
	return []Spec{PackageArchives(t), ScriptResults(t, i), BuildPackages(t, i), ManagerStore(s, in, t, i)}
}
