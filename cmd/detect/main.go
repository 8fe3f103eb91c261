// Command detect is the buildpack's bin/detect.
package main

import (
	"os"

	"github.com/buildpacks/libcnb/v2"

	"github.com/gantry-buildpack/gantry/internal/buildpack/buildlog"
	"github.com/gantry-buildpack/gantry/internal/buildpack/cnb"
	"github.com/gantry-buildpack/gantry/internal/buildpack/detect"
)

func main() {
	out := buildlog.New(os.Stdout, buildlog.Colored(os.Stdout))
	libcnb.Detect(detect.Detect(os.Environ(), os.Stdout), libcnb.NewConfig(cnb.Exit(out)))
}
