package layers

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/buildpacks/libcnb/v2"

	"github.com/gantry-buildpack/gantry/internal/buildpack/layer"
	"github.com/gantry-buildpack/gantry/internal/buildpack/session"
	"github.com/gantry-buildpack/gantry/internal/install/archive"
	"github.com/gantry-buildpack/gantry/internal/install/files"
	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// Layer: "build-output" holds an archive of what the application's steps made, when the application says that they are
// pure.
// Rebuilt when: the source, the packages, the steps, the runtime or the build's variables change.

// OutputLayer is its name.
const OutputLayer = "build-output"

// outputArchive is the archive's name in its layer.
const outputArchive = "output.tar.zst"

// BuildOutput is that layer.
type BuildOutput struct {
	Session session.Session
	Plan    plan.Plan
	// Packages are the inputs of the packages, by the layer that they are in.
	Packages map[string]PackageInputs
	// Nothing is what it depends on that the step makes nothing; without Reads where it makes something.
	Nothing Evaluated
}

// Spec gives what decides about the output. What of the source cannot be read is an error.
func (o BuildOutput) Spec() (Spec, error) {
	inputs, err := o.read()
	if err != nil {
		return Spec{}, err
	}
	inputs["steps"] = layer.Digest(fmt.Append(nil, o.commands()))
	for _, t := range o.Plan.Toolchains {
		inputs[t.Runtime.Title] = t.Runtime.Release.Version
	}
	for name, packages := range o.Packages {
		for input, value := range packages.Installed() {
			inputs[name+": "+input] = value
		}
	}
	return Spec{Name: OutputLayer, Types: cacheOnly, Holds: "one archive of what the scripts made", Inputs: inputs}, nil
}

// read gives what the steps read of the application and of the build's variables.
func (o BuildOutput) read() (layer.Inputs, error) {
	if steps := o.Plan.Build.Steps; len(o.Nothing.Reads) > 0 && len(steps) == 1 {
		t, _ := o.Plan.Toolchain(steps[0].Toolchains[0])
		inputs, again, err := o.Nothing.Inputs(o.Session, steps[0].Of, plan.Install{}, t)
		if again == "" {
			return inputs, err
		}
	}
	source, err := o.source()
	return layer.Inputs{"source": source, "the build's variables": o.variablesDigest(source)}, err
}

// source sums up what the steps read of the application: all of it, or some files and folders.
func (o BuildOutput) source() (string, error) {
	if len(o.Plan.Build.Reads) == 0 {
		return o.digest()
	}
	sum := sha256.New()
	for _, name := range o.Plan.Build.Reads {
		digest, err := files.ContentDigest(filepath.Join(o.Session.App, name))
		if err != nil {
			return "", problem.Disk("read "+name, err)
		}
		_, _ = fmt.Fprintf(sum, "%s\x00%s\x00", name, digest)
	}
	return "sha256:" + hex.EncodeToString(sum.Sum(nil)), nil
}

func (o BuildOutput) commands() []string {
	var list []string
	for _, step := range slices.Concat(o.Plan.Build.Before, o.Plan.Build.Steps) {
		list = append(list, strings.Join(step.Args, " ")+step.Input)
	}
	return list
}

// variablesDigest sums up the variables that the user and the plan give the build. They may be secrets: the digest
// depends on the source, so that nobody can look a value up by it.
func (o BuildOutput) variablesDigest(source string) string {
	values := map[string]string{}
	for _, t := range slices.Backward(o.Plan.Toolchains) {
		maps.Copy(values, t.Env)
	}
	maps.Copy(values, o.Session.Given())
	sum := sha256.New()
	_, _ = fmt.Fprintln(sum, source)
	for _, name := range slices.Sorted(maps.Keys(values)) {
		_, _ = fmt.Fprintf(sum, "%s\x00%s\x00", name, values[name])
	}
	return "sha256:" + hex.EncodeToString(sum.Sum(nil))
}

// Restore puts into the application what the steps made last time.
func (o BuildOutput) Restore(from libcnb.Layer) error {
	if err := archive.UnzstdFile(filepath.Join(from.Path, outputArchive), o.Session.App); err != nil {
		return err
	}
	for _, name := range Strings(from.Metadata["gone"]) {
		if !filepath.IsLocal(name) {
			return fmt.Errorf("the last build's metadata names a file outside the application: %s", name)
		}
		if err := os.RemoveAll(filepath.Join(o.Session.App, name)); err != nil {
			return problem.Disk("remove "+name, err)
		}
	}
	return nil
}

// Snapshot records the application's files, before the steps run.
func (o BuildOutput) Snapshot() (files.Snapshot, error) {
	states, err := files.Record(o.Session.App, []string{o.Session.App}, o.skips())
	if err != nil {
		return nil, problem.Disk("read the application", err)
	}
	return states, nil
}

// Keep writes what the steps have made since a snapshot into a layer.
func (o BuildOutput) Keep(before files.Snapshot, into libcnb.Layer) (libcnb.Layer, error) {
	after, err := o.Snapshot()
	if err != nil {
		return into, err
	}
	changes := after.Since(before)
	if err := archive.Zstd(filepath.Join(into.Path, outputArchive), o.Session.App, changes.Written...); err != nil {
		return into, err
	}
	if len(changes.Gone) > 0 {
		into.Metadata["gone"] = changes.Gone
	}
	o.Nothing.Keep(into.Metadata)
	return into, nil
}

// skips tells the folders that the steps do not make.
func (o BuildOutput) skips() func(file string) bool {
	skip := map[string]bool{}
	for _, name := range append([]string{".git"}, o.Plan.Image.Source.Remove...) {
		skip[filepath.Join(o.Session.App, name)] = true
	}
	for _, in := range o.Plan.Installs {
		for _, name := range in.Trees.Dirs {
			skip[filepath.Join(o.Session.App, name)] = true
		}
	}
	return func(file string) bool { return skip[file] }
}

// digest sums up the application's files: names, contents, and whether they can be executed.
func (o BuildOutput) digest() (string, error) {
	sum, skips := sha256.New(), o.skips()
	err := filepath.WalkDir(o.Session.App, func(file string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && skips(file):
			return fs.SkipDir
		case entry.IsDir():
			return nil
		}
		content, err := files.EntryDigest(file)
		_, _ = fmt.Fprintf(sum, "%s\x00%s\x00", strings.TrimPrefix(file, o.Session.App), content)
		return err
	})
	if err != nil {
		return "", problem.Disk("read the application", err)
	}
	return "sha256:" + hex.EncodeToString(sum.Sum(nil)), nil
}
