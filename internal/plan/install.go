package plan

// Install is how the packages of an application are installed. Folders and files are relative to the application, unless
// something else is said.
type Install struct {
	// Language names the toolchain that installs.
	Language string
	Manager  Manager
	// Root is the folder of the manifest and the lockfile; empty for the application's own.
	Root string `json:",omitempty"`
	// Layer is the name of the layer that the packages for the running application are in.
	Layer string
	// Provides is the name under which other buildpacks require the packages, in the build plan.
	Provides  string
	Lockfile  Lockfile
	Commands  InstallCommands
	Inputs    InstallInputs
	Trees     Trees
	Native    NativeFiles `json:",omitzero"`
	Fixes     Fixes       `json:",omitzero"`
	Leftovers Leftovers   `json:",omitzero"`
	Launch    Launch      `json:",omitzero"`
	// Evaluation looks at a manifest that is a program; nil for others.
	Evaluation *Evaluation `json:",omitempty"`
	// List is what the lockfile says of the packages.
	List PackageList `json:",omitzero"`
}

// Manager is a package manager.
type Manager struct {
	// Name is its name, e.g. "npm", and Version its exact version; empty for the one that the runtime brings.
	Name    string
	Version string `json:",omitempty"`
}

// Lockfile is the file that pins every package.
type Lockfile struct {
	// Name is relative to Install.Root; empty when there is none.
	Name string `json:",omitempty"`
	// Direct says how Gantry itself installs from it; nil when only the package manager does.
	Direct *DirectInstall `json:",omitempty"`
	// NotDirect is why it cannot be installed without the package manager; empty when that may be tried.
	NotDirect string `json:",omitempty"`
	// Verify is how packages are verified beyond their checksums in it; empty for not at all. The package manager cannot do that.
	Verify Verification `json:",omitempty"`
	// Scripts are the packages whose install scripts may run; nil for what the package manager decides, which cannot be told otherwise.
	Scripts *AllowedScripts `json:",omitempty"`
	// Prefetch is the package manager's cache that can be filled from it before the package manager starts; empty for none.
	Prefetch Prefetch `json:",omitempty"`
}

// AllowedScripts are the names of packages whose install scripts may run, those of no others.
type AllowedScripts struct{ Allowed []string }

// Verification is what is asked of packages.
type Verification string

const (
	// Pinned wants a checksum of each in the lockfile, Signed a signature of its registry, too.
	Pinned Verification = "pinned"
	Signed Verification = "signatures"
)

// DirectInstall is an installation from the lockfile without the package manager, which runs the install scripts alone.
type DirectInstall struct {
	// RunScripts runs the install scripts of packages, whose folders are added to its words.
	RunScripts Command
	// Credentials: they get the variables with which the registry is talked to.
	Credentials bool `json:",omitempty"`
}

// Prefetch names what a package manager keeps.
type Prefetch string

const (
	// YarnCache is the cache of Yarn 1, or of Yarn 4.
	YarnCache Prefetch = "yarn cache"
	// PNPMStore3 is the store of pnpm 8 and 9, PNPMStore10 that of pnpm 10.
	PNPMStore3  Prefetch = "pnpm store v3"
	PNPMStore10 Prefetch = "pnpm store v10"
)

// InstallCommands are the programs that install.
type InstallCommands struct {
	// All installs the packages for building, with development dependencies; OnlyLaunch those for running, where there are
	// no steps and no Hooks; Prune turns the first into the second, without the network.
	All, OnlyLaunch, Prune Command
	// Hooks are the application's own steps that belong to an installation. All runs them itself; when it is not used, they
	// are run after it.
	Hooks []Command `json:",omitempty"`
	// Env is set for all of them.
	Env map[string]string `json:",omitempty"`
	// Files, by their names, are in ScratchDir when All or OnlyLaunch starts.
	Files map[string]string `json:"-"`
}

// InstallInputs decide what is installed; the packages are installed again when one of them changes.
type InstallInputs struct {
	// Files are files and folders.
	Files []string
	// Variables are names of variables, or a beginning of names with * behind it; Flags those that decide how packages are
	// compiled.
	Variables []string `json:",omitempty"`
	Flags     []string `json:",omitempty"`
}

// Trees are the folders of installed packages.
type Trees struct {
	// Dirs may hold installed packages: "node_modules", and with workspaces one in each of them.
	Dirs []string
	// Parents are folders in which the package manager makes a folder for each package.
	Parents []string `json:",omitempty"`
	// Workspaces are the folders, relative to Install.Root, of packages that the application holds itself.
	Workspaces []string `json:",omitempty"`
	// Scratch are files and folders inside Dirs that hold caches: they are neither kept nor exported.
	Scratch []string `json:",omitempty"`
	// Beside: packages look for the application next to the folders that they are in.
	Beside bool `json:",omitempty"`
	// HardLinks: the package manager makes hard links into what it keeps, where that is on the application's file system.
	HardLinks bool `json:",omitempty"`
}

// NativeFiles are programs in packages that may need libraries of the run image.
type NativeFiles struct {
	// All: any program of a package may.
	All bool `json:",omitempty"`
	// Patterns, with **, relative to a package's folder, are those that are compiled while packages are installed.
	Patterns []string `json:",omitempty"`
}

// Fixes are what is changed in the files that an installation has made.
type Fixes struct {
	// Rewrites change texts in the packages, StoreRewrites in what the package manager keeps; the latter's Files are relative
	// to StoreDir.
	Rewrites      []Rewrite `json:",omitempty"`
	StoreRewrites []Rewrite `json:",omitempty"`
	// Duplicates are files that an installation makes twice, or once where it takes them from its store.
	Duplicates []DuplicateFile `json:",omitempty"`
	// Strip are compiled files, by patterns relative to each of Trees.Dirs, that lose what only debuggers read of them.
	Strip []string `json:",omitempty"`
}

