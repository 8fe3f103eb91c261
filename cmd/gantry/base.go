//go:build linux

package main

import (
	"os"
	"runtime"
	"slices"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/spf13/cobra"

	"github.com/gantry-buildpack/gantry/internal/buildpack/buildlog"
	"github.com/gantry-buildpack/gantry/internal/install/debian"
	"github.com/gantry-buildpack/gantry/internal/platform/base"
	"github.com/gantry-buildpack/gantry/internal/platform/oci"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// baseCommand makes an image for builders and stacks, and writes or pushes it.
func baseCommand() *cobra.Command {
	var (
		output, home string
		add          []string
		publish      bool
		spec         base.Spec
	)
	c := &cobra.Command{
		Use: "base tiny|base|build TAG [options]", Short: "Make a run image or a build image of Debian packages", GroupID: "build",
		Long: "Make a run image or a build image of Debian packages, without root, apt or a container engine.\n\n" +
			"tiny has the C libraries, certificates and time zones, and no shell. base has a shell with the usual programs and the libraries that\n" +
			"packages with native code are often linked with. build has compilers and their headers, too.",
		Example: "  gantry base base registry.example/run:debian-12 --publish\n  gantry base base registry.example/tools:1 --add ./gantry:/usr/local/bin/gantry --publish",
		Args:    arguments(2, 2, "a kind (tiny, base or build) and a TAG"),
	}
	c.Flags().StringVarP(&output, "output", "o", "", "FILE.tar for docker load")
	c.Flags().BoolVar(&publish, "publish", false, "push it to the tag's registry")
	c.Flags().StringVar(&spec.Release, "release", base.Release, "the release of Debian: "+debian.Known())
	c.Flags().StringVar(&spec.Arch, "arch", runtime.GOARCH, "amd64 or arm64")
	c.Flags().StringVar(&spec.Snapshot, "snapshot", "", "the packages of a time, such as 20261101T000000Z: https://snapshot.debian.org (default: of today)")
	c.Flags().StringSliceVar(&spec.More, "packages", nil, "further packages, in their own places: NAME,NAME …")
	c.Flags().StringArrayVar(&add, "add", nil, "a file to add, owned by root: SOURCE:/PATH/IN/THE/IMAGE")
	c.Flags().StringVar(&home, "home", homeFolder(), "where images are kept")
	c.RunE = func(c *cobra.Command, words []string) error {
		spec.Kind = base.Kind(words[0])
		if !slices.Contains(base.Kinds, spec.Kind) {
			return usageError{c, "the kind of a base image is tiny, base or build, and not " + words[0]}
		}
		if output == "" && !publish && len(add) > 0 {
			return usageError{c, "--add is for an image that is written or pushed: give --output or --publish"}
		}
		tag, err := name.NewTag(words[1])
		if err != nil {
			return &problem.Problem{ID: "localbuild/tag", Title: words[1] + " is no name of an image", Why: err.Error(), Err: err}
		}
		r := buildlog.New(os.Stdout, buildlog.Colored(os.Stdout))
		image, err := spec.Image(c.Context(), home, r)
		if err != nil {
			return err
		}
		if image, err = base.Add(image, add); err != nil {
			return err
		}
		if output != "" {
			if err := tarball.WriteToFile(output, tag, image); err != nil {
				return problem.Disk("write "+output, err)
			}
			r.Line("Written to", output)
		}
		if output == "" && !publish {
			r.Line("Kept in", spec.Folder(home))
		}
		if !publish {
			return nil
		}
		if err := remote.Write(tag, image, oci.Options(c.Context())...); err != nil {
			return &problem.Problem{
				ID:    "localbuild/push-failed",
				Title: "the image could not be pushed to " + tag.String(),
				Why:   err.Error(),
				Hints: []string{"Log in to the registry (docker login), and check the name."},
				Err:   err,
			}
		}
		r.Line("Pushed to", tag.String())
		return nil
	}
	return c
}
