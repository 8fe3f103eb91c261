// Package inventory is the list of releases: what can be installed, and what its bytes must be. It knows how the list is
// written; which release an application gets is decided by its language. The list is part of the programs that need it,
// and not of buildpack.toml, which every detection has to read.
package inventory

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/source/lockfile"
)

// list is written by hand, one release a line. A Node.js release has the SHA-256 (hex) of the official archive, from the
// SHASUMS256.txt next to it, and the integrity of the same version's package on the npm registry, where there is one. A
// release of Ruby is a portable build, which needs nothing but a C library.
//
//go:embed releases.json
var list []byte

// Catalog is the list of releases, and the line used when an application asks for none.
type Catalog struct {
	Releases []plan.Release
	// Defaults maps a release's name to a range in its language's syntax.
	Defaults map[string]string
	// Libc is the C library that the releases run with, as npm names it: "glibc" or "musl".
	Libc string
}

// pin is what the bytes of one archive must be.
type pin struct{ SHA256, Integrity string }

// line is what the releases of a major version have in common.
type line struct {
	LTS       string `json:"lts"`
	EndOfLife string `json:"end-of-life"`
	// NPM is the version of npm to add when the archive brings none.
	NPM string `json:"npm"`
}

type file struct {
	Defaults map[string]string
	Lines    map[string]line
	Node     []struct {
		Version      string
		AMD64, ARM64 pin
	}
	// Build is the portable build of a version: https://github.com/bazel-contrib/portable-ruby/releases.
	Ruby []struct {
		Version, Build string
		AMD64, ARM64   pin
	}
	RubyLines map[string]line `json:"ruby-lines"`
	Tools     []struct{ Name, Version, Arch, Package, Integrity string }
}

// For gives the releases that run on an architecture, as Go names it, and with a C library.
func For(arch, libc string) (Catalog, error) {
	c, err := read(list, arch)
	c.Libc = libc
	return c, err
}

func read(text []byte, arch string) (Catalog, error) {
	var f file
	if err := json.Unmarshal(text, &f); err != nil {
		return Catalog{}, fmt.Errorf("read the list of releases: %w", err)
	}
	c := Catalog{Defaults: f.Defaults}
	for _, row := range f.Node {
		major, _, _ := strings.Cut(row.Version, ".")
		common, known := f.Lines[major]
		p := map[string]pin{"amd64": row.AMD64, "arm64": row.ARM64}[arch]
		if !known || (len(p.SHA256) != 64 && p.Integrity == "") {
			continue
		}
		name := "node-linux-" + lockfile.CPU(arch)
		release := plan.Release{
			Name: "node", Version: row.Version, Arch: arch, SHA256: p.SHA256,
			Package: name, Integrity: p.Integrity, Manager: common.NPM, LTS: common.LTS, EndOfLife: common.EndOfLife,
		}
		if p.SHA256 != "" {
			release.URI = fmt.Sprintf("https://nodejs.org/download/release/v%[1]s/node-v%[1]s-linux-%[2]s.tar.gz", row.Version, lockfile.CPU(arch))
		}
		if p.Integrity == "" {
			release.Package = ""
		}
		c.Releases = append(c.Releases, release)
	}
	c.Releases = append(c.Releases, f.rubies(arch)...)
	for _, row := range f.Tools {
		if row.Arch != "" && row.Arch != arch {
			continue
		}
		c.Releases = append(c.Releases, plan.Release{Name: row.Name, Version: row.Version, Arch: row.Arch, Package: row.Package, Integrity: row.Integrity})
	}
	for _, r := range c.Releases {
		if r.URI == "" && !strings.HasPrefix(r.Integrity, "sha512-") {
			return c, fmt.Errorf("the list of releases: %s %s has no pinned source", r.Name, r.Version)
		}
	}
	return c, nil
}

// rubyArchs maps Go's names of architectures to those of the portable builds.
var rubyArchs = map[string]string{"amd64": "x86_64", "arm64": "arm64"}

func (f file) rubies(arch string) (list []plan.Release) {
	for _, row := range f.Ruby {
		p := map[string]pin{"amd64": row.AMD64, "arm64": row.ARM64}[arch]
		if len(p.SHA256) != 64 {
			continue
		}
		major, rest, _ := strings.Cut(row.Version, ".")
		minor, _, _ := strings.Cut(rest, ".")
		list = append(list, plan.Release{
			Name: "ruby", Version: row.Version, Arch: arch, SHA256: p.SHA256, EndOfLife: f.RubyLines[major+"."+minor].EndOfLife,
			URI: fmt.Sprintf("https://github.com/bazel-contrib/portable-ruby/releases/download/%s/ruby-%s.%s_linux.tar.gz", row.Build, row.Version, rubyArchs[arch]),
		})
	}
	return list
}

// Named gives the releases of a name, in the list's order: newest first.
func (c Catalog) Named(name string) []plan.Release {
	return slices.DeleteFunc(slices.Clone(c.Releases), func(r plan.Release) bool { return r.Name != name })
}
