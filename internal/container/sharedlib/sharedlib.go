// Package sharedlib knows the shared libraries that programs of an image need of its run image: it keeps a list of them in
// the layers, and tells which are missing. It is part of every container start, and imports little.
package sharedlib

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// File is the name of the list in a layer: each library by its name, with what needs it.
const File = "libraries.json"

// List is who needs a library, by the library's name (DT_NEEDED, such as "libpq.so.5"), and who needs a version of its
// symbols (DT_VERNEED), by both names, such as "libstdc++.so.6(GLIBCXX_3.4.32)".
type List map[string][]string

// Add notes that someone needs a library; with a version, that of its symbols.
func (l List) Add(name, version, user string) {
	if version != "" {
		name += "(" + version + ")"
	}
	if !slices.Contains(l[name], user) {
		l[name] = append(l[name], user)
	}
}

// Drop removes what is kept of some libraries.
func (l List) Drop(which func(library string) bool) {
	maps.DeleteFunc(l, func(key string, _ []string) bool {
		name, _ := parts(key)
		return which(name)
	})
}

// parts are the library and the version of its symbols that a key of a list names; most name no version.
func parts(key string) (name, version string) {
	name, version, _ = strings.Cut(key, "(")
	return name, strings.TrimSuffix(version, ")")
}

// Libraries is how many libraries a list names.
func (l List) Libraries() int { return len(l.Names()) }

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

// Names are the libraries that a list names, in order.
func (l List) Names() []string {
	names := map[string]bool{}
	for key := range l {
		name, _ := parts(key)
		names[name] = true
	}
	return slices.Sorted(maps.Keys(names))
}

// ReadLayer gives the list of one layer; it is empty where that needs nothing.
func ReadLayer(dir string) (List, error) {
	text, err := os.ReadFile(filepath.Join(dir, File))
	if errors.Is(err, fs.ErrNotExist) {
		return List{}, nil
	}
	list := List{}
	if err == nil {
		err = json.Unmarshal(text, &list)
	}
	return list, err
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

// MissingLibrary is what an image does not have: a library, or a version of a library's symbols.
type MissingLibrary struct {
	Library, Version string
	// Users are who needs it.
	Users []string
}

// What names what is missing.
func (k MissingLibrary) What() string {
	if k.Version != "" {
		return k.Version + " of " + k.Library
	}
	return k.Library
}

// Source says where it may be had.
func (k MissingLibrary) Source() string {
	if k.Version != "" {
		return "a newer release of the distribution has it"
	}
	return "on Debian and Ubuntu it is likely the package " + Package(k.Library)
}

// Find gives the file of a library in an image, empty when there is none; root and path are as for Missing.
func Find(root, path, name string) string { return find(placesOf(root, path), name) }

func placesOf(root, path string) (places []string) {
	for _, dir := range filepath.SplitList(path) {
		places = append(places, filepath.Join(root, dir))
	}
	for _, pattern := range folders {
		found, _ := filepath.Glob(filepath.Join(root, pattern))
		places = append(places, found...)
	}
	return places
}

func find(places []string, name string) string {
	for _, dir := range places {
		file := filepath.Join(dir, name)
		if _, err := os.Stat(file); err == nil {
			return file
		}
	}
	return ""
}

// Missing gives what is not in an image, in order of the libraries' names. root is the image's root folder; path is
// LD_LIBRARY_PATH.
func (l List) Missing(root, path string) []MissingLibrary {
	places := placesOf(root, path)
	var missing []MissingLibrary
	for _, key := range slices.Sorted(maps.Keys(l)) {
		name, version := parts(key)
		file := find(places, name)
		if version == "" && file == "" || version != "" && file != "" && !defines(file, version) {
			missing = append(missing, MissingLibrary{name, version, l[key]})
		}
	}
	return missing
}

// irregular are Debian's packages that are not called by the rule.
var irregular = map[string]string{
	"libxml2.so.2": "libxml2", "libxslt.so.1": "libxslt1.1", "libexslt.so.0": "libxslt1.1", "libz.so.1": "zlib1g", "libcurl.so.4": "libcurl4", "libcrypt.so.1": "libcrypt1",
	"libglib-2.0.so.0": "libglib2.0-0", "libgobject-2.0.so.0": "libglib2.0-0", "libgio-2.0.so.0": "libglib2.0-0", "libnss3.so": "libnss3", "libcrypto.so.3": "libssl3", "libbz2.so.1.0": "libbz2-1.0", "libc.so.6": "libc6",
}

// Package gives the name of the package of Debian and Ubuntu that holds a library: a rule of Debian's policy (8.1) and
// what differs from it, so that it is likely and not certain.
func Package(name string) string {
	if known := irregular[name]; known != "" {
		return known
	}
	base, version, _ := strings.Cut(strings.ToLower(name), ".so.")
	if strings.HasPrefix(base, "libicu") {
		return "libicu" + version
	}
	if base != "" && base[len(base)-1] >= '0' && base[len(base)-1] <= '9' {
		base += "-"
	}
	return strings.ReplaceAll(base, "_", "-") + version
}
