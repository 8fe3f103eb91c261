package layers

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/buildpacks/libcnb/v2"

	"github.com/gantry-buildpack/gantry/internal/buildpack/layer"
	"github.com/gantry-buildpack/gantry/internal/buildpack/observe"
	"github.com/gantry-buildpack/gantry/internal/install/archive"
	"github.com/gantry-buildpack/gantry/internal/install/files"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// Layer: "build-output" holds what each of the application's steps made, as an archive, and a record of what that depends on.
// Rebuilt when: a step runs; each decides for itself.

// OutputLayer is its name.
const OutputLayer = "build-output"

// recordsFile is the name of the records in their layer, and recordsInput that of its digest in the layer's metadata: a file that was damaged,
// or is of another build, counts as none.
const (
	recordsFile  = "records.json"
	recordsInput = "what the steps did"
)

// Record is what a step depended on and what it did, when it ran.
type Record struct {
	// Key tells steps apart, Title is what people call it.
	Key   string `json:"key"`
	Title string `json:"title"`
	// Inputs are what it may have depended on besides the source.
	Inputs layer.Inputs `json:"inputs"`
	// Names are all entries of the source, and Reads the digests of the files that it read. Whole: the reads could not be observed, and are
	// all files.
	Names []string          `json:"names"`
	Reads map[string]string `json:"reads"`
	Whole bool              `json:"whole,omitempty"`
	// Git are the digests of what it depends on in the folder .git, where it has read any of it.
	Git map[string]string `json:"git,omitempty"`
	// Source is what it changed in the source, Packages in the packages.
	Source   observe.Changes `json:"source"`
	Packages observe.Changes `json:"packages"`
	// Archives are the digests of its archives, by their names.
	Archives map[string]string `json:"archives,omitempty"`
	// Unarchived: it runs in each build in any case, so that nothing was kept of what it made.
	Unarchived bool `json:"unarchived,omitempty"`
	// Unkept are the names of what it made in the source that is in no archive: files that the image must not have.
	Unkept []string `json:"unkept,omitempty"`
	// Elsewhere is what it changed outside of the source: in the home folder, in that for temporary files, or in the toolchain.
	Elsewhere []string `json:"elsewhere,omitempty"`
	// Connected: it opened a connection, or may have.
	Connected bool `json:"connected,omitempty"`
	// Dated are files with the time at which it ran, Varies those that were other ones the last time, with all else the same.
	Dated  []string `json:"dated,omitempty"`
	Varies []string `json:"varies,omitempty"`
}

// Left is the state in which a build has left the packages for running.
type Left struct {
	// Written and Beside are the inputs WrittenInput and BesideInput.
	Written string `json:"written"`
	Beside  string `json:"beside"`
}

// Records are those of a build.
type Records struct {
	// Salt is that of all digests.
	Salt string `json:"salt"`
	// Steps are in the order in which they ran.
	Steps []Record `json:"steps"`
	// Installing is what installing packages changed in the source, apart from the packages.
	Installing observe.Changes `json:"installing"`
	// Packages are how the build has left them, by their layers.
	Packages map[string]Left `json:"packages"`
	// Programs are those of the packages for building.
	Programs []string `json:"programs,omitempty"`
}

// Find gives the record of a step; ok is false where there is none.
func (r Records) Find(key string) (record Record, ok bool) {
	i := slices.IndexFunc(r.Steps, func(s Record) bool { return s.Key == key })
	if i < 0 {
		return Record{}, false
	}
	return r.Steps[i], true
}

// Output is that layer.
type Output struct {
	// App is the application's folder.
	App   string
	store Store
	layer libcnb.Layer
}

// OutputSpec is what is known of it before it is made.
func OutputSpec(recorded string) Spec {
	return Spec{
		Name: OutputLayer, Types: cacheOnly, Holds: "what each step made, and a record of what that depends on", Inputs: layer.Inputs{recordsInput: recorded},
		Also: []string{"the files that a step reads", "the names of the source's files", "the packages", "the build's variables", "the step's command"},
	}
}

// OpenOutput gives the layer with the records of the last build, if it left any that are whole; what cannot be read counts as none.
func (s Store) OpenOutput(app string) (Output, Records, error) {
	o := Output{App: app, store: s}
	text, err := os.ReadFile(filepath.Join(s.Path(OutputLayer), recordsFile))
	if err == nil {
		var records Records
		last, cause := s.Reuse(OutputSpec(layer.Digest(text)))
		if cause == "" && json.Unmarshal(text, &records) == nil {
			o.layer = last
			return o, records, nil
		}
	}
	o.layer, err = s.Fresh(OutputSpec(""))
	return o, Records{}, err
}

