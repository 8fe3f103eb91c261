package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/gantry-buildpack/gantry/internal/buildpack/buildlog"
	"github.com/gantry-buildpack/gantry/internal/platform/localbuild"
)

// project is a copy of a sample, with a cache of its own.
type project struct {
	b          *bench
	dir, cache string
	env        map[string]string
	volumes    []localbuild.Volume
	last       localbuild.Result
}

func (b *bench) project(sample string) (*project, error) {
	dir, err := os.MkdirTemp(b.home, filepath.Base(sample)+"-")
	if err != nil {
		return nil, err
	}
	p := &project{b: b, dir: filepath.Join(dir, "app"), cache: filepath.Join(dir, "cache"), env: map[string]string{}}
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "BP_NPM_REGISTRY", "BP_DEPENDENCY_MIRROR"} {
		if value := os.Getenv(name); value != "" {
			p.env[name] = value
		}
	}
	if err := os.CopyFS(p.dir, os.DirFS(filepath.Join(b.root, "samples", sample))); err != nil {
		return nil, err
	}
	// A file that no step reads.
	return p, os.WriteFile(filepath.Join(p.dir, readme), []byte("# Sample\n"), 0o644)
}

const readme = "README.md"

// editReadme changes the file that no step reads.
func (p *project) editReadme(run int) error {
	return os.WriteFile(filepath.Join(p.dir, readme), fmt.Appendf(nil, "# Sample, edited %d times\n", run+1), 0o644)
}

// buildpack makes a copy of the buildpack whose phases print what they cost.
func (b *bench) buildpack() (string, error) {
	dir := filepath.Join(b.home, "buildpack")
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	if err := os.CopyFS(dir, os.DirFS(filepath.Join(b.root, "build/buildpack"))); err != nil {
		return "", err
	}
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	program, err := os.ReadFile(self)
	if err != nil {
		return "", err
	}
	file := filepath.Join(dir, "bin", "build")
	if err := os.Rename(file, filepath.Join(dir, "bin", "real-build")); err != nil {
		return "", err
	}
	return dir, os.WriteFile(file, program, 0o755)
}

// build builds through the real lifecycle and gives what the whole took, and the log.
func (p *project) build(ctx context.Context) (float64, string, error) {
	buildpack, err := p.b.buildpack()
	if err != nil {
		return 0, "", err
	}
	cacheDir, err := os.UserCacheDir()
	if err != nil {
		return 0, "", err
	}
	var log bytes.Buffer
	start := time.Now()
	p.last, err = localbuild.Build(ctx, localbuild.Options{
		App: p.dir, Buildpack: buildpack, Lifecycle: filepath.Join(p.b.root, "build/tools"), Cache: p.cache,
		Home: filepath.Join(cacheDir, "gantry"), Env: p.env, LogLevel: "info", Volumes: p.volumes,
	}, buildlog.New(&log, false), &log, &log)
	if err != nil {
		return 0, "", fmt.Errorf("%w\n%s", err, log.String())
	}
	return time.Since(start).Seconds(), log.String(), nil
}

// touch adds a line to a source file.
func (p *project) touch(file string, run int) error {
	out, err := os.OpenFile(filepath.Join(p.dir, file), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "// line %d\nconsole.debug(%d)\n", run, run)
	return errors.Join(err, out.Close())
}

// builds measures whole builds of the NestJS sample, through the real lifecycle, against the same steps by hand without
// any image: unpack Node.js, npm ci, the build script, npm prune.
func (b *bench) builds(ctx context.Context) error {
	kinds := []struct {
		name, what string
		change     func(p *project, run int) error
	}{
		{"first", "first build", nil},
		{"same", "rebuild, nothing changed", func(*project, int) error { return nil }},
		{"readme", "rebuild, README.md edited", func(p *project, run int) error { return p.editReadme(run) }},
		{"line", "rebuild, one line of source changed", func(p *project, run int) error {
			return p.touch("src/app.controller.ts", run)
		}},
	}
	var p *project
	var err error
	cache := ""
	for _, kind := range kinds {
		gantry := func(run int) (cost, error) {
			if kind.change == nil {
				if p, err = b.project("typescript"); err != nil {
					return cost{}, err
				}
			} else if err := kind.change(p, run); err != nil {
				return cost{}, err
			}
			took, log, err := p.build(ctx)
			if err != nil {
				return cost{}, err
			}
			c, err := costOf(log, "build")
			return cost{Wall: took, CPU: c.Wall, Memory: c.Memory}, err
		}
		var plain func(int) (cost, error)
		if len(b.npm) > 0 {
			plain = func(run int) (cost, error) {
				if kind.change == nil {
					cache = filepath.Join(b.home, fmt.Sprintf("plain-npm-%d", run))
				}
				return b.byHand(ctx, cache)
			}
		}
		ours, theirs, err := alternate(b.runs, gantry, plain)
		if err != nil {
			return err
		}
		b.add("build-nestjs-"+kind.name, kind.what+" of the NestJS sample, whole, through the lifecycle to an image; against npm ci, the build script and npm prune alone", "s", walls(ours), walls(theirs))
		b.add("build-nestjs-"+kind.name+"-own", kind.what+" of it: bin/build alone, with the build script", "s", cpus(ours), nil)
	}
	return b.rebuilds(ctx)
}

// byHand is what one would do without a buildpack.
func (b *bench) byHand(ctx context.Context, cache string) (cost, error) {
	p, err := b.project("typescript")
	if err != nil {
		return cost{}, err
	}
	total := cost{}
	for _, arguments := range [][]string{{"ci", "--prefer-offline"}, {"run", "build"}, {"prune", "--omit=dev"}} {
		c, err := command{dir: p.dir, env: b.npmEnv(cache), args: append(b.npm, arguments...)}.run(ctx)
		if err != nil {
			return cost{}, err
		}
		total.Wall += c.Wall
		total.CPU += c.CPU
	}
	return total, nil
}

// rebuilds measures what Gantry itself does for an application without a build script, and for a dependency more.
func (b *bench) rebuilds(ctx context.Context) error {
	p, err := b.project("express")
	if err != nil {
		return err
	}
	var first, same, edited, added []float64
	for run := range b.runs {
		if p, err = b.project("express"); err != nil {
			return err
		}
		steps := []struct {
			into   *[]float64
			change func() error
		}{
			{&first, func() error { return nil }},
			{&same, func() error { return nil }},
			{&edited, func() error { return p.touch("server.js", run) }},
			{&added, func() error { return p.addDependency(ctx) }},
		}
		for _, step := range steps {
			if err := step.change(); err != nil {
				return err
			}
			_, log, err := p.build(ctx)
			if err != nil {
				return err
			}
			own, err := costOf(log, "build")
			if err != nil {
				return err
			}
			*step.into = append(*step.into, own.Wall)
		}
	}
	b.add("own-express-same", "rebuild of the Express sample, nothing changed: bin/build, against its first build", "s", same, first)
	b.add("own-express-line", "the same, one line changed", "s", edited, first)
	if len(b.npm) > 0 {
		b.add("own-express-dependency", "the same, one dependency added", "s", added, first)
	}
	return nil
}

// addDependency lets npm put one more package into the lockfile.
func (p *project) addDependency(ctx context.Context) error {
	if len(p.b.npm) == 0 {
		return nil
	}
	_, err := command{dir: p.dir, env: p.b.npmEnv(filepath.Join(p.b.home, "add-npm")),
		args: append(p.b.npm, "install", "--package-lock-only", "--ignore-scripts", "is-number@7.0.0")}.run(ctx)
	return err
}
