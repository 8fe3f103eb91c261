// Command build is the buildpack's bin/build.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/buildpacks/libcnb/v2"

	"github.com/gantry-buildpack/gantry/internal/build"
	"github.com/gantry-buildpack/gantry/internal/platform"
	"github.com/gantry-buildpack/gantry/internal/report"
)

func main() {
	// Files get the modes that their sources give them, whatever the platform's mask: the same source, the same image.
	syscall.Umask(0o022)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	out := report.New(os.Stdout, report.Colored(os.Stdout))
	builder := build.Builder{Environ: os.Environ(), Report: out}
	libcnb.Build(func(c libcnb.BuildContext) (libcnb.BuildResult, error) { return builder.Build(ctx, c) }, libcnb.NewConfig(platform.Exit(out)))
}
