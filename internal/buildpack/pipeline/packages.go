package pipeline

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"

	"github.com/buildpacks/libcnb/v2"

	"github.com/gantry-buildpack/gantry/internal/buildpack/layers"
	"github.com/gantry-buildpack/gantry/internal/install/archive"
	"github.com/gantry-buildpack/gantry/internal/install/direct"
	"github.com/gantry-buildpack/gantry/internal/install/files"
	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// built is an installation whose packages for building are in the application's folder, if it needs them at all.
type built struct {
	choice
	// installed: the packages for building are there; restored: as the last build had them.
	installed, restored bool
	// layer is the empty layer of the packages for running, where it is certain that they are needed; its name is empty else.
	layer libcnb.Layer
	// launched: the packages for running are in it already.
	launched bool
	// before is what the packages were when they were installed, now what they are after their install scripts; nil where it is not known. hooks
	// are the application's own steps that were not run.
	before, now files.Snapshot
	hooks       []plan.Command
	caches      []libcnb.Layer
	// evaluated is what decided about them, where the manifest is a program.
	evaluated layers.Evaluated
	// waiting is the state in which the packages for building may wait for the next build.
	waiting layers.Waiting
}

// prepare installs the packages for building, where steps need them or where the packages stay.
func (p pipeline) prepare(ctx context.Context, c choice) (built, error) {
	none := built{choice: c}
	if c.skip {
		none.caches = p.store.Keep(layers.KeptCaches(p.Session, c.Install, c.toolchain, c.inputs)...)
		return none, nil
	}
	if !c.builds && !c.Launch.InPlace {
		return none, nil
	}
	launch := libcnb.Layer{}
	if c.hasLayer() && c.cause != "" {
		var err error
		if launch, err = p.store.Fresh(c.spec()); err != nil {
			return none, err
		}
	}
	if b, taken, err := p.takeTrees(c); taken || err != nil {
		b.choice, b.installed, b.layer = c, true, launch
		return b, err
	}
	b, err := c.by.forBuild(ctx, c.decided, launch.Path)
	if why, is := direct.Unsupported(err); is {
		if c.by, err = p.leaveToManager(c.decided, why); err == nil {
			b, err = c.by.forBuild(ctx, c.decided, "")
		}
	}
	b.choice, b.installed, b.layer = c, true, launch
	if err != nil {
		return b, err
	}
	return p.noteTrees(b)
}

// leaveToManager has the package manager install, from nothing, what turned out not to be installed from the lockfile.
func (p pipeline) leaveToManager(d decided, why string) (installer, error) {
	if err := mustBeDirect(d, why); err != nil {
		return nil, err
	}
	p.Log.Line("Packages", d.Manager.Name+" installs them itself: "+why)
	return byManager{p}, d.trees.Remove()
}

// mustBeDirect is the error of settings that only an installation without the package manager honours; nil where there are none.
func mustBeDirect(d decided, why string) error {
	switch {
	case d.Lockfile.Verify != "":
		return notVerified(d, why)
	case d.Lockfile.Scripts != nil:
		return &problem.Problem{
			ID:    "node/scripts-unsupported",
			Title: "install scripts cannot be limited as the settings want it",
			Where: problem.Position{File: d.Lockfile.Name},
			Why:   "only " + d.Manager.Name + " can install the packages: " + why,
			Hints: []string{"Correct what the reason says, or leave the setting BP_NODE_ALLOW_SCRIPTS out."},
		}
	}
	return nil
}

// notVerified is the error of packages that only the package manager can install, where it is asked to do what it cannot.
func notVerified(d decided, why string) error {
	return &problem.Problem{
		ID:    "node/verify-unsupported",
		Title: "packages cannot be verified as the settings want it",
		Where: problem.Position{File: d.Lockfile.Name},
		Why:   "only " + d.Manager.Name + " can install them: " + why,
		Hints: []string{"Correct what the reason says, or leave the setting BP_NPM_VERIFY out."},
	}
}

