package localbuild

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/gantry-buildpack/gantry/internal/problem"
)

// metadataLabel is where the lifecycle keeps what it needs for rebuilds and rebases.
const metadataLabel = "io.buildpacks.lifecycle.metadata"

// nameRunImage gives the run image its own name in the image's metadata: the loopback registry's address means nothing
// to anybody else, and would make every image another one.
func nameRunImage(image v1.Image, address, label string) (v1.Image, error) {
	config, err := image.ConfigFile()
	if err != nil {
		return nil, fmt.Errorf("read the image: %w", err)
	}
	config = config.DeepCopy()
	for key, value := range config.Config.Labels {
		config.Config.Labels[key] = strings.ReplaceAll(value, address, label)
	}
	renamed, err := mutate.ConfigFile(image, config)
	if err != nil {
		return nil, fmt.Errorf("name the run image in %s: %w", metadataLabel, err)
	}
	return renamed, nil
}

// layoutFiles are what an OCI layout consists of: https://github.com/opencontainers/image-spec/blob/v1.1.0/image-layout.md.
var layoutFiles = []string{"blobs", "index.json", "oci-layout"}

// mayReplace refuses to write an image where something else is: only a layout is replaced.
func mayReplace(destination string) error {
	if strings.HasSuffix(destination, ".tar") {
		if info, err := os.Stat(filepath.Dir(destination)); err != nil || !info.IsDir() {
			return outputRefused(destination, filepath.Dir(destination)+" is not a folder")
		}
		return nil
	}
	entries, err := os.ReadDir(destination)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return outputRefused(destination, problem.Reason(err))
	}
	for _, entry := range entries {
		if !slices.Contains(layoutFiles, entry.Name()) {
			return outputRefused(destination, "the folder holds "+entry.Name()+", which belongs to no image")
		}
	}
	return nil
}

func outputRefused(destination, why string) error {
	return &problem.Problem{
		ID: "localbuild/output", Title: "the image cannot be written to " + destination, Why: why,
		Hints: []string{"Name a file that ends with .tar, or a folder that is new, empty, or an image that was written before."},
	}
}

// write saves an image as a tarball for docker load, or as an OCI layout.
func write(image v1.Image, destination, tag string) error {
	fail := func(err error) error { return problem.Disk("write the image to "+destination, err) }
	if !strings.HasSuffix(destination, ".tar") {
		if err := mayReplace(destination); err != nil {
			return err
		}
		for _, name := range layoutFiles {
			if err := os.RemoveAll(filepath.Join(destination, name)); err != nil {
				return fail(err)
			}
		}
		path, err := layout.Write(destination, empty.Index)
		if err == nil {
			err = path.AppendImage(image)
		}
		if err != nil {
			return fail(err)
		}
		return nil
	}
	reference, err := name.NewTag(tag + ":latest")
	if err != nil {
		return fmt.Errorf("name the image: %w", err)
	}
	partial := destination + ".partial"
	if err := tarball.WriteToFile(partial, reference, image); err != nil {
		_ = os.Remove(partial)
		return fail(err)
	}
	if err := os.Rename(partial, destination); err != nil {
		return fail(err)
	}
	return nil
}
