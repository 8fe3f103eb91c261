// Package pnpm fills pnpm's store from its lockfile. The store holds each file once, under its own checksum, and for each
// package a list of its files: https://pnpm.io/faq#why-does-my-node_modules-folder-use-disk-space-if-packages-are-stored-in-a-global-store
// and store/cafs in pnpm's source.
package pnpm

import (
	"encoding/base64"
	"encoding/hex"
	"path"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/source/lazyregexp"
)

// Layout is how a store names its lists.
type Layout string

const (
	// V3 is that of pnpm 8 and 9.
	V3 Layout = "v3"
	// V10 is that of pnpm 10.
	V10 Layout = "v10"
)

// Package is one of a registry.
type Package struct {
	// Keys are those of the lockfile, one for each choice of the package's peers.
	Keys          []string
	Name, Version string
	// URL is where its archive is, and Integrity the checksum of that, as Subresource Integrity.
	URL, Integrity string
	Layout         Layout
}

// Packages gives those of a lockfile's packages that come from a registry; place tells where a package is that the lockfile
// does not say it of. others reports whether there are packages that do not.
func Packages(all []plan.Package, layout Layout, place func(name, version string) string) (list []Package, others bool) {
	at := map[string]int{}
	for _, q := range all {
		key, _, _ := strings.Cut(q.Key, "(")
		if i, known := at[key]; known {
			list[i].Keys = append(list[i].Keys, q.Key)
			continue
		}
		p := Package{Keys: []string{q.Key}, Name: q.Name, Version: q.Version, Integrity: q.Integrity, Layout: layout}
		// Other keys are addresses, folders and repositories.
		if key != p.Name+"@"+p.Version || !plainName().MatchString(p.Name) || !plainVersion().MatchString(p.Version) || p.digest() == "" {
			others = true
			continue
		}
		if p.URL = q.Tarball; p.URL == "" {
			p.URL = place(p.Name, p.Version)
		}
		at[key] = len(list)
		list = append(list, p)
	}
	return list, others
}

// plainName and plainVersion are such that they are names of files as well.
var (
	plainName    = lazyregexp.New(`^(?:@\w[\w.~-]*/)?\w[\w.~-]*$`)
	plainVersion = lazyregexp.New(`^\d+\.\d+\.\d+(?:-[\w.-]+)?(?:\+[\w.-]+)?$`)
)

// digest is the checksum in hex; empty where there is none that is understood.
func (p Package) digest() string {
	algorithm, encoded, _ := strings.Cut(p.Integrity, "-")
	sum, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || len(sum) != map[string]int{"sha1": 20, "sha256": 32, "sha384": 48, "sha512": 64}[algorithm] {
		return ""
	}
	return hex.EncodeToString(sum)
}

// list is the name of the package's list of files: getIndexFilePathInCafs.
func (p Package) list() string {
	digest := p.digest()
	if p.Layout == V3 {
		return path.Join(string(V3), place(digest)+listSuffix)
	}
	digest = digest[:min(len(digest), 64)]
	return path.Join(string(V10), lists, digest[:2], digest[2:]+"-"+strings.ReplaceAll(p.Name, "/", "+")+"@"+p.Version+".json")
}

const (
	// files and lists are folders of a store.
	files = "files"
	lists = "index"
	// listSuffix is that of lists which are among the files.
	listSuffix = "-index.json"
	// executable is the suffix of files that may be executed.
	executable = "-exec"
)

// place is where something with a checksum is: contentPathFromHex.
func place(digest string) string { return path.Join(files, digest[:2], digest[2:]) }
