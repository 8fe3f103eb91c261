// Command detect is the buildpack's bin/detect.
package main

import (
	"os"

	"github.com/buildpacks/libcnb/v2"

	"github.com/gantry-buildpack/gantry/internal/detect"
	"github.com/gantry-buildpack/gantry/internal/platform"
	"github.com/gantry-buildpack/gantry/internal/report"
)

func main() {
	out := report.New(os.Stdout, report.Colored(os.Stdout))
	libcnb.Detect(detect.Detect(os.Environ(), os.Stdout), libcnb.NewConfig(platform.Exit(out)))
}
