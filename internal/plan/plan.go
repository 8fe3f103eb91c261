// Package plan is what a build does with an application, as plain data: written by the language packages, carried out by
// the buildpack, printed by "gantry explain", and kept as a golden file for every fixture. It imports nothing of ours.
package plan

import "slices"

// Plan is all that a build needs to know of an application.
type Plan struct {
	// Decisions are what was decided and why, in the order in which people want to read them.
	Decisions []Decision
	// Warnings are printed once, above everything else.
	Warnings []string `json:",omitempty"`
	// Toolchains are the runtimes with their tools. The first is that of the language in which the application answers
	// requests; another one is there because steps or processes run it, too.
	Toolchains []Toolchain
	// System are packages of the distribution.
	System System `json:",omitzero"`
	// Installs are the installations of packages, at most one for each toolchain.
	Installs []Install `json:",omitempty"`
	// Build is the application's own build.
	Build Build
	// Image is what the image holds besides runtimes and packages, and how it starts.
	Image Image
}

// Toolchain gives the toolchain of a language; ok is false when the plan has none.
func (p Plan) Toolchain(language string) (t Toolchain, ok bool) {
	i := slices.IndexFunc(p.Toolchains, func(t Toolchain) bool { return t.Language == language })
	if i < 0 {
		return Toolchain{}, false
	}
	return p.Toolchains[i], true
}

// Decision is one line of the build log: "Node.js  24.18.0  from engines.node in package.json:7:13 (^24)".
type Decision struct {
	Subject, Value, Origin string
}

// Notes are what a part of the planning has to say.
type Notes struct {
	Decisions []Decision
	Warnings  []string
}

// And gives the notes of both, in this order.
func (n Notes) And(more Notes) Notes {
	return Notes{slices.Concat(n.Decisions, more.Decisions), slices.Concat(n.Warnings, more.Warnings)}
}

// What stands in a plan for something that only the build knows.
const (
	// ToolchainDir is the toolchain's folder.
	ToolchainDir = "{toolchain}"
	// CACertificates is the file with the certificates that the build image trusts; without one, the variable is not set.
	CACertificates = "{ca-certificates}"
	// StoreDir, in the variables and words of an installation, is a folder whose content is kept from build to build;
	// ScratchDir one that is not.
	StoreDir   = "{store}"
	ScratchDir = "{scratch}"
	// AppDir is the application's folder in the image.
	AppDir = "{app}"
	// FilesDir is the folder of an image's Files.
	FilesDir = "{files}"
	// StaticServer, as a program, is the web server for static files that comes with Gantry.
	StaticServer = "{static-server}"
)
