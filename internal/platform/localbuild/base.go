package localbuild

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/gantry-buildpack/gantry/internal/buildpack/buildlog"
	"github.com/gantry-buildpack/gantry/internal/install/archive"
	"github.com/gantry-buildpack/gantry/internal/platform/oci"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// BaseKind is what a base image is for.
type BaseKind string

// The kinds: what applications run on, and what they are built on.
const (
	RunBase   BaseKind = "run"
	BuildBase BaseKind = "build"
)

// Base is an image of Debian packages.
type Base struct {
	Kind BaseKind
	// Shell leaves shells and the package manager in a run image.
	Shell bool
}

// The packages: what Ruby, Node.js and packages that are often used need at run time, and what compiling these takes.
const (
	suite         = "bookworm"
	runPackages   = "ca-certificates,libstdc++6,tzdata,libyaml-0-2,libffi8,libgmp10,libssl3,zlib1g,libsqlite3-0,libxml2,libxslt1.1"
	buildPackages = runPackages + ",build-essential,pkg-config,git,python3-minimal,libyaml-dev,libffi-dev,libgmp-dev,libssl-dev,zlib1g-dev,libsqlite3-dev,libpq-dev,libxml2-dev,libxslt1-dev"
)

// shells are the files that an image without a shell does not have: shells, Perl, and the package manager. Its list of
// packages stays, for scanners.
var shells = regexp.MustCompile(`^\./(?:(?:usr/)?s?bin/(?:sh|bash|dash|rbash|perl[^/]*|apt[^/]*|dpkg[^/]*|deb[^/]*)$` +
	`|(?:usr/)?lib/(?:apt|dpkg|[^/]+/perl[^/]*)(?:/|$)|usr/share/(?:perl[^/]*|debconf)(?:/|$)|var/(?:lib/apt|lib/dpkg/info|cache/[^/]+)(?:/|$)|etc/apt(?:/|$))`)

// withoutShells copies a root file system but for these.
func withoutShells(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	reader, writer := tar.NewReader(in), tar.NewWriter(out)
	for {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return errors.Join(writer.Close(), out.Close())
		}
		if err == nil && !shells.MatchString(strings.TrimSuffix(header.Name, "/")) {
			if err = writer.WriteHeader(header); err == nil {
				_, err = io.Copy(writer, reader)
			}
		}
		if err != nil {
			return errors.Join(err, out.Close())
		}
	}
}

func (b Base) packages() string {
	if b.Kind == BuildBase {
		return buildPackages
	}
	return runPackages
}

// name tells images of other packages apart.
func (b Base) name() string {
	sum := sha256.Sum256([]byte(b.packages()))
	name := suite + "-" + runtime.GOARCH + "-" + hex.EncodeToString(sum[:4])
	if b.Kind == BuildBase {
		return name + "-build"
	}
	if !b.Shell {
		return name + "-no-shell"
	}
	return name
}

// Image makes the image, once; it is kept below cache.
func (b Base) Image(ctx context.Context, cache string, r *buildlog.Log) (v1.Image, error) {
	dir := filepath.Join(cache, "run-images", b.name())
	damaged, err := blobsOf(dir).heal()
	if err != nil {
		return nil, problem.Unreadable("look at the kept "+string(b.Kind)+" image", err)
	}
	if damaged > 0 {
		r.Line("Cache", "the kept "+string(b.Kind)+" image is damaged, and is made again")
		_ = archive.RemoveAll(dir)
	}
	if kept, err := oci.Open(ctx, dir); err == nil {
		return kept, nil
	}
	tool, err := exec.LookPath("mmdebstrap")
	if err != nil {
		return nil, &problem.Problem{
			ID:    "localbuild/no-mmdebstrap",
			Title: fmt.Sprintf("a %s image cannot be made on this machine", b.Kind),
			Why:   "there is no mmdebstrap",
			Hints: []string{"Install it: apt-get install mmdebstrap.", "Or name a run image: --run-image REFERENCE."},
			Err:   err,
		}
	}
	if err := mayDebootstrap(b.Kind); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return nil, problem.Disk("make the folder for run images", err)
	}
	work, err := os.MkdirTemp(filepath.Dir(dir), "making-")
	if err != nil {
		return nil, problem.Disk("make a temporary folder", err)
	}
	defer func() { _ = os.RemoveAll(work) }()
	title := strings.ToUpper(string(b.Kind[:1])) + string(b.Kind[1:]) + " image"
	end := r.Step(title, "assembling Debian "+suite)
	archive := filepath.Join(work, "root.tar")
	if err := b.debootstrap(ctx, tool, archive); err != nil {
		end("")
		return nil, err
	}
	if b.Kind == RunBase && !b.Shell {
		whole := archive
		archive = filepath.Join(work, "small.tar")
		if err := withoutShells(whole, archive); err != nil {
			end("")
			return nil, problem.Disk("take the shells out of the image", err)
		}
	}
	layer, err := tarball.LayerFromFile(archive)
	if err != nil {
		return nil, fmt.Errorf("read the image's files: %w", err)
	}
	assembled, err := b.assemble(layer)
	if err != nil {
		return nil, fmt.Errorf("assemble the %s image: %w", b.Kind, err)
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
		return nil, problem.Disk("keep the image", err)
	}
	if err := blobsOf(dir).remember(); err != nil {
		return nil, problem.Disk("note what was verified", err)
	}
	end("assembled from Debian packages, kept in " + dir)
	return oci.Open(ctx, dir)
}

