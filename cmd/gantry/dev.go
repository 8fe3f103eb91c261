//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/spf13/cobra"

	"github.com/gantry-buildpack/gantry/internal/buildpack/buildlog"
	"github.com/gantry-buildpack/gantry/internal/container/watch"
	"github.com/gantry-buildpack/gantry/internal/platform/localbuild"
	"github.com/gantry-buildpack/gantry/internal/platform/run"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// devEnd is how long the application may take to end before the next one starts.
const devEnd = 10 * time.Second

func devCommand() *cobra.Command {
	var f runFlags
	c := &cobra.Command{
		Use: "dev APP_DIR [options]", Short: "Build and start an application again whenever its source changes", GroupID: "build",
		Long: `Builds the application as gantry build does, starts it as gantry run does, and does both again when a file of its source changes: so it runs with the
packages, the environment, the contract and the user that it has in production. Steps that read nothing that has changed are not run again. A build that
fails, or an image that is the same, leaves the running one as it is.

With --script, it runs that script of package.json in place of web, such as a framework's development server with its own hot reload: with development
dependencies, NODE_ENV=development, and the folders of the source as they are on this machine, so that an edit in them is seen without a build. A change of
the files beside these folders builds it again.

Files that .gitignore names, and those in .git, node_modules, tmp, log and coverage are not watched.`,
		Example: `  gantry dev . -p 8080:8080 --env-file .env
  gantry dev . --process worker
  gantry dev . --script dev`,
		Args: arguments(1, 1, "one APP_DIR"),
	}
	flags := c.Flags()
	flags.StringArrayVarP(&f.ports, "publish", "p", nil, "a port: HOST:CONTAINER at 127.0.0.1, or ADDRESS:HOST:CONTAINER; PORT is set to the container's")
	flags.StringArrayVarP(&f.runEnv, "env", "e", nil, "a variable: NAME=VALUE, or NAME to pass on this shell's")
	flags.StringVar(&f.envFile, "env-file", "", "a file of variables, as docker run reads it; it is read again with each start")
	flags.StringArrayVarP(&f.volumes, "volume", "v", nil, "a folder, a file or a named volume: HOST:PATH, or HOST:PATH:ro")
	flags.StringVarP(&f.memory, "memory", "m", "", "the most memory: 512m, 2g")
	flags.Float64Var(&f.cpus, "cpus", 0, "the most processors: 1.5")
	flags.BoolVar(&f.writable, "writable", false, "let the application write next to its own files, as docker run does")
	flags.StringVar(&f.name, "name", "", "what the container is called, for run://NAME")
	flags.StringVar(&f.process, "process", "", "the process type to start (default: the image's)")
	flags.StringArrayVar(&f.buildFlags.env, "build-env", nil, "a variable for the build")
	script := ""
	flags.StringVar(&script, "script", "", "a script of package.json to run in place of web: a development server")
	f.add(flags)
	c.RunE = func(c *cobra.Command, words []string) error {
		if script != "" && f.process != "" {
			return usageError{c, "--script and --process exclude each other"}
		}
		return f.develop(c, words[0], script)
	}
	return c
}

// develop builds and starts, again and again, until it is interrupted.
func (f *runFlags) develop(c *cobra.Command, dir, script string) error {
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return &problem.Problem{ID: "dev/no-folder", Title: dir + " is not the folder of an application", Hints: []string{"Give the folder that holds its source: gantry dev ."}}
	}
	_, ports, err := f.container(c, nil)
	if err != nil {
		return err
	}
	for _, p := range ports {
		if err := p.Free(); err != nil {
			return err
		}
	}
	if len(f.ports) == 0 && len(ports) > 0 {
		// The next start is to be at the same.
		f.ports = []string{fmt.Sprintf("%d:%d", ports[0].Host, ports[0].Container)}
	}
	ctx, stop := signal.NotifyContext(c.Context(), syscall.SIGQUIT)
	defer stop()
	changes, err := watch.Source(ctx, dir)
	if err != nil {
		return err
	}
	for _, p := range ports {
		if err := p.Open(ctx); err != nil {
			return err
		}
	}
	records := containers(f.Home)
	record := run.Record{Name: f.name, Image: dir}.KeptBy(os.Getpid())
	for _, p := range ports {
		record.Ports = append(record.Ports, fmt.Sprintf("%s->%d", p, p.Container))
	}
	if record, err = records.Reserve(record, localbuild.ImageName(dir)); err != nil {
		return err
	}
	defer func() { _ = records.Remove(record) }()
	d := development{flags: f, command: c, dir: dir, script: script, ports: ports, records: records, record: record}
	if script != "" {
		f.buildFlags.env = slices.Concat(f.buildFlags.env, developmentBuild(script))
		f.writable = true
		f.runEnv = append([]string{"NODE_ENV=development"}, f.runEnv...)
		tell("script %s runs with development dependencies and NODE_ENV=development, on the folders of %s themselves; a production build is not tried by it", script, dir)
	} else {
		tell("it runs as in production; what differs: this machine's network, no limit of memory without --memory, and a file system that is read-only without --writable")
	}
	tell("gantry stacks run://%s looks into it", record.Name)
	now := d.next(ctx, running{}, nil)
	for {
		select {
		case <-ctx.Done():
			now.end()
			return nil
		case code := <-now.ended:
			tell("the application ended with exit code %d; the next change of its source starts it again", code)
			now = running{digest: v1.Hash{}}
		case names, open := <-changes:
			if !open {
				now.end()
				return nil
			}
			if script != "" && now.container != nil && !slices.ContainsFunc(names, d.needsBuild) {
				continue
			}
			now = d.next(ctx, now, names)
		}
	}
}