// finished is an installation whose packages are where they stay.
type finished struct {
	decided
	// layer is that of the packages for running; cause is why it was made, empty when it was reused.
	layer  libcnb.Layer
	cause  string
	caches []libcnb.Layer
	// evaluated is what decided about them, where the manifest is a program.
	evaluated layers.Evaluated
}

// finish puts the packages that the running application needs where they stay; now is the state of those for building, nil where it is not
// known.
func (p pipeline) finish(ctx context.Context, b built, now files.Snapshot) (finished, error) {
	f := finished{decided: b.decided, layer: b.last, evaluated: b.evaluated}
	switch {
	case b.skip:
		return f, nil
	case b.Launch.None:
		return f, p.putAway(b)
	case b.Launch.InPlace:
		return f, p.prune(ctx, b.decided)
	}
	f.inputs.All = maps.Clone(b.inputs.All)
	f.cause = b.cause
	var changes files.Changes
	if b.installed {
		var err error
		if now == nil {
			now, err = b.trees.Snapshot()
		}
		if err != nil {
			return f, err
		}
		changes = now.In(b.Trees.Dirs).Since(b.before)
		if l, ok := b.by.(fromLockfile); ok {
			changes = l.lockfile.AtLaunch(changes)
		}
		if f.inputs.All[layers.WrittenInput], err = b.trees.Digest(changes); err != nil {
			return f, err
		}
		if b.Trees.Beside {
			if f.inputs.All[layers.BesideInput], err = layers.Beside(b.trees, p.Plan); err != nil {
				return f, err
			}
		}
		if f.inputs, err = f.inputs.After(b.evaluated, p.Session, b.Install, b.toolchain); err != nil {
			return f, err
		}
		f.cause = p.orRequired(b.Install, f.inputs.Cause(b.last.Metadata))
	}
	if f.cause == "" {
		return f, p.putAway(b)
	}
	f, err := p.fill(ctx, b, changes, f)
	if err != nil {
		return f, err
	}
	return f, p.putAway(b)
}

// fill puts the packages for running into a new layer.
func (p pipeline) fill(ctx context.Context, b built, changes files.Changes, f finished) (finished, error) {
	defer p.Log.Span("Layer", "fill "+b.Layer)()
	f.layer = b.layer
	var err error
	if f.layer.Name == "" || b.installed && !b.launched {
		if f.layer, err = p.store.Fresh(b.spec()); err != nil {
			return f, err
		}
	}
	done, err := p.place(ctx, b, b.by, changes, f.layer.Path)
	if why, is := direct.Unsupported(err); is {
		f, done, err = p.placeByManager(ctx, b, changes, f, why)
	}
	if err != nil {
		return f, err
	}
	f.caches = done.caches
	if b.Trees.Beside {
		if err := b.trees.LinkBeside(f.layer.Path, done.links, layers.NotBeside(p.Plan)); err != nil {
			return f, err
		}
	}
	if !b.installed {
		f.evaluated = done.evaluated
		if f.inputs, err = f.inputs.After(f.evaluated, p.Session, b.Install, b.toolchain); err != nil {
			return f, err
		}
	}
	f.layer.Metadata = f.inputs.Metadata()
	f.evaluated.Keep(f.layer.Metadata)
	f.layer.Metadata[linksKey] = done.links
	if b.Trees.Beside {
		f.layer.Metadata[besideKey] = b.inputs.All[layers.BesideInput]
	}
	if l, ok := b.by.(fromLockfile); ok && len(l.lockfile.Elsewhere) > 0 {
		f.layer.Metadata[elsewhereKey] = l.lockfile.Elsewhere
	}
	if others := otherPackages(b.Install, f.layer.Path); len(others) > 0 {
		f.layer.Metadata[othersKey] = others
	}
	f.layer.Metadata[programsKey] = programsIn(f.layer.Path, p.Image.Environment.Path)
	if missing := p.notInstalled(b.decided, f.layer.Path); len(missing) > 0 {
		f.layer.Metadata[notInstalledKey] = missing
	}
	if list := unlisted(b.Install, f.layer.Path); len(list) > 0 {
		f.layer.Metadata[unlistedKey] = list
	}
	return f, nil
}

