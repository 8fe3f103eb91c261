package semver

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/source/lazyregexp"
)

// Range is a set of versions: alternatives ("||") of comparators that must all hold.
type Range struct {
	text         string
	alternatives [][]comparator
}

// comparator is one bound. The zero operator means "equal".
type comparator struct {
	operator string // "", "<", "<=", ">", ">=" or "any"
	version  Version
}

// partial is a version of which trailing parts may be missing or wild: "1", "1.x", "1.2.*".
const xNumber = numeric + `|x|X|\*`

const xPlain = `[v=\s]*(` + xNumber + `)(?:\.(` + xNumber + `)(?:\.(` + xNumber + `)` + prerelease + build + `)?)?`

// The patterns are compiled when one is needed: detection needs none and must take milliseconds.
var (
	hyphenPattern     = lazyregexp.New(`^\s*(` + xPlain + `)\s+-\s+(` + xPlain + `)\s*$`)
	operatorSpace     = lazyregexp.New(`(\s*)((?:<|>)?=?)\s*(` + xPlain + `)`)
	tildeSpace        = lazyregexp.New(`(\s*)(?:~>?)\s+`)
	caretSpace        = lazyregexp.New(`(\s*)\^\s+`)
	comparatorPattern = lazyregexp.New(`^(~>?|\^|(?:<|>)?=?)?` + xPlain + `$`)
)

// ParseRange reads a range in npm's syntax. The empty text means any version.
func ParseRange(text string) (Range, error) {
	r := Range{text: text}
	if len(text) > 4096 {
		return r, fmt.Errorf("a range of more than 4096 characters")
	}
	for alternative := range strings.SplitSeq(text, "||") {
		set, err := parseAlternative(strings.TrimSpace(alternative))
		if err != nil {
			return r, err
		}
		if set != nil {
			r.alternatives = append(r.alternatives, set)
		}
	}
	if len(r.alternatives) == 0 {
		return r, fmt.Errorf("%q is not a version range", text)
	}
	return r, nil
}

// String gives the range as it was written.
func (r Range) String() string { return r.text }

func parseAlternative(text string) ([]comparator, error) {
	if m := hyphenPattern().FindStringSubmatch(text); m != nil {
		return hyphen(m), nil
	}
	text = operatorSpace().ReplaceAllString(text, "$1$2$3")
	text = tildeSpace().ReplaceAllString(text, "${1}~")
	text = caretSpace().ReplaceAllString(text, "${1}^")
	set := []comparator{}
	for word := range strings.FieldsSeq(text) {
		m := comparatorPattern().FindStringSubmatch(word)
		if m == nil {
			return nil, fmt.Errorf("%q is not a version range", word)
		}
		bounds, err := expand(m[1], newPartial(m[2:6]))
		if err != nil {
			return nil, err
		}
		set = append(set, bounds...)
	}
	return set, nil
}

// partial is a version whose parts may be missing; known counts the leading parts that are given.
type partial struct {
	Version
	known    int
	overflow bool
	// gap: a number stands behind a wildcard ("1.x.5").
	gap bool
}

func newPartial(parts []string) partial {
	var p partial
	for i, target := range []*uint64{&p.Major, &p.Minor, &p.Patch} {
		if parts[i] == "" || strings.ContainsAny(parts[i], "xX*") {
			p.gap = strings.ContainsAny(strings.Join(parts[i:3], ""), "0123456789")
			break
		}
		n, ok := parseNumber(parts[i])
		if !ok {
			p.overflow = true
		}
		*target, p.known = n, i+1
	}
	if parts[3] != "" && p.known == 3 {
		p.Prerelease = strings.Split(parts[3], ".")
	}
	return p
}

// next is the first version above all that agree with p in its first n parts; "-0" keeps its prereleases out.
func (p partial) next(n int) Version {
	v := Version{Prerelease: []string{"0"}}
	switch n {
	case 1:
		v.Major = p.Major + 1
	case 2:
		v.Major, v.Minor = p.Major, p.Minor+1
	default:
		v.Major, v.Minor, v.Patch = p.Major, p.Minor, p.Patch+1
	}
	return v
}

func expand(operator string, p partial) ([]comparator, error) {
	if p.overflow {
		return nil, fmt.Errorf("a version number above %d", uint64(maxSafe))
	}
	if p.gap && !strings.HasPrefix(operator, "~") && operator != "^" {
		return nil, fmt.Errorf("a number behind a wildcard")
	}
	between := func(upper Version) []comparator {
		return []comparator{{">=", p.Version}, {"<", upper}}
	}
	if p.known == 0 {
		if operator == "<" || operator == ">" {
			return []comparator{{"<", Version{Prerelease: []string{"0"}}}}, nil
		}
		return []comparator{{operator: "any"}}, nil
	}
	switch operator {
	case "~", "~>":
		return between(p.next(min(p.known, 2))), nil
	case "^":
		switch {
		case p.Major > 0 || p.known == 1:
			return between(p.next(1)), nil
		case p.Minor > 0 || p.known == 2:
			return between(p.next(2)), nil
		default:
			return between(p.next(3)), nil
		}
	case "", "=":
		if p.known < 3 {
			return between(p.next(p.known)), nil
		}
		return []comparator{{"", p.Version}}, nil
	}
	if p.known == 3 {
		return []comparator{{operator, p.Version}}, nil
	}
	upper := p.next(p.known)
	switch operator {
	case ">":
		upper.Prerelease = nil
		return []comparator{{">=", upper}}, nil
	case "<=":
		return []comparator{{"<", upper}}, nil
	case "<":
		return []comparator{{"<", Version{p.Major, p.Minor, p.Patch, []string{"0"}}}}, nil
	default:
		return []comparator{{">=", p.Version}}, nil
	}
}

func hyphen(m []string) []comparator {
	from, to := newPartial(m[2:6]), newPartial(m[7:11])
	set := []comparator{{operator: "any"}}
	if from.known > 0 {
		set = []comparator{{">=", from.Version}}
	}
	switch to.known {
	case 0:
	case 3:
		set = append(set, comparator{"<=", to.Version})
	default:
		set = append(set, comparator{"<", to.next(to.known)})
	}
	return set
}

// Matches reports whether a version is in the range. A prerelease is in it only when a comparator names a prerelease
// of the same major.minor.patch: https://github.com/npm/node-semver#prerelease-tags.
func (r Range) Matches(v Version) bool {
	for _, set := range r.alternatives {
		if matchesAll(set, v) {
			return true
		}
	}
	return false
}

// MatchesWithPrereleases is Matches, but a prerelease is in the range wherever it stands in the order, as with node-semver's includePrerelease.
func (r Range) MatchesWithPrereleases(v Version) bool {
	return slices.ContainsFunc(r.alternatives, func(set []comparator) bool {
		return !slices.ContainsFunc(set, func(c comparator) bool { return !c.matches(v) })
	})
}

func matchesAll(set []comparator, v Version) bool {
	sameTuple := len(v.Prerelease) == 0
	for _, c := range set {
		if !c.matches(v) {
			return false
		}
		if c.operator != "any" && len(c.version.Prerelease) > 0 && c.version.compareMain(v) == 0 {
			sameTuple = true
		}
	}
	return sameTuple
}

func (c comparator) matches(v Version) bool {
	if c.operator == "any" {
		return true
	}
	order := v.Compare(c.version)
	switch c.operator {
	case "<":
		return order < 0
	case "<=":
		return order <= 0
	case ">":
		return order > 0
	case ">=":
		return order >= 0
	default:
		return order == 0
	}
}
