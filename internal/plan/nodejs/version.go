package nodejs

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

// candidate is a release with its version understood.
type candidate struct {
	plan.Release
	version semver.Version
}

// understood gives the releases of a name with their versions understood, the newest first.
func understood(releases inventory.Catalog, name string) ([]candidate, error) {
	var list []candidate
	for _, release := range releases.Named(name) {
		v, err := semver.Parse(release.Version)
		if err != nil {
			return nil, fmt.Errorf("read the list of releases: %w", err)
		}
		list = append(list, candidate{release, v})
	}
	slices.SortFunc(list, func(a, b candidate) int { return b.version.Compare(a.version) })
	return list, nil
}

// chooseRelease picks the release: the newest of the default line when the request allows it, else the newest that fits.
func (p *Project) chooseRelease(releases inventory.Catalog) (plan.Release, plan.Decision, error) {
	none := plan.Decision{}
	list, err := understood(releases, "node")
	if err != nil {
		return plan.Release{}, none, err
	}
	preferred, err := semver.ParseRange(releases.Defaults["node"])
	if err != nil {
		return plan.Release{}, none, fmt.Errorf("read the default Node.js version: %w", err)
	}
	r, asked, err := p.requested()
	if err != nil {
		return plan.Release{}, none, err
	}
	fits, text := preferred.Matches, ""
	if asked {
		if fits, err = r.matcher(list, preferred); err != nil {
			return plan.Release{}, none, r.unparsable(list)
		}
		text = r.text
	}
	for _, narrow := range []func(semver.Version) bool{preferred.Matches, func(semver.Version) bool { return true }} {
		for _, c := range list {
			if fits(c.version) && narrow(c.version) {
				origin := "the active LTS; nothing asks for another"
				if asked {
					origin = fmt.Sprintf("from %s (%s)", r.origin, text)
				}
				return c.Release, plan.Decision{Subject: "Node.js", Value: c.Version, Origin: origin}, nil
			}
		}
	}
	if exact, err := semver.Parse(r.text); err == nil && p.settings.NodeUnlisted.Value == "true" {
		release := unlisted(exact, list[0].Release)
		origin := fmt.Sprintf("from %s (%s); not pinned, with the checksum that is published", r.origin, text)
		return release, plan.Decision{Subject: "Node.js", Value: release.Version, Origin: origin}, nil
	}
	return plan.Release{}, none, r.unsatisfiable(list)
}

// unlisted is a release that the list does not hold, by the example of one that it holds.
func unlisted(v semver.Version, like plan.Release) plan.Release {
	uri := strings.ReplaceAll(like.URI, like.Version, v.String())
	return plan.Release{Name: like.Name, Version: v.String(), Arch: like.Arch, URI: uri, Package: like.Package, Manager: like.Manager}
}

// matcher understands npm's ranges and nvm's aliases: https://github.com/nvm-sh/nvm#nvmrc.
func (r request) matcher(list []candidate, preferred semver.Range) (func(semver.Version) bool, error) {
	alias := strings.ToLower(r.text)
	switch {
	case alias == "node" || alias == "latest" || alias == "current" || alias == "stable":
		newest := list[0].version
		return func(v semver.Version) bool { return v.Compare(newest) == 0 }, nil
	case alias == "lts" || alias == "lts/*" || alias == "--lts":
		return preferred.Matches, nil
	case strings.HasPrefix(alias, "lts/") || strings.HasPrefix(alias, "lts-"):
		name := alias[len("lts/"):]
		if !slices.ContainsFunc(list, func(c candidate) bool { return c.LTS == name }) {
			return nil, fmt.Errorf("no line is called %s", name)
		}
		return func(v semver.Version) bool {
			return slices.ContainsFunc(list, func(c candidate) bool { return c.LTS == name && c.version.Compare(v) == 0 })
		}, nil
	}
	parsed, err := semver.ParseRange(r.text)
	return parsed.Matches, err
}

func (r request) unparsable(list []candidate) error {
	return &problem.Problem{
		ID:    "node/version-unparsable",
		Title: fmt.Sprintf("the Node.js version %q is not understood", r.text),
		Where: r.place(),
		Why:   "it is neither an npm version range nor an alias such as lts/* or lts/jod",
		Hints: []string{
			fmt.Sprintf("Write a range, for example %q.", major(list[0].Release)+".x"),
			"These lines can be had: " + lines(list) + ".",
		},
	}
}

func (r request) unsatisfiable(list []candidate) error {
	return &problem.Problem{
		ID:    "node/version-unsatisfiable",
		Title: fmt.Sprintf("no Node.js release fits %q", r.text),
		Where: r.place(),
		Why:   "the nearest that this version of Gantry knows are " + versions(nearest(list, r.text)),
		Hints: []string{
			"Ask for one of those, or for a range that includes one of them; these lines can be had: " + lines(list) + ".",
			"For a release that is newer than this version of Gantry, set BP_NODE_ALLOW_UNLISTED=true and ask for it by its exact version.",
		},
	}
}

// place names the variable when the version comes from one.
func (r request) place() problem.Position {
	if r.where.File == "" {
		return problem.Position{File: r.origin}
	}
	return r.where
}

// nearest gives the three releases closest to the version that a request begins with.
func nearest(list []candidate, text string) []candidate {
	var wanted [3]int
	if start := strings.IndexAny(text, "0123456789"); start >= 0 {
		_, _ = fmt.Sscanf(text[start:], "%d.%d.%d", &wanted[0], &wanted[1], &wanted[2])
	}
	away := func(a uint64, b int) int { return max(int(a)-b, b-int(a)) }
	sorted := slices.Clone(list)
	slices.SortStableFunc(sorted, func(a, b candidate) int {
		return cmp.Or(
			cmp.Compare(away(a.version.Major, wanted[0]), away(b.version.Major, wanted[0])),
			cmp.Compare(away(a.version.Minor, wanted[1]), away(b.version.Minor, wanted[1])),
			cmp.Compare(away(a.version.Patch, wanted[2]), away(b.version.Patch, wanted[2])),
		)
	})
	return sorted[:min(3, len(sorted))]
}

func versions(list []candidate) string {
	var texts []string
	for _, c := range list {
		texts = append(texts, c.Version)
	}
	return strings.Join(texts, ", ")
}

// lines names the major versions with the newest release of each.
func lines(list []candidate) string {
	var texts, seen []string
	for _, c := range list {
		if line := major(c.Release); !slices.Contains(seen, line) {
			seen, texts = append(seen, line), append(texts, fmt.Sprintf("%s (%s)", line, c.Version))
		}
	}
	return strings.Join(texts, ", ")
}

func major(r plan.Release) string {
	text, _, _ := strings.Cut(r.Version, ".")
	return text
}
