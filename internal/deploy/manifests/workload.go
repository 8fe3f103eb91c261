// Package manifests compares the config contract of an image with what a deployment gives it: Kubernetes objects, compose
// files, a file of variables. It reads what is written, and asks no cluster.
package manifests

import (
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/contract"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// Workload is a container of a deployment, and the variables that it will have.
type Workload struct {
	// Name is for people: "Deployment shop/web, container app". Container is the container's or service's own name.
	Name, Container string
	// Where is the place of the container in its file.
	Where string
	// Image is the reference; empty where there is none.
	Image string
	// Command and Args are those of Kubernetes: what stands for the image's entrypoint, and behind it.
	Command, Args []string
	// Init: it runs before the containers of its pod.
	Init bool
	// Values are the variables, by their names.
	Values map[string]Value
	// Shared: Values are those of a whole shell or CI job, where what is not declared is no mistake.
	Shared bool
	// Files are the contents of mounted files, by their paths, and Mounts the folders of which all files are known.
	Files  map[string]Value
	Mounts []string
	// Unknown are sources of variables of which not even the names can be seen.
	Unknown []Unseen
	// Hidden are words of the command that must not be shown.
	Hidden []string
	// Refused is what the API server, or docker compose, does not accept.
	Refused []Finding
}

// Value is what is known of a variable's value.
type Value struct {
	// Text is the value; empty where it is not known.
	Text string
	// Secret: it must not be shown, whatever the contract says of the variable.
	Secret bool
	// From: the value cannot be seen; it comes from there.
	From string
	// Missing: it refers to something that is not there.
	Missing string
}

// Unseen is such a source, and what the names of its variables begin with.
type Unseen struct{ From, Prefix string }

// Show gives a word of the command as it may be shown.
func (w Workload) Show(word string) string {
	if slices.Contains(w.Hidden, word) {
		return "…"
	}
	return word
}

// unknownFrom says from where a variable may come that is not seen; empty for nowhere.
func (w Workload) unknownFrom(name string) string {
	var from []string
	for _, unseen := range w.Unknown {
		if strings.HasPrefix(name, unseen.Prefix) {
			from = append(from, unseen.From)
		}
	}
	return strings.Join(from, " and ")
}

// seen reports whether the value is known.
func (v Value) seen() bool { return v.From == "" && v.Missing == "" }

// Skipped is something in the files that was not checked.
type Skipped struct {
	What  string `json:"what"`
	Why   string `json:"why"`
	Where string `json:"where,omitempty"`
}

// Start is what a container starts.
type Start struct {
	// Process is the process type; empty for a command of its own, which is not checked when it starts.
	Process string
	// Command is that command.
	Command []string
	// Types are the process types that preflight checks; none for all.
	Types []string
	// Passed is a process type among the arguments of Process, which does not start it.
	Passed string
	// Unknown is a name that is none of the image's process types, and Likely the one that may be meant.
	Unknown, Likely string
}

// shells are programs that may well be started alone, and are no misspelt process type.
var shells = []string{"sh", "bash", "ash", "dash", "sleep", "true", "false", "cat", "tail", "env", "busybox", "printenv", "node", "ruby", "npm", "npx", "bundle"}

// gantrys are the process types that every image has.
var gantrys = []string{"gantry", "preflight"}

// Starts says what a container starts of an image: https://github.com/buildpacks/spec/blob/main/platform.md#launcher. types are the image's process
// types, none where they are not known; standard is the one that its entrypoint starts, empty for none.
func (w Workload) Starts(types []string, standard string) Start {
	if len(w.Command) == 0 {
		if standard == "" {
			return ofLauncher(w.Args, types, standard)
		}
		start := Start{Process: standard}
		// Arguments alone are those of the image's entrypoint.
		if len(w.Args) > 0 && w.Args[0] != standard && slices.Contains(types, w.Args[0]) {
			start.Passed = w.Args[0]
		}
		return start
	}
	first, rest := w.Command[0], slices.Concat(w.Command[1:], w.Args)
	switch name := path.Base(first); {
	case first == "launcher" || first == "/cnb/lifecycle/launcher":
		return ofLauncher(rest, types, standard)
	case path.Dir(first) == "/cnb/process":
		return named(name, types).with(rest)
	case !strings.Contains(first, "/") && knows(types, name):
		return Start{Process: name}.with(rest)
	case !strings.Contains(first, "/") && len(rest) == 0 && !slices.Contains(shells, first):
		return named(name, types)
	}
	return Start{Command: slices.Concat(w.Command, w.Args)}
}

// ofLauncher is what the launcher does with its arguments: it starts what they say, in which a process type is a program of its path.
func ofLauncher(words, types []string, standard string) Start {
	if len(words) > 0 && words[0] == "--" {
		return Start{Command: words[1:]}
	}
	switch {
	case len(words) == 0 && standard == "":
		return Start{Process: "web"}
	case len(words) == 0:
		return Start{Process: standard}
	case knows(types, words[0]):
		return Start{Process: words[0]}.with(words[1:])
	case len(words) == 1 && !strings.ContainsAny(words[0], " /") && !slices.Contains(shells, words[0]):
		return named(words[0], types)
	}
	return Start{Command: words}
}

// with adds the arguments of preflight, which are process types.
func (s Start) with(arguments []string) Start {
	if s.Process != "preflight" {
		return s
	}
	for _, word := range arguments {
		if !strings.HasPrefix(word, "-") {
			s.Types = append(s.Types, word)
		}
	}
	return s
}

func knows(types []string, name string) bool {
	return slices.Contains(types, name) || slices.Contains(gantrys, name)
}

func named(name string, types []string) Start {
	if len(types) == 0 || knows(types, name) {
		return Start{Process: name}
	}
	return Start{Unknown: name, Likely: problem.Nearest(name, types)}
}

// environment is what of a workload the contract can be checked against.
func (w Workload) environment() contract.Environment {
	values := map[string]string{}
	for name, v := range w.Values {
		if v.seen() {
			values[name] = v.Text
		}
	}
	return contract.Environment{Values: values, ReadFile: w.readFile, Bindings: map[string]string{}}
}

// secrets are the names of variables whose values must not be shown.
func (w Workload) secrets() []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(w.Values)) {
		if w.Values[name].Secret {
			names = append(names, name)
		}
	}
	return names
}
