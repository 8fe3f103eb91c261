package node

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/catalog"
	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/problem"
	"github.com/gantry-buildpack/gantry/internal/semver"
)

// request is a version that somebody asks for: a range or an alias, and where it is written.
type request struct {
	text   string
	origin string
	where  problem.Position
}

// versionFiles hold nothing but a version; the first that exists counts, after package.json.
var versionFiles = []string{".nvmrc", ".node-version"}

// requested gives the version that the application asks for; ok is false when it asks for none.
func (p *Project) requested() (r request, ok bool, err error) {
	if s := p.settings.NodeVersion; s.IsSet() && s.Value != "" {
		return request{text: s.Value, origin: s.Origin, where: s.Where}, true, nil
	}
	if p.manifest.Engines.Node != "" {
		where := p.manifest.where("engines", "node")
		return request{text: p.manifest.Engines.Node, origin: "engines.node in " + where.String(), where: where}, true, nil
	}
	for _, name := range versionFiles {
		content, found, err := p.app.Read(name)
		if err != nil {
			return r, false, err
		}
		if !found {
			continue
		}
		for i, line := range strings.Split(strings.TrimPrefix(string(content), "\ufeff"), "\n") {
			line, _, _ = strings.Cut(line, "#")
			if line = strings.TrimSpace(line); line != "" {
				where := problem.Position{File: name, Line: i + 1, Column: 1}
				return request{text: line, origin: name, where: where}, true, nil
			}
		}
	}
	return r, false, nil
}

// candidate is a release with its version understood.
type candidate struct {
	plan.Release
	version semver.Version
}

func candidates(releases catalog.Catalog) ([]candidate, error) {
	var list []candidate
	for _, release := range releases.Releases {
		if release.Name != "node" {
			continue
		}
		v, err := semver.Parse(release.Version)
		if err != nil {
			return nil, fmt.Errorf("read the list of Node.js releases: %w", err)
		}
		list = append(list, candidate{release, v})
	}
	slices.SortFunc(list, func(a, b candidate) int { return b.version.Compare(a.version) })
	return list, nil
}

// choose picks the release: the newest of the default line when the request allows it, else the newest that fits.
func (p *Project) choose(releases catalog.Catalog) (plan.Release, plan.Decision, error) {
	none := plan.Decision{}
	list, err := candidates(releases)
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
	return plan.Release{}, none, r.unsatisfiable(list)
}

// matcher understands npm's ranges and nvm's aliases: https://github.com/nvm-sh/nvm#nvmrc.
func (r request) matcher(list []candidate, preferred semver.Range) (func(semver.Version) bool, error) {
	alias := strings.ToLower(r.text)
	switch {
	case alias == "node" || alias == "latest" || alias == "current" || alias == "stable":
		newest := list[0].version
		return func(v semver.Version) bool { return v.Compare(newest) == 0 }, nil
	case alias == "lts" || alias == "lts/*":
		return preferred.Matches, nil
	case strings.HasPrefix(alias, "lts/"):
		name := strings.TrimPrefix(alias, "lts/")
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
			"These versions can be had: " + versions(list) + ".",
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
			"Ask for one of those, or for a range that includes one of them.",
			"All that can be had: " + versions(list) + ".",
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

// nearest gives the three releases closest to the first number in a request.
func nearest(list []candidate, text string) []candidate {
	wanted := 0
	if start := strings.IndexAny(text, "0123456789"); start >= 0 {
		_, _ = fmt.Sscanf(text[start:], "%d", &wanted)
	}
	distance := func(c candidate) int { return max(int(c.version.Major)-wanted, wanted-int(c.version.Major)) }
	sorted := slices.Clone(list)
	slices.SortStableFunc(sorted, func(a, b candidate) int { return cmp.Compare(distance(a), distance(b)) })
	return sorted[:min(3, len(sorted))]
}

func versions(list []candidate) string {
	var texts []string
	for _, c := range list {
		if !slices.Contains(texts, c.Version) {
			texts = append(texts, c.Version)
		}
	}
	return strings.Join(texts, ", ")
}

func major(r plan.Release) string {
	text, _, _ := strings.Cut(r.Version, ".")
	return text
}
