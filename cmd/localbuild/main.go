// Command localbuild builds an application into an OCI image with the real lifecycle, without a container engine and
// without root; and it runs such an image.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/gantry-buildpack/gantry/internal/buildpack/buildlog"
	"github.com/gantry-buildpack/gantry/internal/platform/localbuild"
	"github.com/gantry-buildpack/gantry/internal/platform/sandbox"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

const usage = `Builds an application into an OCI image, without a container engine.

  localbuild APP_DIR [options]      build
  localbuild run LAYOUT [options]   start an image that was built, with a read-only root file system
  localbuild gc [--verify]          remove what nobody has used for 30 days, and with --verify what is damaged
  localbuild prepare                make the run image of Debian packages now, so that the first build finds it
  localbuild base run|build TAG     make an image for builders (scripts/builder.sh); --output FILE.tar, --publish, --shell

Options:
`

func main() {
	sandbox.Enter()
	// Files get the modes that they are made with, whoever builds.
	syscall.Umask(0o022)
	ctx, stop := problem.Interruptible()
	code, err := start(ctx, os.Args[1:])
	stop()
	if errors.Is(err, localbuild.ErrReported) {
		os.Exit(1)
	}
	if err != nil {
		buildlog.New(os.Stderr, buildlog.Colored(os.Stderr)).Problem(problem.As(err))
		code = 1
	}
	os.Exit(code)
}

func start(ctx context.Context, arguments []string) (int, error) {
	if len(arguments) > 0 && arguments[0] == "run" {
		return runImage(ctx, arguments[1:])
	}
	if len(arguments) == 1 && arguments[0] == "prepare" {
		r := buildlog.New(os.Stdout, buildlog.Colored(os.Stdout))
		_, _, err := localbuild.RunImage(ctx, "", homeFolder(), r)
		return 0, err
	}
	if len(arguments) > 0 && arguments[0] == "gc" {
		return collectGarbage(arguments[1:])
	}
	if len(arguments) > 0 && arguments[0] == "base" {
		return baseImage(ctx, arguments[1:])
	}
	return buildImage(ctx, arguments)
}

// newFlags makes a set of flags that print the usage; usageError reports whether parsing asked for help or failed.
func newFlags() *pflag.FlagSet {
	flags := pflag.NewFlagSet("localbuild", pflag.ContinueOnError)
	flags.SortFlags = false
	flags.Usage = func() { fmt.Fprint(os.Stderr, usage, flags.FlagUsages()) }
	return flags
}

func buildImage(ctx context.Context, arguments []string) (int, error) {
	flags := newFlags()
	var o localbuild.Options
	tools := besideMe()
	flags.StringVarP(&o.Output, "output", "o", "", "where the image goes too: FILE.tar for docker load, or a folder for an OCI layout")
	flags.StringVar(&o.Publish, "publish", "", "a reference to push the image to")
	flags.StringVar(&o.RunImage, "run-image", "", "a reference, OCI layout or tarball (default: made of Debian packages, and kept)")
	flags.StringVar(&o.Cache, "cache", "", "the application's cache folder (default: one below --home)")
	flags.StringVar(&o.Home, "home", homeFolder(), "where run images and caches are kept")
	flags.StringVar(&o.Buildpack, "buildpack", filepath.Join(tools, "buildpack"), "the folder of the buildpack")
	flags.StringVar(&o.Lifecycle, "lifecycle", filepath.Join(tools, "tools"), "the folder of the lifecycle's programs")
	verbose := flags.BoolP("verbose", "v", false, "show what the lifecycle says, too")
	unpacked := flags.Bool("unpacked", os.Getenv("CI") == "", "keep packages and toolchains unpacked in the cache for the next build; not where CI is set, which keeps caches as archives")
	env := flags.StringArrayP("env", "e", nil, "a variable for the build: NAME=VALUE, or NAME to pass on this shell's")
	flags.BoolVar(&o.Verify, "verify", false, "start the image for a moment, and fail where its process ends")
	runEnv := flags.StringArray("run-env", nil, "a variable for that start: NAME=VALUE, or NAME to pass on this shell's")
	timeline := flags.String("timeline", "", "a file for where the time went: FILE.html, a page, or FILE.json, for Chrome and Perfetto; shows what the lifecycle says, too")
	volumes := flags.StringArray("volume", nil, "a folder or file that the build sees, read-only: SOURCE:TARGET")
	if err := flags.Parse(arguments); err != nil {
		return helpOrUsage(err)
	}
	if flags.NArg() != 1 {
		flags.Usage()
		return 2, nil
	}
	o.App, o.Env, o.RunEnv = flags.Arg(0), variables(*env), variables(*runEnv)
	o.Color, o.LogLevel = buildlog.Colored(os.Stdout), "error"
	o.Phases, o.Forgetful = *timeline != "", !*unpacked
	if *verbose || o.Phases {
		o.LogLevel = "info"
	}
	for _, volume := range *volumes {
		source, target, found := strings.Cut(volume, ":")
		if !found {
			return 0, &problem.Problem{ID: "localbuild/volume", Title: "the volume " + volume + " has no target", Hints: []string{"Write SOURCE:TARGET."}}
		}
		o.Volumes = append(o.Volumes, localbuild.Volume{Source: source, Target: target})
	}
	r := buildlog.New(os.Stdout, buildlog.Colored(os.Stdout))
	result, err := localbuild.Build(ctx, o, r, os.Stdout, os.Stderr)
	if *timeline != "" {
		if failed := writeTimeline(r.Timeline(), o.App, *timeline); failed != nil {
			return 1, errors.Join(err, failed)
		}
	}
	if err != nil {
		return 1, err
	}
	r.Line("Image", result.Digest.String())
	r.Line("Kept in", result.Layout)
	if o.Output != "" {
		r.Line("Written to", o.Output)
	}
	if *timeline != "" {
		r.Line("Timeline", *timeline)
	}
	if o.Publish != "" {
		r.Line("Pushed to", o.Publish)
	}
	return 0, nil
}

