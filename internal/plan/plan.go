// Package plan is what one language wants done for an application, as plain data: written by the language packages,
// carried out by package build, printed, and kept as a golden file for every fixture. It imports nothing of ours.
package plan

import "regexp"

// Plan is all that a build needs to know of an application.
type Plan struct {
	// Language is the language's short name, e.g. "node"; it appears in the build plan.
	Language string
	// Decisions are what was decided and why, in the order in which people want to read them.
	Decisions []Decision
	// Warnings are told once, above everything else.
	Warnings []string `json:",omitempty"`
	// Runtime is the language's runtime, resolved to one release.
	Runtime Runtime
	// Dependencies is the tree of installed packages; nil when the application has none.
	Dependencies *Dependencies `json:",omitempty"`
	// Scripts are the application's own build steps, in order.
	Scripts []Command `json:",omitempty"`
	// Slices are groups of folders and files, relative to the application, that change at other times than the rest: each
	// group becomes an image layer of its own.
	Slices [][]string `json:",omitempty"`
	// NotInImage are files of the application that hold secrets for the build; they are removed when it is done.
	NotInImage []string `json:",omitempty"`
	// Pure: the steps of the build read nothing but the application, its packages and the build's variables, so that what
	// they made can be used again.
	Pure bool `json:",omitempty"`
	// BuildEnv is set for installing and for Scripts, where the platform has not set it. ToolchainDir and CACertificates
	// may stand in a value.
	BuildEnv map[string]string `json:",omitempty"`
	// LaunchEnv is set for the running application, where the user has not set it.
	LaunchEnv map[string]string `json:",omitempty"`
	// LaunchPath are folders, relative to the application, put in front of PATH at launch and for Scripts.
	LaunchPath []string `json:",omitempty"`
	// Processes are the image's process types.
	Processes []Process
	// DrainTimeout is how long running requests may take after SIGTERM, as in time.ParseDuration; empty: they are not
	// waited for.
	DrainTimeout string `json:",omitempty"`
}

// What stands in BuildEnv for something that only the build knows.
const (
	// ToolchainDir is the runtime's folder.
	ToolchainDir = "{toolchain}"
	// CACertificates is the file with the certificates that the build image trusts; without one, the variable is not set.
	CACertificates = "{ca-certificates}"
)

// Decision is one line of the build log: "Node.js  24.18.0  from engines.node in package.json:7:13 (^24)".
type Decision struct {
	Subject, Value, Origin string
}

// Release is one downloadable version of a runtime or tool.
type Release struct {
	Name, Version string
	// Arch is as in Go ("amd64", "arm64"); empty for software that runs anywhere.
	Arch string `json:",omitempty"`
	// URI and SHA256 (hex) are the official archive and its checksum; empty when the release exists on a registry only.
	URI    string `json:",omitempty"`
	SHA256 string `json:",omitempty"`
	// Package and Integrity (Subresource Integrity, "sha512-…") are the same version's package on the npm registry.
	Package   string `json:",omitempty"`
	Integrity string `json:",omitempty"`
	// Manager is the version of the package manager to add when the archive brings none.
	Manager string `json:",omitempty"`
	// LTS is the code name of the long-term support line; empty when it is none.
	LTS string `json:",omitempty"`
	// EndOfLife is a date, YYYY-MM-DD; empty when not known.
	EndOfLife string `json:",omitempty"`
}

// The places that a runtime can come from.
const (
	SourceAny      = "auto"
	SourceOfficial = "official"
	SourceRegistry = "registry"
)

// Runtime says which release runs the application and which of its files are needed for what.
type Runtime struct {
	// Title is the runtime's name as people write it.
	Title   string
	Release Release
	// Source is where the release may come from: SourceAny, SourceOfficial or SourceRegistry; SourceSetting names the
	// variable that says so.
	Source, SourceSetting string
	// Registry is the npm registry's URL, without a trailing slash.
	Registry string
	// Launch are the files and folders, relative to the archive's root, that the running application needs.
	Launch []string
	// Programs are those of Launch that are native programs; their symbol tables are taken off.
	Programs []string
	// NotForBuild are those that no build needs; Native are those that only packages with install scripts may need, to
	// compile against.
	NotForBuild, Native []string
	// Manager is the package manager to add when the runtime's archive brings none.
	Manager Tool
}

// Tool is a program that comes as a package of the npm registry.
type Tool struct {
	Release Release
	// Dir is where its files go, relative to the runtime's root.
	Dir string
	// Bin maps a command's name to its file, relative to Dir.
	Bin map[string]string
}

// Dependencies is a tree of installed packages.
type Dependencies struct {
	// Manager is the package manager's name, e.g. "npm".
	Manager string
	// Dirs are the folders, relative to the application, that may hold installed packages: "node_modules", and with
	// workspaces one in each of them.
	Dirs []string
	// Workspaces are the folders, relative to the application, of packages that it holds itself.
	Workspaces []string `json:",omitempty"`
	// Inputs are the files that decide what is installed; the tree is made anew when one of them changes.
	Inputs []string
	// Lockfile is the one of Inputs that pins every package; empty when there is none.
	Lockfile string `json:",omitempty"`
	// NotDirect is why Lockfile cannot be installed without the package manager; empty when that may be tried.
	NotDirect string `json:",omitempty"`
	// Install makes the tree for building, with development dependencies.
	Install Command
	// InstallLaunch makes the tree for running, without them, where there are no Scripts and no Hooks.
	InstallLaunch Command
	// Prune turns the tree for building into the tree for running, without the network.
	Prune Command
	// Hooks are the application's own steps that belong to an installation. Install runs them itself; when it is not
	// used, they are run after it.
	Hooks []Command `json:",omitempty"`
	// Scratch are folders inside trees that hold caches: they are neither kept nor exported.
	Scratch []string `json:",omitempty"`
}

// Command is a program to run in the application's folder.
type Command struct {
	// Title is what the log calls it.
	Title string
	Args  []string
	// Failures are what is known to go wrong.
	Failures []Failure `json:"-"`
}

// Failure explains a command's failure that its output gives away.
type Failure struct {
	// Shows is the text in the output by which it is recognised.
	Shows string
	// Quote finds what the problem repeats of the output, in its first group; nil for nothing.
	Quote *regexp.Regexp
	// ID, Title, Where (a file) and Hints are those of the problem that is reported.
	ID, Title, Where string
	Hints            []string
}

// Process is a process type of the image.
type Process struct {
	Type    string
	Default bool `json:",omitempty"`
	// Env is set for this process only.
	Env map[string]string `json:",omitempty"`
	// Args is the program and its arguments.
	Args []string
	// Group asks for signals to be sent to the whole process group: the program is a shell that stays.
	Group bool `json:",omitempty"`
}
