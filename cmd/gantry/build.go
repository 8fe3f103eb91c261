//go:build linux

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/gantry-buildpack/gantry/internal/buildpack/buildlog"
	"github.com/gantry-buildpack/gantry/internal/platform/bundle"
	"github.com/gantry-buildpack/gantry/internal/platform/localbuild"
	"github.com/gantry-buildpack/gantry/internal/platform/sandbox"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// enter is what this program does when it is started again inside a sandbox; elsewhere it only has files get the modes that they are
// made with, whoever builds.
func enter() {
	sandbox.Enter()
	syscall.Umask(0o022)
}

func buildCommands() []*cobra.Command {
	return []*cobra.Command{buildCommand(), runCommand(), devCommand(), logsCommand(), stopCommand(), explainCommand(), initCommand(), schemaCommand(), pruneCommand(), prepareCommand(), baseCommand(), rebaseCommand()}
}

// buildFlags are those of a build, as they are given.
type buildFlags struct {
	localbuild.Options
	env, runEnv, volumes []string
	verbose, unpacked    bool
	refresh              bool
	platforms            string
	timeline             string
}

// add adds those that every build has.
func (f *buildFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.RunImage, "run-image", "", "the run image: a reference, OCI layout or tarball; or tiny, base, tiny:13 or base:13, made of Debian packages and kept (default: base)")
	flags.BoolVar(&f.refresh, "refresh", false, "look for newer packages of that image now (otherwise once a day, and never where CI is set)")
	flags.StringVar(&f.Cache, "cache", "", "the application's cache folder (default: one below --home)")
	flags.StringVar(&f.Home, "home", homeFolder(), "where run images and caches are kept")
	flags.StringVar(&f.Buildpack, "buildpack", "", "the folder of another buildpack (default: the one that gantry carries)")
	flags.StringVar(&f.Lifecycle, "lifecycle", "", "the folder of another lifecycle's programs (default: those that gantry carries)")
	flags.BoolVarP(&f.verbose, "verbose", "V", false, "show what the lifecycle says, too")
	flags.BoolVar(&f.unpacked, "unpacked", os.Getenv("CI") == "", "keep packages and toolchains unpacked in the cache for the next build; not where CI is set, which keeps caches as archives")
}

// options gives what a build takes.
func (f *buildFlags) options(app string) (localbuild.Options, error) {
	o := f.Options
	o.App, o.Env, o.RunEnv = app, variables(f.env), variables(f.runEnv)
	o.Color, o.LogLevel = buildlog.Colored(os.Stdout), "error"
	o.Phases, o.Forgetful = f.timeline != "", !f.unpacked
	switch {
	case f.refresh:
		o.Refresh = localbuild.RefreshNow
	case os.Getenv("CI") != "":
		o.Refresh = localbuild.RefreshNever
	}
	if f.verbose || o.Phases {
		o.LogLevel = "info"
	}
	for _, volume := range f.volumes {
		source, target, found := strings.Cut(volume, ":")
		if !found {
			return o, &problem.Problem{ID: "localbuild/volume", Title: "the volume " + volume + " has no target", Hints: []string{"Write SOURCE:TARGET."}}
		}
		o.Volumes = append(o.Volumes, localbuild.Volume{Source: source, Target: strings.TrimSuffix(target, ":ro")})
	}
	if o.RunImage == "" {
		o.RunImage, o.RunImageWhy = smallest(app, hostArch(), o.Env)
	}
	if o.Buildpack != "" && o.Lifecycle != "" {
		return o, nil
	}
	tools, err := bundle.Unpack(o.Home)
	if err != nil {
		return o, err
	}
	if o.Buildpack == "" {
		o.Buildpack = tools.Buildpack
	}
	if o.Lifecycle == "" {
		o.Lifecycle = tools.Lifecycle
	}
	return o, nil
}