// Rewrite changes the text of files.
type Rewrite struct {
	// Files is a pattern, with ** for any folders, relative to each of Trees.Dirs.
	Files string
	// Match is a regular expression, the first match of which is replaced by With.
	Match, With string
}

// DuplicateFile is a file that belongs to two places: the second becomes a link to the first.
type DuplicateFile struct {
	// Match is a regular expression for a file's whole name, relative to each of Trees.Dirs. Into is the folder that gets the
	// link, if it exists, and Name its name there; $1 and so on stand for groups.
	Match, Into, Name string
}

// Leftovers are files and folders that an installation leaves outside of its Trees, and that are removed.
type Leftovers struct {
	// Always are removed after each installation and from the image, AtLaunch when the build is done.
	Always   []string `json:",omitempty"`
	AtLaunch []string `json:",omitempty"`
	// Archives is a folder of packages' archives, and Index a file that names those that are needed; the others are removed
	// when development packages are.
	Archives string `json:",omitempty"`
	Index    string `json:",omitempty"`
}

// Launch says which packages the running application needs.
type Launch struct {
	// None: it needs no packages.
	None bool `json:",omitempty"`
	// InPlace: the packages stay in the application's folder, since their places are written into it.
	InPlace bool `json:",omitempty"`
	// Production says which it needs, where Gantry removes the others itself; nil where the package manager's OnlyLaunch and
	// Prune do that.
	Production *Production `json:",omitempty"`
	// ByManager is Production for packages that the package manager has installed, where Gantry itself does not; nil where the package
	// manager's Prune removes the others.
	ByManager *Production `json:",omitempty"`
	// ToKeep tells people how to have a development dependency in the image.
	ToKeep string `json:"-"`
	// Omit are files in packages that it does not need, relative to each of Trees.Dirs; patterns with **.
	Omit []string `json:",omitempty"`
	// Variants are folders of which it needs only one.
	Variants []Variant `json:",omitempty"`
	// Compiled is made of the packages once they are where they stay; nil for nothing.
	Compiled *Compiled `json:",omitempty"`
}

// Production is the part of the installed packages that the running application needs.
type Production struct {
	// Roots are the folders of the packages that are run; all that they need is kept.
	Roots []string
	// Also are development dependencies of Roots that are needed nevertheless.
	Also []string `json:",omitempty"`
}

// Variant is a folder that was chosen among others.
type Variant struct {
	// Keep is a pattern, with ** for any folders, relative to each of Trees.Dirs. Others is one for the names of the folders
	// next to each that Keep matches; they are removed.
	Keep, Others string
}

// Compiled is what lets the running application load its packages faster: it knows them by the times of their files, which
// are those of an image by then.
type Compiled struct {
	// Dir is its folder, in one of Trees.Dirs.
	Dir string
	// Compile makes it.
	Compile Command
}

// PackageList is what the bill of materials says of the packages.
type PackageList struct {
	// Type is their type in package URLs: https://github.com/package-url/purl-spec.
	Type string `json:",omitempty"`
	// Packages are all that the lockfile names for this platform; AtLaunch are the keys of those that the running application
	// needs, and DependsOn those that it needs itself.
	Packages            []Package `json:"-"`
	AtLaunch, DependsOn []string  `json:"-"`
	// Markers are files of which an installed package has one: patterns with ** and, for the package, {name} and {version},
	// relative to each of Trees.Dirs, or behind ToolchainDir for those that come with the runtime. Empty where AtLaunch is
	// all that there is to know.
	Markers []string `json:",omitempty"`
}

// Package is one version of one package.
type Package struct {
	// Key tells it from all others.
	Key           string
	Name, Version string
	// Integrity is Subresource Integrity, License an SPDX expression, Tarball where the archive is if not at the usual place; they
	// may be empty.
	Integrity, License, Tarball string
	// Needs are the keys of the packages that it needs.
	Needs []string
}

// Evaluation is how a manifest that is a program is looked at: what decides about its packages is known only when it has run.
type Evaluation struct {
	// Of is the manifest, as in "the Gemfile".
	Of string
	// Record runs it once more, when the packages are installed, and writes a Recorded, as JSON, into RecordFile of ScratchDir.
	Record Command
	// Prove loads the packages in the variables of the running application; without words where that has none.
	Prove Command
	// Files, by their names, are in ScratchDir for both.
	Files map[string]string `json:"-"`
}

// RecordFile is the name of the file that Record writes.
const RecordFile = "record.json"

// Recorded is what the evaluation of a manifest looked at, and the texts that files of the application have in the image in place of
// their own.
type Recorded struct {
	Reads []Read            `json:"reads"`
	Files map[string]string `json:"files"`
}

// Read is something that the evaluation looked at.
type Read struct {
	Kind string `json:"kind"`
	Name string `json:"name"`
	// Found are the files that a pattern had.
	Found []string `json:"found"`
}

// The kinds of reads: a file, or whether there is one; names of files by a pattern of Ruby's Dir.glob, all names in a folder, and those of
// its entries alone; a variable, or "*" for all; the runtime's own version; the answer of a program, and of the network.
const (
	ReadFile     = "file"
	ReadGlob     = "glob"
	ReadNames    = "names"
	ReadChildren = "children"
	ReadVariable = "variable"
	ReadRuntime  = "runtime"
	ReadProgram  = "program"
	ReadNetwork  = "network"
)
