// Package inventory is the list of releases: what can be installed, and what its bytes must be. It knows how the list is
// written; which release an application gets is decided by its language. The newest releases are in buildpack.toml, where operators
// can exchange them; all that are known are in a list that is part of the programs that need it, because every detection has to
// read buildpack.toml.
package inventory

import (
	"cmp"
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/source/lockfile"
)

// list is written by cmd/releases, one release a line. A Node.js release has the SHA-256 (hex) of the official archive, from the
// SHASUMS256.txt next to it, and the integrity of the same version's package on the npm registry, where there is one. A
// release of Ruby is a portable build, which needs nothing but a C library.
//
//go:embed releases.json
var list []byte

// Catalog is the list of releases, and the line used when an application asks for none.
type Catalog struct {
	Releases []plan.Release
	// Date is that of the list: what is newer is not in it.
	Date time.Time
	// Defaults maps a release's name to a range in its language's syntax.
	Defaults map[string]string
	// Libc is the C library that the releases run with, as npm names it: "glibc" or "musl".
	Libc string
	// HasLibrary reports whether the image in which releases run has a shared library; nil: it has all.
	HasLibrary func(name string) bool
	// Published gives the versions of a package in an npm registry, an address; nil: none can be asked.
	Published func(registry, name string) ([]string, error)
}

// pin is what the bytes of one archive must be.
type pin struct{ SHA256, Integrity string }

// line is what the releases of a major version have in common.
type line struct {
	LTS       string `json:"lts"`
	EndOfLife string `json:"end-of-life"`
	// LTSStart and Maintenance bound the time in which a line is the active LTS, as dates: https://github.com/nodejs/Release#release-phases.
	LTSStart    string `json:"lts-start"`
	Maintenance string `json:"maintenance"`
	// NPM is the version of npm to add when the archive brings none.
	NPM string `json:"npm"`
}

type file struct {
	Date     string
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

// For gives the releases that run on an architecture, as Go names it, and with a C library; dependencies are those of buildpack.toml,
// which win.
func For(arch, libc string, dependencies []plan.Release) (Catalog, error) {
	c, err := read(list, arch, dependencies)
	c.Libc = libc
	return c, err
}

func read(text []byte, arch string, dependencies []plan.Release) (Catalog, error) {
	var f file
	if err := json.Unmarshal(text, &f); err != nil {
		return Catalog{}, fmt.Errorf("read the list of releases: %w", err)
	}
	c := Catalog{Defaults: map[string]string{"node": f.activeLTS() + ".x"}}
	maps.Copy(c.Defaults, f.Defaults)
	var err error
	if c.Date, err = time.Parse(time.DateOnly, f.Date); err != nil {
		return c, fmt.Errorf("read the list of releases: %w", err)
	}
	for _, row := range f.Node {
		p := map[string]pin{"amd64": row.AMD64, "arm64": row.ARM64}[arch]
		if _, known := f.Lines[major(row.Version)]; !known || (len(p.SHA256) != 64 && p.Integrity == "") {
			continue
		}
		release := f.ofLine(plan.Release{
			Name: "node", Version: row.Version, Arch: arch, SHA256: p.SHA256, Package: "node-linux-" + lockfile.CPU(arch), Integrity: p.Integrity,
		})
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
	c.Releases = f.with(c.Releases, dependencies, arch)
	for _, r := range c.Releases {
		if r.URI == "" && !strings.HasPrefix(r.Integrity, "sha512-") {
			return c, fmt.Errorf("the list of releases: %s %s has no pinned source", r.Name, r.Version)
		}
	}
	return c, nil
}

// activeLTS is the newest line that is in its active LTS phase at the date of the list, so that one list always gives the same; by
// its major version. Between two lines, it is the newest that has been one.
func (f file) activeLTS() string {
	newest, active := 0, 0
	for major, l := range f.Lines {
		n, err := strconv.Atoi(major)
		if err != nil || l.LTSStart == "" || l.LTSStart > f.Date {
			continue
		}
		newest = max(newest, n)
		if l.Maintenance == "" || f.Date < l.Maintenance {
			active = max(active, n)
		}
	}
	return strconv.Itoa(cmp.Or(active, newest))
}

// old is the age from which on the list may lack security fixes.
const old = 60 * 24 * time.Hour

// Age warns of a list that is old; it is empty otherwise.
func (c Catalog) Age(now time.Time) string {
	if now.Sub(c.Date) < old {
		return ""
	}
	return fmt.Sprintf("This version of Gantry knows the releases up to %s: newer ones with security fixes are not installed. Update Gantry.", c.Date.Format(time.DateOnly))
}

// ofLine gives a runtime's release with what is known of its line, and of all releases of the runtime.
func (f file) ofLine(r plan.Release) plan.Release {
	switch r.Name {
	case "node":
		l := f.Lines[major(r.Version)]
		r.Manager, r.LTS, r.EndOfLife, r.License, r.CPE = l.NPM, l.LTS, l.EndOfLife, "MIT", "cpe:2.3:a:nodejs:node.js:"+r.Version+":*:*:*:*:*:*:*"
	case "ruby":
		line := r.Version[:max(0, strings.LastIndexByte(r.Version, '.'))]
		r.EndOfLife, r.License, r.CPE = f.RubyLines[line].EndOfLife, "BSD-2-Clause OR Ruby", "cpe:2.3:a:ruby-lang:ruby:"+r.Version+":*:*:*:*:*:*:*"
	}
	return r
}

func major(version string) string {
	first, _, _ := strings.Cut(version, ".")
	return first
}

// rubyArchs maps Go's names of architectures to those of the portable builds.
var rubyArchs = map[string]string{"amd64": "x86_64", "arm64": "arm64"}

func (f file) rubies(arch string) (list []plan.Release) {
	for _, row := range f.Ruby {
		p := map[string]pin{"amd64": row.AMD64, "arm64": row.ARM64}[arch]
		if len(p.SHA256) != 64 {
			continue
		}
		list = append(list, f.ofLine(plan.Release{
			Name: "ruby", Version: row.Version, Arch: arch, SHA256: p.SHA256,
			URI: fmt.Sprintf("https://github.com/bazel-contrib/portable-ruby/releases/download/%s/ruby-%s.%s_linux.tar.gz", row.Build, row.Version, rubyArchs[arch]),
		}))
	}
	return list
}

// Named gives the releases of a name, in the list's order: newest first.
func (c Catalog) Named(name string) []plan.Release {
	return slices.DeleteFunc(slices.Clone(c.Releases), func(r plan.Release) bool { return r.Name != name })
}
