package layers

import (
	"strings"

	"github.com/gantry-buildpack/gantry/internal/buildpack/layer"
	"github.com/gantry-buildpack/gantry/internal/buildpack/session"
	"github.com/gantry-buildpack/gantry/internal/plan"
)

// VersionsInput is the input that has the versions of the distribution's packages, which are looked at once a day.
const VersionsInput = "the packages' versions"

// Layer: "system" holds packages of the distribution that the running application needs, with what they depend on.
// Rebuilt when: their list, the distribution, what the run image has, the architecture or their versions change.

// System is that layer.
func System(s session.Session, p plan.System) Spec {
	inputs := systemInputs(s.Distribution, s.Arch, p.Snapshot, s.RunPackages)
	inputs["the list of packages"] = strings.Join(p.Packages, " ")
	return Spec{Name: "system", Types: launchOnly, Holds: "packages of the distribution: " + strings.Join(p.Packages, ", "), Inputs: inputs, Also: []string{VersionsInput}}
}

// Layer: "system-build" holds packages of the distribution, for building; it is in no image.
// Rebuilt when: never kept; it comes from the archive in "system-cache" when the build needs it.

// SystemBuild is that layer.
func SystemBuild() Spec {
	return Spec{Name: "system-build", Types: buildOnly, Holds: "packages of the distribution, for building"}
}

// Layer: "system-cache" holds one archive of these packages, and when the distribution's index was looked at.
// Rebuilt when: their list, the distribution of the build image, what that has, the architecture or their versions change.

// SystemCache is that layer; distribution and installed are those of the build image.
func SystemCache(p plan.System, distribution, arch, installed string) Spec {
	inputs := systemInputs(distribution, arch, p.Snapshot, installed)
	inputs["the list of packages"] = strings.Join(append(append([]string{}, p.Packages...), p.Build...), " ")
	return Spec{Name: "system-cache", Types: cacheOnly, Holds: "one archive of the distribution's packages, for building", Inputs: inputs, Also: []string{VersionsInput}}
}

// Layer: "libraries" holds packages of the distribution with the libraries that packages of the application are linked with and the run image
// lacks.
// Rebuilt when: their list, the distribution, what the run image has, or the architecture change.

// LibrariesLayer is the name of that layer.
const LibrariesLayer = "libraries"

// SystemLibraries is that layer; packages are what it has to have, with what they depend on.
func SystemLibraries(s session.Session, p plan.System, packages []string) Spec {
	inputs := systemInputs(s.Distribution, s.Arch, p.Snapshot, s.RunPackages)
	inputs["the list of packages"] = strings.Join(packages, " ")
	return Spec{
		Name: LibrariesLayer, Types: launchOnly, Holds: "libraries that the run image lacks", Inputs: inputs,
		Sometimes: "when packages of the application are linked with such",
	}
}

func systemInputs(distribution, arch, snapshot, installed string) layer.Inputs {
	return layer.Inputs{"distribution": distribution, "architecture": arch, "the snapshot": snapshot, "installed packages": layer.Digest([]byte(installed))}
}

// SystemRoot is the folder of a layer that packages are unpacked into: what the layer itself has in bin and lib would come before the image's
// own programs, and the application's runtime (buildpack specification, "Layer Paths").
const SystemRoot = "root"

// SystemArchive is the archive's name in "system-cache".
const SystemArchive = "packages" + archiveSuffix
