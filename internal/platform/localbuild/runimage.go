package localbuild

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/gantry-buildpack/gantry/internal/buildpack/buildlog"
	"github.com/gantry-buildpack/gantry/internal/platform/base"
	"github.com/gantry-buildpack/gantry/internal/platform/oci"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// ownRunImage gives the image that is made on this machine under a name; a file or folder of that name counts before it.
func ownRunImage(given, arch string) (base.Spec, bool) {
	if _, err := os.Stat(given); err == nil {
		return base.Spec{}, false
	}
	own, is := base.Parse(given)
	own.Arch = arch
	return own, is
}

// RunImage finds the run image: an OCI layout, a tarball, a reference, or one made on this machine and kept, which base.Parse knows.
// label is the name by which image metadata refers to it.
func RunImage(ctx context.Context, given, cache string, r *buildlog.Log) (image v1.Image, label string, err error) {
	return runImageFor(ctx, given, runtime.GOARCH, cache, r)
}

func runImageFor(ctx context.Context, given, arch, cache string, r *buildlog.Log) (image v1.Image, label string, err error) {
	if own, is := ownRunImage(given, arch); is {
		image, err = own.Image(ctx, cache, r)
		return image, own.Name(), err
	}
	label = given
	if _, statErr := os.Stat(given); statErr == nil {
		label = filepath.Base(given)
	}
	if image, err = oci.OpenFor(ctx, given, arch); err != nil {
		return nil, "", badRunImage(given, err.Error(), err)
	}
	config, err := image.ConfigFile()
	if err != nil {
		return nil, "", badRunImage(given, err.Error(), err)
	}
	if config.Architecture != "" && config.Architecture != arch {
		return nil, "", badRunImage(given, "it is for "+config.Architecture+", and the application is built for "+arch, nil)
	}
	return image, label, nil
}

// describeRunImage tells the buildpack what the run image has, where that is known.
func (b *build) describeRunImage() error {
	own, is := ownRunImage(b.options.RunImage, b.options.arch())
	if !is {
		return nil
	}
	dir := filepath.Join(b.folders[platformDir], runImageDir)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return problem.Disk("tell what the run image has", err)
	}
	for name, read := range map[string]func(home string) ([]byte, error){"packages": own.Status, "libraries": own.Libraries} {
		text, err := read(b.options.Home)
		if err != nil {
			return problem.Unreadable("read the lists of the run image", err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
			return problem.Disk("tell what the run image has", err)
		}
	}
	return writeEnv(filepath.Join(b.folders[platformDir], "env"), map[string]string{runImageVariable: platformDir + "/" + runImageDir})
}

// The buildpack finds the lists of the run image's packages and libraries in a folder that a variable names.
const (
	runImageDir      = "run-image"
	runImageVariable = "GANTRY_RUN_IMAGE"
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
