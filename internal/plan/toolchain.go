package plan

import (
	"fmt"
	"slices"
	"time"
)

// Toolchain is a language's runtime with the tools that are added to it.
type Toolchain struct {
	// Language is its short name, "node" or "ruby": in the build plan, in steps and in installations.
	Language string
	// LayerPrefix stands before the names of layers that every language has, so that two languages can build one image.
	LayerPrefix string `json:",omitempty"`
	Runtime     Runtime
	// Tools are package managers and other programs.
	Tools []Tool `json:",omitempty"`
	// Env is set for the programs of the build that use the toolchain, where the platform has not set it. AppDir, FilesDir,
	// ToolchainDir and CACertificates may stand in a value.
	Env map[string]string `json:",omitempty"`
	// Fixed is set as Env is, whatever the platform has set: what the plan has decided. Variables with an empty value are not set at all.
	Fixed map[string]string `json:",omitempty"`
	// Path are folders of the application that are in PATH for these programs.
	Path []string `json:",omitempty"`
	// Wrappers are beginnings of commands that run the program behind them with the language's packages.
	Wrappers []Wrapper `json:",omitempty"`
	// HomeFiles are files in the home folder in which tools look for what only the user of a build may know, by the type of
	// the service binding that holds one.
	HomeFiles map[string]string `json:",omitempty"`
	// Keeps are what its programs keep for themselves in the home folder, and in that for temporary files: no step of a build depends on it.
	// Patterns of path.Match.
	Keeps []string `json:"-"`
	// Agent is put next to the application's processes, so that they can be looked into; nil where the runtime needs none.
	Agent *Agent `json:",omitempty"`
}

// Wrapper is a beginning of commands, such as "bundle exec". OnlyPackages are programs of the runtime that it does not find: they are
// those of packages.
type Wrapper struct {
	Words        string
	OnlyPackages []string `json:",omitempty"`
}

// AtLaunch reports whether the image holds something of the toolchain.
func (t Toolchain) AtLaunch() bool { return len(t.Runtime.Files.Launch) > 0 }

// Tool gives a tool by its name; ok is false when the toolchain has none of that name.
func (t Toolchain) Tool(name string) (tool Tool, ok bool) {
	i := slices.IndexFunc(t.Tools, func(tool Tool) bool { return tool.Release.Name == name })
	if i < 0 {
		return Tool{}, false
	}
	return t.Tools[i], true
}

// ToolsAtLaunch are the tools that a process of the image runs.
func (t Toolchain) ToolsAtLaunch() []Tool {
	return slices.DeleteFunc(slices.Clone(t.Tools), func(tool Tool) bool { return !slices.Contains(t.Runtime.Files.Launch, tool.Dir) })
}

// Runtime is one release of a runtime, and what of it is needed for what.
type Runtime struct {
	// Title is the runtime's name as people write it.
	Title   string
	Release Release
	// ABI is the part of the version on which compiled packages depend.
	ABI    string
	Source Source
	Files  RuntimeFiles
	// Programs are those of Files.Launch that are native programs; their symbol tables are removed.
	Programs []string
	// Libraries are shared libraries that small run images lack, by their names: where Programs need one, the image gets
	// that of the build image.
	Libraries []string `json:",omitempty"`
	// Essential are files of Files.Launch without whose libraries no application runs, by patterns with **, and what they are
	// called; none: the runtime needs no more than every run image has.
	Essential map[string]string `json:",omitempty"`
}

// Source is where a runtime may come from.
type Source struct {
	// From is SourceAny, SourceOfficial or SourceRegistry; Setting names the variable that says so.
	From, Setting string
	// Registry is the npm registry's URL, without a trailing slash.
	Registry string `json:",omitempty"`
	// Root is a file in the archive by which the runtime's root is found; empty: it is the archive's one folder.
	Root string `json:",omitempty"`
}

// The places that a runtime can come from.
const (
	SourceAny      = "auto"
	SourceOfficial = "official"
	SourceRegistry = "registry"
)

