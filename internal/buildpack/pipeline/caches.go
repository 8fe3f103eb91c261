package pipeline

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/buildpacks/libcnb/v2"

	"github.com/gantry-buildpack/gantry/internal/buildpack/buildlog"
	"github.com/gantry-buildpack/gantry/internal/buildpack/layer"
	"github.com/gantry-buildpack/gantry/internal/install/archive"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// Layer: "build-cache" holds an archive of what the application's build tools keep to be faster the next time, such as
// .next/cache; the oldest files are left out when it would grow beyond its limit.
// Rebuilt when: the application's steps run.

const (
	cacheLayer   = "build-cache"
	cacheArchive = "cache.tar.zst"
)

// cached is a file of a tool's cache.
type cached struct {
	name     string
	size     int64
	modified time.Time
}

// withCaches runs the application's steps with what their tools kept the last time, and keeps that for the next.
func (w *work) withCaches(steps func() error) error {
	if len(w.plan.Caches) == 0 {
		return steps()
	}
	inputs := layer.Inputs{"places": fmt.Sprint(w.plan.Caches)}
	kept, cause, err := w.reuse(cacheLayer, libcnb.LayerTypes{Cache: true}, inputs)
	if err != nil {
		return err
	}
	file := filepath.Join(kept.Path, cacheArchive)
	if cause == "" && unpackKept(file, w.ctx.ApplicationPath) == nil {
		w.Report.Line("Build", "the caches of its tools are those of the last build")
	}
	if err := steps(); err != nil {
		return err
	}
	found, total, err := w.findCaches()
	if err != nil {
		return problem.Disk("read the build tools' caches", err)
	}
	// A cache that nothing fills is not worth a layer.
	if len(found) == 0 {
		return nil
	}
	if kept, err = w.fresh(cacheLayer, libcnb.LayerTypes{Cache: true}, inputs); err != nil {
		return err
	}
	found, left := within(found, w.plan.CacheLimit)
	if left > 0 {
		w.Report.Line("Build", fmt.Sprintf("the caches of its tools are %s; the oldest %s are not kept", buildlog.Size(total), count(left, "file")))
	}
	var names []string
	for _, f := range found {
		names = append(names, f.name)
	}
	slices.Sort(names)
	if err := archive.ZstdTimes(file, w.ctx.ApplicationPath, names...); err != nil {
		return err
	}
	w.put(kept)
	return w.removeCaches()
}

// cachePlaces gives the folders and files that there are.
func (w *work) cachePlaces() ([]string, error) {
	var places []string
	for _, pattern := range w.plan.Caches {
		matches, err := filepath.Glob(filepath.Join(w.ctx.ApplicationPath, pattern))
		if err != nil {
			return nil, err
		}
		places = append(places, matches...)
	}
	return places, nil
}

func (w *work) removeCaches() error {
	places, err := w.cachePlaces()
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

func (w *work) findCaches() (found []cached, total int64, err error) {
	places, err := w.cachePlaces()
	if err != nil {
		return nil, 0, err
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
			name, err := filepath.Rel(w.ctx.ApplicationPath, file)
			found = append(found, cached{name, info.Size(), info.ModTime()})
			total += info.Size()
			return err
		})
		if err != nil && !os.IsNotExist(err) {
			return nil, 0, err
		}
	}
	return found, total, nil
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
