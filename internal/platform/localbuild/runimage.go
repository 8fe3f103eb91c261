package localbuild

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/gantry-buildpack/gantry/internal/buildpack/buildlog"
	"github.com/gantry-buildpack/gantry/internal/platform/base"
	"github.com/gantry-buildpack/gantry/internal/platform/oci"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// ownRunImage gives the image that is made on this machine under a name; a file or folder of that name counts before it.
func ownRunImage(given string) (base.Spec, bool) {
	if _, err := os.Stat(given); err == nil {
		return base.Spec{}, false
	}
	return base.Parse(given)
}

// RunImage finds the run image: an OCI layout, a tarball, a reference, or one made on this machine and kept, which base.Parse knows.
// label is the name by which image metadata refers to it.
func RunImage(ctx context.Context, given, cache string, r *buildlog.Log) (image v1.Image, label string, err error) {
	if own, is := ownRunImage(given); is {
		image, err = own.Image(ctx, cache, r)
		return image, own.Name(), err
	}
	label = given
	if _, statErr := os.Stat(given); statErr == nil {
		label = filepath.Base(given)
	}
	if image, err = oci.Open(ctx, given); err != nil {
		return nil, "", badRunImage(given, err.Error(), err)
	}
	return image, label, nil
}

// offerPackages tells the buildpack which packages the run image has, where that is known.
func (b *build) offerPackages() error {
	own, is := ownRunImage(b.options.RunImage)
	if !is {
		return nil
	}
	status, err := own.Status(b.options.Home)
	if err != nil {
		return problem.Unreadable("read the packages of the run image", err)
	}
	if err := os.WriteFile(filepath.Join(b.folders[platformDir], runPackagesFile), status, 0o644); err != nil {
		return problem.Disk("tell the packages of the run image", err)
	}
	return writeEnv(filepath.Join(b.folders[platformDir], "env"), map[string]string{runPackagesVariable: platformDir + "/" + runPackagesFile})
}

// The buildpack finds the list of the run image's packages in a file that a variable names.
const (
	runPackagesFile     = "run-packages"
	runPackagesVariable = "GANTRY_RUN_PACKAGES"
)

func badRunImage(given, why string, err error) error {
	return &problem.Problem{
		ID:    "localbuild/run-image",
		Title: fmt.Sprintf("the run image %s cannot be used", given),
		Why:   why,
		Hints: []string{"Give --run-image a reference, an OCI layout folder or an image tarball; without it one is made of Debian packages."},
		Err:   err,
	}
}
