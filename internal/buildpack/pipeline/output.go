package pipeline

import (
	"context"
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
	"github.com/gantry-buildpack/gantry/internal/install/archive"
	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// Layer: "build-output" holds an archive of what the application's steps made, when the application says that they are
// pure.
// Rebuilt when: the source, the packages, the steps, the runtime or the build's variables change.

const (
	outputLayer   = "build-output"
	outputArchive = "output.tar.zst"
)

// output is what the application's steps make.
type output struct {
	layer  libcnb.Layer
	inputs layer.Inputs
	// usable: what the steps made the last time can be used again.
	usable bool
	// skip are folders that are none of the steps' making.
	skip []string
}

// openOutput gives what the steps made last time. It is nil when the application does not say that its steps are pure.
func (w *work) openOutput(packages layer.Inputs, trees []string) (o *output, err error) {
	if !w.plan.Pure {
		return nil, nil
	}
	o = &output{skip: slices.Concat([]string{".git"}, trees, w.plan.NotInImage)}
	source, err := o.source(w.ctx.ApplicationPath, w.plan.Reads)
	if err != nil {
		return nil, err
	}
	o.inputs = layer.Inputs{
		"source":                               source,
		"the build's variables":                w.variablesDigest(source),
		w.plan.Runtime.Title:                   w.plan.Runtime.Release.Version,
		w.plan.Runtime.Release.Name + " steps": layer.Digest(fmt.Append(nil, titles(w.plan))),
	}
	for name, value := range packages.But(builtInput) {
		o.inputs["packages: "+name] = value
	}
	var cause string
	o.layer, cause, err = w.reuse(outputLayer, libcnb.LayerTypes{Cache: true}, o.inputs)
	o.usable = cause == ""
	return o, err
}

// source sums up what the steps read of the application: all of it, or some files and folders.
func (o *output) source(app string, reads []string) (string, error) {
	if len(reads) == 0 {
		return o.digest(app)
	}
	sum := sha256.New()
	for _, name := range reads {
		digest, err := contentDigest(filepath.Join(app, name))
		if err != nil {
			return "", problem.Disk("read "+name, err)
		}
		_, _ = fmt.Fprintf(sum, "%s\x00%s\x00", name, digest)
	}
	return "sha256:" + hex.EncodeToString(sum.Sum(nil)), nil
}

func titles(p plan.Plan) []string {
	var list []string
	for _, step := range slices.Concat(p.Before, p.Scripts) {
		list = append(list, strings.Join(step.Args, " "))
	}
	return list
}

// variablesDigest sums up the variables that the user and the plan give the build. They may be secrets: the digest
// depends on the source, so that nobody can look a value up by it.
func (w *work) variablesDigest(source string) string {
	values := maps.Clone(w.plan.BuildEnv)
	maps.Copy(values, w.ctx.Platform.Environment)
	sum := sha256.New()
	_, _ = fmt.Fprintln(sum, source)
	for _, name := range slices.Sorted(maps.Keys(values)) {
		_, _ = fmt.Fprintf(sum, "%s\x00%s\x00", name, values[name])
	}
	return "sha256:" + hex.EncodeToString(sum.Sum(nil))
}

// restore puts into the application what the steps made last time.
func (o *output) restore(app string) error {
	if err := unpackKept(filepath.Join(o.layer.Path, outputArchive), app); err != nil {
		return err
	}
	for _, name := range asStrings(o.layer.Metadata["gone"]) {
		if !filepath.IsLocal(name) {
			return fmt.Errorf("the last build's metadata names a file outside the application: %s", name)
		}
		if err := os.RemoveAll(filepath.Join(app, name)); err != nil {
			return problem.Disk("remove "+name, err)
		}
	}
	return nil
}

// record runs the steps and keeps what they make.
func (o *output) record(ctx context.Context, w *work, steps func(context.Context) error) error {
	if o == nil {
		return steps(ctx)
	}
	var err error
	if o.layer, err = w.fresh(outputLayer, libcnb.LayerTypes{Cache: true}, o.inputs); err != nil {
		return err
	}
	app := w.ctx.ApplicationPath
	before, err := o.snapshot(app)
	if err != nil {
		return err
	}
	if err := steps(ctx); err != nil {
		return err
	}
	after, err := o.snapshot(app)
	if err != nil {
		return err
	}
	names, gone := difference(before, after)
	if err := archive.Zstd(filepath.Join(o.layer.Path, outputArchive), app, names...); err != nil {
		return err
	}
	if len(gone) > 0 {
		o.layer.Metadata["gone"] = gone
	}
	w.put(o.layer)
	return nil
}

func (o *output) skipped(app, dir string) bool {
	name, err := filepath.Rel(app, dir)
	return err == nil && slices.Contains(o.skip, name)
}

func (o *output) snapshot(app string) (map[string]state, error) {
	states := map[string]state{}
	if err := addStates(states, app, app, func(dir string) bool { return o.skipped(app, dir) }); err != nil {
		return nil, problem.Disk("read the application", err)
	}
	return states, nil
}

// digest sums up the application's files: names, contents, and whether they can be executed.
func (o *output) digest(app string) (string, error) {
	sum := sha256.New()
	err := filepath.WalkDir(app, func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if o.skipped(app, file) {
				return fs.SkipDir
			}
			return nil
		}
		content, err := entryDigest(file)
		_, _ = fmt.Fprintf(sum, "%s\x00%s\x00", strings.TrimPrefix(file, app), content)
		return err
	})
	if err != nil {
		return "", problem.Disk("read the application", err)
	}
	return "sha256:" + hex.EncodeToString(sum.Sum(nil)), nil
}