// placeByManager has the package manager make the layer of packages after all; packages for building that are there are used.
func (p pipeline) placeByManager(ctx context.Context, b built, changes files.Changes, f finished, why string) (finished, launched, error) {
	var manager installer = byManager{p}
	var err error
	if !b.installed {
		if manager, err = p.leaveToManager(b.decided, why); err != nil {
			return f, launched{}, err
		}
	}
	if f.layer, err = p.store.Fresh(b.spec()); err != nil {
		return f, launched{}, err
	}
	done, err := p.place(ctx, b, manager, changes, f.layer.Path)
	return f, done, err
}

// place puts the packages for running into the folder of their layer: from those for building with their changes, if these are installed.
func (p pipeline) place(ctx context.Context, b built, by installer, changes files.Changes, dir string) (launched, error) {
	if !b.installed {
		return by.forLaunch(ctx, b.decided, dir)
	}
	links, err := by.fromBuild(ctx, b, changes, dir)
	return launched{links: links}, err
}

// besideKey is the name, in a layer's metadata, of what layers.BesideInput was before the application was built.
const besideKey = "names in the source"

// elsewhereKey is the name, in a layer's metadata, of the packages that the registry cannot sign, where signatures were verified.
const elsewhereKey = "not of the registry"

// linksKey is the name, in a layer's metadata, of the places where the application needs links to it.
const linksKey = "links"

// link gives the layer of packages for the result, and puts links to it into the application.
func (p pipeline) link(f finished) (libcnb.Layer, error) {
	p.logLayer(f.Layer, f.cause)
	f.layer.LayerTypes = f.spec().Types
	if err := layers.EvaluatedOf(f.layer.Metadata).Write(p.App); err != nil {
		return f.layer, err
	}
	return f.layer, f.trees.Link(f.layer.Path, layers.Strings(f.layer.Metadata[linksKey]))
}

// prune removes development packages from the application's folder.
func (p pipeline) prune(ctx context.Context, d decided) error {
	switch {
	case d.Launch.Production != nil:
		return direct.Prune(d.Install, p.App, p.App)
	case d.Launch.ByManager != nil:
		in := d.Install
		in.Launch.Production = in.Launch.ByManager
		return direct.Prune(in, p.App, p.App)
	case len(d.Commands.Prune.Args) > 0:
		folder, err := os.MkdirTemp("", "gantry-packages-")
		if err != nil {
			return problem.Disk("make a temporary folder", err)
		}
		err = p.runCommand(ctx, "Packages", placed(d.Commands.Prune, d.Commands.Env, folder, folder), d.toolchain)
		if err = errors.Join(err, os.RemoveAll(folder)); err != nil {
			return err
		}
	}
	return p.pruneArchives(d.Leftovers)
}

// pruneArchives removes what an installation leaves next to the packages, and archives that are not needed any more.
func (p pipeline) pruneArchives(l plan.Leftovers) error {
	unneeded := l.AtLaunch
	if l.Archives != "" {
		index, err := os.ReadFile(filepath.Join(p.App, l.Index))
		if err != nil {
			return problem.Unreadable("read "+l.Index, err)
		}
		entries, err := os.ReadDir(filepath.Join(p.App, l.Archives))
		if err != nil && !os.IsNotExist(err) {
			return problem.Unreadable("read "+l.Archives, err)
		}
		for _, entry := range entries {
			if !bytes.Contains(index, []byte(entry.Name())) {
				unneeded = append(unneeded, filepath.Join(l.Archives, entry.Name()))
			}
		}
	}
	for _, name := range unneeded {
		if err := archive.RemoveAll(filepath.Join(p.App, name)); err != nil {
			return problem.Disk("remove "+name, err)
		}
	}
	return nil
}
