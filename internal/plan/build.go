package plan

import (
	"regexp"
	"strings"
)

// Build is the application's own build.
type Build struct {
	// Before are the steps before packages are installed, Steps those after.
	Before []Step `json:",omitempty"`
	Steps  []Step `json:",omitempty"`
	// Caches are folders and files in which build tools keep what makes their next run faster; patterns of path.Match. They
	// are kept between builds and are in no image.
	Caches []string `json:",omitempty"`
	// Traces are files and folders in which tools note how they ran, for those who look at the tools: no other step reads them, and no image has
	// them.
	Traces []string `json:",omitempty"`
	// CacheLimit bounds them, in bytes.
	CacheLimit int64 `json:",omitempty"`
	// Reuse says when what a step made is used again; empty for ReuseAuto.
	Reuse Reuse `json:",omitempty"`
	// Checks are made when all is built.
	Checks []BuildCheck `json:",omitempty"`
}

// Step is a command of the build.
type Step struct {
	Command
	// Toolchains are the languages whose programs it runs; variables of the first count before those of the others.
	Toolchains []string
}

// Reuse says when what a step made is used again, in place of running it.
type Reuse string

const (
	// ReuseAuto: when what it read is unchanged, and it is not known to depend on anything else.
	ReuseAuto Reuse = "auto"
	// ReuseAlways: when what it read is unchanged, though it has opened connections or written the time.
	ReuseAlways Reuse = "always"
	// ReuseNever: the steps run in every build.
	ReuseNever Reuse = "never"
)

// Steps gives commands as steps that need toolchains.
func Steps(commands []Command, toolchains ...string) []Step {
	var steps []Step
	for _, command := range commands {
		steps = append(steps, Step{Command: command, Toolchains: toolchains})
	}
	return steps
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
	// Without are the names of variables that this program does not get.
	Without []string `json:"-"`
	// Input is its standard input.
	Input string `json:"-"`
	// Failures are what is known to go wrong.
	Failures []Failure `json:"-"`
	// Warnings are what the output may reveal of a command that has not failed.
	Warnings []OutputWarning `json:"-"`
}

// Run gives the command of a program and its arguments, which is what the log calls it.
func Run(words ...string) Command { return Command{Title: strings.Join(words, " "), Args: words} }

// OutputWarning is a warning that a command's output reveals.
type OutputWarning struct {
	// Quote finds what the warning repeats of the output, in its first group, and recognises it.
	Quote *regexp.Regexp
	// Title is printed before what is repeated, Hint after it.
	Title, Hint string
}

// Failure explains a command's failure that its output reveals.
type Failure struct {
	// Shows is the text in the output by which it is recognised; empty where Quote does that.
	Shows string
	// Quote finds what the problem repeats of the output, in its first group; nil for nothing.
	Quote *regexp.Regexp
	// ID, Title, Where (a file) and Hints are those of the problem that is reported.
	ID, Title, Where string
	Hints            []string
}

// BuildCheck finds a fault of what was built in its files: none of Files exists, or one of them contains a text. It is made
// only where one of IfPresent exists. All are patterns of path.Match, relative to the application.
type BuildCheck struct {
	IfPresent, Files []string
	Contains         string
	Warning          string
}
