package pipeline

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gantry-buildpack/gantry/internal/buildpack/layer"
	"github.com/gantry-buildpack/gantry/internal/buildpack/layers"
	"github.com/gantry-buildpack/gantry/internal/buildpack/observe"
	"github.com/gantry-buildpack/gantry/internal/install/files"
	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// maxDated bounds the files in which a time is looked for, in bytes.
const maxDated = 64 << 20

// observed is what is known of a step's surroundings before it runs.
type observed struct {
	record   layers.Record
	tree     observe.Tree
	reads    observe.Watch
	git      observe.Watch
	packages files.Snapshot
	// elsewhere is the state of places outside of the source, by what people call them.
	elsewhere map[string]observe.Tree
	traffic   observe.Traffic
	sockets   *observe.Sockets
	start     time.Time
}

// try finds out what this machine lets a build observe, once.
func (h history) try(log func(subject, text string)) history {
	if h.recorder.tried {
		return h
	}
	h.recorder.tried = true
	if h.recorder.traffic == nil {
		h.recorder.traffic = observe.Counters()
	}
	if h.recorder.sees == nil {
		h.recorder.sees = observe.Source.Sees
	}
	var why error
	if h.recorder.reads, why = h.recorder.sees(h.source); why != nil {
		log("Build", "which files the steps read does not show here, so that they run again whenever any file changes: "+strings.ReplaceAll(why.Error(), "\n", "; "))
	}
	return h
}

// watch prepares the observation of a step.
func (p pipeline) watch(h history, step plan.Step, key string, more layer.Inputs, built []built) (o observed, err error) {
	o.record = layers.Record{Key: key, Title: step.Title}
	if o.tree, err = h.source.Digest(h.tree); err != nil {
		return o, err
	}
	o.record.Names, o.record.Inputs = o.tree.Names(), p.inputsOf(h, step, more)
	if o.packages = h.packages; o.packages == nil {
		if o.packages, err = snapshotOf(built); err != nil {
			return o, err
		}
	}
	var git observe.Tree
	if h.git.Dir != "" {
		if git, err = h.git.Read(nil); err != nil {
			return o, err
		}
	}
	if o.reads, err = h.source.Watch(o.tree, h.recorder.reads); err == nil && h.git.Dir != "" {
		if o.git, err = h.git.Watch(git, h.recorder.reads); err != nil {
			o.reads.End()
		}
	}
	if o.record.Whole = err != nil; !o.record.Whole {
		o.tree = o.reads.Tree
	}
	o.elsewhere = p.elsewhere()
	o.start, o.sockets = time.Now(), observe.WatchSockets()
	var unknown error
	o.traffic, unknown = h.recorder.traffic()
	o.record.Connected = unknown != nil
	return o, nil
}

// end ends the observation of a step that has failed.
func (o observed) end() {
	if !o.record.Whole {
		o.reads.End()
		o.git.End()
	}
}

// snapshotOf is the state of the packages of all installations.
func snapshotOf(all []built) (files.Snapshot, error) {
	states := files.Snapshot{}
	for _, b := range all {
		if !b.installed {
			continue
		}
		more, err := b.trees.Snapshot()
		if err != nil {
			return nil, err
		}
		maps.Copy(states, more)
	}
	return states, nil
}

// known is the state of the packages of all installations, before any step has run; nil where it is not known.
func known(all []built) files.Snapshot {
	states := files.Snapshot{}
	for _, b := range all {
		if b.installed && b.now == nil {
			return nil
		}
		maps.Copy(states, b.now)
	}
	return states
}

// after is the state of things when a step has run.
type after struct {
	source   observe.Tree
	packages files.Snapshot
}

// recordOf gives the record of a step that has run, and the state of things then.
func (p pipeline) recordOf(h history, o observed, all []built) (r layers.Record, now after, err error) {
	r = o.record
	took := observe.Period{From: o.start, To: time.Now()}
	traffic, unknown := h.recorder.traffic()
	r.Connected = r.Connected || unknown != nil || o.sockets.Connected(o.traffic, traffic)
	if now.source, err = h.source.Read(o.tree); err != nil {
		return r, now, err
	}
	names := observe.Unwatched(o.tree)
	if !r.Whole {
		names = o.reads.Reads(now.source)
	}
	r.Reads = map[string]string{}
	for _, name := range names {
		r.Reads[name] = o.tree[name].Content
	}
	if r.Git, err = h.gitRead(o); err != nil {
		return r, now, err
	}
	if now.packages, err = snapshotOf(all); err != nil {
		return r, now, err
	}
	changes := now.packages.Since(o.packages)
	r.Packages.Gone = changes.Gone
	if r.Packages.Made, err = (observe.Source{Dir: p.App}).Entries(changes.Written); err != nil {
		return r, now, err
	}
	r.Elsewhere = changedElsewhere(o.elsewhere, p.elsewhere())
	if r.Unarchived = r.Connected && h.reuse == plan.ReuseAuto; r.Unarchived {
		// It may have fetched thousands of files into the source: nobody will ask for them.
		r.Source = o.tree.Touched(now.source)
		return r, now, nil
	}
	if r.Source, now.source, err = h.source.Changes(o.tree, now.source); err != nil {
		return r, now, err
	}
	for name := range r.Source.Made {
		if p.unkept(name) {
			r.Unkept = append(r.Unkept, name)
		}
	}
	slices.Sort(r.Unkept)
	if err := p.keepable(r, now.source); err != nil {
		return r, now, err
	}
	r.Dated, err = p.dated(r, took)
	return r, now, err
}

