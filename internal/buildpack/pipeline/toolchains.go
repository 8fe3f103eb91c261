package pipeline

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/buildpacks/libcnb/v2"

	"github.com/gantry-buildpack/gantry/internal/buildpack/layers"
	"github.com/gantry-buildpack/gantry/internal/install/archive"
	"github.com/gantry-buildpack/gantry/internal/install/files"
	unpack "github.com/gantry-buildpack/gantry/internal/install/toolchain"
	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// openToolchain is a toolchain that is on disk. It does not change; one without headers may be replaced by one with them, where
// an installation turns out to need more than its lockfile says.
type openToolchain struct {
	dir     string
	headers bool
	layers  []libcnb.Layer
	// writing is the archive of it.
	writing *write
	// launch is the state of what the image gets of it.
	launch string
	// waiting is the state in which it may wait for the next build.
	waiting layers.Waiting
}

// toolchain is what a build has of one language's toolchain: nothing, until it is opened.
type toolchain struct {
	mu     sync.Mutex
	opened openToolchain
}

// toolchains has one for each language of a plan.
type toolchains map[string]*toolchain

func newToolchains(p plan.Plan) toolchains {
	all := toolchains{}
	for _, t := range p.Toolchains {
		all[t.Language] = &toolchain{}
	}
	return all
}

// layers are the layers of all toolchains that are open.
func (all toolchains) layers() (list []libcnb.Layer) {
	for _, language := range slices.Sorted(maps.Keys(all)) {
		t := all[language]
		t.mu.Lock()
		list = append(list, t.opened.layers...)
		t.mu.Unlock()
	}
	return list
}

// dir is the folder of a language's toolchain; empty while it is not open.
func (all toolchains) dir(language string) string {
	t := all[language]
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.opened.dir
}

// waiting is a toolchain as it is open; nothing while it is not.
func (all toolchains) waiting(language string) openToolchain {
	t := all[language]
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.opened
}

// linked notes the state of a toolchain after the image got links to its files, where nothing else has changed in it: whole is whether that was so
// before.
func (all toolchains) linked(language string, whole bool, stamp func(dir string) string) {
	t := all[language]
	t.mu.Lock()
	defer t.mu.Unlock()
	t.opened.waiting.Stamp = ""
	if whole {
		t.opened.waiting.Stamp = stamp(t.opened.dir)
	}
}

// forLaunch is the folder of a toolchain, where what the image gets of it is as it was unpacked; else empty, as while it is not open.
// changed: a program of the build has written to it.
func (all toolchains) forLaunch(of plan.Toolchain) (dir string, changed bool, err error) {
	t := all[of.Language]
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.opened.dir == "" {
		return "", false, nil
	}
	// The image gets links to the files, and a link changes their state, too: the archive is written first.
	if err := t.opened.writing.wait(); err != nil {
		return "", false, err
	}
	now, err := stampOfLaunch(of, t.opened.dir)
	if err != nil || now != t.opened.launch {
		return "", true, err
	}
	return t.opened.dir, false, nil
}

// stampOfLaunch is the state of the files that the image gets of a toolchain.
func stampOfLaunch(t plan.Toolchain, dir string) (all string, err error) {
	for _, name := range t.Runtime.Files.Launch {
		stamp, err := files.Stamp(filepath.Join(dir, name))
		if err != nil {
			return "", err
		}
		all += stamp
	}
	return all, nil
}

// open puts a toolchain on disk, unless it is there; headers: with what packages are compiled against.
func (p pipeline) open(ctx context.Context, of plan.Toolchain, headers bool) error {
	t := p.toolchains[of.Language]
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.opened.dir != "" && (t.opened.headers || !headers) {
		return nil
	}
	// Another archive takes the place of the one that may still be being written.
	if err := t.opened.writing.wait(); err != nil {
		return err
	}
	end := p.Log.Span("Toolchain", "unpack "+of.Runtime.Title)
	opened, err := p.restoreToolchain(ctx, of, headers)
	end()
	if err == nil {
		opened.launch, err = stampOfLaunch(of, opened.dir)
	}
	if err == nil {
		t.opened = opened
	}
	return err
}

