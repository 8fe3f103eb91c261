package nodeversion

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/plan/inventory"
	"github.com/gantry-buildpack/gantry/internal/problem"
	"github.com/gantry-buildpack/gantry/internal/source/semver"
)

// Candidate is a release with its version understood.
type Candidate struct {
	plan.Release
	Parsed semver.Version
}

// Candidates gives the releases of a name with their versions understood, the newest first.
func Candidates(releases inventory.Catalog, name string) ([]Candidate, error) {
	var list []Candidate
	for _, release := range releases.Named(name) {
		v, err := semver.Parse(release.Version)
		if err != nil {
			return nil, fmt.Errorf("read the list of releases: %w", err)
		}
		list = append(list, Candidate{release, v})
	}
	slices.SortFunc(list, func(a, b Candidate) int { return b.Parsed.Compare(a.Parsed) })
	return list, nil
}

// Choose picks the release of Node.js: the newest of the default line when the request allows it, else the newest that fits.
// asked is false when nothing is requested; the notes have the decision.
func Choose(r Request, asked bool, releases inventory.Catalog, lookup Lookup) (plan.Release, plan.Notes, error) {
	listed, err := Candidates(releases, "node")
	if err != nil {
		return plan.Release{}, plan.Notes{}, err
	}
	list, warning := lookup.extended(listed)
	preferred, why, err := preferredLine(list, releases)
	if err != nil {
		return plan.Release{}, plan.Notes{}, err
	}
	fits := preferred.Matches
	if asked {
		if fits, err = r.matcher(list, preferred); err != nil {
			return plan.Release{}, plan.Notes{}, r.unparsable(list)
		}
	}
	chosen := func(c Candidate, origin string) (plan.Release, plan.Notes, error) {
		notes := plan.Notes{Decisions: []plan.Decision{{Subject: "Node.js", Value: c.Version, Origin: origin}}}
		if warning != "" {
			notes.Warnings = []string{warning}
		}
		return c.Release, notes, nil
	}
	for _, narrow := range []func(semver.Version) bool{preferred.Matches, func(semver.Version) bool { return true }} {
		i := slices.IndexFunc(list, func(c Candidate) bool { return fits(c.Parsed) && narrow(c.Parsed) })
		switch {
		case i < 0:
			continue
		case !list[i].Pinned():
			return chosen(list[i], lookup.origin(r, asked))
		case !asked:
			return chosen(list[i], cmp.Or(why, noneAsked))
		case why != "" && preferred.Matches(list[i].Parsed):
			return chosen(list[i], r.from()+"; "+why)
		default:
			return chosen(list[i], r.from())
		}
	}
	c, found, registry := lookup.find(r, fits, list)
	if found {
		return chosen(c, lookup.origin(r, asked))
	}
	return plan.Release{}, plan.Notes{}, r.unsatisfiable(list, lookup.Allowed, registry)
}

// noneAsked is the origin of the default.
const noneAsked = "the active LTS; nothing asks for another"

// from tells where a version is asked for.
func (r Request) from() string { return fmt.Sprintf("from %s (%s)", r.Origin, r.Text) }

// Libraries are the shared libraries that Node.js needs and that small images lack, since 25:
// https://github.com/nodejs/node/issues/60790.
var Libraries = []string{"libatomic.so.1"}

// librariesSince is the first major version that needs Libraries.
const librariesSince = 25

// preferredLine is the line of Node.js that is taken where several may be: the active LTS. Where the build image lacks a library
// that it needs, the image could not start: then it is the newest LTS that starts, and why says so.
func preferredLine(list []Candidate, releases inventory.Catalog) (line semver.Range, why string, err error) {
	if line, err = semver.ParseRange(releases.Defaults["node"]); err != nil {
		return line, "", fmt.Errorf("read the default Node.js version: %w", err)
	}
	i := slices.IndexFunc(list, func(c Candidate) bool { return line.Matches(c.Parsed) })
	lacking := slices.IndexFunc(Libraries, func(name string) bool { return releases.HasLibrary != nil && !releases.HasLibrary(name) })
	if i < 0 || lacking < 0 || list[i].Parsed.Major < librariesSince {
		return line, "", nil
	}
	for _, c := range list {
		if c.LTS != "" && c.Parsed.Major < librariesSince {
			line, err = semver.ParseRange(Major(c.Release) + ".x")
			return line, fmt.Sprintf("the newest LTS that starts: %s needs %s, which the build image lacks", Major(list[i].Release), Libraries[lacking]), err
		}
	}
	return line, "", nil
}