// show tells of an error that does not end the command; one of a build has been shown.
func show(err error) {
	if _, shown := errors.AsType[exitCode](err); !shown {
		buildlog.New(os.Stderr, buildlog.Colored(os.Stderr)).Problem(problem.As(err))
	}
}

func tell(format string, values ...any) {
	_, _ = fmt.Fprintf(os.Stderr, "gantry: "+format+"\n", values...)
}

// development is what each start has in common.
type development struct {
	flags   *runFlags
	command *cobra.Command
	dir     string
	script  string
	ports   []run.Port
	// record is what commands that look inside find it by.
	records run.Records
	record  run.Record
}

// running is an application that was started; nothing runs where the container is nil.
type running struct {
	container *run.Container
	digest    v1.Hash
	ended     chan int
	stop      context.CancelFunc
}

// next builds, and starts what was built in the place of what runs. Where that is the same, or the build fails, that stays.
func (d development) next(ctx context.Context, now running, names []string) running {
	begin := time.Now()
	if names != nil {
		tell("%s changed", problem.Some(names))
	}
	image, digest, err := d.build(ctx, names == nil)
	switch {
	case ctx.Err() != nil:
		return now
	case err != nil:
		show(err)
		if now.container != nil {
			tell("the last image goes on")
		} else {
			tell("the next change of the source builds it again")
		}
		return now
	case digest == now.digest && now.container != nil && d.script == "":
		tell("nothing of the image changed")
		return now
	}
	// The variables may come from a file that has changed.
	o, _, err := d.flags.container(d.command, nil)
	if err != nil {
		show(err)
		return now
	}
	if d.script != "" {
		source, err := d.source()
		if err != nil {
			show(err)
			return now
		}
		o.Volumes = append(source, o.Volumes...)
	}
	types, err := run.Processes(image)
	if err == nil {
		err = exists(types, o.Process)
	}
	if err != nil {
		show(err)
		return now
	}
	o.Crashes = d.records.Crashes(d.record.Name)
	now.end()
	own, stop := context.WithCancel(ctx)
	container, err := run.Start(own, image, filepath.Join(d.flags.Home, "run"), o, pipe{os.Stdout}, pipe{os.Stderr})
	if err != nil {
		stop()
		show(err)
		return running{}
	}
	if err := d.records.Save(d.record.At(container.Process.Pid)); err != nil {
		show(err)
	}
	if names != nil {
		tell("started again after %.1f s", time.Since(begin).Seconds())
	}
	if len(d.ports) > 0 {
		go announce(own, d.ports[0])
	}
	ended := make(chan int, 1)
	go func() {
		code, _ := container.Wait()
		stop()
		ended <- code
	}()
	return running{container, digest, ended, stop}
}

// build builds the application; the log of one that is not the first is shown where it failed.
func (d development) build(ctx context.Context, first bool) (image v1.Image, digest v1.Hash, err error) {
	flags := d.flags.buildFlags
	flags.volumes = nil
	o, err := flags.options(d.dir)
	if err != nil {
		return nil, digest, err
	}
	o.Color = buildlog.Colored(os.Stderr)
	var log io.Writer = os.Stderr
	var kept strings.Builder
	if !first {
		log = &kept
	}
	result, err := localbuild.Build(ctx, o, buildlog.New(log, o.Color), log, log)
	if err != nil {
		if ctx.Err() == nil {
			_, _ = io.WriteString(os.Stderr, kept.String())
		}
		return nil, digest, reported(err)
	}
	digest, err = result.Image.Digest()
	return result.Image, digest, err
}

// end asks the application to end, and waits for it.
func (r running) end() {
	if r.container == nil {
		return
	}
	// The context's end sends SIGTERM.
	r.stop()
	select {
	case <-r.ended:
	case <-time.After(devEnd):
		tell("the application did not end in %s: it is killed", devEnd)
		_ = r.container.Process.Kill()
		<-r.ended
	}
}
