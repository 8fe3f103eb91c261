package localbuild

import (
	"cmp"
	"fmt"
	"runtime"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/gantry-buildpack/gantry/internal/problem"
)

// Volume is a folder or file that the build sees, read-only.
type Volume struct{ Source, Target string }

// Refresh says when newer packages are looked for.
type Refresh int

// They are looked for once a day, in this build, or not at all.
const (
	RefreshDaily Refresh = iota
	RefreshNow
	RefreshNever
)

// Options say what to build and where it goes.
type Options struct {
	// App is the application's folder.
	App string
	// Buildpack is the folder with buildpack.toml and bin/.
	Buildpack string
	// Lifecycle is the folder with the programs lifecycle and launcher.
	Lifecycle string
	// RunImage is a reference, an OCI layout or a tarball; or one made on this machine: tiny, base, or empty for the usual one.
	RunImage string
	// RunImageWhy, if it is not empty, says which one was chosen and why.
	RunImageWhy string
	// Arch is the image's architecture, as Go names it; empty for the machine's. For another one, App is an application that is built: see
	// BuildPlatforms.
	Arch string
	// Whole takes all of App, whatever project.toml includes or excludes.
	Whole bool
	// Refresh says when newer packages for one made on this machine are looked for.
	Refresh Refresh
	// Output is a file (*.tar, for docker load) or a folder (an OCI layout); empty for none besides the cache's.
	Output string
	// Publish is a reference to push to; empty for none.
	Publish string
	// Docker is a name for the image in the machine's Docker engine; empty for none.
	Docker string
	// Cache is the application's cache; empty for a folder in Home that belongs to App.
	Cache string
	// Home holds run images and the caches of applications.
	Home string
	// LogLevel is the lifecycle's: debug, info, warn or error.
	LogLevel string
	// Color allows it escape sequences.
	Color bool
	// Env is given to the build, as platform variables.
	Env map[string]string
	// Volumes are shown to the build.
	Volumes []Volume
	// Phases has the build note the lifecycle's phases, and where the buildpack's time went, for the timeline.
	Phases bool
	// Forgetful keeps nothing unpacked for the next build: where the cache is saved and brought back as an archive, that would be in vain.
	Forgetful bool
	// Verify starts the image for a moment before it is delivered, with RunEnv in addition to the image's variables.
	Verify bool
	RunEnv map[string]string
}

func (o Options) arch() string { return cmp.Or(o.Arch, runtime.GOARCH) }

func (o Options) foreign() bool { return o.arch() != runtime.GOARCH }

// launcher is the lifecycle's program in the image, in the folder of its programs.
func (o Options) launcher() string {
	if o.foreign() {
		return "/linux-" + o.Arch + "/launcher"
	}
	return "/launcher"
}

// Result is the image that was built.
type Result struct {
	Image v1.Image
	// Layout is the folder in which it is kept.
	Layout string
	Digest v1.Hash
	// Size is what its layers take in a registry, in bytes: compressed.
	Size int64
	// layers and fresh are how many layers it has, and how many of them the image of the last build had not; freshSize is theirs, in bytes.
	layers, fresh int
	freshSize     int64
	// first: there was no last build.
	first bool
}

// newResult compares an image with that of the last build; nil for none.
func newResult(image, last v1.Image, layout string) (Result, error) {
	r := Result{Image: image, Layout: layout, first: last == nil}
	digest, err := image.Digest()
	if err != nil {
		return r, fmt.Errorf("read the image: %w", err)
	}
	r.Digest = digest
	had := map[v1.Hash]bool{}
	if last != nil {
		if manifest, err := last.Manifest(); err == nil {
			for _, layer := range manifest.Layers {
				had[layer.Digest] = true
			}
		}
	}
	manifest, err := image.Manifest()
	if err != nil {
		return r, fmt.Errorf("read the image: %w", err)
	}
	for _, layer := range manifest.Layers {
		r.layers++
		r.Size += layer.Size
		if !had[layer.Digest] {
			r.fresh++
			r.freshSize += layer.Size
		}
	}
	return r, nil
}

// Changed tells for people what a build has changed in the image.
func (r Result) Changed() string {
	switch {
	case r.first:
		return fmt.Sprintf("all of it, in %s: it is the first", problem.Count(r.layers, "layer"))
	case r.fresh == 0:
		return "none of its layers"
	}
	return fmt.Sprintf("%d of its %s, %s", r.fresh, problem.Count(r.layers, "layer"), problem.Size(r.freshSize))
}
