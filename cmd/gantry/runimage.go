//go:build linux

package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/gantry-buildpack/gantry/internal/buildpack/buildlog"
	"github.com/gantry-buildpack/gantry/internal/platform/localbuild"
	"github.com/gantry-buildpack/gantry/internal/platform/oci"
	"github.com/gantry-buildpack/gantry/internal/platform/run"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// image finds an image, or builds the application in a folder; label is what to call it.
func (f *runFlags) image(ctx context.Context, given string) (image v1.Image, label string, err error) {
	info, statErr := os.Stat(given)
	if statErr != nil && (given == "" || strings.HasPrefix(given, ".") || strings.HasPrefix(given, "/")) {
		return nil, "", &problem.Problem{
			ID: "localbuild/no-image", Title: given + " is not there", Why: problem.Reason(statErr), Hints: []string{"Give the folder of an application, an image, or a reference."}, Err: statErr,
		}
	}
	if statErr == nil && info.IsDir() && !isLayout(given) {
		return f.built(ctx, given)
	}
	if len(f.buildFlags.env) > 0 {
		return nil, "", errors.New("--build-env is for the folder of an application, and " + given + " is an image")
	}
	if image, err = oci.Open(ctx, given); err != nil {
		return nil, "", &problem.Problem{
			ID: "localbuild/no-image", Title: given + " is not an image", Why: err.Error(),
			Hints: []string{"Give a reference, the folder of an OCI layout, a tarball, or the folder of an application."}, Err: err,
		}
	}
	return image, localbuild.ImageName(given), nil
}

// source is where the image of a container can be found later: a reference, or the whole path of a layout or tarball.
func (f *runFlags) source(given string) string {
	info, err := os.Stat(given)
	if err != nil {
		return given
	}
	if info.IsDir() && !isLayout(given) {
		given = filepath.Join(cmp.Or(f.Cache, localbuild.CacheOf(f.Home, given)), "image")
	}
	whole, err := filepath.Abs(given)
	if err != nil {
		return given
	}
	return whole
}

// built builds an application.
func (f *runFlags) built(ctx context.Context, given string) (image v1.Image, label string, err error) {
	build := f.buildFlags
	build.volumes = nil
	o, err := build.options(given)
	if err != nil {
		return nil, "", err
	}
	// What the application prints is alone on standard output.
	o.Color = buildlog.Colored(os.Stderr)
	log := io.Writer(os.Stderr)
	var kept bytes.Buffer
	if os.Getenv(backgroundVariable) != "" {
		// Whoever started it has seen the build: this one reuses all of it.
		log = &kept
	}
	result, err := localbuild.Build(ctx, o, buildlog.New(log, o.Color), log, log)
	if err != nil {
		_, _ = kept.WriteTo(os.Stderr)
		return nil, "", reported(err)
	}
	return result.Image, localbuild.ImageName(o.App), nil
}

func isLayout(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "oci-layout"))
	if err != nil {
		return false
	}
	for _, name := range []string{"package.json", "Gemfile", "gems.rb", "server.js", "index.js"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			return false
		}
	}
	return true
}

// exists refuses a process type that an image does not have; of an image of another maker nothing is known.
func exists(types []string, process string) error {
	if process == "" || process == run.Launcher || len(types) == 0 || slices.Contains(types, process) {
		return nil
	}
	return &problem.Problem{
		ID: "run/no-process", Title: "the image has no process type called " + process, Why: "it has " + strings.Join(types, ", ") + meant(process, types, ""),
		Hints: []string{"Choose one with --process, or start a command of your own behind --."},
	}
}