// keepable tells why what a step made cannot be kept.
func (p pipeline) keepable(r layers.Record, now observe.Tree) error {
	for name, e := range r.Source.Made {
		if e.Kind == observe.Other {
			return fmt.Errorf("%s is neither a file, a folder nor a link", name)
		}
	}
	for _, t := range []observe.Tree{now, r.Packages.Made} {
		if name := t.Unnamed(); name != "" {
			return fmt.Errorf("the name of the file %q is not UTF-8", name)
		}
	}
	if size, limit := r.Source.Size()+r.Packages.Size(), p.Plan.Build.CacheLimit; limit > 0 && size > limit {
		return fmt.Errorf("%s made %s, and BP_CACHE_LIMIT is %s", r.Title, problem.Size(size), problem.Size(limit))
	}
	return nil
}

// gitRead is what a step depends on of the folder .git; nothing if it has not read it.
func (h history) gitRead(o observed) (map[string]string, error) {
	if h.git.Dir == "" {
		return nil, nil
	}
	after, err := h.git.Read(nil)
	if err != nil {
		return nil, err
	}
	read := []string{"index", "config"}
	if !o.record.Whole {
		read = o.git.Reads(after)
	}
	if len(read) == 0 {
		return nil, nil
	}
	return h.git.Commits(after, read)
}

// unkept reports whether a file is one that the image must not have: no cache has it either.
func (p pipeline) unkept(name string) bool {
	return slices.ContainsFunc(p.Image.Source.Remove, func(removed string) bool { return name == removed || strings.HasPrefix(name, removed+"/") })
}

// dated are the files among those that a step has made in which the time stands at which it ran.
func (p pipeline) dated(r layers.Record, took observe.Period) (names []string, err error) {
	for _, c := range []observe.Changes{r.Source, r.Packages} {
		for _, name := range c.Files() {
			if p.unkept(name) {
				continue
			}
			file := filepath.Join(p.App, name)
			info, err := os.Stat(file)
			if err != nil || info.Size() > maxDated {
				continue
			}
			text, err := os.ReadFile(file)
			if err != nil {
				return nil, problem.Unreadable("read "+name, err)
			}
			if took.In(text) {
				names = append(names, name)
			}
		}
	}
	return names, nil
}

// compared adds to a record what the step made otherwise than the last time, though all that it depended on was the same.
func (p pipeline) compared(h history, r layers.Record, more layer.Inputs, step plan.Step) layers.Record {
	last, known := h.last.Find(r.Key)
	if !known || last.Unarchived {
		return r
	}
	if _, cause := p.unchanged(h, last, more, step); cause != "" {
		return r
	}
	for _, name := range append(r.Source.Other(last.Source), r.Packages.Other(last.Packages)...) {
		if !p.unkept(name) {
			r.Varies = append(r.Varies, name)
		}
	}
	return r
}

// observe runs a step, and records what it did. Where that cannot be done, the step runs unrecorded.
func (p pipeline) observe(h history, step plan.Step, key string, more layer.Inputs, all []built, run func(start starter) error) (history, error) {
	if h.unrecorded != "" {
		h.packages = nil
		return h, run(nil)
	}
	end := p.Log.Span("Build", "prepare to observe "+step.Title)
	h = h.try(p.Log.Line)
	o, err := p.watch(h, step, key, more, all)
	end()
	if err != nil {
		h.unrecorded, h.packages = err.Error(), nil
		return h, run(nil)
	}
	if err := run(o.sockets.Start); err != nil {
		o.end()
		return h, err
	}
	defer p.Log.Span("Build", "record what "+step.Title+" did")()
	h.tree = o.tree
	record, now, err := p.recordOf(h, o, all)
	if err == nil && !record.Unarchived {
		record, err = h.output.Keep(p.compared(h, record, more, step))
	}
	if err != nil {
		h.unrecorded, h.packages = err.Error(), nil
		return h, nil
	}
	last, _ := h.last.Find(key)
	if why := depends(record); why != "" && h.reuse == plan.ReuseAuto && depends(last) == "" {
		p.Log.Line("Build", step.Title+" runs in each build: "+why+" (BP_BUILD_REUSE=always reuses what it made nevertheless)")
	}
	h = h.with(record)
	h.tree, h.packages = now.source, now.packages
	return h, nil
}
