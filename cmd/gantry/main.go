// Command gantry is the tool on a laptop and in CI: it explains builds, checks deployments against the config contract of
// an image, and shows what was captured from running containers.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/gantry-buildpack/gantry/internal/buildpack/buildlog"
	"github.com/gantry-buildpack/gantry/internal/contract/export"
	"github.com/gantry-buildpack/gantry/internal/deploy/check"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

const usage = `Explains builds, checks deployments against what an application declares that it needs, and shows captures of running ones.

  gantry explain [APP_DIR] [--json]               tells what a build would do, and why
  gantry check [--image IMAGE] [FILE... | -]      compares manifests, compose and env files, or this environment
  gantry check --diff OLD NEW [FILE...]           tells what a deploy of a newer image newly requires
  gantry contract init [APP_DIR] [--from FILE]    writes a first contract from what the code reads
  gantry contract export [APP_DIR] --format NAME  writes the contract for other tools
  gantry deploy-hints [APP_DIR] [--delay 5s]      prints what a Deployment needs so that requests survive a rollout
  gantry schema                                   prints a JSON Schema of project.toml, for editors
  gantry report FILE... | -                       shows profiles, heap snapshots and reports as pages and as text
  gantry report --diff OLD NEW                    shows what changed from one capture to another
  gantry compare BEFORE AFTER                     tells whether requests allocate more, or take longer, and where

Exit codes: 0 it fits, 1 it does not, 2 it could not be checked.
`

// interrupted is the exit code of a program that a signal ended, as shells give it for SIGINT.
const interrupted = 130

func main() {
	ctx, stop := problem.Interruptible()
	// What reads files has no point at which it could be stopped, and nothing to clear away.
	context.AfterFunc(ctx, func() {
		time.Sleep(time.Second)
		fmt.Fprintln(os.Stderr, "gantry: interrupted")
		os.Exit(interrupted)
	})
	code, err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		buildlog.New(os.Stderr, buildlog.Colored(os.Stderr)).Problem(problem.As(err))
		code = check.CannotSay
	}
	os.Exit(code)
}

func run(ctx context.Context, arguments []string) (int, error) {
	commands := map[string]func(context.Context, []string) (int, error){
		"check": runCheck, "contract init": contractInit, "contract export": contractExport, "deploy-hints": deployHints,
		"explain": runExplain, "schema": runSchema, "report": runReport, "compare": runCompare,
	}
	for _, words := range []int{1, 2} {
		if len(arguments) >= words {
			if command := commands[strings.Join(arguments[:words], " ")]; command != nil {
				return command(ctx, arguments[words:])
			}
		}
	}
	if len(arguments) == 0 || arguments[0] == "help" || arguments[0] == "--help" || arguments[0] == "-h" {
		fmt.Print(usage)
		return check.Fits, nil
	}
	fmt.Fprintf(os.Stderr, "gantry: there is no command %q\n\n%s", strings.Join(arguments, " "), usage)
	return check.CannotSay, nil
}

// flags are those of one command; parse reports whether the command is to go on.
func flags(name string) *pflag.FlagSet {
	f := pflag.NewFlagSet(name, pflag.ContinueOnError)
	f.SortFlags = false
	f.Usage = func() { fmt.Fprint(f.Output(), usage, "\nOptions of gantry ", name, ":\n", f.FlagUsages()) }
	return f
}

func parse(f *pflag.FlagSet, arguments []string) (code int, goOn bool) {
	if slices.Contains(arguments, "--help") || slices.Contains(arguments, "-h") {
		// Who asks for help gets an answer, and no error.
		f.SetOutput(os.Stdout)
	}
	err := f.Parse(arguments)
	switch {
	case errors.Is(err, pflag.ErrHelp):
		return check.Fits, false
	case err != nil:
		fmt.Fprintln(os.Stderr, "gantry:", err)
		return check.CannotSay, false
	}
	return check.Fits, true
}

