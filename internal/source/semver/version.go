// Package semver is npm's reading of versions and ranges, exactly: https://github.com/npm/node-semver, strict mode.
// The general libraries differ from it where it matters (prereleases, "~>", hyphen ranges, "*-beta"); the table in
// testdata was made by node-semver itself.
package semver

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/source/lazyregexp"
)

// Version is a parsed version; build metadata is read and ignored, as the specification says.
type Version struct {
	Major, Minor, Patch uint64
	// Prerelease are the dot-separated identifiers behind "-".
	Prerelease []string
}

const (
	// numeric is at most MAX_SAFE_INTEGER (16 digits) in node-semver; parseNumber checks the value.
	numeric    = `0|[1-9]\d{0,15}`
	identifier = `(?:0|[1-9]\d*|\d*[a-zA-Z-][a-zA-Z0-9-]*)`
	prerelease = `(?:-(` + identifier + `(?:\.` + identifier + `)*))?`
	build      = `(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?`
	// maxSafe is JavaScript's Number.MAX_SAFE_INTEGER, the largest part of a version that node-semver accepts.
	maxSafe = 1<<53 - 1
	// maxLength is node-semver's limit on the text of a version.
	maxLength = 256
)

var versionPattern = lazyregexp.New(`^v?(` + numeric + `)\.(` + numeric + `)\.(` + numeric + `)` + prerelease + build + `$`)

// Parse reads a full version, with or without a leading "v".
func Parse(text string) (Version, error) {
	if len(text) > maxLength {
		return Version{}, fmt.Errorf("a version of more than %d characters", maxLength)
	}
	m := versionPattern().FindStringSubmatch(strings.TrimSpace(text))
	if m == nil {
		return Version{}, fmt.Errorf("%q is not a version", text)
	}
	var v Version
	for i, part := range []*uint64{&v.Major, &v.Minor, &v.Patch} {
		n, ok := parseNumber(m[i+1])
		if !ok {
			return Version{}, fmt.Errorf("%q has a number that is too large", text)
		}
		*part = n
	}
	if m[4] != "" {
		v.Prerelease = strings.Split(m[4], ".")
	}
	return v, nil
}

func parseNumber(text string) (uint64, bool) {
	n, err := strconv.ParseUint(text, 10, 64)
	return n, err == nil && n <= maxSafe
}

// String gives the version without "v" and build metadata.
func (v Version) String() string {
	text := fmt.Sprintf("%d.%d.%d", v.Major, v.Minor, v.Patch)
	if len(v.Prerelease) > 0 {
		text += "-" + strings.Join(v.Prerelease, ".")
	}
	return text
}

// Compare orders versions by precedence: https://semver.org/#spec-item-11.
func (v Version) Compare(w Version) int {
	if c := v.compareMain(w); c != 0 {
		return c
	}
	switch {
	case len(v.Prerelease) == 0 && len(w.Prerelease) == 0:
		return 0
	case len(v.Prerelease) == 0:
		return 1
	case len(w.Prerelease) == 0:
		return -1
	}
	for i := range min(len(v.Prerelease), len(w.Prerelease)) {
		if c := compareIdentifiers(v.Prerelease[i], w.Prerelease[i]); c != 0 {
			return c
		}
	}
	return cmp.Compare(len(v.Prerelease), len(w.Prerelease))
}

func (v Version) compareMain(w Version) int {
	return cmp.Or(cmp.Compare(v.Major, w.Major), cmp.Compare(v.Minor, w.Minor), cmp.Compare(v.Patch, w.Patch))
}

// compareIdentifiers compares numbers by value, text by bytes; a number comes before text.
func compareIdentifiers(a, b string) int {
	aNumber, bNumber := isNumber(a), isNumber(b)
	switch {
	case aNumber && bNumber:
		return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b))
	case aNumber:
		return -1
	case bNumber:
		return 1
	default:
		return strings.Compare(a, b)
	}
}

func isNumber(text string) bool { return strings.Trim(text, "0123456789") == "" }
