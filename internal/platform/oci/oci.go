// Package oci opens images wherever they are: an OCI layout, a tarball of "docker save", or a registry.
package oci

import (
	"context"
	"errors"
	"os"
	"runtime"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// Open finds an image by the folder of its layout, its tarball, or its reference. Of several platforms it takes this
// machine's. The error says why it cannot be had.
func Open(ctx context.Context, given string) (v1.Image, error) {
	return OpenFor(ctx, given, runtime.GOARCH)
}

// OpenFor is Open for an architecture as Go names it.
func OpenFor(ctx context.Context, given, arch string) (v1.Image, error) {
	info, err := os.Stat(given)
	switch {
	case err == nil && info.IsDir():
		return fromLayout(given, arch)
	case err == nil:
		return tarball.ImageFromPath(given, nil)
	}
	reference, err := name.ParseReference(given)
	if err != nil {
		return nil, errors.New("it is neither a folder, nor a file, nor an image reference")
	}
	return remote.Image(reference, append(Options(ctx), remote.WithPlatform(v1.Platform{OS: "linux", Architecture: arch}))...)
}

func fromLayout(dir, arch string) (v1.Image, error) {
	path, err := layout.FromPath(dir)
	if err != nil {
		return nil, errors.New("the folder is not an OCI layout")
	}
	index, err := path.ImageIndex()
	if err != nil {
		return nil, err
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		return nil, err
	}
	for _, d := range manifest.Manifests {
		if d.Platform == nil || d.Platform.Architecture == "" || d.Platform.Architecture == arch {
			return path.Image(d.Digest)
		}
	}
	return nil, errors.New("the layout holds no image for " + arch)
}
