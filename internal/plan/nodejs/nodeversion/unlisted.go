package nodeversion

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/problem"
	"github.com/gantry-buildpack/gantry/internal/source/semver"
)

// Unlisted says which releases may be installed that the list does not have, by BP_NODE_ALLOW_UNLISTED.
type Unlisted string

// Signed allows those that are newer than the list, with the npm registry's signature. Published allows all, with the checksum that the
// registry publishes. Never allows none.
const (
	Signed    Unlisted = "signed"
	Published Unlisted = "true"
	Never     Unlisted = "false"
)

// Online is the value of BP_NODE_VERSION_LOOKUP with which a range takes the newest version in the npm registry.
const Online = "online"

// Lookup says where releases are looked for that the list does not have.
type Lookup struct {
	Allowed Unlisted
	// Online: in the npm registry, too, for a range that the list fits.
	Online bool
	// Published gives the versions of a package in the npm registry; nil: it cannot be asked.
	Published func(name string) ([]string, error)
}

// String tells people how a release is verified that the list does not have.
func (u Unlisted) String() string {
	if u == Published {
		return "with the checksum that the npm registry publishes"
	}
	return "with the npm registry's signature"
}

func (u Unlisted) hint() string {
	if u == Never {
		return "For a release that is newer than this version of Gantry, leave out BP_NODE_ALLOW_UNLISTED=false."
	}
	return "For a release that is newer than this version of Gantry, ask for it by its exact version."
}

// release gives a version that the list, newest first, does not have, by the example of the newest of its line.
func (u Unlisted) release(text string, list []Candidate) (c Candidate, ok bool) {
	exact, err := semver.Parse(text)
	if err != nil || u == Never {
		return c, false
	}
	i := slices.IndexFunc(list, func(c Candidate) bool { return c.Parsed.Major == exact.Major })
	newest := list[max(0, i)]
	if u != Published && exact.Compare(newest.Parsed) < 0 {
		return c, false
	}
	of := func(text string) string { return strings.ReplaceAll(text, newest.Version, exact.String()) }
	c = Candidate{Parsed: exact, Release: plan.Release{
		Name: newest.Name, Version: exact.String(), Arch: newest.Arch, URI: of(newest.URI), Package: newest.Package, Signed: u == Signed,
		Manager: newest.Manager, License: newest.License, CPE: of(newest.CPE),
	}}
	if i >= 0 {
		c.LTS, c.EndOfLife = newest.LTS, newest.EndOfLife
	}
	return c, true
}

// published gives those releases in the npm registry that may be installed and that the list, newest first, does not have; the newest
// first. Prereleases are none of them.
func (l Lookup) published(list []Candidate) (more []Candidate, err error) {
	i := slices.IndexFunc(list, func(c Candidate) bool { return c.Package != "" })
	if l.Allowed == Never || l.Published == nil || i < 0 {
		return nil, nil
	}
	versions, err := l.Published(list[i].Package)
	if err != nil {
		return nil, err
	}
	for _, version := range versions {
		c, ok := l.Allowed.release(version, list)
		known := slices.ContainsFunc(list, func(other Candidate) bool { return other.Parsed.Compare(c.Parsed) == 0 })
		if ok && !known && !strings.Contains(version, "-") {
			more = append(more, c)
		}
	}
	slices.SortFunc(more, func(a, b Candidate) int { return b.Parsed.Compare(a.Parsed) })
	return more, nil
}

// extended gives the list with what the registry has besides, where that is wanted. A registry that cannot be asked is worth a warning:
// the list is good without.
func (l Lookup) extended(list []Candidate) (all []Candidate, warning string) {
	if !l.Online {
		return list, ""
	}
	more, err := l.published(list)
	if err != nil {
		return list, "The npm registry could not be asked for newer versions of Node.js, and the newest that this version of Gantry knows counts: " + problem.As(err).Title + "."
	}
	all = slices.Concat(more, list)
	slices.SortFunc(all, func(a, b Candidate) int { return b.Parsed.Compare(a.Parsed) })
	return all, ""
}

// find gives a release that fits a request which nothing in the list does: an exact version, or the newest in the registry. Where
// there is none, why says what the registry had to do with that; it may be empty.
func (l Lookup) find(r Request, fits func(semver.Version) bool, list []Candidate) (c Candidate, found bool, why string) {
	if c, ok := l.Allowed.release(r.Text, list); ok {
		return c, true, ""
	}
	if _, err := semver.Parse(r.Text); err == nil || l.Online {
		return c, false, ""
	}
	more, err := l.published(list)
	if err != nil {
		return c, false, "; the npm registry could not be asked for newer ones: " + problem.As(err).Title
	}
	if i := slices.IndexFunc(more, func(c Candidate) bool { return fits(c.Parsed) }); i >= 0 {
		return more[i], true, ""
	}
	if l.Published != nil && l.Allowed != Never {
		why = "; the npm registry has no newer one that fits"
	}
	return c, false, why
}

// origin tells where the version of a release comes from that the list does not have.
func (l Lookup) origin(r Request, asked bool) string {
	from := noneAsked
	if asked {
		from = r.from()
	}
	return fmt.Sprintf("%s; not pinned by Gantry, %s", from, l.Allowed)
}