// RuntimeFiles are files and folders of a runtime, relative to its root.
type RuntimeFiles struct {
	// Launch are those that the running application needs; none when it does not need the runtime.
	Launch []string
	// NotAtLaunch are files of Launch that the running application does not need; patterns with ** for any folders.
	NotAtLaunch []string `json:",omitempty"`
	// Overridden are parts of Launch that packages bring in other versions.
	Overridden []OverriddenFiles `json:",omitempty"`
	// NotForBuild are those that no build needs; Headers are those that only packages with install scripts may need, to
	// compile against.
	NotForBuild, Headers []string
}

// OverriddenFiles are files of a runtime, by patterns with **, that the running application does not need, unless the
// runtime has the file Unless, a pattern, too.
type OverriddenFiles struct {
	Files  []string
	Unless string
}

// Release is one downloadable version of a runtime or tool.
type Release struct {
	Name, Version string
	// Arch is as in Go ("amd64", "arm64"); empty for software that runs anywhere.
	Arch string `json:",omitempty"`
	// URI and SHA256 (hex) are the official archive and its checksum; empty when the release exists on a registry only.
	URI    string `json:",omitempty"`
	SHA256 string `json:",omitempty"`
	// Package and Integrity (Subresource Integrity, "sha512-…") are the same version's package on the npm registry. A
	// package without integrity is one that is not pinned: its integrity is the one that the registry has published, and, with
	// Signed, has signed.
	Package   string `json:",omitempty"`
	Integrity string `json:",omitempty"`
	Signed    bool   `json:",omitempty"`
	// Manager is the version of the package manager to add when the archive brings none.
	Manager string `json:",omitempty"`
	// LTS is the code name of the long-term support line; empty when it is none.
	LTS string `json:",omitempty"`
	// EndOfLife is a date, YYYY-MM-DD; empty when not known.
	EndOfLife string `json:",omitempty"`
	// License is an SPDX expression, CPE a name as in https://nvd.nist.gov/products/cpe, PURL a package URL; empty when not known.
	License string `json:",omitempty"`
	CPE     string `json:",omitempty"`
	PURL    string `json:",omitempty"`
}

// Pinned reports whether it is known beforehand what its bytes must be.
func (r Release) Pinned() bool { return r.SHA256 != "" || r.Integrity != "" }

// endSoon is how long before a line's end of life people are warned.
const endSoon = 90 * 24 * time.Hour

// EndOfLife warns of a release whose line gets no security fixes any more, or soon; it is empty otherwise.
func (r Runtime) EndOfLife(now time.Time) string {
	end, err := time.Parse(time.DateOnly, r.Release.EndOfLife)
	switch {
	case err != nil || now.Add(endSoon).Before(end):
		return ""
	case now.Before(end):
		return fmt.Sprintf("%s %s gets security fixes until %s only: move to a newer line.", r.Title, r.Release.Version, r.Release.EndOfLife)
	default:
		return fmt.Sprintf("%s %s gets no security fixes since %s: move to a newer line.", r.Title, r.Release.Version, r.Release.EndOfLife)
	}
}

// ToolType is the type of tools in package URLs: https://github.com/package-url/purl-spec.
const ToolType = "npm"

// Tool is a program that comes as a package of the npm registry.
type Tool struct {
	Release Release
	// Native is the package with the program for one architecture, where the tool's own package has none; its files go to
	// the same folder.
	Native *Release `json:",omitempty"`
	// WithRuntime: the runtime's archive may bring the tool, in this place.
	WithRuntime bool `json:",omitempty"`
	// Chosen: the application asks for this version, so that one which the runtime's archive brings does not do.
	Chosen bool `json:",omitempty"`
	// Sums are checksums (Subresource Integrity) of single files, relative to Dir.
	Sums map[string]string `json:",omitempty"`
	// Dir is where its files go, relative to the runtime's root.
	Dir string
	// Bin maps a command's name to its file, relative to Dir.
	Bin map[string]string
}

// Agent is a layer of small files, and of one that is compiled for the runtime: Compile runs next to Sources, and makes the
// file Compiled.
type Agent struct {
	Files    map[string]string `json:"-"`
	Sources  map[string]string `json:"-"`
	Compile  Command
	Compiled string
}
