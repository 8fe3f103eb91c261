package layers

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/buildpacks/libcnb/v2"

	"github.com/gantry-buildpack/gantry/internal/buildpack/layer"
	"github.com/gantry-buildpack/gantry/internal/buildpack/session"
	"github.com/gantry-buildpack/gantry/internal/install/archive"
	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// Layer: "build-cache" holds an archive of what the application's build tools keep to be faster the next time, such as
// .next/cache; the oldest files are left out when it would grow beyond its limit.
// Rebuilt when: the application's steps run.

// cacheArchive is the archive's name in its layer.
const cacheArchive = "cache.tar.zst"

// BuildCache is that layer.
type BuildCache struct {
	Session session.Session
	Build   plan.Build
}

// Spec gives what decides whether the caches of the last build can be used.
func (c BuildCache) Spec() Spec {
	return Spec{
		Name: "build-cache", Types: cacheOnly, Holds: "the caches of the build's tools", Inputs: layer.Inputs{"places": fmt.Sprint(c.Build.Caches)},
		Also: []string{"each build"}, Sometimes: "when the build's tools keep something",
	}
}

// cached is a file of a tool's cache.
type cached struct {
	name     string
	size     int64
	modified time.Time
}

// Restore puts into the application what its tools kept the last time.
func (c BuildCache) Restore(from libcnb.Layer) {
	if archive.UnzstdFile(filepath.Join(from.Path, cacheArchive), c.Session.App) == nil {
		c.Session.Log.Line("Build", "restored the caches of the build's tools")
	}
}

// Found are the files that the build's tools keep.
type Found struct {
	files []cached
	total int64
}

// None reports whether nothing fills the caches, which are not worth a layer then.
func (f Found) None() bool { return len(f.files) == 0 }

// Find finds what the tools keep now.
func (c BuildCache) Find() (f Found, err error) {
	places, err := c.places()
	if err != nil {
		return f, problem.Unreadable("read the build tools' caches", err)
	}
	for _, place := range places {
		err := filepath.WalkDir(place, func(file string, entry fs.DirEntry, err error) error {
			if err != nil || !entry.Type().IsRegular() {
				return err
			}
			info, err := entry.Info()
			if err != nil {
				return err
			}
			name, err := filepath.Rel(c.Session.App, file)
			f.files = append(f.files, cached{name, info.Size(), info.ModTime()})
			f.total += info.Size()
			return err
		})
		if err != nil && !os.IsNotExist(err) {
			return f, problem.Unreadable("read the build tools' caches", err)
		}
	}
	return f, nil
}

// Keep writes what was found into a layer, within the limit, and removes it from the application.
func (c BuildCache) Keep(f Found, dir string) error {
	kept, left := within(f.files, c.Build.CacheLimit)
	if left > 0 {
		c.Session.Log.Line("Build", fmt.Sprintf("the caches of the build's tools are %s; the oldest %s are not kept", problem.Size(f.total), problem.Count(left, "file")))
	}
	var names []string
	for _, file := range kept {
		names = append(names, file.name)
	}
	slices.Sort(names)
	if err := archive.ZstdTimes(filepath.Join(dir, cacheArchive), c.Session.App, names...); err != nil {
		return err
	}
	places, err := c.places()
	if err != nil {
		return err
	}
	for _, place := range places {
		if err := archive.RemoveAll(place); err != nil {
			return problem.Disk("remove the build tools' caches", err)
		}
	}
	return nil
}

// places are the existing folders and files.
func (c BuildCache) places() ([]string, error) {
	var places []string
	for _, pattern := range c.Build.Caches {
		matches, err := filepath.Glob(filepath.Join(c.Session.App, pattern))
		if err != nil {
			return nil, err
		}
		places = append(places, matches...)
	}
	return places, nil
}

// within gives the newest files that fit into a limit, and how many do not.
func within(files []cached, limit int64) (kept []cached, left int) {
	slices.SortFunc(files, func(a, b cached) int { return b.modified.Compare(a.modified) })
	for i, f := range files {
		if limit -= f.size; limit < 0 {
			return files[:i], len(files) - i
		}
	}
	return files, 0
}