// mayDebootstrap tells an ordinary user what mmdebstrap needs to have root's rights over the files of an image: subuid(5), newuidmap(1).
func mayDebootstrap(kind BaseKind) error {
	who, err := user.Current()
	if err != nil || who.Uid == "0" {
		return nil
	}
	why := ""
	if _, err := exec.LookPath("newuidmap"); err != nil {
		why = "there is no newuidmap"
	}
	for _, file := range []string{"/etc/subuid", "/etc/subgid"} {
		text, _ := os.ReadFile(file)
		if !slices.ContainsFunc(strings.Split(string(text), "\n"), func(line string) bool {
			return strings.HasPrefix(line, who.Username+":") || strings.HasPrefix(line, who.Uid+":")
		}) && why == "" {
			why = file + " has no numbers for " + who.Username
		}
	}
	if why == "" {
		return nil
	}
	return &problem.Problem{
		ID:    "localbuild/no-subuids",
		Title: fmt.Sprintf("the user %s cannot make a %s image", who.Username, kind),
		Why:   "mmdebstrap needs subordinate user numbers, and " + why,
		Hints: []string{
			"sudo apt-get install uidmap && sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 " + who.Username,
			"Or name a run image: --run-image REFERENCE.",
		},
	}
}

func (b Base) debootstrap(ctx context.Context, tool, archive string) error {
	arguments := []string{
		"--quiet", "--variant=minbase", "--include=" + b.packages(),
		`--customize-hook=chroot "$1" groupadd --gid 1000 cnb`,
		`--customize-hook=chroot "$1" useradd --uid 1000 --gid 1000 --create-home --home-dir /home/cnb cnb`,
		`--customize-hook=rm -f "$1"/etc/resolv.conf "$1"/etc/hostname`,
		`--dpkgopt=path-exclude=/usr/share/doc/*`, `--dpkgopt=path-exclude=/usr/share/man/*`, `--dpkgopt=path-exclude=/usr/share/locale/*`,
	}
	cmd := exec.CommandContext(ctx, tool, append(arguments, suite, archive)...)
	cmd.Env = append(os.Environ(), "SOURCE_DATE_EPOCH=1")
	output, err := cmd.CombinedOutput()
	if err == nil {
		return nil
	}
	return &problem.Problem{
		ID:     "localbuild/mmdebstrap-failed",
		Title:  fmt.Sprintf("the %s image could not be assembled", b.Kind),
		Why:    err.Error(),
		Hints:  []string{"Check that Debian's mirrors can be reached.", "Or name a run image: --run-image REFERENCE."},
		Output: strings.TrimSpace(string(output)),
		Err:    err,
	}
}

// stackID is what older platforms compare build and run images by.
const stackID = "gantry.debian.bookworm"

// assemble gives a root file system the configuration that the lifecycle and platforms want of a run or build image:
// https://github.com/buildpacks/spec/blob/platform/0.14/platform.md#run-image. kpack asks for the stack's as well.
func (b Base) assemble(layer v1.Layer) (v1.Image, error) {
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
	if b.Kind == BuildBase {
		config.Config.Env = append(config.Config.Env, "CNB_USER_ID=1000", "CNB_GROUP_ID=1000", "CNB_STACK_ID="+stackID)
	}
	config.Config.Labels = map[string]string{
		"io.buildpacks.stack.id":            stackID,
		"io.buildpacks.base.distro.name":    "debian",
		"io.buildpacks.base.distro.version": "12",
		"io.buildpacks.base.homepage":       "https://www.debian.org",
		"io.buildpacks.base.description":    "Debian 12 for " + map[BaseKind]string{RunBase: "running", BuildBase: "building"}[b.Kind] + " applications of Node.js and Ruby",
	}
	return mutate.ConfigFile(image, config)
}
