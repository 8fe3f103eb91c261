package layers

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/gantry-buildpack/gantry/internal/buildpack/session"
	"github.com/gantry-buildpack/gantry/internal/container/sharedlib"
	"github.com/gantry-buildpack/gantry/internal/install/elffile"
	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/problem"
	"github.com/gantry-buildpack/gantry/internal/source/lazyregexp"
)

// Libraries finds the shared libraries that programs in a layer need of the run image.
type Libraries struct {
	Session   session.Session
	Toolchain plan.Toolchain
	// ToolchainDir is the folder of the toolchain, whose own libraries packages may be linked with; empty where the build does
	// not have it.
	ToolchainDir string
	// Complete: what the layer needs besides is certain to be in the run image, whatever the build image has.
	Complete bool
}

// Record writes into a layer which shared libraries its programs need of the run image: the launch check looks for them
// before the application starts. owner names what a file belongs to; files for which it gives nothing do not count.
func (b Libraries) Record(dir string, owner func(name string) string) error {
	list, own := sharedlib.List{}, map[string]bool{}
	err := filepath.WalkDir(dir, func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name := entry.Name()
		// A library may be found by the name of a link alone.
		own[name] = true
		if !entry.Type().IsRegular() {
			return nil
		}
		if !slices.Contains([]string{".so", ".node"}, filepath.Ext(name)) && !strings.Contains(name, ".so.") && !strings.Contains(filepath.Dir(file), "/bin") {
			return nil
		}
		user := owner(strings.TrimPrefix(file, dir+"/"))
		if user == "" {
			return nil
		}
		needed, self := elffile.Needed(file, b.Session.Arch)
		own[self] = true
		for _, need := range needed {
			list.Add(need.Library, "", user)
			for _, version := range need.Versions {
				list.Add(need.Library, version, user)
			}
		}
		return nil
	})
	if err != nil {
		return problem.Unreadable("read the layer", err)
	}
	// Packages may be linked with the runtime's own libraries.
	if b.ToolchainDir != "" {
		entries, _ := os.ReadDir(filepath.Join(b.ToolchainDir, "lib"))
		for _, entry := range entries {
			own[entry.Name()] = true
		}
	}
	// What the layer has itself is found by the place that is written into its programs. The loader is in every image in
	// which anything runs.
	list.Drop(func(name string) bool { return own[name] || strings.HasPrefix(name, "ld-linux") })
	return b.write(list, dir)
}

// write writes such a list, and warns of what the build image does not have either.
func (b Libraries) write(list sharedlib.List, dir string) error {
	if err := list.Write(dir); err != nil {
		return problem.Disk("write "+sharedlib.File, err)
	}
	if b.Complete || b.Session.Foreign() {
		return nil
	}
	for _, missing := range list.Missing("/", b.path()) {
		if slices.Contains(b.Session.Libraries, missing.Library) {
			continue
		}
		b.Session.Log.Warning(fmt.Sprintf("%s: %s is not in the build image. The run image must have it, or packages in project.toml (%s). Without it, the application does not start.",
			strings.Join(missing.Users, ", "), missing.What(), missing.Source()))
	}
	return nil
}

// path is where the build image's loader looks for libraries first.
func (b Libraries) path() string { return b.Session.Variables(b.Toolchain)["LD_LIBRARY_PATH"] }

// OfRuntime copies the libraries that the runtime's programs need next to them into its layer, where the lifecycle has the
// loader look for them: https://github.com/buildpacks/spec/blob/main/buildpack.md#layer-paths. What the build image does not have
// is left to the launch check.
func (b Libraries) OfRuntime(dir string) error {
	r, list := b.Toolchain.Runtime, sharedlib.List{}
	for _, program := range r.Programs {
		// A program that is not at launch needs nothing.
		needed, _ := elffile.Needed(filepath.Join(dir, program), b.Session.Arch)
		for _, need := range needed {
			if !slices.Contains(r.Libraries, need.Library) {
				continue
			}
			file := sharedlib.Find("/", b.path(), need.Library)
			if file == "" || b.Session.Foreign() {
				list.Add(need.Library, "", r.Title)
				continue
			}
			if err := copyLibrary(file, filepath.Join(dir, "lib", need.Library)); err != nil {
				return problem.Disk("copy "+need.Library, err)
			}
		}
	}
	return b.write(list, dir)
}

func copyLibrary(from, to string) error {
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return os.WriteFile(to, content, 0o644)
}

// ownerInRuntime tells which files of the runtime every application needs.
func ownerInRuntime(r plan.Runtime) func(string) string {
	return func(name string) string {
		for pattern, part := range r.Essential {
			if ok, _ := doublestar.Match(pattern, name); ok {
				return part
			}
		}
		return ""
	}
}

// RecordPackages does that for the packages of an installation.
func (b Libraries) RecordPackages(in plan.Install, dir string) error {
	switch {
	case len(in.Native.Patterns) > 0:
		return b.Record(dir, ownerByFolder(filepath.Base(in.Trees.Dirs[0]), in.Native.Patterns))
	case in.Native.All:
		return b.Record(dir, ownerByVersion(in.List.Packages))
	}
	return nil
}

// ownerByFolder gives the package that a file belongs to by the last folder of packages on its way, and where it fits one of
// the patterns: "node_modules/@scope/name/…".
func ownerByFolder(parent string, patterns []string) func(string) string {
	return func(name string) string {
		i := strings.LastIndex("/"+name, "/"+parent+"/")
		if i < 0 {
			return ""
		}
		pkg, rest, _ := strings.Cut(name[i+len(parent)+1:], "/")
		if strings.HasPrefix(pkg, "@") {
			var own string
			own, rest, _ = strings.Cut(rest, "/")
			pkg += "/" + own
		}
		for _, pattern := range patterns {
			if ok, _ := doublestar.Match(pattern, rest); ok {
				return pkg
			}
		}
		return ""
	}
}

// Versioned finds the name and the version of a package in the name of its folder, such as "nokogiri-1.18.9-x86_64-linux-gnu".
var Versioned = lazyregexp.New(`^(.+?)-(\d+(?:\.\w+)+)(?:-.+)?$`)

// ownerByVersion gives the package that a file belongs to, by the folder that has its name and version; where no
// packages are known beforehand, by one that looks like that.
func ownerByVersion(packages []plan.Package) func(string) string {
	return func(name string) string {
		for part := range strings.SplitSeq(name, "/") {
			if m := Versioned().FindStringSubmatch(part); m != nil && len(packages) == 0 {
				return m[1]
			}
			for _, p := range packages {
				if rest, ok := strings.CutPrefix(part, p.Name+"-"+p.Version); ok && (rest == "" || rest[0] == '-') {
					return p.Name
				}
			}
		}
		return ""
	}
}
