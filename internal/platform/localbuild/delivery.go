package localbuild

import (
	"context"
	"os"
	"path/filepath"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/gantry-buildpack/gantry/internal/platform/oci"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// check finds what is missing before anything is done.
func (b *build) check() error {
	app, err := filepath.Abs(b.options.App)
	if info, statErr := os.Stat(app); b.options.App == "" || err != nil || statErr != nil || !info.IsDir() {
		return &problem.Problem{
			ID:    "localbuild/no-app",
			Title: b.options.App + " is not a folder",
			Hints: []string{"Give the folder that holds the application."},
		}
	}
	b.options.App = app
	for _, file := range []string{filepath.Join(b.options.Buildpack, "bin/build"), filepath.Join(b.options.Lifecycle, "lifecycle")} {
		if _, err := os.Stat(file); err != nil {
			return &problem.Problem{
				ID:    "localbuild/not-set-up",
				Title: "the buildpack or the lifecycle is not there",
				Why:   err.Error(),
				Hints: []string{"Leave --buildpack and --lifecycle out for those that gantry carries; in a checkout, scripts/build.sh makes them."},
				Err:   err,
			}
		}
	}
	if _, err := os.Stat(filepath.Join(b.options.Lifecycle, b.options.launcher())); err != nil {
		return &problem.Problem{
			ID: "localbuild/other-platform", Title: "this gantry cannot build for linux/" + b.options.arch(), Why: "it carries no programs for that architecture",
			Hints: []string{"Take a released gantry, or make one with scripts/build.sh --platforms."}, Err: err,
		}
	}
	if err := b.checkDelivery(); err != nil {
		return err
	}
	if b.options.Cache == "" {
		b.options.Cache = CacheOf(b.options.Home, app)
	}
	return nil
}

// CacheOf is the cache of an application's folder, where none is named.
func CacheOf(home, app string) string {
	if whole, err := filepath.Abs(app); err == nil {
		app = whole
	}
	return filepath.Join(home, "apps", ImageName(app)+"-"+shortDigest(app))
}

// checkDelivery finds what would keep the image from going where it is asked for.
func (b *build) checkDelivery() error {
	if b.options.Output != "" {
		if err := mayReplace(b.options.Output); err != nil {
			return err
		}
	}
	for _, volume := range b.options.Volumes {
		if _, err := os.Stat(volume.Source); err != nil {
			return &problem.Problem{ID: "localbuild/volume", Title: "the volume " + volume.Source + " is not there", Why: problem.Reason(err), Hints: []string{"Correct its name."}, Err: err}
		}
	}
	for _, given := range []string{b.options.Publish, b.options.Docker} {
		if _, err := name.ParseReference(given); given != "" && err != nil {
			return &problem.Problem{ID: "localbuild/tag", Title: given + " is no name of an image", Why: err.Error(), Hints: []string{"Write NAME:TAG, or REGISTRY/NAME:TAG."}, Err: err}
		}
	}
	return nil
}

// deliver puts the image where it was asked for.
func (b *build) deliver(ctx context.Context, image v1.Image) error {
	if b.options.Output != "" {
		if err := write(image, b.options.Output, "gantry/"+ImageName(b.options.App)); err != nil {
			return err
		}
		if err := NoteWritten(b.options.Cache, b.options.Output); err != nil {
			return err
		}
	}
	if b.options.Docker != "" {
		if err := b.intoDocker(ctx, image); err != nil {
			return err
		}
	}
	if b.options.Publish == "" {
		return nil
	}
	reference, err := name.ParseReference(b.options.Publish)
	if err == nil {
		err = remote.Write(reference, image, oci.Options(ctx)...)
	}
	if err != nil {
		return notPublished(b.options.Publish, err)
	}
	return nil
}

func notPublished(reference string, err error) error {
	return &problem.Problem{
		ID:    "localbuild/publish",
		Title: "the image could not be pushed to " + reference,
		Why:   err.Error(),
		Hints: []string{"Check the name, and log in to its registry: docker login, or crane auth login."},
		Err:   err,
	}
}
