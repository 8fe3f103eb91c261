package localbuild

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/gantry-buildpack/gantry/internal/buildpack/buildlog"
	"github.com/gantry-buildpack/gantry/internal/install/archive"
	"github.com/gantry-buildpack/gantry/internal/platform/oci"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// ParsePlatforms reads "linux/amd64,linux/arm64" and gives the architectures.
func ParsePlatforms(text string) (archs []string, err error) {
	for platform := range strings.SplitSeq(text, ",") {
		arch, linux := strings.CutPrefix(strings.TrimSpace(platform), "linux/")
		if !linux || arch != "amd64" && arch != "arm64" {
			return nil, &problem.Problem{
				ID: "localbuild/platform", Title: fmt.Sprintf("images cannot be built for %q", platform), Why: "Gantry builds for linux/amd64 and linux/arm64",
				Hints: []string{"Write --platform linux/amd64,linux/arm64."},
			}
		}
		if !slices.Contains(archs, arch) {
			archs = append(archs, arch)
		}
	}
	return archs, nil
}

// BuildPlatforms builds an application for several architectures into one index. It is built for this machine, and the image of another
// one is made of what that build has made: its steps do not run again.
func BuildPlatforms(ctx context.Context, o Options, archs []string, r *buildlog.Log, stdout, stderr io.Writer) ([]Result, error) {
	if o.Docker != "" || strings.HasSuffix(o.Output, ".tar") {
		return nil, &problem.Problem{
			ID: "localbuild/platform", Title: "several platforms go to a registry, or to a folder", Why: "a Docker engine and its archives hold images of one",
			Hints: []string{"Say --publish REFERENCE, or --output FOLDER; or leave out --platform."},
		}
	}
	delivered := build{options: o}
	if err := delivered.check(); err != nil {
		return nil, err
	}
	o.App, o.Cache = delivered.options.App, delivered.options.Cache
	one := o
	one.Output, one.Publish = "", ""
	own, err := Build(ctx, one, r, stdout, stderr)
	if err != nil {
		return nil, err
	}
	var results []Result
	index := v1.ImageIndex(empty.Index)
	for _, arch := range archs {
		result := own
		if arch != runtime.GOARCH {
			r.Line("Platform", "linux/"+arch+", of what was built for linux/"+runtime.GOARCH)
			if result, err = buildForeign(ctx, one, arch, own.Image, r, stdout, stderr); err != nil {
				return nil, err
			}
			if here, there := runtimeOf(own.Image), runtimeOf(result.Image); here != there {
				r.Warning(fmt.Sprintf("The image for linux/%s has %s, and that for linux/%s has %s: not every release exists for both. Name one that does to have the same.", arch, there, runtime.GOARCH, here))
			}
		}
		results = append(results, result)
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: result.Image, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: arch}}})
	}
	return results, deliverIndex(ctx, index, o)
}

// runtimeOf is the image's runtime and its version, as the buildpack says in a label.
func runtimeOf(image v1.Image) string {
	config, err := image.ConfigFile()
	if err != nil {
		return ""
	}
	return config.Config.Labels["io.gantry.runtime"]
}

// buildForeign builds for another architecture, of an image for this one.
func buildForeign(ctx context.Context, o Options, arch string, own v1.Image, r *buildlog.Log, stdout, stderr io.Writer) (Result, error) {
	source, err := os.MkdirTemp(o.Cache, "built-")
	if err != nil {
		return Result{}, problem.Disk("make a temporary folder", err)
	}
	defer func() { _ = archive.RemoveAll(source) }()
	if err := mayServe(own, arch); err != nil {
		return Result{}, err
	}
	native, err := builtSource(o.App, o.Buildpack, o.written(), own, source)
	if err != nil {
		return Result{}, err
	}
	for _, file := range native {
		if _, err := os.Lstat(filepath.Join(o.App, file)); err != nil {
			return Result{}, notServed(arch, "the build made "+file+", a program or library for "+runtime.GOARCH)
		}
		r.Warning(file + " is for " + runtime.GOARCH + ", and part of the source: the image for " + arch + " has it, too.")
	}
	o.App, o.Arch, o.Cache, o.Verify, o.Whole = source, arch, filepath.Clean(o.Cache)+"-"+arch, false, true
	result, err := Build(ctx, o, r, stdout, stderr)
	if err == nil && !sameProcesses(own, result.Image) {
		err = notServed(arch, "its processes would be others than those of the image for "+runtime.GOARCH)
	}
	return result, err
}

// deliverIndex puts an index where the image was asked for.
func deliverIndex(ctx context.Context, index v1.ImageIndex, o Options) error {
	if o.Output != "" {
		for _, name := range layoutFiles {
			if err := os.RemoveAll(filepath.Join(o.Output, name)); err != nil {
				return problem.Disk("write the index to "+o.Output, err)
			}
		}
		if _, err := layout.Write(o.Output, index); err != nil {
			return problem.Disk("write the index to "+o.Output, err)
		}
	}
	if o.Publish == "" {
		return nil
	}
	reference, err := name.ParseReference(o.Publish)
	if err == nil {
		err = remote.WriteIndex(reference, index, oci.Options(ctx)...)
	}
	if err != nil {
		return notPublished(o.Publish, err)
	}
	return nil
}
