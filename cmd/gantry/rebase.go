//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/spf13/cobra"

	"github.com/gantry-buildpack/gantry/internal/platform/bundle"
	"github.com/gantry-buildpack/gantry/internal/platform/oci"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// rebaseOptions are those of gantry rebase.
type rebaseOptions struct {
	runImage, home string
	force          bool
}

// rebaseCommand puts an image on another run image: the lifecycle's rebaser does it, in the registry.
func rebaseCommand() *cobra.Command {
	var o rebaseOptions
	c := &cobra.Command{
		Use: "rebase IMAGE --run-image IMAGE [options]", Short: "Put an image in a registry on another run image, without a build", GroupID: "build",
		Long: `Puts an image on another run image, such as one with newer packages, by the lifecycle: https://buildpacks.io/docs/for-app-developers/concepts/rebase/.
Nothing is built, and the layers of the application keep their digests. Both images are in registries; of an application's folder, "gantry build" does it by itself.`,
		Example: "  gantry rebase registry.example/shop --run-image registry.example/run:debian-12",
		Args:    arguments(1, 1, "an IMAGE in a registry"),
	}
	c.Flags().StringVar(&o.runImage, "run-image", "", "the run image to put it on: a reference")
	c.Flags().BoolVar(&o.force, "force", false, "also on a run image that is not the one that the image names")
	c.Flags().StringVar(&o.home, "home", homeFolder(), "where run images and caches are kept")
	c.RunE = func(c *cobra.Command, words []string) error {
		if o.runImage == "" {
			return usageError{c, "--run-image names the run image to put it on"}
		}
		return o.rebase(c.Context(), words[0])
	}
	return c
}

func (o rebaseOptions) rebase(ctx context.Context, image string) error {
	reference, err := name.ParseReference(image)
	if err != nil {
		return &problem.Problem{ID: "localbuild/tag", Title: image + " is no name of an image", Why: err.Error(), Hints: []string{"Write REGISTRY/NAME:TAG."}, Err: err}
	}
	before, err := remote.Image(reference, oci.Options(ctx)...)
	if err != nil {
		return rebaseFailed(image, "it cannot be read: "+err.Error(), err)
	}
	tools, err := bundle.Unpack(o.home)
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "gantry-rebase-")
	if err != nil {
		return problem.Disk("make a temporary folder", err)
	}
	defer func() { _ = os.RemoveAll(work) }()
	// The lifecycle is one program, which does what its name says.
	rebaser := filepath.Join(work, "rebaser")
	if err := os.Symlink(filepath.Join(tools.Lifecycle, "lifecycle"), rebaser); err != nil {
		return problem.Disk("make a temporary link", err)
	}
	words := []string{"-run-image", o.runImage, "-report", filepath.Join(work, "report.toml"), "-log-level", "warn"}
	if o.force {
		words = append(words, "-force")
	}
	cmd := exec.CommandContext(ctx, rebaser, append(words, image)...)
	cmd.Env = append(os.Environ(), "CNB_PLATFORM_API=0.13")
	out, err := cmd.CombinedOutput()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return rebaseFailed(image, string(bytes.TrimSpace(out)), exit)
	}
	if err != nil {
		return fmt.Errorf("run the lifecycle: %w", err)
	}
	after, err := remote.Image(reference, oci.Options(ctx)...)
	if err != nil {
		return rebaseFailed(image, "the new one cannot be read: "+err.Error(), err)
	}
	return tellRebased(image, before, after)
}

func rebaseFailed(image, why string, err error) error {
	return &problem.Problem{
		ID: "rebase/failed", Title: image + " was not put on another run image", Why: why,
		Hints: []string{"Both images must be in registries that this machine may use (docker login), and be made for the same distribution.", "--force takes a run image that the image does not name."}, Err: err,
	}
}

// tellRebased says which layers stayed: those of the application must.
func tellRebased(image string, before, after v1.Image) error {
	old, err := layersOf(before)
	if err != nil {
		return err
	}
	now, err := layersOf(after)
	if err != nil {
		return err
	}
	kept := 0
	for _, digest := range now {
		if slices.Contains(old, digest) {
			kept++
		}
	}
	digest, err := after.Digest()
	if err != nil {
		return err
	}
	fmt.Printf("  Image       %s, %s\n  Kept        %d of its %s, by their digests\n  Next        gantry audit %s\n", image, digest, kept, problem.Count(len(now), "layer"), image)
	return nil
}

func layersOf(image v1.Image) (list []v1.Hash, err error) {
	manifest, err := image.Manifest()
	if err != nil {
		return nil, fmt.Errorf("read the image: %w", err)
	}
	for _, layer := range manifest.Layers {
		list = append(list, layer.Digest)
	}
	return list, nil
}
