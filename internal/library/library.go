// Package library knows the shared libraries that programs of an image need of its run image: it keeps a list of them in
// the layers, and tells which are missing. It is part of every container start, and imports little.
package library

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// File is the name of the list in a layer: each library by its name, with what needs it.
const File = "libraries.json"

// List is who needs a library, by the library's name (DT_NEEDED, such as "libpq.so.5").
type List map[string][]string

// Write keeps the list in a layer; an empty one needs no file.
func (l List) Write(layer string) error {
	if len(l) == 0 {
		return nil
	}
	for _, users := range l {
		slices.Sort(users)
	}
	text, err := json.Marshal(l)
	if err != nil {
		return fmt.Errorf("write %s: %w", File, err)
	}
	return os.WriteFile(filepath.Join(layer, File), text, 0o644)
}

// Read gives the lists of all layers in a folder, as one. A layer without one needs nothing.
func Read(layers string) (List, error) {
	all := List{}
	files, _ := filepath.Glob(filepath.Join(layers, "*", File))
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", File, err)
		}
		var one List
		if err := json.Unmarshal(text, &one); err != nil {
			return nil, fmt.Errorf("read %s: %w", file, err)
		}
		for name, users := range one {
			all[name] = append(all[name], users...)
		}
	}
	return all, nil
}

// folders are where the loader looks: ld.so(8), with the folders of Debian and Ubuntu.
var folders = []string{"lib/*-linux-gnu", "usr/lib/*-linux-gnu", "lib64", "usr/lib64", "lib", "usr/lib", "usr/local/lib", "usr/local/lib/*-linux-gnu"}

// Missing gives the libraries that are not in an image, in order. root is the image's root folder; path is LD_LIBRARY_PATH.
func (l List) Missing(root, path string) []string {
	var places []string
	for _, dir := range filepath.SplitList(path) {
		places = append(places, filepath.Join(root, dir))
	}
	for _, pattern := range folders {
		found, _ := filepath.Glob(filepath.Join(root, pattern))
		places = append(places, found...)
	}
	var missing []string
	for _, name := range slices.Sorted(maps.Keys(l)) {
		there := func(dir string) bool {
			_, err := os.Stat(filepath.Join(dir, name))
			return err == nil
		}
		if !slices.ContainsFunc(places, there) {
			missing = append(missing, name)
		}
	}
	return missing
}

// irregular are Debian's packages that are not called by the rule.
var irregular = map[string]string{
	"libxml2.so.2": "libxml2", "libxslt.so.1": "libxslt1.1", "libexslt.so.0": "libxslt1.1", "libz.so.1": "zlib1g", "libcurl.so.4": "libcurl4", "libcrypt.so.1": "libcrypt1",
	"libicui18n.so.72": "libicu72", "libicuuc.so.72": "libicu72", "libicudata.so.72": "libicu72", "libcrypto.so.3": "libssl3", "libbz2.so.1.0": "libbz2-1.0", "libc.so.6": "libc6",
}

// Package gives the name of the package of Debian and Ubuntu that holds a library: a rule of Debian's policy (8.1) and
// what differs from it, so that it is likely and not certain.
func Package(name string) string {
	if known := irregular[name]; known != "" {
		return known
	}
	base, version, _ := strings.Cut(strings.ToLower(name), ".so.")
	if base != "" && base[len(base)-1] >= '0' && base[len(base)-1] <= '9' {
		base += "-"
	}
	return strings.ReplaceAll(base, "_", "-") + version
}
