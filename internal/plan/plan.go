// Package plan is what one language wants done for an application, as plain data: written by the language packages,
// carried out by package build, printed, and kept as a golden file for every fixture. It imports nothing of ours.
package plan

import (
	"fmt"
	"regexp"
	"time"
)

// Plan is all that a build needs to know of an application.
type Plan struct {
	// Language is the language's short name, e.g. "node"; it appears in the build plan.
	Language string
	// LayerPrefix stands before the names of layers that every language has, so that two languages can build one image.
	LayerPrefix string `json:",omitempty"`
	// Provides is the plan of another language whose runtime and packages the steps of this one need; the image holds them
	// where that plan's Runtime has something for launch.
	Provides *Plan `json:",omitempty"`
	// Decisions are what was decided and why, in the order in which people want to read them.
	Decisions []Decision
	// Warnings are told once, above everything else.
	Warnings []string `json:",omitempty"`
	// Runtime is the language's runtime, resolved to one release.
	Runtime Runtime
	// Dependencies is the tree of installed packages; nil when the application has none.
	Dependencies *Dependencies `json:",omitempty"`
	// Before are the application's own steps before its packages are installed.
	Before []Command `json:",omitempty"`
	// Scripts are the application's own build steps, in order.
	Scripts []Command `json:",omitempty"`
	// Slices are groups of folders and files, relative to the application, that change at other times than the rest: each
	// group becomes an image layer of its own.
	Slices [][]string `json:",omitempty"`
	// Caches are folders and files, relative to the application, in which build tools keep what makes their next run
	// faster; patterns of path.Match. They are kept between builds and are in no image.
	Caches []string `json:",omitempty"`
	// CacheLimit bounds them, in bytes.
	CacheLimit int64 `json:",omitempty"`
	// NotInImage are files and folders of the application that the image must not have, because they hold secrets for the
	// build or belong to another application of the same repository; they are removed when the build is done.
	NotInImage []string `json:",omitempty"`
	// Folders of the application are in the image, if empty: a program wants them, and may not make them there.
	Folders []string `json:",omitempty"`
	// Pure: the steps of the build read nothing but the application, its packages and the build's variables, so that what
	// they made can be used again.
	Pure bool `json:",omitempty"`
	// Reads are the files and folders of the application that the steps of the build read, when they are pure; empty for all.
	Reads []string `json:",omitempty"`
	// Config and AtLeastOne are variables that the running application certainly needs, for the config contract; what the
	// application declares itself counts before them.
	Config     []Variable `json:",omitempty"`
	AtLeastOne [][]string `json:",omitempty"`
	// Files are small files for the running application, by their names in FilesDir. AppDir may stand in them.
	Files map[string]string `json:",omitempty"`
	// Agent is put beside the application's processes, so that they can be looked into; nil where the runtime needs none.
	Agent *Agent `json:",omitempty"`
	// HomeFiles are files in the home folder in which tools look for what only the user of a build may know, by the type of
	// the service binding that holds one.
	HomeFiles map[string]string `json:",omitempty"`
	// BuildEnv is set for installing and for Scripts, where the platform has not set it. AppDir, ToolchainDir and
	// CACertificates may stand in a value.
	BuildEnv map[string]string `json:",omitempty"`
	// LaunchEnv is set for the running application, where the user has not set it.
	LaunchEnv map[string]string `json:",omitempty"`
	// LaunchOptions are added to variables that hold words, behind what the user set. AppDir and FilesDir may stand in them.
	LaunchOptions map[string]string `json:",omitempty"`
	// Only are the files and folders of the application that the image holds; empty for all of it.
	Only []string `json:",omitempty"`
	// LaunchPath are folders, relative to the application, put in front of PATH at launch and for Scripts.
	LaunchPath []string `json:",omitempty"`
	// Processes are the image's process types.
	Processes []Process
	// Signs are looked for when all is built.
	Signs []Sign `json:",omitempty"`
	// Labels are the image's labels by name.
	Labels map[string]string `json:",omitempty"`
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
	// StoreDir, in the variables and words of an installation, is a folder whose content is kept from build to build;
	// ScratchDir one that is not.
	StoreDir   = "{store}"
	ScratchDir = "{scratch}"
	// AppDir is the application's folder in the image.
	AppDir = "{app}"
	// FilesDir is the folder of Files in the image.
	FilesDir = "{files}"
	// StaticServer, as a program, is the web server for static files that comes with Gantry.
	StaticServer = "{static-server}"
)

// Sign is a fault of what was built, which its files tell: none of Files is there, or one of them shows a text. It is looked
// for where there is one of Beside. All are patterns of path.Match, relative to the application.
type Sign struct {
	Beside, Files []string
	Shows         string
	Warning       string
}

