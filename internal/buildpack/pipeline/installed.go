package pipeline

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/gantry-buildpack/gantry/internal/plan"
)

// notInstalled is the name, in a layer's metadata, of the packages that the lockfile names and that are not in it.
const notInstalled = "not installed"

// notInstalled gives the keys of the packages of which a layer and the runtime have no evidence.
func (w *work) notInstalled(in installation, layer string) (keys []string) {
	if len(in.Evidence) == 0 {
		return nil
	}
	for _, p := range in.Packages {
		there := slices.ContainsFunc(in.Evidence, func(pattern string) bool { return w.found(in, layer, p, pattern) })
		if !there {
			keys = append(keys, p.Key)
		}
	}
	return keys
}

// listedPackages is the name, in a layer's metadata, of the packages that are in it, where there is no lockfile that names them.
const listedPackages = "packages"

// listed gives them as "NAME VERSION", by what would be evidence of them.
func listed(in installation, layer string) (list []string) {
	if len(in.Packages) > 0 {
		return nil
	}
	for _, pattern := range in.Evidence {
		if strings.HasPrefix(pattern, plan.ToolchainDir) {
			continue
		}
		pattern = strings.NewReplacer("{name}", "*", "{version}", "*").Replace(pattern)
		for _, dir := range in.Dirs {
			names, err := doublestar.Glob(os.DirFS(filepath.Join(layer, dir)), pattern)
			for _, name := range names {
				base := strings.TrimSuffix(filepath.Base(name), filepath.Ext(name))
				if m := versioned().FindStringSubmatch(base); err == nil && m != nil {
					list = append(list, m[1]+" "+m[2])
				}
			}
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

func (w *work) found(in installation, layer string, p plan.Package, pattern string) bool {
	pattern = strings.NewReplacer("{name}", p.Name, "{version}", p.Version).Replace(pattern)
	places := []string{w.toolchain}
	pattern, ofRuntime := strings.CutPrefix(pattern, plan.ToolchainDir+"/")
	if !ofRuntime {
		places = nil
		for _, dir := range in.Dirs {
			places = append(places, filepath.Join(layer, dir))
		}
	}
	return slices.ContainsFunc(places, func(dir string) bool {
		names, err := doublestar.Glob(os.DirFS(dir), pattern)
		return err == nil && len(names) > 0
	})
}

// missing gives what the layer of packages says is not in it.
func (w *work) missing() []string {
	l, _ := w.inResult(modulesLayer)
	return asStrings(l.Metadata[notInstalled])
}