// archives are the files of what a step made in the source and in the packages, named by what is in them.
func (o Output) archives(r Record) (source, packages string) {
	name := func(c observe.Changes) string { return filepath.Join(o.layer.Path, c.Sum()+archiveSuffix) }
	return name(r.kept()), name(r.Packages)
}

// kept are the changes of the source that an archive holds.
func (r Record) kept() observe.Changes {
	kept := observe.Changes{Made: maps.Clone(r.Source.Made), Gone: r.Source.Gone}
	for _, name := range r.Unkept {
		delete(kept.Made, name)
	}
	return kept
}

// Whole reports whether the archives of a record are there and are what they were.
func (o Output) Whole(r Record) bool {
	if r.Unarchived {
		return false
	}
	for name, digest := range r.Archives {
		if now, err := files.Digest(filepath.Join(o.layer.Path, name)); err != nil || now != digest {
			return false
		}
	}
	return true
}

// Keep archives what a step has made, and gives the record with the archives' digests.
func (o Output) Keep(r Record) (Record, error) {
	source, packages := o.archives(r)
	r.Archives = map[string]string{}
	for file, changes := range map[string]observe.Changes{source: r.kept(), packages: r.Packages} {
		names := changes.Files()
		if len(names) == 0 {
			continue
		}
		// A damaged one may be in its place.
		if err := os.RemoveAll(file); err != nil {
			return r, problem.Disk("replace "+filepath.Base(file), err)
		}
		if err := o.store.Pack(file, o.App, names...); err != nil {
			return r, err
		}
		digest, err := files.Digest(file)
		if err != nil {
			return r, problem.Unreadable("read "+filepath.Base(file), err)
		}
		r.Archives[filepath.Base(file)] = digest
	}
	return r, nil
}

// Restore does to the source what a step did, and to the packages if they are there.
func (o Output) Restore(r Record, packages bool) error {
	source, written := o.archives(r)
	if err := o.apply(r.kept(), source); err != nil || !packages {
		return err
	}
	return o.apply(r.Packages, written)
}

func (o Output) apply(c observe.Changes, file string) error {
	root, err := os.OpenRoot(o.App)
	if err != nil {
		return problem.Unreadable("open the application", err)
	}
	defer func() { _ = root.Close() }()
	for _, name := range c.Gone {
		if err := root.RemoveAll(name); err != nil {
			return problem.Disk("remove "+name, err)
		}
	}
	names := slices.Sorted(maps.Keys(c.Made))
	for _, name := range names {
		if info, err := root.Lstat(name); err == nil && (!info.IsDir() || c.Made[name].Kind != observe.Folder) {
			if err := root.RemoveAll(name); err != nil {
				return problem.Disk("replace "+name, err)
			}
		}
	}
	if len(c.Files()) > 0 {
		if err := archive.UnzstdFile(file, o.App); err != nil {
			return err
		}
	}
	for _, name := range names {
		if err := finish(root, name, c.Made[name]); err != nil {
			return problem.Disk("make "+name, err)
		}
	}
	return nil
}

// finish gives an entry its mode, and makes it if it is no file.
func finish(root *os.Root, name string, e observe.Entry) error {
	switch e.Kind {
	case observe.Folder:
		return errors.Join(root.MkdirAll(name, 0o755), root.Chmod(name, e.Mode))
	case observe.Link:
		return errors.Join(root.MkdirAll(filepath.Dir(name), 0o755), root.Symlink(e.Content, name))
	case observe.File, observe.Program:
		return root.Chmod(name, e.Mode)
	}
	return nil
}

// Save writes the records, and removes archives that none of them needs.
func (o Output) Save(records Records) (libcnb.Layer, error) {
	text, err := json.Marshal(records)
	if err != nil {
		return o.layer, fmt.Errorf("write down what the steps did: %w", err)
	}
	needed := map[string]bool{}
	for _, r := range records.Steps {
		source, packages := o.archives(r)
		needed[source], needed[packages] = true, true
	}
	entries, err := os.ReadDir(o.layer.Path)
	if err != nil {
		return o.layer, problem.Unreadable("read the layer "+OutputLayer, err)
	}
	for _, entry := range entries {
		if file := filepath.Join(o.layer.Path, entry.Name()); strings.HasSuffix(file, archiveSuffix) && !needed[file] {
			if err := o.store.Forget(file); err != nil {
				return o.layer, err
			}
		}
	}
	if err := os.WriteFile(filepath.Join(o.layer.Path, recordsFile), text, 0o644); err != nil {
		return o.layer, problem.Disk("write down what the steps did", err)
	}
	saved := o.layer
	spec := OutputSpec(layer.Digest(text))
	saved.LayerTypes, saved.Metadata = spec.Types, spec.Inputs.Metadata()
	return saved, nil
}

// Layer is the layer as it is.
func (o Output) Layer() libcnb.Layer { return o.layer }
