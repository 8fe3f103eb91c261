package pipeline

import (
	"crypto/rand"
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/buildpack/layer"
	"github.com/gantry-buildpack/gantry/internal/buildpack/layers"
	"github.com/gantry-buildpack/gantry/internal/buildpack/observe"
	"github.com/gantry-buildpack/gantry/internal/install/files"
	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// history is what is known of the application's steps: what the last build recorded of them, and what this one has done so far. Stages
// give it on, with what they add.
type history struct {
	reuse  plan.Reuse
	output layers.Output
	last   layers.Records
	// source and git are what is observed, tree the source's state now.
	source observe.Source
	git    observe.Source
	tree   observe.Tree
	// own are inputs of all steps: the machine, and what the source has where tools keep something, which is not observed.
	own layer.Inputs
	// recorder is what this build can observe; unrecorded is why it records nothing, empty if it does.
	recorder   recorder
	unrecorded string
	// packages is the state of the packages after the last step that was recorded; nil where it is not known.
	packages files.Snapshot
	// done are the steps so far, written what they changed in the packages.
	done    layers.Records
	written []string
}

// recorder is what this machine lets a build observe.
type recorder struct {
	// tried: it is known; sees tries how reads of files show, which is reads then.
	tried bool
	sees  func(source observe.Source) (observe.Sight, error)
	reads observe.Sight
	// traffic counts what is sent; an error where that is not known.
	traffic func() (observe.Traffic, error)
}

// openHistory looks at the source, and at what the last build recorded; without steps there is nothing to know.
func (p pipeline) openHistory(r restored) (h history, err error) {
	if len(layers.Steps(p.Plan)) == 0 {
		return h, nil
	}
	h.reuse = p.Plan.Build.Reuse
	if h.output, h.last, err = p.store.OpenOutput(p.App); err != nil {
		return h, err
	}
	h.recorder = recorder{traffic: p.traffic, sees: p.sees}
	if h.done.Salt = h.last.Salt; h.done.Salt == "" {
		h.done.Salt = rand.Text()
	}
	h.git, _ = observe.GitOf(p.App, h.done.Salt)
	h.source = observe.Source{Dir: p.App, Salt: h.done.Salt, Skip: p.unobserved(r, h.git.Dir != "")}
	if h.own, err = p.committed(); err != nil {
		return h, err
	}
	maps.Copy(h.own, layers.Surroundings(p.Session))
	if p.system.versions != "" {
		h.own["packages of the distribution"] = p.system.versions
	}
	return h.looked(nil), nil
}

// kept reports whether a name is of a place where tools keep something for themselves.
func (p pipeline) kept(name string) bool {
	return slices.ContainsFunc(slices.Concat(p.Plan.Build.Caches, p.Plan.Build.Traces), func(pattern string) bool {
		matched, err := path.Match(pattern, name)
		return err == nil && matched
	})
}

// committed sums up what the source has in such places.
func (p pipeline) committed() (layer.Inputs, error) {
	in := layer.Inputs{}
	for _, pattern := range slices.Concat(p.Plan.Build.Caches, p.Plan.Build.Traces) {
		// The pattern is right.
		found, _ := filepath.Glob(filepath.Join(p.App, pattern))
		for _, file := range found {
			digest, err := files.ContentDigest(file)
			if err != nil {
				return nil, problem.Unreadable("read "+pattern, err)
			}
			in["the source's "+strings.TrimPrefix(file, p.App+"/")] = digest
		}
	}
	return in, nil
}

// unobserved tells the folders that are not the application's source.
func (p pipeline) unobserved(r restored, git bool) func(name string) bool {
	var installed []string
	for _, d := range r.installs {
		if d.builds || !d.Launch.None {
			// What an installation leaves next to the packages is its own, and may be there or not.
			installed = append(append(installed, d.Trees.Dirs...), d.Leftovers.Always...)
		}
	}
	return func(name string) bool {
		if name == observe.Git {
			return git
		}
		return slices.Contains(installed, name) || p.kept(name)
	}
}

// looked reads the state of the source again. What cannot be read is a reason to record nothing, and not to fail.
func (h history) looked(before observe.Tree) history {
	tree, err := h.source.Read(before)
	if err != nil {
		h.unrecorded = err.Error()
	}
	h.tree = tree
	return h
}

// installed gives the history when packages are installed: what that has changed in the source is none of the steps'.
func (h history) installed() history {
	if h.unrecorded != "" || h.source.Dir == "" {
		return h
	}
	before := h.tree
	if h = h.looked(before); h.unrecorded == "" {
		h.done.Installing = before.Touched(h.tree)
	}
	return h
}

// keyOf tells steps apart: by what they run, and by their number among those that run the same.
func keyOf(step plan.Step, done []layers.Record) string {
	key := layer.Digest(fmt.Append(nil, step.Title, step.Args, step.Dir))
	same := 0
	for _, r := range done {
		if strings.HasPrefix(r.Key, key) {
			same++
		}
	}
	return fmt.Sprintf("%s-%d", key, same)
}

// reusable gives the record of a step, and why it cannot be used in a tree; the cause is empty when it can. Without a record, known is false.
// The tree has the digests that were needed.
func (p pipeline) reusable(h history, inputs layer.Inputs, step plan.Step, key string) (record layers.Record, tree observe.Tree, cause string, known bool) {
	record, known = h.last.Find(key)
	if !known {
		return record, h.tree, "", false
	}
	if h.reuse == plan.ReuseNever {
		return record, h.tree, "BP_BUILD_REUSE=never", true
	}
	if h.reuse != plan.ReuseAlways {
		if cause := depends(record); cause != "" {
			return record, h.tree, cause, true
		}
	}
	tree, cause = p.unchanged(h, record, inputs, step)
	return record, tree, cause, true
}

// depends says why what a step made may be another the next time, though all that it read is the same; empty if nothing speaks for that.
func depends(r layers.Record) string {
	switch {
	case r.Connected:
		return "it opened a connection"
	case len(r.Dated) > 0:
		return "it wrote the time into " + some(r.Dated)
	case len(r.Varies) > 0:
		return "it made another " + some(r.Varies) + " of the same source"
	}
	return ""
}

// some names the first of some files.
func some(names []string) string {
	if more := len(names) - 1; more > 0 {
		return fmt.Sprintf("%s and %d more", names[0], more)
	}
	return names[0]
}

// unchanged gives what of a step's inputs is not what it was when it was recorded; empty if all is. The tree has the digests that were needed.
func (p pipeline) unchanged(h history, r layers.Record, more layer.Inputs, step plan.Step) (tree observe.Tree, cause string) {
	inputs := p.inputsOf(h, step, more)
	if cause := inputs.Cause(r.Inputs.Metadata()); cause != "" {
		return h.tree, cause
	}
	if cause := observe.Differ(r.Names, h.tree.Names()); cause != "" {
		return h.tree, cause
	}
	names := slices.Sorted(maps.Keys(r.Reads))
	if len(names) > 0 {
		var err error
		if tree, err = h.source.Digest(h.tree, names...); err != nil {
			return h.tree, "a file cannot be read"
		}
	} else {
		tree = h.tree
	}
	for _, name := range names {
		if tree[name].Content != r.Reads[name] {
			return tree, name + " changed"
		}
	}
	if len(r.Git) > 0 && !h.commits(r.Git) {
		return tree, "the commit that is checked out changed"
	}
	return tree, ""
}

// commits reports whether the folder .git is as a step read it.
func (h history) commits(read map[string]string) bool {
	if h.git.Dir == "" {
		return false
	}
	now, err := h.git.Read(nil)
	if err != nil {
		return false
	}
	contents, err := h.git.Commits(now, slices.Collect(maps.Keys(read)))
	return err == nil && maps.Equal(contents, read)
}

// inputsOf are what a step depends on besides the source.
func (p pipeline) inputsOf(h history, step plan.Step, more layer.Inputs) layer.Inputs {
	var toolchains []plan.Toolchain
	for _, language := range step.Toolchains {
		t, _ := p.Toolchain(language)
		toolchains = append(toolchains, t)
	}
	inputs := layers.StepInputs(p.Session, step, toolchains, h.done.Salt)
	maps.Copy(inputs, h.own)
	maps.Copy(inputs, more)
	return inputs
}

// packagesFor are the inputs of a step that come from the installations: what is installed, and what earlier steps have written into it.
func packagesFor(inputs map[string]layers.PackageInputs, written []string) layer.Inputs {
	in := layer.Inputs{"what earlier steps wrote into the packages": strings.Join(written, " ")}
	for name, packages := range inputs {
		for input, value := range packages.ForSteps() {
			in[name+": "+input] = value
		}
		if packages.Again != "" {
			// Nobody knows whether they are the same, so no value is that of another build.
			in[name+": "+packages.Again] = rand.Text()
		}
	}
	return in
}
