// Package base makes the images that applications run on and are built on, of a distribution's packages. It needs no other image,
// neither root nor the distribution's own tools.
package base

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/klauspost/compress/gzip"

	"github.com/gantry-buildpack/gantry/internal/buildpack/sbom"
	"github.com/gantry-buildpack/gantry/internal/install/debian"
	"github.com/gantry-buildpack/gantry/internal/install/fetch"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// Release is the release of Debian that images are made of by default.
const Release = "12"

// format changes with what this package makes of the same packages: images of an earlier one are made again.
const format = "7"

// Spec says which image is wanted.
type Spec struct {
	Kind Kind
	// Release is a release of Debian, such as "12".
	Release string
	// Arch is an architecture as Go names it.
	Arch string
	// More are packages besides those of the kind.
	More []string
	// Snapshot is a time in the past whose packages are taken, such as "20261101T000000Z"; empty for those of today.
	Snapshot string
}

// New gives the usual image of a kind, for this machine.
func New(kind Kind) Spec { return Spec{Kind: kind, Release: Release, Arch: runtime.GOARCH} }

// Distribution gives the distribution of whose packages the image is made.
func (s Spec) Distribution() (debian.Distribution, error) {
	d, known := debian.Of("debian", s.Release, s.Arch)
	if !known {
		return d, &problem.Problem{
			ID: "base/release", Title: fmt.Sprintf("no image can be made of Debian %s for %s", s.Release, s.Arch),
			Why: "Gantry has the keys of " + debian.Known() + ", for amd64 and arm64", Hints: []string{"Choose one of these, or name a run image: --run-image REFERENCE."},
		}
	}
	if s.Snapshot == "" {
		return d, nil
	}
	if at, err := time.Parse("20060102T150405Z", s.Snapshot); err != nil || at.After(time.Now()) {
		return d, &problem.Problem{
			ID: "base/snapshot", Title: s.Snapshot + " is no time of a snapshot", Why: "such a time looks like 20261101T000000Z, and is in the past", Hints: []string{"See https://snapshot.debian.org for those that exist; any other time means the one before it."},
		}
	}
	return d.At(s.Snapshot), nil
}

// Name is the name by which metadata refers to the image.
func (s Spec) Name() string {
	name := map[Kind]string{Tiny: "run-tiny", Run: "run", Build: "build"}[s.Kind]
	return "gantry/" + name + ":debian-" + s.Release
}

// Folder is where below a folder the image is kept: it has a name of its own for each list of packages.
func (s Spec) Folder(home string) string {
	sum := sha256.Sum256([]byte(format + " " + strings.Join(append(s.Kind.Packages(s.Release), s.More...), " ") + " " + s.Snapshot))
	return filepath.Join(home, "run-images", fmt.Sprintf("debian-%s-%s-%s-%s", s.Release, s.Arch, s.Kind, hex.EncodeToString(sum[:4])))
}

// Parse reads the name of an image that is made here: a kind, perhaps with a release, as in "tiny" and "base:13"; empty for the usual one.
func Parse(name string) (s Spec, ok bool) {
	kind, release, given := strings.Cut(name, ":")
	s = New(Kind(kind))
	if kind == "" {
		s.Kind = Run
	}
	if given {
		s.Release = release
	}
	return s, s.Kind == Run || s.Kind == Tiny
}

// assembled is an image that is made.
type assembled struct {
	image    v1.Image
	packages []debian.Package
	index    *debian.Index
	// size is that of the packages' files, in bytes.
	size int64
	// libraries are the names of the shared libraries.
	libraries []string
}

// resolve finds the image's packages in today's index.
func (s Spec) resolve(ctx context.Context, client *fetch.Client, home string) ([]debian.Package, *debian.Index, error) {
	d, err := s.Distribution()
	if err != nil {
		return nil, nil, err
	}
	index, err := debian.ReadIndex(ctx, d, client, s.store(home), time.Now())
	if err != nil {
		return nil, nil, err
	}
	packages, err := index.Resolve(append(s.Kind.Packages(d.Codename), s.More...), nil, s.Kind.unneeded())
	return packages, index, err
}

// store is where packages and their index are kept.
func (s Spec) store(home string) string {
	return filepath.Join(home, "packages", "debian-"+s.Release+"-"+s.Arch+s.Snapshot)
}

