package pipeline

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/gantry-buildpack/gantry/internal/buildpack/layers"
	"github.com/gantry-buildpack/gantry/internal/plan"
)

// notInstalledKey is the name, in a layer's metadata, of the packages that the lockfile names and that are not in it.
const notInstalledKey = "not installed"

// notInstalled gives the keys of the packages of which a layer and the runtime have no marker.
func (p pipeline) notInstalled(d decided, dir string) (keys []string) {
	if len(d.List.Markers) == 0 {
		return nil
	}
	for _, pkg := range d.List.Packages {
		there := slices.ContainsFunc(d.List.Markers, func(pattern string) bool { return p.hasMarker(d, dir, pkg, pattern) })
		if !there {
			keys = append(keys, pkg.Key)
		}
	}
	return keys
}

// unlistedKey is the name, in a layer's metadata, of the packages that are in it, where no lockfile names them.
const unlistedKey = "packages"

// unlisted gives them as "NAME VERSION", by their markers.
func unlisted(in plan.Install, dir string) (list []string) {
	if len(in.List.Packages) > 0 {
		return nil
	}
	for _, pattern := range in.List.Markers {
		if strings.HasPrefix(pattern, plan.ToolchainDir) {
			continue
		}
		pattern = strings.NewReplacer("{name}", "*", "{version}", "*").Replace(pattern)
		for _, tree := range in.Trees.Dirs {
			names, err := doublestar.Glob(os.DirFS(filepath.Join(dir, tree)), pattern)
			for _, name := range names {
				base := strings.TrimSuffix(filepath.Base(name), filepath.Ext(name))
				if m := layers.Versioned().FindStringSubmatch(base); err == nil && m != nil {
					list = append(list, m[1]+" "+m[2])
				}
			}
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// hasMarker reports whether a layer, or the runtime, has a file that marks a package.
func (p pipeline) hasMarker(d decided, layer string, pkg plan.Package, pattern string) bool {
	pattern = strings.NewReplacer("{name}", pkg.Name, "{version}", pkg.Version).Replace(pattern)
	places := []string{p.toolchains.dir(d.Language)}
	pattern, ofRuntime := strings.CutPrefix(pattern, plan.ToolchainDir+"/")
	if !ofRuntime {
		places = nil
		for _, dir := range d.Trees.Dirs {
			places = append(places, filepath.Join(layer, dir))
		}
	}
	return slices.ContainsFunc(places, func(dir string) bool {
		names, err := doublestar.Glob(os.DirFS(dir), pattern)
		return err == nil && len(names) > 0
	})
}
