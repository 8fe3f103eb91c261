package plan

import "github.com/gantry-buildpack/gantry/internal/container/site"

// Image is what the image holds besides runtimes and packages, and how it starts.
type Image struct {
	// Processes are the image's process types. Those whose packages turn out not to be installed are left out, and the first of Otherwise
	// of the same type takes their place.
	Processes   []Process
	Otherwise   []Process `json:",omitempty"`
	Environment Environment
	Source      SourceFiles
	// Needs are variables that the running application certainly needs, for the config contract; what the application declares
	// itself counts before them.
	Needs Needs `json:",omitzero"`
	// Labels are the image's labels by name.
	Labels map[string]string `json:",omitempty"`
	// Listens are places in the source that keep a platform from reaching the application.
	Listens []Listen `json:",omitempty"`
	// DrainTimeout is how long running requests may take after SIGTERM, as in time.ParseDuration; empty: they are not
	// waited for.
	DrainTimeout string `json:",omitempty"`
	// DrainWebSocketTimeout is the same for WebSocket connections; empty: DrainTimeout.
	DrainWebSocketTimeout string `json:",omitempty"`
}

// Listen is a place in the source that opens another port than a platform asks at, or an address that nobody reaches.
type Listen struct {
	// Port is the number that is written there; 0 where the place is about the address.
	Port int `json:",omitempty"`
	// Advice says where it is, and what to write there.
	Advice string
}

// Environment is what the running application finds around it.
type Environment struct {
	// Variables are set where the user has not set them. AppDir and FilesDir may stand in their values, and in those of Options.
	Variables map[string]string `json:",omitempty"`
	// Options are added to variables that hold words, behind what the user set.
	Options map[string]string `json:",omitempty"`
	// Given are variables as the build was told to set them.
	Given []Given `json:",omitempty"`
	// Path are folders, relative to the application, put in front of PATH.
	Path []string `json:",omitempty"`
	// Files are small files for the running application, by their names in FilesDir. AppDir may stand in them.
	Files map[string]string `json:",omitempty"`
}

// Given is a variable of the container, and how it is joined with what a deployment sets: override, default, append or prepend, with a
// delimiter between both.
type Given struct {
	Name, How, Value string
	Delimiter        string `json:",omitempty"`
}

// SourceFiles say which files of the application are in the image, and how they are divided.
type SourceFiles struct {
	// Only are the files and folders that the image holds; empty for all.
	Only []string `json:",omitempty"`
	// Ignored are patterns, as in .gitignore, of files that are removed before anything is built.
	Ignored []string `json:",omitempty"`
	// Include and Exclude are patterns of files: those that the image holds alone, and those that it does not hold. They are applied when the build
	// is done.
	Include []string `json:",omitempty"`
	Exclude []string `json:",omitempty"`
	// Remove are files and folders that the image must not have, because they hold secrets for the build or belong to another
	// application of the same repository; they are removed when the build is done.
	Remove []string `json:",omitempty"`
	// Folders are in the image, if empty: a program wants them, and may not make them there.
	Folders []string `json:",omitempty"`
	// Slices are groups of folders and files that change at other times than the rest: each group becomes an image layer of
	// its own.
	Slices [][]string `json:",omitempty"`
}

// Needs are variables that the running application needs.
type Needs struct {
	Variables  []Variable `json:",omitempty"`
	AtLeastOne [][]string `json:",omitempty"`
}

// Variable is a variable that the running application needs.
type Variable struct {
	Name, Description string
	// Type is one of the contract's; empty for a text.
	Type             string `json:",omitempty"`
	Required, Secret bool   `json:",omitempty"`
}

// Process is a process type of the image.
type Process struct {
	Type    string
	Default bool `json:",omitempty"`
	// Env is set for this process only.
	Env map[string]string `json:",omitempty"`
	// Args is the program and its arguments.
	Args []string
	// Site is what the web server for static files does besides giving out files; nil for all other programs.
	Site *site.Site `json:",omitempty"`
	// Dir is the folder to run it in, relative to the application; empty for its own.
	Dir string `json:",omitempty"`
	// Group asks for signals to be sent to the whole process group: the program is a shell that stays.
	Group bool `json:",omitempty"`
	// Reload asks for the program to be started again when a file of the application changes in the container.
	Reload bool `json:",omitempty"`
	// Stop is the signal, INT or QUIT, on which the program ends when its work is done; empty for SIGTERM.
	Stop string `json:",omitempty"`
	// Entry are the files, relative to the application, of which one must exist when the build is done, since the process
	// runs it; the first is how it is called. Empty where that is not known.
	Entry []string `json:",omitempty"`
	// Packages are names of packages that must be installed for it to start; empty where that is not known.
	Packages []string `json:",omitempty"`
	// Imports are names of a file, relative to the application, the first of which that exists is loaded: what it imports must be in
	// the image. Empty where imports are not known, or are found in other ways.
	Imports []string `json:",omitempty"`
}