func buildCommand() *cobra.Command {
	var f buildFlags
	c := &cobra.Command{
		Use: "build APP_DIR [options]", Short: "Build an application into an OCI image, without a container engine", GroupID: "build",
		Long: "Builds an application into an OCI image with the real lifecycle, without a container engine and without root. The image is kept in the application's\ncache, and goes to a file, a registry or a Docker engine where that is asked for.",
		Example: `  gantry build .                                       build, and keep the image for gantry run
  gantry build . --output image.tar                    for docker load
  gantry build . --docker my-app                       into the Docker engine
  gantry build . --publish registry.example/my-app     to a registry
  gantry build . --env BP_NODE_VERSION=24 --verify     with a setting; start it for a moment before it is delivered
  gantry build . --timeline build.html                 and draw where the time went`,
		Args: arguments(1, 1, "one folder, APP_DIR"),
	}
	flags := c.Flags()
	flags.StringVarP(&f.Output, "output", "o", "", "where the image goes too: FILE.tar for docker load, or a folder for an OCI layout")
	flags.StringVar(&f.Publish, "publish", "", "a reference to push the image to")
	flags.StringVar(&f.Docker, "docker", "", "a name to give the image in the Docker engine, which gets the layers that it lacks")
	flags.StringArrayVarP(&f.env, "env", "e", nil, "a variable for the build: NAME=VALUE, or NAME to pass on this shell's")
	flags.StringArrayVarP(&f.volumes, "volume", "v", nil, "a folder or file that the build sees, read-only: SOURCE:TARGET")
	flags.BoolVar(&f.Verify, "verify", false, "start the image for a moment, and fail where its process ends")
	flags.StringArrayVar(&f.runEnv, "run-env", nil, "a variable for that start: NAME=VALUE, or NAME to pass on this shell's")
	flags.StringVar(&f.platforms, "platform", "", "the platforms to build for, into one index: linux/amd64,linux/arm64 (default: this machine's alone)")
	flags.StringVar(&f.timeline, "timeline", "", "a file for where the time went: FILE.html, a page, or FILE.json, for Chrome and Perfetto; shows what the lifecycle says, too")
	f.add(flags)
	c.RunE = func(c *cobra.Command, words []string) error {
		if err := f.check(c); err != nil {
			return err
		}
		o, err := f.options(words[0])
		if err != nil {
			return err
		}
		r := buildlog.New(os.Stdout, o.Color)
		if f.platforms != "" {
			return f.buildPlatforms(c.Context(), o, r)
		}
		result, err := localbuild.Build(c.Context(), o, r, os.Stdout, os.Stderr)
		if f.timeline != "" {
			failed := writeTimeline(r.Timeline(), o.App, f.timeline)
			if failed == nil {
				failed = localbuild.NoteWritten(cmp.Or(o.Cache, localbuild.CacheOf(o.Home, o.App)), f.timeline)
			}
			if failed != nil {
				return errors.Join(err, failed)
			}
		}
		if errors.Is(err, localbuild.ErrReported) {
			return exitCode(exitFailed)
		}
		if err != nil {
			return err
		}
		f.tell(r, result, words[0])
		return nil
	}
	return c
}

// buildPlatforms builds for several platforms.
func (f *buildFlags) buildPlatforms(ctx context.Context, o localbuild.Options, r *buildlog.Log) error {
	archs, err := localbuild.ParsePlatforms(f.platforms)
	if err != nil {
		return err
	}
	results, err := localbuild.BuildPlatforms(ctx, o, archs, r, os.Stdout, os.Stderr)
	if errors.Is(err, localbuild.ErrReported) {
		return exitCode(exitFailed)
	}
	if err != nil {
		return err
	}
	for i, result := range results {
		r.Line("Image", fmt.Sprintf("linux/%s: %s, %s", archs[i], problem.Size(result.Size), result.Digest))
		r.Line("Kept in", result.Layout)
	}
	for _, place := range [][2]string{{"Written to", f.Output}, {"Pushed to", f.Publish}} {
		if place[1] != "" {
			r.Line(place[0], place[1])
		}
	}
	return nil
}

// check refuses options that have no effect, or no meaning.
func (f *buildFlags) check(c *cobra.Command) error {
	if len(f.runEnv) > 0 && !f.Verify {
		return usageError{c, "--run-env is for the start of --verify"}
	}
	if f.timeline != "" && f.platforms != "" {
		return usageError{c, "--timeline is for one platform, and not with --platform"}
	}
	if extension := filepath.Ext(f.timeline); f.timeline != "" && extension != ".html" && extension != ".json" {
		return usageError{c, "--timeline is FILE.html or FILE.json, and not " + f.timeline}
	}
	return named(c, append(slices.Clone(f.env), f.runEnv...))
}

