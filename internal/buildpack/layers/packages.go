package layers

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/buildpack/layer"
	"github.com/gantry-buildpack/gantry/internal/buildpack/session"
	"github.com/gantry-buildpack/gantry/internal/install/files"
	"github.com/gantry-buildpack/gantry/internal/install/trees"
	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// PackageInputs are what decides about the packages of an installation, and how they are compiled.
type PackageInputs struct {
	All, Flags layer.Inputs
	// Evaluated are those that are known only when the manifest has been evaluated; Again says why that must be done again in any case.
	Evaluated layer.Inputs
	Again     string
}

// Cause says why packages cannot be used again whose layer has the metadata of the last build, without regard to some inputs.
func (i PackageInputs) Cause(last map[string]any, but ...string) string {
	if cause := i.with(i.All).CauseBut(last, but...); cause != "" {
		return cause
	}
	return i.Again
}

// Metadata is what a layer keeps of the inputs.
func (i PackageInputs) Metadata() map[string]any { return i.with(i.All).Metadata() }

// with adds what the evaluation looked at.
func (i PackageInputs) with(inputs layer.Inputs) layer.Inputs {
	all := maps.Clone(inputs)
	maps.Copy(all, i.Evaluated)
	return all
}

// WrittenInput and BesideInput are the names of the inputs that are not known before the application is built.
const (
	WrittenInput = "what the build wrote into the packages"
	BesideInput  = "the names of the application's files next to the packages"
)

// Installed are the inputs that decide what is installed, before the application is built.
func (i PackageInputs) Installed() layer.Inputs { return i.All.But(WrittenInput, BesideInput) }

// ForSteps are the inputs that decide about what steps find installed.
func (i PackageInputs) ForSteps() layer.Inputs { return i.with(i.Installed()) }

// Beside gives the input of that name, as the application's folder is now.
func Beside(t trees.Trees, p plan.Plan) (string, error) {
	names, err := t.NamesBeside(NotBeside(p))
	return layer.Digest([]byte(strings.Join(names, "\n"))), err
}

// NotBeside are files and folders that packages do not find next to them: what the image does not have, and the folders that only
// hold packages of another language, which are there at some times of a build.
func NotBeside(p plan.Plan) []string {
	list := slices.Clone(p.Image.Source.Remove)
	for _, in := range p.Installs {
		if !in.Trees.Beside {
			list = append(list, trees.Parents(in.Trees.Dirs)...)
		}
	}
	return list
}

// After gives the inputs when the manifest has been evaluated.
func (i PackageInputs) After(e Evaluated, s session.Session, in plan.Install, t plan.Toolchain) (PackageInputs, error) {
	if in.Evaluation == nil {
		return i, nil
	}
	var err error
	i.Evaluated, i.Again, err = e.Inputs(s, in.Evaluation.Of, in, t)
	return i, err
}

// InputsOf gathers them. Files of the application that cannot be read are an error.
func InputsOf(s session.Session, in plan.Install, t plan.Toolchain) (PackageInputs, error) {
	variables := s.Variables(t)
	i := PackageInputs{Flags: setVariables(variables, in.Inputs.Flags)}
	i.All = layer.Inputs{
		"architecture": s.Arch, "distribution": s.Distribution, lineInput(t): t.Runtime.ABI, in.Manager.Name: in.Manager.Version,
		WrittenInput: trees.NothingWritten,
	}
	i.All[keptInput] = layer.Digest(fmt.Append(nil, in.List.Markers, in.Fixes.Strip, in.Fixes.Duplicates, in.Launch.Omit, in.Launch.Variants))
	if in.Launch.Compiled != nil {
		i.All["what is compiled of them"] = in.Launch.Compiled.Compile.Title
	}
	if in.Launch.Production != nil {
		i.All["packages that are run"] = strings.Join(slices.Concat(in.Launch.Production.Roots, in.Launch.Production.Also), " ")
	}
	if in.Lockfile.Verify != "" {
		i.All["how packages are verified"] = string(in.Lockfile.Verify)
	}
	if in.Lockfile.Scripts != nil {
		i.All["whose install scripts may run"] = strings.Join(in.Lockfile.Scripts.Allowed, " ")
	}
	if in.Trees.Beside {
		i.All[BesideInput] = ""
	}
	if in.Evaluation != nil {
		// What was evaluated in another way, or not at all, does not tell what it depends on.
		i.All["how "+in.Evaluation.Of+" is evaluated"] = layer.Digest(fmt.Append(nil, in.Evaluation.Files))
	}
	maps.Copy(i.All, i.Flags)
	maps.Copy(i.All, setVariables(variables, in.Inputs.Variables))
	for _, name := range in.Inputs.Files {
		digest, err := files.ContentDigest(filepath.Join(s.App, name))
		if err != nil {
			return i, problem.Unreadable("read "+name, err)
		}
		i.All[name] = digest
	}
	return i, nil
}

