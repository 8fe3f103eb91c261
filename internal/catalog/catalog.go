// Package catalog is the list of releases in buildpack.toml: what can be installed, and what its bytes must be. It
// knows how the list is written; which release an application gets is decided by its language.
package catalog

import (
	"fmt"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/plan"
)

// Catalog is the list of releases, and the line used when an application asks for none.
type Catalog struct {
	Releases []plan.Release
	// Defaults maps a release's name to a range in its language's syntax.
	Defaults map[string]string
}

// Read takes the metadata table of buildpack.toml.
func Read(metadata map[string]any) (Catalog, error) {
	c := Catalog{Defaults: map[string]string{}}
	defaults, _ := metadata["default-versions"].(map[string]any)
	for name, version := range defaults {
		c.Defaults[name] = fmt.Sprint(version)
	}
	rows, _ := metadata["releases"].([]map[string]any)
	for i, row := range rows {
		release := plan.Release{
			Name: text(row, "name"), Version: text(row, "version"), Arch: text(row, "arch"),
			URI: text(row, "uri"), SHA256: text(row, "sha256"),
			Package: text(row, "package"), Integrity: text(row, "integrity"),
			Manager: text(row, "npm"), LTS: text(row, "lts"), EndOfLife: text(row, "end-of-life"),
		}
		official := release.URI != "" && len(release.SHA256) == 64
		packaged := release.Package != "" && strings.HasPrefix(release.Integrity, "sha512-")
		if release.Name == "" || release.Version == "" || (!official && !packaged) {
			return c, fmt.Errorf("buildpack.toml: release %d (%s %s) has no pinned source", i+1, release.Name, release.Version)
		}
		c.Releases = append(c.Releases, release)
	}
	return c, nil
}

// For gives the releases that run on an architecture.
func (c Catalog) For(arch string) Catalog {
	out := Catalog{Defaults: c.Defaults}
	for _, release := range c.Releases {
		if release.Arch == arch || release.Arch == "" {
			out.Releases = append(out.Releases, release)
		}
	}
	return out
}

func text(row map[string]any, key string) string {
	switch value := row[key].(type) {
	case string:
		return value
	case interface{ Format(layout string) string }:
		return value.Format("2006-01-02")
	default:
		return ""
	}
}