func (s Spec) assemble(ctx context.Context, home, work string) (assembled, error) {
	client, err := newClient()
	if err != nil {
		return assembled{}, err
	}
	packages, index, err := s.resolve(ctx, client, home)
	if err != nil {
		return assembled{}, err
	}
	files, err := debian.Download(ctx, client, packages, s.store(home))
	if err != nil {
		return assembled{}, err
	}
	bill, err := s.bill(index.Distribution, packages)
	if err != nil {
		return assembled{}, err
	}
	system := debian.System{
		Files:        map[string][]byte{billFile: bill},
		Distribution: index.Distribution, Packages: packages, Keep: s.Kind.keep,
		Users: []debian.User{{Name: "cnb", ID: userID, Home: "/home/cnb"}},
	}
	layer, size, libraries, err := writeLayer(ctx, system, files, filepath.Join(work, "layer.tar.gz"))
	if err != nil {
		return assembled{}, err
	}
	image, err := s.configure(layer, index.Distribution, index.Date)
	if err != nil {
		return assembled{}, fmt.Errorf("assemble the image: %w", err)
	}
	return assembled{image, packages, index, size, libraries}, nil
}

// billFile is the bill of materials in the image: CycloneDX.
const billFile = "usr/share/sbom/base.cdx.json"

func (s Spec) bill(d debian.Distribution, packages []debian.Package) ([]byte, error) {
	document := sbom.Document{Name: s.Name(), Version: d.VersionID, Tool: "Gantry"}
	for _, p := range packages {
		document.Components = append(document.Components, sbom.Component{Key: p.Name, Type: "deb", Name: p.Name, Version: p.Version, PURL: p.PURL(d)})
		document.Roots = append(document.Roots, p.Name)
	}
	var text bytes.Buffer
	err := document.CycloneDX(&text)
	return text.Bytes(), err
}

func newClient() (*fetch.Client, error) {
	client := fetch.NewClient("gantry")
	mirrors, err := fetch.ReadMirrors(os.Environ(), nil)
	client.Mirrors = mirrors
	return client, err
}

// writeLayer writes a system as a layer, and gives the size of its files, and the names of its libraries.
func writeLayer(ctx context.Context, system debian.System, files []string, name string) (layer v1.Layer, size int64, libraries []string, err error) {
	out, err := os.Create(name)
	if err != nil {
		return nil, 0, nil, problem.Disk("write the image", err)
	}
	zipped := gzip.NewWriter(out)
	counted := &counter{to: zipped}
	libraries, err = system.Write(ctx, files, counted)
	if err = errors.Join(err, zipped.Close(), out.Close()); err != nil {
		if ctx.Err() != nil {
			return nil, 0, nil, ctx.Err()
		}
		return nil, 0, nil, problem.Disk("write the image", err)
	}
	layer, err = tarball.LayerFromFile(name)
	return layer, counted.n, libraries, err
}

// counter counts what is written.
type counter struct {
	to interface{ Write([]byte) (int, error) }
	n  int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.to.Write(p)
	c.n += int64(n)
	return n, err
}

// userID is the number of the user as whom builds and applications run, and of its group.
const userID = 1000

// stackID is what older platforms compare build and run images by.
func stackID(d debian.Distribution) string { return "gantry." + d.ID + "." + d.Codename }

// configure gives a root file system the configuration that the lifecycle and platforms want of a run or build image:
// https://github.com/buildpacks/spec/blob/platform/0.14/platform.md#run-image. kpack asks for the stack's as well.
func (s Spec) configure(layer v1.Layer, d debian.Distribution, date time.Time) (v1.Image, error) {
	image, err := mutate.AppendLayers(empty.Image, layer)
	if err != nil {
		return nil, err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture = "linux", s.Arch
	config.Config.User = fmt.Sprintf("%d:%d", userID, userID)
	config.Config.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
	if s.Kind == Build {
		config.Config.Env = append(config.Config.Env, fmt.Sprintf("CNB_USER_ID=%d", userID), fmt.Sprintf("CNB_GROUP_ID=%d", userID), "CNB_STACK_ID="+stackID(d))
	}
	purpose := map[Kind]string{Tiny: "running programs without a shell", Run: "running applications", Build: "building applications"}[s.Kind]
	config.Config.Labels = map[string]string{
		"io.buildpacks.stack.id":            stackID(d),
		"io.buildpacks.base.distro.name":    d.ID,
		"io.buildpacks.base.distro.version": d.VersionID,
		"io.buildpacks.base.homepage":       "https://www.debian.org",
		"io.buildpacks.base.maintainer":     "Gantry",
		"io.buildpacks.base.released":       date.UTC().Format(time.RFC3339),
		"io.buildpacks.base.description":    d.Title() + " for " + purpose + " of Node.js and Ruby",
	}
	return mutate.ConfigFile(image, config)
}
