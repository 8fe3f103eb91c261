package plan

// Dependencies is a tree of installed packages.
type Dependencies struct {
	// Manager is the package manager's name, e.g. "npm", and Version its exact version.
	Manager, Version string
	// Root is the folder, relative to the application, in which packages are installed; empty for its own.
	Root string `json:",omitempty"`
	// Layer is the name of their layer; empty for "modules". PackageType is their type in package URLs; empty for "npm".
	Layer       string `json:",omitempty"`
	PackageType string `json:",omitempty"`
	// Native: packages may hold programs that need libraries of the run image.
	Native bool `json:",omitempty"`
	// NativeFiles are those that are compiled while packages are installed, and may need libraries of the run image: patterns
	// with **, relative to a package's folder. Empty where that holds for all programs of the packages.
	NativeFiles []string `json:",omitempty"`
	// Rewrites change texts in what an installation has made.
	Rewrites []Rewrite `json:",omitempty"`
	// StoreRewrites change texts in what the package manager keeps; Files are relative to StoreDir.
	StoreRewrites []Rewrite `json:",omitempty"`
	// Twins are files that an installation makes twice, or once where it takes them from its store.
	Twins []Twin `json:",omitempty"`
	// CompiledFiles, by patterns relative to each of Dirs, lose what only debuggers read of them.
	CompiledFiles []string `json:",omitempty"`
	// Omit are files in them that the running application does not need, relative to each of Dirs; patterns with **.
	Omit []string `json:",omitempty"`
	// Variants are folders of which it needs one alone.
	Variants []Variant `json:",omitempty"`
	// InPlace: the packages stay in the application's folder, since their places are written into it.
	InPlace bool `json:",omitempty"`
	// NotAtLaunch: the running application needs no packages.
	NotAtLaunch bool `json:",omitempty"`
	// Production says which packages the running application needs, where Gantry takes the others away itself; nil where
	// InstallLaunch and Prune see to it.
	Production *Production `json:",omitempty"`
	// Dirs are the folders, relative to the application, that may hold installed packages: "node_modules", and with
	// workspaces one in each of them.
	Dirs []string
	// Holders are folders, relative to the application, in which the package manager makes a folder for each package.
	Holders []string `json:",omitempty"`
	// Workspaces are the folders, relative to Root, of packages that the application holds itself.
	Workspaces []string `json:",omitempty"`
	// Env is set for Install, InstallLaunch and Prune.
	Env map[string]string `json:",omitempty"`
	// Files, by their names, are in ScratchDir when Install or InstallLaunch starts.
	Files map[string]string `json:"-"`
	// Packages are all that the lockfile names for this platform, for the bill of materials; AtLaunch are the keys of those
	// that the running application needs, and DependsOn those that it needs itself.
	Packages            []Package `json:"-"`
	AtLaunch, DependsOn []string  `json:"-"`
	// Evidence are files of which an installed package has one: patterns with ** and, for the package, {name} and {version},
	// relative to each of Dirs, or behind ToolchainDir for those that come with the runtime. Empty where AtLaunch is all that
	// there is to know.
	Evidence []string `json:",omitempty"`
	// Inputs are the files and folders that decide what is installed; the tree is made anew when one of them changes.
	Inputs []string
	// Variables, by their names or a beginning of names with * behind it, decide what is installed; Flags how it is compiled.
	Variables []string `json:",omitempty"`
	Flags     []string `json:",omitempty"`
	// Lockfile is the one of Inputs that pins every package, relative to Root; empty when there is none.
	Lockfile string `json:",omitempty"`
	// Direct: Lockfile is one that Gantry itself installs from.
	Direct bool `json:",omitempty"`
	// NotDirect is why Lockfile cannot be installed without the package manager; empty when that may be tried.
	NotDirect string `json:",omitempty"`
	// Prefetch is what can be filled from Lockfile before the package manager starts; empty for nothing.
	Prefetch Prefetch `json:",omitempty"`
	// LinksStore: the package manager makes hard links into what it keeps, where that is on the application's file system.
	LinksStore bool `json:",omitempty"`
	// Install makes the tree for building, with development dependencies.
	Install Command
	// InstallLaunch makes the tree for running, without them, where there are no Scripts and no Hooks.
	InstallLaunch Command
	// Prune turns the tree for building into the tree for running, without the network.
	Prune Command
	// Hooks are the application's own steps that belong to an installation. Install runs them itself; when it is not
	// used, they are run after it.
	Hooks []Command `json:",omitempty"`
	// Compiled is made of the packages for the running application once they are where they stay; nil for nothing.
	Compiled *Compiled `json:",omitempty"`
	// Archives is a folder of packages' archives, and Index a file that names those that are needed; the others are removed
	// when development packages are.
	Archives string `json:",omitempty"`
	Index    string `json:",omitempty"`
	// Traces are files and folders, relative to the application, that an installation leaves behind beside the trees; they
	// are removed; TracesAtLaunch when the build is done.
	Traces         []string `json:",omitempty"`
	TracesAtLaunch []string `json:",omitempty"`
	// Scratch are files and folders inside trees that hold caches: they are neither kept nor exported.
	Scratch []string `json:",omitempty"`
}

// Prefetch is what a package manager keeps.
type Prefetch string

const (
	// YarnCache is the cache of Yarn 1, or of Yarn 4.
	YarnCache Prefetch = "yarn cache"
	// PNPMStore3 is the store of pnpm 8 and 9, PNPMStore10 that of pnpm 10.
	PNPMStore3  Prefetch = "pnpm store v3"
	PNPMStore10 Prefetch = "pnpm store v10"
)

// Compiled is what lets the running application load its packages faster: it knows them by the times of their files, which
// are those of an image by then.
type Compiled struct {
	// Dir is its folder, relative to the application, in one of the Dirs.
	Dir string
	// Compile makes it.
	Compile Command
}

// Twin is a file that belongs to two places: the second becomes a link to the first.
type Twin struct {
	// Match is a regular expression for a file's whole name, relative to each of Dirs. Into is the folder, where it is there, that
	// gets the link, and Name its name in that; $1 and so on stand for groups.
	Match, Into, Name string
}

// Variant is a folder that was chosen among others.
type Variant struct {
	// Keep is a pattern, with ** for any folders, relative to each of Dirs. Others is one for the names of those beside each
	// folder that Keep matches; they go.
	Keep, Others string
}

// Rewrite changes the text of files.
type Rewrite struct {
	// Files is a pattern, with ** for any folders, relative to each of Dirs.
	Files string
	// Match is a regular expression, the first match of which is replaced by With.
	Match, With string
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

// Production is the part of the installed packages that the running application needs.
type Production struct {
	// Roots are the folders, relative to the application, of the packages that are run; all that they need is kept.
	Roots []string
	// Also are development dependencies of Roots that are needed nevertheless.
	Also []string `json:",omitempty"`
}
