// Command launch is the program inside every image, where it is called gantry.
package main

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/term"

	"github.com/gantry-buildpack/gantry/internal/container/crash"
	"github.com/gantry-buildpack/gantry/internal/container/launch"
	"github.com/gantry-buildpack/gantry/internal/inspect/capture"
	"github.com/gantry-buildpack/gantry/internal/inspect/doctor"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

const usage = `usage:
  gantry doctor [--json]       what stands out in this container: limits, runtime, clock, names, certificates, configuration, crashes
  gantry preflight [--json] [TYPE...]
                               checks the configuration of these process types, or of all, against this environment
  gantry init [--check TYPE] [--group] [--env NAME=VALUE]... -- PROGRAM [ARGUMENT...]
                               starts a program as its only child: forwards signals, reaps orphans
                               with --check, only where the configuration of that process type is complete
  gantry version               its version

looks into the running application:
` + capture.Usage + crash.Usage + allocationsUsage

// revision is the commit that was built, where the image's process type says it.
var revision string

func main() { os.Exit(run()) }

func run() int {
	if launch.IsExecD(os.Args[0]) {
		return launch.ExecD(os.NewFile(launch.ExecDOutput, "exec.d"), os.Environ(), os.Stderr)
	}
	if len(os.Args) > 1 {
		if commit, ok := strings.CutPrefix(os.Args[1], launch.RevisionFlag); ok {
			revision, os.Args = commit, append(os.Args[:1], os.Args[2:]...)
		}
	}
	if len(os.Args) < 2 {
		fmt.Print(usage)
		return 0
	}
	return carryOut(os.Args[1], os.Args[2:])
}

// onLaptop are commands of the tool on a laptop.
var onLaptop = []string{"build", "run", "explain", "init", "check", "contract", "deploy-hints", "schema", "report", "compare", "prune", "logs", "stop", "completion"}

func carryOut(command string, arguments []string) int {
	if capture.Is(command) {
		streams := capture.Streams{In: os.Stdin, Out: os.Stdout, Terminal: term.IsTerminal(int(os.Stdout.Fd())), Err: os.Stderr}
		return capture.Run(os.Args[1:], capture.Host{Limit: launch.MemoryLimit, Neighbours: capture.Neighbours, Prepared: capture.Prepared}, streams)
	}
	if command != "init" && len(arguments) > 0 && slices.ContainsFunc(arguments, isHelp) {
		fmt.Print(usage)
		return 0
	}
	switch command {
	case capture.CloserCommand:
		return capture.RunCloser(arguments)
	case "init":
		return launch.Init(arguments, os.Environ(), os.Stderr)
	case "crash":
		return crash.Run(arguments, crash.Open(map[string]string{"BPL_CRASH_DIR": os.Getenv("BPL_CRASH_DIR")}), os.Stdout, os.Stderr)
	case "allocations":
		return allocations(arguments)
	case "doctor":
		return examine(arguments)
	case "preflight":
		return preflight(arguments)
	case "version", "--version":
		return tellVersion()
	case "help", "--help", "-h":
		fmt.Print(usage)
		return 0
	}
	known := append(slices.Clone(capture.Names), "init", "crash", "allocations", "doctor", "preflight", "version")
	switch near := problem.Nearest(command, known); {
	case slices.Contains(onLaptop, command):
		fmt.Fprintf(os.Stderr, "gantry: this program, in the image, has no command %s; the tool on a laptop has it: gantry %s --help\n", command, command)
	case near != "":
		fmt.Fprintf(os.Stderr, "gantry: there is no command %s; did you mean %s? `gantry --help` lists them\n", problem.Visible(command), near)
	default:
		fmt.Fprintf(os.Stderr, "gantry: there is no command %s; `gantry --help` lists them\n", problem.Visible(command))
	}
	return 2
}

func isHelp(word string) bool { return word == "--help" || word == "-h" }

// tellVersion prints the version of the buildpack that made the image, and the commit of the application where it is known.
func tellVersion() int {
	image, err := image()
	if err != nil {
		fmt.Fprintln(os.Stderr, "gantry:", err)
		return 2
	}
	fmt.Println("gantry", cmp.Or(image.Buildpack, "of an unknown version"))
	return 0
}

func examine(arguments []string) int {
	asJSON := len(arguments) == 1 && arguments[0] == "--json"
	if len(arguments) > 0 && !asJSON {
		fmt.Fprintln(os.Stderr, "usage: gantry doctor [--json]")
		return 2
	}
	image, err := image()
	if err != nil {
		fmt.Fprintln(os.Stderr, "gantry:", err)
		return 2
	}
	image.Revision = revision
	machine := launch.Host()
	patient := doctor.Target{Image: image, Machine: machine, Proc: "/proc", Environ: launch.Variables(os.Environ())}
	if p, found := capture.InAnotherContainer(); found {
		// A container for debugging has limits, variables and files of its own: those of the application are asked for.
		patient.Elsewhere = p.Root()
		patient.Machine.Root = p.Root()
		patient.Environ = launch.Variables(p.Environ())
	}
	patient.Facts = patient.Machine.Facts()
	return doctor.Run(patient, asJSON, os.Stdout)
}

func preflight(arguments []string) int {
	image, err := image()
	if err != nil {
		fmt.Fprintln(os.Stderr, "gantry:", err)
		return 2
	}
	return launch.Preflight(image, arguments, os.Environ(), os.Stdout, os.Stderr)
}

// image is what the build said of the image that this program is part of.
func image() (launch.Image, error) {
	program, err := os.Executable()
	if err != nil {
		return launch.Image{}, err
	}
	return launch.ReadImage(program)
}
