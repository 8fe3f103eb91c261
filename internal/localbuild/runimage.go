package localbuild

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/gantry-buildpack/gantry/internal/image"
	"github.com/gantry-buildpack/gantry/internal/problem"
	"github.com/gantry-buildpack/gantry/internal/report"
)

// The run image that is made when none is given: Debian packages, and a user with the buildpacks' usual number.
const (
	ownRunImage = "gantry/run:debian-12"
	suite       = "bookworm"
	packages    = "ca-certificates,libstdc++6,tzdata,libyaml-0-2,libffi8,libgmp10,libssl3,zlib1g,libsqlite3-0,libxml2,libxslt1.1"
)

// RunImage finds the run image: an OCI layout, a tarball, a reference, or (empty) one made on this machine and kept.
// label is the name by which image metadata refers to it.
func RunImage(ctx context.Context, given, cache string, r *report.Report) (base v1.Image, label string, err error) {
	if given == "" {
		base, err = ownImage(ctx, filepath.Join(cache, "run-images", suite+"-"+runtime.GOARCH+"-"+packagesKey()), r)
		return base, ownRunImage, err
	}
	label = given
	if _, statErr := os.Stat(given); statErr == nil {
		label = filepath.Base(given)
	}
	if base, err = image.Open(ctx, given); err != nil {
		return nil, "", badRunImage(given, err.Error(), err)
	}
	return base, label, nil
}

// packagesKey tells images of other packages apart.
func packagesKey() string {
	sum := sha256.Sum256([]byte(packages))
	return hex.EncodeToString(sum[:4])
}

func badRunImage(given, why string, err error) error {
	return &problem.Problem{
		ID:    "localbuild/run-image",
		Title: fmt.Sprintf("the run image %s cannot be used", given),
		Why:   why,
		Hints: []string{"Give --run-image a reference, an OCI layout folder or an image tarball; without it one is made from Debian packages."},
		Err:   err,
	}
}

// ownImage makes the run image, once.
func ownImage(ctx context.Context, dir string, r *report.Report) (v1.Image, error) {
	if kept, err := image.Open(ctx, dir); err == nil {
		return kept, nil
	}
	tool, err := exec.LookPath("mmdebstrap")
	if err != nil {
		return nil, &problem.Problem{
			ID:    "localbuild/no-mmdebstrap",
			Title: "a run image cannot be made on this machine",
			Why:   "there is no mmdebstrap",
			Hints: []string{"Install it: apt-get install mmdebstrap.", "Or name a run image: --run-image REFERENCE."},
			Err:   err,
		}
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return nil, problem.Disk("make the folder for run images", err)
	}
	work, err := os.MkdirTemp(filepath.Dir(dir), "making-")
	if err != nil {
		return nil, problem.Disk("make a temporary folder", err)
	}
	defer func() { _ = os.RemoveAll(work) }()
	end := r.Step("Run image", "assembling Debian "+suite)
	archive := filepath.Join(work, "root.tar")
	cmd := exec.CommandContext(ctx, tool, "--quiet", "--variant=minbase", "--include="+packages,
		`--customize-hook=chroot "$1" groupadd --gid 1000 cnb`,
		`--customize-hook=chroot "$1" useradd --uid 1000 --gid 1000 --create-home --home-dir /home/cnb cnb`,
		`--customize-hook=rm -f "$1"/etc/resolv.conf "$1"/etc/hostname`,
		`--dpkgopt=path-exclude=/usr/share/doc/*`, `--dpkgopt=path-exclude=/usr/share/man/*`, `--dpkgopt=path-exclude=/usr/share/locale/*`,
		suite, archive)
	cmd.Env = append(os.Environ(), "SOURCE_DATE_EPOCH=1")
	if output, err := cmd.CombinedOutput(); err != nil {
		end("")
		return nil, &problem.Problem{
			ID:     "localbuild/mmdebstrap-failed",
			Title:  "the run image could not be assembled",
			Why:    err.Error(),
			Hints:  []string{"Check that Debian's mirrors can be reached.", "Or name a run image: --run-image REFERENCE."},
			Output: strings.TrimSpace(string(output)),
			Err:    err,
		}
	}
	layer, err := tarball.LayerFromFile(archive)
	if err != nil {
		return nil, fmt.Errorf("read the run image's files: %w", err)
	}
	assembled, err := assemble(layer)
	if err != nil {
		return nil, fmt.Errorf("assemble the run image: %w", err)
	}
	made := filepath.Join(work, "layout")
	path, err := layout.Write(made, empty.Index)
	if err == nil {
		err = path.AppendImage(assembled)
	}
	if err == nil {
		err = os.Rename(made, dir)
	}
	if err != nil && !errors.Is(err, os.ErrExist) {
		return nil, problem.Disk("keep the run image", err)
	}
	end("assembled from Debian packages, kept in " + dir)
	return image.Open(ctx, dir)
}

// assemble gives a root file system the configuration that the lifecycle wants of a run image:
// https://github.com/buildpacks/spec/blob/platform/0.14/platform.md#run-image.
func assemble(layer v1.Layer) (v1.Image, error) {
	image, err := mutate.AppendLayers(empty.Image, layer)
	if err != nil {
		return nil, err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture = "linux", runtime.GOARCH
	config.Config.User = "1000:1000"
	config.Config.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
	config.Config.Labels = map[string]string{
		"io.buildpacks.stack.id":            "gantry.debian.bookworm",
		"io.buildpacks.base.distro.name":    "debian",
		"io.buildpacks.base.distro.version": "12",
	}
	return mutate.ConfigFile(image, config)
}