// lineInput is the name of the input that is the part of the runtime's version on which packages depend.
func lineInput(t plan.Toolchain) string { return t.Runtime.Title + " line" }

// setVariables gives those of some variables that are set, by names or beginnings of names.
func setVariables(variables map[string]string, patterns []string) layer.Inputs {
	in := layer.Inputs{}
	for name, value := range variables {
		if slices.ContainsFunc(patterns, func(pattern string) bool {
			start, open := strings.CutSuffix(pattern, "*")
			return name == pattern || open && strings.HasPrefix(name, start)
		}) {
			in["the variable "+name] = layer.Digest([]byte(value))
		}
	}
	return in
}

// Layer: "modules", or "gems", holds the packages that the running application needs, in the folders in which they were
// installed; the application has a link to each.
// Rebuilt when: a manifest, the lockfile, the package manager, the runtime's line, the architecture or the distribution
// changes, or when the application's build writes something else into the packages.

// Packages is that layer.
func Packages(in plan.Install, i PackageInputs) Spec {
	spec := Spec{Name: in.Layer, Types: launchOnly, Holds: "the packages that the running application needs", Inputs: i.All}
	if in.Evaluation != nil {
		spec.Also = []string{"what " + in.Evaluation.Of + " reads"}
	}
	return spec
}

// Layer: "modules-store" holds the archives of the packages, one file each, named by their checksums, where they are installed
// from the lockfile.
// Rebuilt when: never as a whole; archives that the lockfile does not need any more are removed.

// PackageArchives is that layer.
func PackageArchives(t plan.Toolchain) Spec {
	return Spec{
		Name: t.LayerPrefix + "modules-store", Types: cacheOnly, Holds: "the packages' archives, each verified before use", Inputs: layer.Inputs{},
		Also: []string{"each package"},
	}
}

// Layer: "modules-built" holds an archive of what install scripts wrote into the packages for building.
// Rebuilt when: the inputs of "modules" change, less what the build writes.

// ScriptsArchive is the archive's name in its layer.
const ScriptsArchive = "built.tar.zst"

// ScriptResults is that layer.
func ScriptResults(t plan.Toolchain, i PackageInputs) Spec {
	return Spec{
		Name: t.LayerPrefix + "modules-built", Types: cacheOnly, Holds: "one archive of what install scripts made", Inputs: i.Installed(),
		Sometimes: "when packages have install scripts",
	}
}

// Layer: "modules-cache" holds an archive of the packages for building, where the package manager has installed them
// and the application builds something.
// Rebuilt when: the inputs of "modules" change, less what the build writes.

// TreeArchive is the archive's name in its layer.
const TreeArchive = "modules.tar.zst"

// BuildPackages is that layer.
func BuildPackages(t plan.Toolchain, i PackageInputs) Spec {
	return Spec{Name: t.LayerPrefix + "modules-cache", Types: cacheOnly, Holds: "one archive of the packages for building", Inputs: i.with(i.Installed())}
}

// Layer: "packages-cache" holds an archive of what the package manager keeps of the packages that it has fetched, so that
// one more dependency is one more download.
// Rebuilt when: the package manager has installed something.

// ManagerArchive is the archive's name in its layer.
const ManagerArchive = "packages.tar.zst"

// ManagerStore is that layer.
func ManagerStore(s session.Session, in plan.Install, t plan.Toolchain, i PackageInputs) Spec {
	inputs := layer.Inputs{in.Manager.Name: in.Manager.Version, "architecture": s.Arch}
	if in.Native.All {
		// What was compiled is among it.
		maps.Copy(inputs, i.Flags)
		inputs["distribution"], inputs[lineInput(t)] = s.Distribution, t.Runtime.ABI
	}
	return Spec{
		Name: t.LayerPrefix + "packages-cache", Types: cacheOnly, Holds: "one archive of what " + in.Manager.Name + " has fetched", Inputs: inputs,
		Also: []string{"each installation"},
	}
}
