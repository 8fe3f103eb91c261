package pipeline

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/buildpacks/libcnb/v2"

	"github.com/gantry-buildpack/gantry/internal/buildpack/command"
	"github.com/gantry-buildpack/gantry/internal/buildpack/layers"
	"github.com/gantry-buildpack/gantry/internal/install/archive"
	"github.com/gantry-buildpack/gantry/internal/install/debian"
	"github.com/gantry-buildpack/gantry/internal/install/files"
	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// lazily has the packages for building on disk when the first program of the build runs. found is empty where they are those of the
// last build.
func (p pipeline) lazily(s system, cache libcnb.Layer, found foundSystem) system {
	s.layers = append(s.layers, cache)
	if inputs, ok := cache.Metadata["inputs"].(map[string]any); ok {
		s.versions, _ = inputs[layers.VersionsInput].(string)
	}
	if s.versions == versionsOf(nil) {
		return s
	}
	s.dir = filepath.Join(p.store.Path(layers.SystemBuild().Name), layers.SystemRoot)
	s.open = func(ctx context.Context) (debian.Variables, error) {
		err := p.openSystem(ctx, cache, found)
		return debian.VariablesOf(s.dir, p.Arch, true), err
	}
	return s
}

// openSystem unpacks the archive of the packages for building; where there is none, or a damaged one, they are installed, and archived.
func (p pipeline) openSystem(ctx context.Context, cache libcnb.Layer, found foundSystem) error {
	defer p.Log.Span("Packages", "unpack those of the distribution, for building")()
	scratch, err := p.store.Fresh(layers.SystemBuild())
	if err != nil {
		return err
	}
	file := filepath.Join(cache.Path, layers.SystemArchive)
	if archive.UnzstdFile(file, scratch.Path) == nil {
		return nil
	}
	if len(found.build) == 0 {
		if found, err = p.findSystem(ctx, buildImage()); err != nil {
			return err
		}
		defer func() { _ = archive.RemoveAll(found.work) }()
	}
	if scratch, err = p.store.Fresh(layers.SystemBuild()); err != nil {
		return err
	}
	if err := p.unpackSystem(ctx, found.build, filepath.Join(found.work, "debs"), filepath.Join(scratch.Path, layers.SystemRoot), "for building"); err != nil {
		return err
	}
	// A layer of the last build that was damaged is not there, though it is known.
	if err := os.MkdirAll(cache.Path, 0o755); err != nil {
		return problem.Disk("keep the packages for building", err)
	}
	unpacked, err := files.Stamp(scratch.Path)
	if err != nil {
		return problem.Unreadable("look at the packages for building", err)
	}
	// What the build's programs change meanwhile must not be in the next build's packages.
	p.writes.start(p.Log, "archive packages of the distribution", func() error {
		if err := p.store.Pack(file, scratch.Path, "."); err != nil {
			return err
		}
		if now, err := files.Stamp(scratch.Path); err != nil || now != unpacked {
			return p.store.Forget(file)
		}
		return nil
	})
	return nil
}

// withSystem gives the pipeline whose programs find the packages of the distribution.
func (p pipeline) withSystem(ctx context.Context, s system) pipeline {
	p.system = s
	if s.open == nil {
		p.Session = p.Session.With(nil, s.libraries)
		return p
	}
	p.Session = p.Session.With(debian.Folders(s.dir, p.Arch), s.libraries)
	open := sync.OnceValues(func() (debian.Variables, error) { return s.open(ctx) })
	run := p.run
	p.run = func(ctx context.Context, r command.Runner, c plan.Command) error {
		more, err := open()
		if err != nil {
			return err
		}
		r.Env = withVariables(r.Env, more)
		return run(ctx, r, c)
	}
	return p
}

// withVariables adds variables to those of a program: folders that a list does not have yet, and values that are not set.
func withVariables(environ []string, more debian.Variables) []string {
	values := map[string]string{}
	for _, variable := range environ {
		name, value, _ := strings.Cut(variable, "=")
		values[name] = value
	}
	list := slices.Clone(environ)
	for _, name := range slices.Sorted(maps.Keys(more.Lists)) {
		folders := filepath.SplitList(values[name])
		for _, folder := range more.Lists[name] {
			if !slices.Contains(folders, folder) {
				folders = append(folders, folder)
			}
		}
		list = append(list, name+"="+strings.Join(folders, string(os.PathListSeparator)))
	}
	for _, name := range slices.Sorted(maps.Keys(more.Values)) {
		if _, set := values[name]; !set {
			list = append(list, name+"="+more.Values[name])
		}
	}
	return list
}
