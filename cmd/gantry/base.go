//go:build linux

package main

import (
	"os"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/spf13/cobra"

	"github.com/gantry-buildpack/gantry/internal/buildpack/buildlog"
	"github.com/gantry-buildpack/gantry/internal/platform/localbuild"
	"github.com/gantry-buildpack/gantry/internal/platform/oci"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// baseCommand makes an image for builders and stacks, and writes or pushes it.
func baseCommand() *cobra.Command {
	var (
		output, home   string
		publish, shell bool
	)
	c := &cobra.Command{
		Use: "base run|build TAG [options]", Short: "Make a run image or a build image for builders", GroupID: "build",
		Example: "  gantry base run registry.example/run:debian-12 --publish",
		Args:    arguments(2, 2, "a kind, run or build, and a TAG"),
	}
	c.Flags().StringVarP(&output, "output", "o", "", "FILE.tar for docker load")
	c.Flags().BoolVar(&publish, "publish", false, "push it to the tag's registry")
	c.Flags().BoolVar(&shell, "shell", false, "leave shells and the package manager in a run image")
	c.Flags().StringVar(&home, "home", homeFolder(), "where images are kept")
	c.RunE = func(c *cobra.Command, words []string) error {
		kind := localbuild.BaseKind(words[0])
		if kind != localbuild.RunBase && kind != localbuild.BuildBase {
			return usageError{c, "the kind of a base image is run or build, and not " + words[0]}
		}
		tag, err := name.NewTag(words[1])
		if err != nil {
			return &problem.Problem{ID: "localbuild/tag", Title: words[1] + " is no name of an image", Why: err.Error(), Err: err}
		}
		r := buildlog.New(os.Stdout, buildlog.Colored(os.Stdout))
		image, err := localbuild.Base{Kind: kind, Shell: shell}.Image(c.Context(), home, r)
		if err != nil {
			return err
		}
		if output != "" {
			if err := tarball.WriteToFile(output, tag, image); err != nil {
				return problem.Disk("write "+output, err)
			}
			r.Line("Written to", output)
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