func runCheck(ctx context.Context, arguments []string) (int, error) {
	o := check.Options{Environ: os.Environ(), Stdin: os.Stdin, Out: os.Stdout}
	f := flags("check")
	f.StringVar(&o.Image, "image", "", "the image: a reference, the folder of an OCI layout, or a tarball")
	f.StringVar(&o.App, "app", ".", "the application's folder, where there is no image yet")
	f.StringVar(&o.Container, "container", "", "the container (or service) to check, where several images are deployed")
	f.BoolVar(&o.JSON, "json", false, "print the findings as JSON")
	f.BoolVar(&o.GitHub, "github", false, "print the findings as annotations for GitHub Actions")
	f.BoolVar(&o.Strict, "strict", false, "count variables that are not declared or cannot be seen as errors")
	f.StringVar(&o.EnvFormat, "env-format", "dotenv", "who reads files of variables: dotenv (and compose), or docker (docker run --env-file)")
	diff := f.Bool("diff", false, "compare two images: gantry check --diff OLD NEW")
	if code, goOn := parse(f, arguments); !goOn {
		return code, nil
	}
	if !slices.Contains(check.EnvFormats, o.EnvFormat) {
		return check.CannotSay, &problem.Problem{ID: "check/format", Title: "the format is not known", Why: fmt.Sprintf("%q is none of %s", o.EnvFormat, strings.Join(check.EnvFormats, ", ")),
			Hints: []string{"Choose one of them: --env-format NAME."}}
	}
	o.Files = f.Args()
	if !*diff {
		// A folder is the application, as for "gantry explain".
		if info, err := os.Stat(f.Arg(0)); err == nil && info.IsDir() && o.Image == "" && !f.Changed("app") {
			o.App, o.Files = f.Arg(0), f.Args()[1:]
		}
		return check.Run(ctx, o)
	}
	if f.NArg() < 2 {
		f.Usage()
		return check.CannotSay, nil
	}
	o.Files = f.Args()[2:]
	return check.Diff(ctx, o, f.Arg(0), f.Arg(1))
}

// folder is the application's: an argument, or the flag --app.
func folder(f *pflag.FlagSet, app string) (string, bool) {
	if f.NArg() > 1 || f.NArg() == 1 && f.Changed("app") {
		f.Usage()
		return "", false
	}
	if f.NArg() == 1 {
		return f.Arg(0), true
	}
	return app, true
}

func contractInit(_ context.Context, arguments []string) (int, error) {
	f := flags("contract init")
	app := f.String("app", ".", "the application's folder")
	from := f.String("from", "", "an .env.example or .env.schema to start from")
	if code, goOn := parse(f, arguments); !goOn {
		return code, nil
	}
	dir, ok := folder(f, *app)
	if !ok {
		return check.CannotSay, nil
	}
	return check.Fits, check.Init(dir, *from, os.Environ(), os.Stdout)
}

func contractExport(ctx context.Context, arguments []string) (int, error) {
	f := flags("contract export")
	image := f.String("image", "", "the image: a reference, the folder of an OCI layout, or a tarball")
	app := f.String("app", ".", "the application's folder, where there is no image yet")
	format := f.String("format", "markdown", strings.Join(export.Formats, ", "))
	name := f.String("name", "app", "the name of the ConfigMap and the Secret")
	if code, goOn := parse(f, arguments); !goOn {
		return code, nil
	}
	dir, ok := folder(f, *app)
	if !ok {
		return check.CannotSay, nil
	}
	return check.Fits, check.Export(ctx, *image, dir, *format, *name, os.Environ(), os.Stdout)
}

func deployHints(_ context.Context, arguments []string) (int, error) {
	f := flags("deploy-hints")
	app := f.String("app", ".", "the application's folder")
	delay := f.Duration("delay", 5*time.Second, "how long the application goes on serving after SIGTERM")
	if code, goOn := parse(f, arguments); !goOn {
		return code, nil
	}
	dir, ok := folder(f, *app)
	if !ok {
		return check.CannotSay, nil
	}
	return check.Fits, check.DeployHints(dir, *delay, os.Environ(), os.Stdout)
}