// Agent is a layer of small files, and of one that is compiled for the runtime: Compile runs beside Sources, and makes the
// file Compiled.
type Agent struct {
	Files    map[string]string `json:"-"`
	Sources  map[string]string `json:"-"`
	Compile  Command
	Compiled string
}

// Variable is a variable that the running application needs.
type Variable struct {
	Name, Description string
	// Type is one of the contract's; empty for a text.
	Type             string `json:",omitempty"`
	Required, Secret bool   `json:",omitempty"`
}

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
	// Package and Integrity (Subresource Integrity, "sha512-…") are the same version's package on the npm registry. A
	// package without integrity is one that is not pinned: its integrity is the one that the registry has published.
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
	// ABI is the part of the version on which compiled packages depend; empty for the number before the first dot.
	ABI string `json:",omitempty"`
	// Root is a file in the archive by which the runtime's root is found; empty: it is the archive's one folder.
	Root string `json:",omitempty"`
	// License is an SPDX expression; CPE are its vendor and product, "VENDOR:PRODUCT", as in https://nvd.nist.gov/products/cpe.
	License, CPE string
	// Source is where the release may come from: SourceAny, SourceOfficial or SourceRegistry; SourceSetting names the
	// variable that says so.
	Source, SourceSetting string
	// Registry is the npm registry's URL, without a trailing slash.
	Registry string
	// Launch are the files and folders, relative to the archive's root, that the running application needs; none when it
	// does not need the runtime.
	Launch []string
	// NotAtLaunch are files of Launch that the running application does not need; patterns with ** for any folders.
	NotAtLaunch []string `json:",omitempty"`
	// Shadowed are parts of Launch that packages bring in other versions.
	Shadowed []Shadowed `json:",omitempty"`
	// Essential are files of Launch without whose libraries no application runs, by patterns with **, and what they are called;
	// none: the runtime needs no more than every run image has.
	Essential map[string]string `json:",omitempty"`
	// Libraries are shared libraries that small run images do not have, by their names: where Programs need one, the image gets
	// that of the build image.
	Libraries []string `json:",omitempty"`
	// Programs are those of Launch that are native programs; their symbol tables are taken off.
	Programs []string
	// NotForBuild are those that no build needs; Native are those that only packages with install scripts may need, to
	// compile against.
	NotForBuild, Native []string
	// Manager is the package manager to add when the runtime's archive brings none.
	Manager Tool
	// Tools are further programs that the build needs.
	Tools []Tool `json:",omitempty"`
}

// Shadowed are files of a runtime, by patterns with **, that the running application does not need, unless the runtime has the
// file Unless, a pattern, too.
type Shadowed struct {
	Files  []string
	Unless string
}

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

// Tool is a program that comes as a package of the npm registry.
type Tool struct {
	Release Release
	// Native is the package with the program for one architecture, where the tool's own package has none; its files go to
	// the same folder.
	Native *Release `json:",omitempty"`
	// Chosen: the application asks for this version, so that one which the runtime's archive brings does not do.
	Chosen bool `json:",omitempty"`
	// Sums are checksums (Subresource Integrity) of single files, relative to Dir.
	Sums map[string]string `json:",omitempty"`
	// Dir is where its files go, relative to the runtime's root.
	Dir string
	// Bin maps a command's name to its file, relative to Dir.
	Bin map[string]string
}

// Command is a program to run.
type Command struct {
	// Title is what the log calls it.
	Title string
	Args  []string
	// Dir is the folder to run it in, relative to the application; empty for its own.
	Dir string `json:",omitempty"`
	// Env is set for this program only.
	Env map[string]string `json:",omitempty"`
	// Failures are what is known to go wrong.
	Failures []Failure `json:"-"`
	// Remarks are what the output may tell of a command that has not failed.
	Remarks []Remark `json:"-"`
}

// Remark is a warning that a command's output gives away.
type Remark struct {
	// Quote finds what the warning repeats of the output, in its first group, and recognises it.
	Quote *regexp.Regexp
	// Title stands before what is repeated, Hint behind it.
	Title, Hint string
}

// Failure explains a command's failure that its output gives away.
type Failure struct {
	// Shows is the text in the output by which it is recognised; empty where Quote does that.
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
	// Dir is the folder to run it in, relative to the application; empty for its own.
	Dir string `json:",omitempty"`
	// Group asks for signals to be sent to the whole process group: the program is a shell that stays.
	Group bool `json:",omitempty"`
	// Stop is the signal, INT or QUIT, on which the program ends when its work is done; empty for SIGTERM.
	Stop string `json:",omitempty"`
	// Entry are the files, relative to the application, of which one must be there when the build is done, since the process
	// runs it; the first is how it is called. Empty where that is not known.
	Entry []string `json:",omitempty"`
}