// openLanguages opens toolchains by their languages, and gives them.
func (p pipeline) openLanguages(ctx context.Context, languages []string, headers map[string]bool) ([]plan.Toolchain, error) {
	var list []plan.Toolchain
	for _, language := range languages {
		t, _ := p.Toolchain(language)
		if err := p.open(ctx, t, headers[language]); err != nil {
			return nil, err
		}
		list = append(list, t)
	}
	return list, nil
}

// restoreToolchain unpacks the archive of the last build, or downloads the toolchain. An archive with headers also serves
// where none are needed.
func (p pipeline) restoreToolchain(ctx context.Context, t plan.Toolchain, headers bool) (openToolchain, error) {
	spec := layers.ToolchainCache(t, p.Arch, headers)
	kept, cause := p.store.Reuse(spec)
	if cause != "" && !headers {
		withHeaders := layers.ToolchainCache(t, p.Arch, true)
		if more, none := p.store.Reuse(withHeaders); none == "" {
			spec, kept, cause, headers = withHeaders, more, "", true
		}
	}
	scratch, err := p.store.Fresh(layers.Toolchain(t, p.Arch, headers))
	if err != nil {
		return openToolchain{}, err
	}
	file := filepath.Join(kept.Path, layers.ToolchainArchive)
	waiting := layers.Waiting{Key: layers.KeyOf(spec.Inputs)}
	if cause == "" {
		if there, ok := p.ready.Take(toolchainName(t), waiting.Key, toolchainPlaces(scratch.Path)); ok {
			return openToolchain{dir: scratch.Path, headers: headers, layers: []libcnb.Layer{scratch, kept}, waiting: there}, nil
		}
	}
	if cause == "" && archive.UnzstdFile(file, scratch.Path) == nil {
		waiting.Stamp = p.ready.Stamp(toolchainPlaces(scratch.Path))
		return openToolchain{dir: scratch.Path, headers: headers, layers: []libcnb.Layer{scratch, kept}, waiting: waiting}, nil
	}
	if cause == "" {
		// The archive is damaged.
		if scratch, err = p.store.Fresh(layers.Toolchain(t, p.Arch, headers)); err != nil {
			return openToolchain{}, err
		}
	}
	if kept, err = p.store.Fresh(spec); err != nil {
		return openToolchain{}, err
	}
	omit := t.Runtime.Files.NotForBuild
	if !headers {
		omit = slices.Concat(omit, t.Runtime.Files.Headers)
	}
	if err := p.unpacker.Unpack(ctx, t, scratch.Path, t.Tools, func(name string) bool { return !unpack.IsAmong(omit, name) }); err != nil {
		return openToolchain{}, err
	}
	unpacked, err := files.Stamp(scratch.Path)
	if err != nil {
		return openToolchain{}, problem.Unreadable("look at the toolchain", err)
	}
	// While the application is being built: what its programs have changed meanwhile must not be in the next build's toolchain.
	writing := p.writes.start(p.Log, "archive "+t.Runtime.Title, func() error {
		if err := p.store.Pack(file, scratch.Path, "."); err != nil {
			return err
		}
		if now, err := files.Stamp(scratch.Path); err != nil || now != unpacked {
			return os.Remove(file)
		}
		return nil
	})
	waiting.Stamp = p.ready.Stamp(toolchainPlaces(scratch.Path))
	return openToolchain{dir: scratch.Path, headers: headers, layers: []libcnb.Layer{scratch, kept}, writing: writing, waiting: waiting}, nil
}

// keepToolchains are the archives of toolchains that the last build has left, for those that this one does not open.
func (p pipeline) keepToolchains() []libcnb.Layer {
	var specs []layers.Spec
	for _, t := range p.Toolchains {
		specs = append(specs, layers.ToolchainCache(t, p.Arch, true))
	}
	return p.store.Keep(specs...)
}
