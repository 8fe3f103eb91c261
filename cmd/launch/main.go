// Command launch is the program inside every image, where it is called gantry.
package main

import (
	"fmt"
	"os"

	"github.com/gantry-buildpack/gantry/internal/launch"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "init" {
		os.Exit(launch.Init(os.Args[2:], os.Environ(), os.Stderr))
	}
	fmt.Fprintln(os.Stderr, "usage: gantry init [--group] [--env NAME=VALUE]... -- PROGRAM [ARGUMENT...]")
	os.Exit(2)
}
