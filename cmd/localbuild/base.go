package main

import (
	"context"
	"os"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/gantry-buildpack/gantry/internal/buildpack/buildlog"
	"github.com/gantry-buildpack/gantry/internal/platform/localbuild"
	"github.com/gantry-buildpack/gantry/internal/platform/oci"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// baseImage makes an image for builders and stacks, and writes or pushes it.
func baseImage(ctx context.Context, arguments []string) (int, error) {
	flags := newFlags()
	output := flags.StringP("output", "o", "", "FILE.tar for docker load")
	publish := flags.Bool("publish", false, "push it to the tag's registry")
	shell := flags.Bool("shell", false, "leave shells and the package manager in a run image")
	home := flags.String("home", homeFolder(), "where images are kept")
	if err := flags.Parse(arguments); err != nil {
		return helpOrUsage(err)
	}
	kind := localbuild.BaseKind(flags.Arg(0))
	if flags.NArg() != 2 || kind != localbuild.RunBase && kind != localbuild.BuildBase {
		flags.Usage()
		return 2, nil
	}
	tag, err := name.NewTag(flags.Arg(1))
	if err != nil {
		return 0, &problem.Problem{ID: "localbuild/tag", Title: flags.Arg(1) + " is no name of an image", Why: err.Error(), Err: err}
	}
	r := buildlog.New(os.Stdout, buildlog.Colored(os.Stdout))
	image, err := localbuild.Base{Kind: kind, Shell: *shell}.Image(ctx, *home, r)
	if err != nil {
		return 0, err
	}
	if *output != "" {
		if err := tarball.WriteToFile(*output, tag, image); err != nil {
			return 0, problem.Disk("write "+*output, err)
		}
		r.Line("Written to", *output)
	}
	if *publish {
		if err := remote.Write(tag, image, oci.Options(ctx)...); err != nil {
			return 0, &problem.Problem{
				ID:    "localbuild/push-failed",
				Title: "the image could not be pushed to " + tag.String(),
				Why:   err.Error(),
				Hints: []string{"Log in to the registry (docker login), and check the name."},
				Err:   err,
			}
		}
		r.Line("Pushed to", tag.String())
	}
	return 0, nil
}
