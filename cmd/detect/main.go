// Command detect is the buildpack's bin/detect.
package main

import (
	"os"

	"github.com/buildpacks/libcnb/v2"

	"github.com/gantry-buildpack/gantry/internal/buildpack/cnb"
	"github.com/gantry-buildpack/gantry/internal/buildpack/detect"
)

func main() {
	if code, byHand := cnb.ByHand("detect", os.Args[1:]); byHand {
		os.Exit(code)
	}
	out := cnb.Log()
	libcnb.Detect(detect.Detect(os.Environ(), os.Stdout), libcnb.NewConfig(cnb.Exit(out)))
}
