package nodeversion

import (
	"slices"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/source/semver"
)

// Unlisted says which releases may be installed that the list does not have, by BP_NODE_ALLOW_UNLISTED.
type Unlisted string

// Signed allows those that are newer than the list, with the npm registry's signature. Published allows all exact versions, with the
// checksum that the registry publishes. Never allows none.
const (
	Signed    Unlisted = "signed"
	Published Unlisted = "true"
	Never     Unlisted = "false"
)

// String tells people how such a release is verified.
func (u Unlisted) String() string {
	if u == Published {
		return "with the checksum that the npm registry publishes"
	}
	return "with the npm registry's signature"
}

func (u Unlisted) hint() string {
	if u == Never {
		return "For a release that is newer than this version of Gantry, ask for it by its exact version, without BP_NODE_ALLOW_UNLISTED=false."
	}
	return "For a release that is newer than this version of Gantry, ask for it by its exact version."
}

// release gives an exact version that the list, newest first, does not have, by the example of the newest of its line.
func (u Unlisted) release(text string, list []Candidate) (r plan.Release, ok bool) {
	exact, err := semver.Parse(text)
	if err != nil || u == Never {
		return r, false
	}
	i := slices.IndexFunc(list, func(c Candidate) bool { return c.Parsed.Major == exact.Major })
	newest := list[max(0, i)]
	if u != Published && exact.Compare(newest.Parsed) < 0 {
		return r, false
	}
	of := func(text string) string { return strings.ReplaceAll(text, newest.Version, exact.String()) }
	r = plan.Release{
		Name: newest.Name, Version: exact.String(), Arch: newest.Arch, URI: of(newest.URI), Package: newest.Package, Signed: u == Signed,
		Manager: newest.Manager, License: newest.License, CPE: of(newest.CPE),
	}
	if i >= 0 {
		r.LTS, r.EndOfLife = newest.LTS, newest.EndOfLife
	}
	return r, true
}
