// Command build is the buildpack's bin/build.
package main

import (
	"fmt"
	"os"
	"runtime/pprof"
	"syscall"

	"github.com/buildpacks/libcnb/v2"

	"github.com/gantry-buildpack/gantry/internal/buildpack/cnb"
	"github.com/gantry-buildpack/gantry/internal/buildpack/command"
	"github.com/gantry-buildpack/gantry/internal/buildpack/pipeline"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

func main() {
	if code, byHand := cnb.ByHand("build", os.Args[1:]); byHand {
		os.Exit(code)
	}
	// Files get the modes that their sources give them, whatever the platform's mask: the same source, the same image.
	syscall.Umask(0o022)
	defer profile(os.Getenv("GANTRY_CPU_PROFILE"))()
	ctx, stop := problem.Interruptible()
	defer stop()
	out := cnb.Log()
	if err := command.AdoptOrphans(); err != nil {
		out.Warning("What the build's programs leave running cannot be ended: " + err.Error() + ".")
	}
	builder := pipeline.Builder{Environ: os.Environ(), Log: out}
	libcnb.Build(func(c libcnb.BuildContext) (libcnb.BuildResult, error) { return builder.Build(ctx, c) }, libcnb.NewConfig(cnb.Exit(out)))
}

// profile writes a CPU profile for go tool pprof to a file, when one is named. libcnb ends the program by itself only
// when a build fails.
func profile(file string) (stop func()) {
	if file == "" {
		return func() {}
	}
	out, err := os.Create(file)
	if err == nil {
		err = pprof.StartCPUProfile(out)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "gantry: no profile is written:", err)
		return func() {}
	}
	return func() {
		pprof.StopCPUProfile()
		_ = out.Close()
	}
}
