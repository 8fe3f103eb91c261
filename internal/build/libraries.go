package build

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/gantry-buildpack/gantry/internal/elf"
	"github.com/gantry-buildpack/gantry/internal/library"
	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// libraries keeps in a layer which shared libraries its programs need of the run image: the launch check looks for them
// before the application starts. who names what a file belongs to; files for which it gives nothing do not count.
func (w *work) libraries(dir string, who func(name string) string) error {
	list, own := library.List{}, map[string]bool{}
	err := filepath.WalkDir(dir, func(file string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		name := entry.Name()
		own[name] = true
		if !strings.HasSuffix(name, ".so") && !strings.Contains(name, ".so.") && !strings.Contains(filepath.Dir(file), "/bin") {
			return nil
		}
		user := who(strings.TrimPrefix(file, dir+"/"))
		if user == "" {
			return nil
		}
		needed, self := elf.Needed(file)
		own[self] = true
		for _, library := range needed {
			if !slices.Contains(list[library], user) {
				list[library] = append(list[library], user)
			}
		}
		return nil
	})
	if err != nil {
		return problem.Disk("read the layer", err)
	}
	// Packages may be linked with the runtime's own libraries.
	if w.toolchain != "" {
		entries, _ := os.ReadDir(filepath.Join(w.toolchain, "lib"))
		for _, entry := range entries {
			own[entry.Name()] = true
		}
	}
	for name := range list {
		// What the layer has itself is found by the place that is written into its programs. The loader and the C library's
		// parts are in every image in which anything runs; a library of another C library is for another image.
		if own[name] || strings.HasPrefix(name, "ld-linux") || strings.HasPrefix(name, "libc.musl") {
			delete(list, name)
		}
	}
	if err := list.Write(dir); err != nil {
		return problem.Disk("write "+library.File, err)
	}
	for _, name := range list.Missing("/", w.variables()["LD_LIBRARY_PATH"]) {
		w.Report.Warning(fmt.Sprintf("%s: the library %s is not in the build image. The run image must have it (on Debian and Ubuntu it is likely the package %s). "+
			"Without it, the application does not start.", strings.Join(list[name], ", "), name, library.Package(name)))
	}
	return nil
}

// ofRuntime tells which files of the runtime every application needs.
func ofRuntime(r plan.Runtime) func(string) string {
	return func(name string) string {
		for pattern, part := range r.Essential {
			if ok, _ := doublestar.Match(pattern, name); ok {
				return part
			}
		}
		return ""
	}
}

// ofPackages gives the package that a file belongs to, by the folder that has its name and version.
func ofPackages(packages []plan.Package) func(string) string {
	return func(name string) string {
		for part := range strings.SplitSeq(name, "/") {
			for _, p := range packages {
				if rest, ok := strings.CutPrefix(part, p.Name+"-"+p.Version); ok && (rest == "" || rest[0] == '-') {
					return p.Name
				}
			}
		}
		return ""
	}
}
