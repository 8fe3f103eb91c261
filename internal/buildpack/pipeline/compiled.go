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

// compile makes of the packages in their layer what lets the running application load them faster, where the layer is new. The
// application can do without.
func (p pipeline) compile(ctx context.Context, f finished) error {
	if f.Launch.Compiled == nil || f.cause == "" {
		return nil
	}
	if err := setTimes(f.layer.Path, imageTime); err != nil {
		return problem.Disk("set the times of packages", err)
	}
	step, dir := f.Launch.Compiled.Compile, filepath.Join(p.App, f.Launch.Compiled.Dir)
	runner := command.Runner{Dir: filepath.Join(p.App, step.Dir), Env: p.Environ(f.toolchain), Output: &bytes.Buffer{}}
	for name, value := range step.Env {
		runner.Env = append(runner.Env, name+"="+value)
	}
	end := p.Log.Step("Build", step.Title)
	failed := p.run(ctx, runner, step)
	if failed == nil {
		end(step.Title)
		return removeNaming(dir, p.ToolchainDir(f.toolchain))
	}
	end("")
	if ctx.Err() != nil {
		return ctx.Err()
	}
	p.Log.Warning(step.Title + " failed, and is left out; the application starts without it, a little later: " + problem.As(failed).Why)
	return archive.RemoveAll(dir)
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
		return problem.Unreadable("read what was compiled", err)
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
