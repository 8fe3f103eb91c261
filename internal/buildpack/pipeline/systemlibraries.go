package pipeline

import (
	"context"
	"fmt"
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

// needsKey is the key of metadata of a layer that says which shared libraries it needs of the run image.
const needsKey = "needs-libraries"

// addLibraries gives the image the libraries that packages of the application are linked with and the run image lacks, where the platform
// tells what that has: it would not start without them. made are the layers of the image.
func (p pipeline) addLibraries(ctx context.Context, made []libcnb.Layer) (list []libcnb.Layer, installed []string, err error) {
	users, err := noteNeeds(made)
	if err != nil || p.RunLibraries == nil {
		return nil, nil, err
	}
	// By package, the libraries that it is likely to have.
	packages := map[string][]string{}
	for _, library := range slices.Sorted(maps.Keys(users)) {
		if !slices.Contains(p.RunLibraries, library) && !slices.Contains(p.system.libraries, library) {
			name := sharedlib.Package(library)
			packages[name] = append(packages[name], library)
		}
	}
	if len(packages) == 0 {
		return nil, nil, nil
	}
	names := slices.Sorted(maps.Keys(packages))
	spec := layers.SystemLibraries(p.Session, p.Plan.System, names)
	l, cause := p.store.Reuse(spec)
	if cause != "" {
		l, err = p.fillLibraries(ctx, spec, packages)
		if fetch.IsUnavailable(err) {
			p.Log.Warning("The run image lacks " + problem.Some(names) + ", with which packages of the application are linked, and they could not be downloaded: " + problem.As(err).Title + ".")
			return nil, nil, nil
		}
		if err != nil || l.Name == "" {
			return nil, nil, err
		}
	}
	p.logLayer(l.Name, cause)
	return []libcnb.Layer{l}, layers.Strings(l.Metadata[installedKey]), nil
}

// noteNeeds gives the libraries that layers need of the run image. A layer that is reused is not on disk: what it needs was noted when it was
// made.
func noteNeeds(made []libcnb.Layer) (map[string]bool, error) {
	needs := map[string]bool{}
	for _, l := range made {
		if !l.Launch {
			continue
		}
		if _, err := os.Stat(l.Path); err == nil && l.Metadata != nil {
			list, err := sharedlib.ReadLayer(l.Path)
			if err != nil {
				return nil, problem.Unreadable("read which libraries the layer "+l.Name+" needs", err)
			}
			l.Metadata[needsKey] = list.Names()
		}
		for _, library := range layers.Strings(l.Metadata[needsKey]) {
			needs[library] = true
		}
	}
	return needs, nil
}

// fillLibraries installs packages; libraries that the distribution has in none of those names are left to the check before the application
// starts.
func (p pipeline) fillLibraries(ctx context.Context, spec layers.Spec, packages map[string][]string) (l libcnb.Layer, err error) {
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
	var known, why, unknown []string
	for _, name := range slices.Sorted(maps.Keys(packages)) {
		if !index.Has(name) {
			unknown = append(unknown, packages[name]...)
			continue
		}
		known, why = append(known, name), append(why, fmt.Sprintf("%s (for %s)", name, strings.Join(packages[name], ", ")))
	}
	if len(unknown) > 0 {
		p.Log.Warning("The run image lacks " + problem.Some(unknown) + ", with which packages of the application are linked, and it is not known which package of the distribution has them: the application may not start.")
	}
	if len(known) == 0 {
		return l, nil
	}
	resolved, err := index.Resolve(known, debian.ReadStatus([]byte(p.RunPackages)), unneeded)
	if err != nil {
		return l, err
	}
	p.Log.Line("Packages", "the run image lacks libraries that packages of the application are linked with: "+problem.Some(why))
	return p.fillLaunch(ctx, spec, resolved, filepath.Join(work, "debs"))
}
