package pipeline

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/buildpacks/libcnb/v2"

	"github.com/gantry-buildpack/gantry/internal/buildpack/layer"
	"github.com/gantry-buildpack/gantry/internal/buildpack/layers"
	"github.com/gantry-buildpack/gantry/internal/install/archive"
	"github.com/gantry-buildpack/gantry/internal/install/debian"
	"github.com/gantry-buildpack/gantry/internal/install/fetch"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// system are the distribution's packages that a build needs.
type system struct {
	layers []libcnb.Layer
	// installed are those in the image, as "NAME VERSION ARCHITECTURE SOURCE", and libraries the shared libraries that they have.
	installed, libraries []string
	// versions sums up which packages are there while the application is built.
	versions string
	// dir is the folder of those, which open makes and fills: it gives the variables with which programs find what is in it.
	dir  string
	open func(ctx context.Context) (debian.Variables, error)
	// work is a folder for what is downloaded, until the build ends.
	work string
}

// close removes what was downloaded.
func (s system) close() {
	if s.work != "" {
		_ = archive.RemoveAll(s.work)
	}
}

// Keys of metadata: which packages and libraries a layer has; when the index was looked at; and the key of the packages for running where the
// run image has them all, so that there is no layer.
const (
	installedKey = "installed"
	librariesKey = "libraries"
	lookedKey    = "looked"
	noneKey      = "in-run-image"
)

// lookEvery is how often it is looked whether packages have newer versions.
const lookEvery = 24 * time.Hour

// makeSystem finds the packages of the distribution, or reuses those of the last build.
func (p pipeline) makeSystem(ctx context.Context) (system, error) {
	if p.Plan.System.None() {
		return system{}, nil
	}
	defer p.Log.Span("Packages", "of the distribution")()
	host := buildImage()
	spec, cacheSpec := layers.System(p.Session, p.Plan.System), layers.SystemCache(p.Plan.System, host.name, p.Arch, host.status)
	last, cache := p.store.Last(spec.Name), p.store.Last(cacheSpec.Name)
	cause, cacheCause := spec.Inputs.CauseBut(last.Metadata, layers.VersionsInput), cacheSpec.Inputs.CauseBut(cache.Metadata, layers.VersionsInput)
	none := cache.Metadata[noneKey] == layers.KeyOf(spec.Inputs)
	if len(p.Plan.System.Packages) == 0 || none {
		cause = ""
	}
	if cause == "" && cacheCause == "" && recent(cache.Metadata[lookedKey], time.Now()) {
		return p.reuseSystem(spec, cacheSpec, none), nil
	}
	found, err := p.findSystem(ctx, host)
	if err != nil {
		_ = archive.RemoveAll(found.work)
		if cause == "" && cacheCause == "" && fetch.IsUnavailable(err) {
			p.Log.Warning("It could not be looked whether the distribution's packages have newer versions: " + problem.As(err).Title + ". Those of the last build are used.")
			return p.reuseSystem(spec, cacheSpec, none), nil
		}
		return system{}, err
	}
	return p.fillSystem(ctx, spec, cacheSpec, found)
}

// recent reports whether the index was looked at in the last day.
func recent(looked any, now time.Time) bool {
	text, _ := looked.(string)
	at, err := time.Parse(time.RFC3339, text)
	return err == nil && !at.After(now) && now.Sub(at) < lookEvery
}

// fillSystem makes the layers, where the packages are not those of the last build.
func (p pipeline) fillSystem(ctx context.Context, spec, cacheSpec layers.Spec, found foundSystem) (system, error) {
	s, key := system{work: found.work}, layers.KeyOf(spec.Inputs)
	spec.Inputs[layers.VersionsInput], cacheSpec.Inputs[layers.VersionsInput] = versionsOf(found.launch), versionsOf(found.build)
	if len(p.Plan.System.Packages) > 0 && len(found.launch) == 0 {
		p.Log.Line("Packages", "the run image has "+strings.Join(p.Plan.System.Packages, ", ")+" already")
	}
	if len(found.launch) > 0 {
		l, cause := p.store.Reuse(spec)
		if cause != "" {
			var err error
			if l, err = p.fillLaunch(ctx, spec, found.launch, filepath.Join(found.work, "debs")); err != nil {
				return s, err
			}
		}
		p.logLayer(l.Name, cause)
		s = s.with(l)
	}
	cache, cause := p.store.Reuse(cacheSpec)
	if cause != "" {
		var err error
		if cache, err = p.store.Fresh(cacheSpec); err != nil {
			return s, err
		}
	}
	cache.Metadata[lookedKey] = time.Now().UTC().Format(time.RFC3339)
	delete(cache.Metadata, noneKey)
	if len(found.launch) == 0 {
		cache.Metadata[noneKey] = key
	}
	return p.lazily(s, cache, found), nil
}

// with adds the layer of the packages for running.
func (s system) with(l libcnb.Layer) system {
	s.layers = append(s.layers, l)
	s.installed, s.libraries = layers.Strings(l.Metadata[installedKey]), layers.Strings(l.Metadata[librariesKey])
	return s
}

// reuseSystem takes the packages of the last build; none: the run image has those for running.
func (p pipeline) reuseSystem(spec, cacheSpec layers.Spec, none bool) (s system) {
	cache := p.store.Last(cacheSpec.Name)
	cache.LayerTypes = cacheSpec.Types
	if l := p.store.Last(spec.Name); len(p.Plan.System.Packages) > 0 && !none {
		l.LayerTypes = spec.Types
		p.logLayer(l.Name, "")
		s = s.with(l)
	}
	return p.lazily(s, cache, foundSystem{})
}

func versionsOf(packages []debian.Package) string {
	var text strings.Builder
	for _, q := range packages {
		fmt.Fprintln(&text, q.Name, q.Version)
	}
	return layer.Digest([]byte(text.String()))
}
