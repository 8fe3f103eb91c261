package pipeline

import (
	"bytes"
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/gantry-buildpack/gantry/internal/buildpack/command"
	"github.com/gantry-buildpack/gantry/internal/install/archive"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// imageTime is the time of every file in an image: https://github.com/buildpacks/lifecycle/blob/main/archive/writer.go.
var imageTime = time.Date(1980, time.January, 1, 0, 0, 1, 0, time.UTC)

// compilePackages makes of the packages in their layer what lets the running application load them faster. It can do
// without.
func (w *work) compilePackages(ctx context.Context, in installation, dir string) error {
	if in.Compiled == nil {
		return nil
	}
	if err := setTimes(dir, imageTime); err != nil {
		return problem.Disk("set the times of packages", err)
	}
	step := in.Compiled.Compile
	runner := command.Runner{Dir: filepath.Join(w.ctx.ApplicationPath, step.Dir), Env: w.environ(), Output: &bytes.Buffer{}}
	for name, value := range step.Env {
		runner.Env = append(runner.Env, name+"="+value)
	}
	end := w.Report.Step("Build", step.Title)
	failed := runner.Run(ctx, step)
	if failed == nil {
		end(step.Title)
		return removeNaming(filepath.Join(w.ctx.ApplicationPath, in.Compiled.Dir), w.toolchain)
	}
	end("")
	if ctx.Err() != nil {
		return ctx.Err()
	}
	w.Report.Warning(step.Title + " failed, and is left out; the application starts without it, a little later: " + problem.As(failed).Why)
	return archive.RemoveAll(filepath.Join(w.ctx.ApplicationPath, in.Compiled.Dir))
}

func setTimes(dir string, to time.Time) error {
	return filepath.WalkDir(dir, func(file string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		return os.Chtimes(file, to, to)
	})
}

// removeNaming removes files in which a place stands that is in no image.
func removeNaming(dir, place string) error {
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return problem.Disk("read what was compiled", err)
	}
	err = filepath.WalkDir(dir, func(file string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(file)
		if err != nil || !bytes.Contains(content, []byte(place+"/")) {
			return err
		}
		return os.Remove(file)
	})
	if err != nil {
		return problem.Disk("leave out what was compiled of the toolchain", err)
	}
	return nil
}