// tell ends a build: what came of it, what changed in it, and what to do next.
func (f *buildFlags) tell(r *buildlog.Log, result localbuild.Result, app string) {
	r.Line("Image", fmt.Sprintf("%s, %s", problem.Size(result.Size), result.Digest))
	r.Line("Changed", result.Changed())
	r.Line("Kept in", result.Layout)
	for _, place := range [][2]string{{"Written to", f.Output}, {"Pushed to", f.Publish}, {"In Docker", f.Docker}, {"Timeline", f.timeline}} {
		if place[1] != "" {
			r.Line(place[0], place[1])
		}
	}
	next := "gantry run " + quoted(app)
	if f.Cache != "" {
		next = "gantry run " + quoted(result.Layout)
	}
	switch {
	case f.Docker != "":
		next = "docker run --rm -p 8080:8080 -e PORT=8080 " + f.Docker
	case strings.HasSuffix(f.Output, ".tar"):
		next = "docker load -i " + quoted(f.Output)
	case f.Publish != "":
		next = "gantry check --image " + f.Publish + " FILE.yaml"
	}
	r.Line("Next", next)
}

func pruneCommand() *cobra.Command {
	var o localbuild.Collect
	c := &cobra.Command{
		Use: "prune [options]", Short: "Remove caches that nobody has used for 30 days, and what is damaged", GroupID: "build",
		Long: "Removes the caches of applications that were not built for a time, containers that ended so long ago, and what killed builds and runs have left.\nWith --verify it reads every file that is kept, and removes those that are damaged.",
		Args: arguments(0, 0, "no words"),
		RunE: func(*cobra.Command, []string) error {
			records := containers(o.Home)
			for _, r := range records.List() {
				if !r.Running() && !r.Kept() && time.Since(r.Started) > o.Unused {
					if err := records.Remove(r); err != nil {
						return problem.Disk("forget the container "+r.Name, err)
					}
				}
			}
			return localbuild.GC(o, buildlog.New(os.Stdout, buildlog.Colored(os.Stdout)), time.Now())
		},
	}
	c.Flags().StringVar(&o.Home, "home", homeFolder(), "where run images and caches are kept")
	c.Flags().DurationVar(&o.Unused, "unused", 30*24*time.Hour, "for how long nobody may have used what is removed")
	c.Flags().BoolVar(&o.Verify, "verify", false, "read every file that is kept, and remove those that are damaged")
	return c
}

func prepareCommand() *cobra.Command {
	var home string
	c := &cobra.Command{
		Use: "prepare [options]", Short: "Make the run image now, so that the first build finds it", GroupID: "build", Args: arguments(0, 0, "no words"),
		RunE: func(c *cobra.Command, _ []string) error {
			_, _, err := localbuild.RunImage(c.Context(), "", home, buildlog.New(os.Stdout, buildlog.Colored(os.Stdout)))
			return err
		},
	}
	c.Flags().StringVar(&home, "home", homeFolder(), "where run images and caches are kept")
	return c
}

// homeFolder follows https://specifications.freedesktop.org/basedir-spec/latest/. Without a home folder it is one in the folder for
// temporary files, where others may have made one of that name: what they put there must not become part of an image.
func homeFolder() string {
	if dir, err := os.UserCacheDir(); err == nil {
		return filepath.Join(dir, "gantry")
	}
	dir := filepath.Join(os.TempDir(), fmt.Sprintf("gantry-%d", os.Getuid()))
	_ = os.Mkdir(dir, 0o700)
	if info, err := os.Lstat(dir); err == nil && info.IsDir() && info.Mode().Perm()&0o022 == 0 {
		if stat, ok := info.Sys().(*syscall.Stat_t); ok && int(stat.Uid) == os.Getuid() {
			return dir
		}
	}
	fresh, err := os.MkdirTemp("", "gantry-")
	if err != nil {
		return dir
	}
	fmt.Fprintf(os.Stderr, "gantry: %s belongs to somebody else: %s is used instead, and the next build does not find it; set HOME, or --home\n", dir, fresh)
	return fresh
}
