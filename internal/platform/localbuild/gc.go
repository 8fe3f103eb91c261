package localbuild

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/gantry-buildpack/gantry/internal/buildpack/buildlog"
	"github.com/gantry-buildpack/gantry/internal/install/archive"
	"github.com/gantry-buildpack/gantry/internal/platform/run"
	"github.com/gantry-buildpack/gantry/internal/platform/verified"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// Collect says what is to be removed of the folder of run images and caches.
type Collect struct {
	// Home is that folder.
	Home string
	// Unused is for how long nobody may have used what is removed.
	Unused time.Duration
	// Verify reads every file that is named by its digest, and removes those that are damaged: a build looks only at files that have
	// changed since they were verified.
	Verify bool
}

// collected is what was removed.
type collected struct {
	folders, damaged int
	bytes            int64
}

// GC removes the caches of applications that nobody has built for a while, what killed builds and runs have left, and damaged files.
// What a build uses at the time is left alone.
func GC(c Collect, r *buildlog.Log, now time.Time) error {
	var done collected
	for _, step := range []func(*collected, time.Time) error{c.applications, c.runs, c.runImages, c.packages} {
		if err := step(&done, now); err != nil {
			return err
		}
	}
	r.Line("Removed", fmt.Sprintf("%s, %s", problem.Count(done.folders, "folder"), problem.Size(done.bytes)))
	if c.Verify {
		r.Line("Verified", fmt.Sprintf("%s damaged, which the next build makes again", problem.Count(done.damaged, "file")))
	}
	return nil
}

// applications looks at the caches of applications.
func (c Collect) applications(done *collected, now time.Time) error {
	return each(filepath.Join(c.Home, "apps", "*"), func(dir string, info fs.FileInfo) error {
		unlock, free, err := tryLock(dir)
		if err != nil || !free {
			return err
		}
		defer unlock()
		// The index is written at the end of each build.
		if index, err := os.Stat(filepath.Join(dir, "image", "index.json")); err == nil {
			info = index
		}
		if now.Sub(info.ModTime()) > c.Unused {
			return done.remove(dir)
		}
		for _, pattern := range []string{"work-*", "built-*"} {
			if err := each(filepath.Join(dir, pattern), func(left string, _ fs.FileInfo) error { return done.remove(left) }); err != nil {
				return err
			}
		}
		if !c.Verify {
			return nil
		}
		return done.verify(verified.Blobs(filepath.Join(dir, "image")), verified.CachedLayers(filepath.Join(dir, "layers")))
	})
}

// runs looks at the files of images that were started. What was unpacked cannot be verified: it is unpacked again.
func (c Collect) runs(done *collected, now time.Time) error {
	if err := run.Sweep(filepath.Join(c.Home, "run"), done.remove); err != nil {
		return err
	}
	for pattern, unused := range map[string]time.Duration{"root-*": c.Unused, "unpacking-*": time.Hour} {
		err := each(filepath.Join(c.Home, "run", pattern), func(dir string, info fs.FileInfo) error {
			if run.IsMounted(dir) || now.Sub(info.ModTime()) <= unused && (!c.Verify || pattern != "root-*") {
				return nil
			}
			return done.remove(dir)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (c Collect) runImages(done *collected, now time.Time) error {
	return each(filepath.Join(c.Home, "run-images", "*"), func(dir string, info fs.FileInfo) error {
		switch {
		case !info.IsDir():
			return nil
		case now.Sub(info.ModTime()) > c.Unused:
			return done.remove(dir)
		case c.Verify:
			return done.verify(verified.Blobs(dir))
		}
		return nil
	})
}

// packages are archives of the distribution's packages, and its index.
func (c Collect) packages(done *collected, now time.Time) error {
	return each(filepath.Join(c.Home, "packages", "*"), func(dir string, info fs.FileInfo) error {
		if info.IsDir() && now.Sub(info.ModTime()) > c.Unused {
			return done.remove(dir)
		}
		return nil
	})
}

// verify reads all files of folders, whatever was noted of them.
func (d *collected) verify(folders ...verified.Folder) error {
	for _, v := range folders {
		damaged, err := v.Reread()
		if err != nil {
			return err
		}
		d.damaged += damaged
	}
	return nil
}

func (d *collected) remove(dir string) error {
	_ = filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			if info, err := entry.Info(); err == nil {
				d.bytes += info.Size()
			}
		}
		return nil
	})
	d.folders++
	_ = archive.RemoveAll(dir)
	if _, err := os.Lstat(dir); err == nil {
		return problem.Disk("remove "+dir, errors.New("parts of it belong to another user"))
	}
	return nil
}

// each visits what a pattern matches.
func each(pattern string, visit func(name string, info fs.FileInfo) error) error {
	names, err := filepath.Glob(pattern)
	if err != nil {
		return err
	}
	for _, name := range names {
		info, err := os.Lstat(name)
		if err != nil {
			// Another program has removed it.
			continue
		}
		if err := visit(name, info); err != nil {
			return err
		}
	}
	return nil
}

// tryLock locks a cache, if no build uses it.
func tryLock(dir string) (unlock func(), free bool, err error) {
	file, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, false, problem.Disk("lock "+dir, err)
	}
	unlock = func() { _ = file.Close() }
	if syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
		unlock()
		return nil, false, nil
	}
	return unlock, true, nil
}
