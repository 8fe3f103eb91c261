// Package layers says which layers a build makes, what decides their content, and fills those that need no package manager:
// one file a layer. The build and "gantry explain" use the same specifications.
package layers

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/buildpacks/libcnb/v2"

	"github.com/gantry-buildpack/gantry/internal/buildpack/layer"
	"github.com/gantry-buildpack/gantry/internal/install/archive"
	"github.com/gantry-buildpack/gantry/internal/install/files"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// Spec is what is known of a layer before it is made.
type Spec struct {
	Name  string
	Types libcnb.LayerTypes
	// Holds says what is in it, for people.
	Holds string
	// Inputs decide its content: it is made again when one of them changes.
	Inputs layer.Inputs
	// Also are reasons to make it again that are known only while building.
	Also []string
	// Sometimes says when the layer is made, if not always.
	Sometimes string
}

// Layer is a layer that can be made by itself.
type Layer interface {
	Spec() Spec
	// Fill writes the content into an empty folder.
	Fill(ctx context.Context, dir string) error
}

// The types of Gantry's layers. Launch layers are never restored: an unchanged one is reused from the last image without
// being made. Caches are in no image.
var (
	launchOnly = libcnb.LayerTypes{Launch: true}
	cacheOnly  = libcnb.LayerTypes{Cache: true}
	buildOnly  = libcnb.LayerTypes{Build: true}
)

// Store is the folder of the layers, as the lifecycle has restored it.
type Store struct {
	layers libcnb.Layers
	// made has the names of those that this build has made, archives the states of the archives in caches, by their files.
	made, archives *sync.Map
}

// Open gives the store of a build.
func Open(l libcnb.Layers) Store {
	s := Store{l, &sync.Map{}, &sync.Map{}}
	// The pattern is right, and what cannot be looked at is found when it is read.
	kept, _ := filepath.Glob(filepath.Join(l.Path, "*", "*"+archiveSuffix))
	for _, file := range kept {
		if stamp, err := files.Stamp(file); err == nil {
			s.archives.Store(file, stamp)
		}
	}
	return s
}

// archiveSuffix is how the names of archives in caches end.
const archiveSuffix = ".tar.zst"

// Pack writes an archive of files of a folder into a cache.
func (s Store) Pack(file, dir string, names ...string) error {
	if err := archive.Zstd(file, dir, names...); err != nil {
		return err
	}
	stamp, err := files.Stamp(file)
	if err != nil {
		return problem.Unreadable("look at "+filepath.Base(file), err)
	}
	s.archives.Store(file, stamp)
	return nil
}

// Forget removes an archive from a cache.
func (s Store) Forget(file string) error {
	if err := os.Remove(file); err != nil {
		return problem.Disk("remove "+filepath.Base(file), err)
	}
	s.archives.Delete(file)
	return nil
}

// Betrayed gives the names of those of some layers of which somebody else has changed an archive: the next build must not unpack it.
func (s Store) Betrayed(list []libcnb.Layer) (names []string) {
	s.archives.Range(func(file, stamp any) bool {
		name := filepath.Base(filepath.Dir(file.(string)))
		now, err := files.Stamp(file.(string))
		if kept := Find(list, name); kept.Name != "" && (err != nil || now != stamp) {
			names = append(names, name)
		}
		return true
	})
	slices.Sort(names)
	return slices.Compact(names)
}

// Path is the folder of a layer.
func (s Store) Path(name string) string { return filepath.Join(s.layers.Path, name) }

// Last is the layer of the last build. Metadata that cannot be read counts as none.
func (s Store) Last(name string) libcnb.Layer {
	l, err := s.layers.Layer(name)
	if err != nil {
		return libcnb.Layer{Name: name, Path: s.Path(name)}
	}
	return l
}

// Reuse gives the layer of the last build, to be added to the result as it is, or the cause why it must be made again.
func (s Store) Reuse(spec Spec) (l libcnb.Layer, cause string) {
	l = s.Last(spec.Name)
	l.LayerTypes = spec.Types
	return l, spec.Inputs.Cause(l.Metadata)
}

// Fresh gives the layer with nothing in it.
func (s Store) Fresh(spec Spec) (libcnb.Layer, error) {
	if err := os.Remove(s.Path(spec.Name) + ".toml"); err != nil && !os.IsNotExist(err) {
		return libcnb.Layer{}, problem.Disk("make the layer "+spec.Name, err)
	}
	l, err := s.layers.Layer(spec.Name)
	if err == nil {
		l, err = l.Reset()
	}
	if err != nil {
		return l, problem.Disk("make the layer "+spec.Name, err)
	}
	l.LayerTypes, l.Metadata = spec.Types, spec.Inputs.Metadata()
	s.made.Store(spec.Name, true)
	s.archives.Range(func(file, _ any) bool {
		if filepath.Dir(file.(string)) == l.Path {
			s.archives.Delete(file)
		}
		return true
	})
	return l, nil
}

// Seal has the layers that are reused from the last image be those: nothing of them is on disk, and what somebody has put into their place
// would be exported in their stead.
func (s Store) Seal(list []libcnb.Layer) error {
	for _, l := range list {
		if _, made := s.made.Load(l.Name); made || !l.Launch || l.Build || l.Cache {
			continue
		}
		if err := archive.RemoveAll(l.Path); err != nil {
			return problem.Disk("clear the layer "+l.Name, err)
		}
	}
	return nil
}

// Make reuses a layer, or makes it; cause says why, and is empty when it was reused.
func (s Store) Make(ctx context.Context, of Layer) (l libcnb.Layer, cause string, err error) {
	spec := of.Spec()
	if l, cause = s.Reuse(spec); cause == "" {
		return l, "", nil
	}
	if l, err = s.Fresh(spec); err != nil {
		return l, cause, err
	}
	return l, cause, of.Fill(ctx, l.Path)
}

// Keep gives those of some layers that the last build has left.
func (s Store) Keep(specs ...Spec) []libcnb.Layer {
	var kept []libcnb.Layer
	for _, spec := range specs {
		if l := s.Last(spec.Name); len(l.Metadata) > 0 {
			l.LayerTypes = spec.Types
			kept = append(kept, l)
		}
	}
	return kept
}

// Merge adds layers to others, each in the place of one of the same name.
func Merge(list []libcnb.Layer, more ...libcnb.Layer) []libcnb.Layer {
	merged := append([]libcnb.Layer{}, list...)
	for _, l := range more {
		found := false
		for i := range merged {
			if merged[i].Name == l.Name {
				merged[i], found = l, true
			}
		}
		if !found {
			merged = append(merged, l)
		}
	}
	return merged
}

// Find gives a layer of a list by its name; its metadata is empty when there is none.
func Find(list []libcnb.Layer, name string) libcnb.Layer {
	for _, l := range list {
		if l.Name == name {
			return l
		}
	}
	return libcnb.Layer{}
}

// Strings gives a list of texts in metadata, as it was set or as TOML has restored it.
func Strings(value any) []string {
	var texts []string
	switch value := value.(type) {
	case []string:
		return value
	case []any:
		for _, item := range value {
			texts = append(texts, fmt.Sprint(item))
		}
	}
	return texts
}
