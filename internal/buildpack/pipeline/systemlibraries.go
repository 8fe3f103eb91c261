package pipeline

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/buildpacks/libcnb/v2"

	"github.com/gantry-buildpack/gantry/internal/buildpack/layers"
	"github.com/gantry-buildpack/gantry/internal/container/sharedlib"
	"github.com/gantry-buildpack/gantry/internal/install/archive"
	"github.com/gantry-buildpack/gantry/internal/install/debian"
	"github.com/gantry-buildpack/gantry/internal/install/fetch"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// neededByKey is the key of metadata that says for each layer which packages of the distribution its libraries are in.
const neededByKey = "needed-by"

// addLibraries gives the image the libraries that packages of the application are linked with and the run image lacks, where the platform
// tells what that has: it would not start without them.
func (p pipeline) addLibraries(ctx context.Context, made []libcnb.Layer) (list []libcnb.Layer, installed []string, err error) {
	if p.RunLibraries == nil {
		return nil, nil, nil
	}
	last := p.store.Last(layers.LibrariesLayer)
	needed, needs, err := p.neededBy(made, last)
	if err != nil || len(needed) == 0 {
		return nil, nil, err
	}
	all := map[string]bool{}
	for _, names := range needed {
		for _, name := range names {
			all[name] = true
		}
	}
	spec := layers.SystemLibraries(p.Session, slices.Sorted(maps.Keys(all)))
	l, cause := p.store.Reuse(spec)
	if cause != "" {
		l, err = p.fillLibraries(ctx, spec, slices.Sorted(maps.Keys(all)), needs)
		if fetch.IsUnavailable(err) {
			p.Log.Warning("The run image lacks libraries that packages of the application are linked with (" + problem.Some(slices.Sorted(maps.Values(needs))) + "), and they could not be downloaded: " + problem.As(err).Title + ".")
			return nil, nil, nil
		}
		if err != nil || l.Name == "" {
			return nil, nil, err
		}
	}
	p.logLayer(l.Name, cause)
	l.Metadata[neededByKey] = needed
	return []libcnb.Layer{l}, layers.Strings(l.Metadata[installedKey]), nil
}

// neededBy gives for each layer the packages that are likely to have libraries that it needs and the run image lacks, and which libraries
// these are. What a layer of the last build needs was noted then.
func (p pipeline) neededBy(made []libcnb.Layer, last libcnb.Layer) (needed map[string][]string, needs map[string]string, err error) {
	there := map[string]bool{}
	for _, library := range slices.Concat(p.RunLibraries, p.system.libraries) {
		there[library] = true
	}
	noted, _ := last.Metadata[neededByKey].(map[string]any)
	needed, needs = map[string][]string{}, map[string]string{}
	for _, l := range made {
		if !l.Launch {
			continue
		}
		if _, err := os.Stat(l.Path); err != nil {
			if names := layers.Strings(noted[l.Name]); len(names) > 0 {
				needed[l.Name] = names
			}
			continue
		}
		libraries, err := sharedlib.ReadLayer(l.Path)
		if err != nil {
			return nil, nil, problem.Unreadable("read which libraries the layer "+l.Name+" needs", err)
		}
		for _, library := range libraries.Names() {
			if there[library] {
				continue
			}
			name := sharedlib.Package(library)
			needed[l.Name] = append(needed[l.Name], name)
			needs[name] = library
		}
	}
	return needed, needs, nil
}

// fillLibraries installs packages; those that the distribution does not have are left to the check before the application starts.
func (p pipeline) fillLibraries(ctx context.Context, spec layers.Spec, names []string, needs map[string]string) (l libcnb.Layer, err error) {
	id, version, _ := strings.Cut(p.Distribution, " ")
	work, err := os.MkdirTemp("", "gantry-packages-")
	if err != nil {
		return l, problem.Disk("make a temporary folder", err)
	}
	defer func() { _ = archive.RemoveAll(work) }()
	index, err := p.readIndex(ctx, id, version, work)
	if err != nil {
		return l, err
	}
	known := slices.DeleteFunc(names, func(name string) bool { return len(index.Named(name)) == 0 })
	if len(known) == 0 {
		return l, nil
	}
	packages, err := index.Resolve(known, debian.ReadStatus([]byte(p.RunPackages)), unneeded)
	if err != nil {
		return l, err
	}
	var why []string
	for _, name := range known {
		if library := needs[name]; library != "" {
			why = append(why, name+" (for "+library+")")
		}
	}
	p.Log.Line("Packages", "the run image lacks libraries that packages of the application are linked with: "+problem.Some(why))
	return p.fillLaunch(ctx, spec, packages, filepath.Join(work, "debs"))
}
