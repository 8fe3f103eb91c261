// Command launch is the program inside every image, where it is called gantry.
package main

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/gantry-buildpack/gantry/internal/capture"
	"github.com/gantry-buildpack/gantry/internal/crash"
	"github.com/gantry-buildpack/gantry/internal/launch"
)

const usage = `usage:
  gantry preflight [--json]    checks the configuration of all process types against this environment
  gantry init [--group] [--env NAME=VALUE]... -- PROGRAM [ARGUMENT...]
                               starts a program as its only child: forwards signals, reaps orphans

looks into the running application:
` + capture.Usage + crash.Usage

func main() { os.Exit(run()) }

func run() int {
	// The launcher starts it as exec.d/TYPE/gantry before a process, with nothing but that name.
	if strings.Contains(os.Args[0], "/exec.d/") {
		return launch.ExecD(os.Args[0], os.Environ(), os.NewFile(3, "variables"), os.Stderr)
	}
	if len(os.Args) < 2 {
		fmt.Fprint(os.Stderr, usage)
		return 2
	}
	if capture.Is(os.Args[1]) {
		_, err := unix.IoctlGetTermios(int(os.Stdout.Fd()), unix.TCGETS)
		streams := capture.Streams{In: os.Stdin, Out: os.Stdout, Terminal: err == nil, Err: os.Stderr}
		return capture.Run(os.Args[1:], launch.MemoryLimit, streams)
	}
	switch os.Args[1] {
	case "init":
		return launch.Init(os.Args[2:], os.Environ(), os.Stderr)
	case "crash":
		return crash.Run(os.Args[2:], crash.Open(map[string]string{"BPL_CRASH_DIR": os.Getenv("BPL_CRASH_DIR")}), os.Stdout, os.Stderr)
	case "preflight":
		return preflight(os.Args[2:])
	}
	fmt.Fprint(os.Stderr, usage)
	return 2
}

func preflight(arguments []string) int {
	program, err := os.Executable()
	if err != nil {
		fmt.Fprintln(os.Stderr, "gantry:", err)
		return 2
	}
	image, err := launch.ReadImage(program)
	if err != nil {
		fmt.Fprintln(os.Stderr, "gantry:", err)
		return 2
	}
	return launch.Preflight(image, arguments, os.Environ(), os.Stdout)
}