// matcher understands npm's ranges and nvm's aliases: https://github.com/nvm-sh/nvm#nvmrc.
func (r Request) matcher(list []Candidate, preferred semver.Range) (func(semver.Version) bool, error) {
	alias := strings.ToLower(r.Text)
	switch {
	case alias == "node" || alias == "latest" || alias == "current" || alias == "stable":
		newest := list[0].Parsed
		return func(v semver.Version) bool { return v.Compare(newest) == 0 }, nil
	case alias == "lts" || alias == "lts/*" || alias == "--lts":
		return preferred.Matches, nil
	case strings.HasPrefix(alias, "lts/") || strings.HasPrefix(alias, "lts-") || hasLine(list, alias):
		name := strings.TrimPrefix(strings.TrimPrefix(alias, "lts/"), "lts-")
		if !hasLine(list, name) {
			return nil, fmt.Errorf("no line is called %s", name)
		}
		return func(v semver.Version) bool {
			return slices.ContainsFunc(list, func(c Candidate) bool { return c.LTS == name && c.Parsed.Compare(v) == 0 })
		}, nil
	}
	parsed, err := semver.ParseRange(r.Text)
	return parsed.Matches, err
}

// hasLine reports whether a line has a code name: "iron" is Node.js 20.
func hasLine(list []Candidate, name string) bool {
	return name != "" && slices.ContainsFunc(list, func(c Candidate) bool { return c.LTS == name })
}

func (r Request) unparsable(list []Candidate) error {
	return &problem.Problem{
		ID:    "node/version-unparsable",
		Title: fmt.Sprintf("the Node.js version %q is not understood", r.Text),
		Where: r.Place(),
		Why:   "it is neither an npm version range nor an alias such as lts/* or lts/jod",
		Hints: []string{
			fmt.Sprintf("Write a range, for example %q.", Major(list[0].Release)+".x"),
			"These lines can be had: " + lines(list) + ".",
		},
	}
}

func (r Request) unsatisfiable(list []Candidate, unlisted Unlisted, registry string) error {
	return &problem.Problem{
		ID:    "node/version-unsatisfiable",
		Title: fmt.Sprintf("no Node.js release fits %q", r.Text),
		Where: r.Place(),
		Why:   "the nearest that this version of Gantry knows are " + Versions(nearest(list, r.Text)) + registry,
		Hints: []string{
			"Ask for one of those, or for a range that includes one of them; these lines can be had: " + lines(list) + ".",
			unlisted.hint(),
		},
	}
}

// nearest gives the three releases closest to the version that a request begins with; the newest of those that are as close.
func nearest(list []Candidate, text string) []Candidate {
	var wanted [3]int
	given := 0
	if start := strings.IndexAny(text, "0123456789"); start >= 0 {
		given, _ = fmt.Sscanf(text[start:], "%d.%d.%d", &wanted[0], &wanted[1], &wanted[2])
	}
	sorted := slices.Clone(list)
	slices.SortStableFunc(sorted, func(a, b Candidate) int {
		for i := range given {
			one, other := a.numbers()[i], b.numbers()[i]
			if order := cmp.Compare(max(one-wanted[i], wanted[i]-one), max(other-wanted[i], wanted[i]-other)); order != 0 {
				return order
			}
			// Of another line, its newest is the nearest.
			if one != wanted[i] {
				break
			}
		}
		return 0
	})
	return sorted[:min(3, len(sorted))]
}

func (c Candidate) numbers() [3]int {
	return [3]int{int(c.Parsed.Major), int(c.Parsed.Minor), int(c.Parsed.Patch)}
}

// Versions lists the versions of candidates, for people.
func Versions(list []Candidate) string {
	var texts []string
	for _, c := range list {
		texts = append(texts, c.Version)
	}
	return strings.Join(texts, ", ")
}

// lines names the major versions with the newest release of each.
func lines(list []Candidate) string {
	var texts, seen []string
	for _, c := range list {
		if line := Major(c.Release); !slices.Contains(seen, line) {
			seen, texts = append(seen, line), append(texts, fmt.Sprintf("%s (%s)", line, c.Version))
		}
	}
	return strings.Join(texts, ", ")
}

// Major gives the number before the first dot of a release's version.
func Major(r plan.Release) string {
	text, _, _ := strings.Cut(r.Version, ".")
	return text
}