func runImage(ctx context.Context, arguments []string) (int, error) {
	flags := newFlags()
	var o localbuild.RunOptions
	flags.StringVar(&o.Process, "process", "", "the process type to start (default: the image's)")
	env := flags.StringArrayP("env", "e", nil, "a variable for the process: NAME=VALUE, or NAME to pass on this shell's")
	if err := flags.Parse(arguments); err != nil {
		return helpOrUsage(err)
	}
	if flags.NArg() < 1 {
		flags.Usage()
		return 2, nil
	}
	o.Args, o.Env = flags.Args()[1:], variables(*env)
	path, err := layout.FromPath(flags.Arg(0))
	if err != nil {
		return 0, &problem.Problem{ID: "localbuild/no-image", Title: flags.Arg(0) + " is not an image", Why: err.Error(),
			Hints: []string{"Give the folder of an OCI layout; localbuild prints where it keeps one."}, Err: err}
	}
	image, err := localbuild.FirstImage(path)
	if err != nil {
		return 0, &problem.Problem{ID: "localbuild/no-image", Title: flags.Arg(0) + " holds no image", Why: err.Error(),
			Hints: []string{"Build the application again: a build that fails leaves none."}, Err: err}
	}
	// A terminal stays with this program: the container's processes are in the background of it.
	if !term.IsTerminal(int(os.Stdin.Fd())) {
		o.Input = os.Stdin
	}
	// SIGQUIT ends the container, too, and not this program alone; a second signal ends both at once.
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGQUIT)
	context.AfterFunc(ctx, stop)
	container, err := localbuild.Start(ctx, image, filepath.Join(homeFolder(), "run"), o, os.Stdout, os.Stderr)
	if err != nil {
		return 0, err
	}
	return container.Wait()
}

func collectGarbage(arguments []string) (int, error) {
	flags := newFlags()
	var c localbuild.Collect
	flags.StringVar(&c.Home, "home", homeFolder(), "where run images and caches are kept")
	flags.DurationVar(&c.Unused, "unused", 30*24*time.Hour, "for how long nobody may have used what is removed")
	flags.BoolVar(&c.Verify, "verify", false, "read every file that is kept, and remove those that are damaged")
	if err := flags.Parse(arguments); err != nil {
		return helpOrUsage(err)
	}
	if flags.NArg() > 0 {
		flags.Usage()
		return 2, nil
	}
	return 0, localbuild.GC(c, buildlog.New(os.Stdout, buildlog.Colored(os.Stdout)), time.Now())
}

// took gives a duration for people.
func took(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }

func helpOrUsage(err error) (int, error) {
	if errors.Is(err, pflag.ErrHelp) {
		return 0, nil
	}
	fmt.Fprintln(os.Stderr, "localbuild:", err)
	return 2, nil
}

func variables(list []string) map[string]string {
	values := map[string]string{}
	for _, item := range list {
		name, value, found := strings.Cut(item, "=")
		if !found {
			value = os.Getenv(name)
		}
		values[name] = value
	}
	return values
}

// besideMe is the folder of this program, where the build puts the buildpack and the lifecycle.
func besideMe() string {
	program, err := os.Executable()
	if err != nil {
		return "build"
	}
	return filepath.Dir(program)
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
	fmt.Fprintf(os.Stderr, "localbuild: %s belongs to somebody else: %s is used instead, and the next build does not find it; set HOME, or --home\n", dir, fresh)
	return fresh
}
