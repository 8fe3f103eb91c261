package ruby

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/plan/inventory"
	"github.com/gantry-buildpack/gantry/internal/problem"
	"github.com/gantry-buildpack/gantry/internal/source/gemfile"
	"github.com/gantry-buildpack/gantry/internal/source/toolversions"
)

// request is a version that somebody asks for, and where.
type request struct {
	text   string
	origin string
	where  problem.Position
	// exact: Bundler compares it itself, and takes 3.3 for exactly that.
	exact bool
}

// versionFiles are the files of version managers, in the order in which they count, behind Gemfile and Gemfile.lock.
var versionFiles = []struct {
	name string
	read func(text string) (version string, line int)
}{
	{".ruby-version", rubyVersion}, {".tool-versions", toolVersions}, {"mise.toml", miseTools}, {".mise.toml", miseTools},
}

// engines are implementations of Ruby that are no part of what there is to build with, by their names in version files and Gemfiles.
var engines = map[string]string{"jruby": "JRuby", "truffleruby": "TruffleRuby", "rbx": "Rubinius", "mruby": "mruby"}

// fitsEngine refuses an application that asks for another implementation of Ruby than the usual one.
func (p *Project) fitsEngine() error {
	refuse := func(name string, where problem.Position) error {
		return &problem.Problem{
			ID:    "ruby/engine",
			Title: "the application is for " + cmp.Or(engines[name], name),
			Where: where,
			Why:   "Gantry has the usual implementation of Ruby alone (CRuby)",
			Hints: []string{"If it runs on that as well, name a version of CRuby in its place, here and in the other sources of the version, and run `bundle lock`."},
		}
	}
	if asked, ok := gemfile.RubyOf(p.gemfile); ok && asked.Engine != "" {
		return refuse(asked.Engine, problem.Position{File: p.in(p.files.gemfile), Line: asked.Line, Column: 1})
	}
	if p.lock.Engine != "" {
		return refuse(p.lock.Engine, problem.Position{File: p.in(p.files.lock), Line: p.lock.RubyLine, Column: 1})
	}
	text := p.read(".ruby-version")
	version, line := rubyVersion(strings.TrimPrefix(text, "\ufeff"))
	if name, _, found := strings.Cut(version, "-"); found && engines[name] != "" && p.lock.Ruby == "" {
		return refuse(name, problem.Position{File: p.in(".ruby-version"), Line: line, Column: 1})
	}
	return nil
}

// requests gives all that ask for a version; the first counts. notes are what is worth a warning.
func (p *Project) requests() (list []request, notes []string, err error) {
	if err := p.fitsEngine(); err != nil {
		return nil, nil, err
	}
	if s := p.settings.RubyVersion; s.IsSet() && s.Value != "" {
		list = append(list, request{text: s.Value, origin: s.Origin, where: s.Where})
	}
	if asked, ok := gemfile.RubyOf(p.gemfile); ok {
		where := problem.Position{File: p.in(p.files.gemfile), Line: asked.Line, Column: 1}
		switch {
		case asked.Evaluated:
			notes = append(notes, fmt.Sprintf("The Ruby version in %s comes of code that only Ruby can run; what %s and version files say counts instead.", where, p.files.lock))
		case asked.File != "":
			named, err := p.namedVersion(asked, where)
			if err != nil {
				return nil, nil, err
			}
			list = append(list, named...)
		default:
			list = append(list, request{text: asked.Requirement, origin: where.String(), where: where, exact: true})
		}
	}
	if p.lock.Ruby != "" {
		where := problem.Position{File: p.in(p.files.lock), Line: p.lock.RubyLine, Column: 1}
		list = append(list, request{text: p.lock.Ruby, origin: "RUBY VERSION in " + p.in(p.files.lock), where: where})
	}
	for _, file := range versionFiles {
		text, found, err := p.app.Read(p.in(file.name))
		if err != nil {
			return nil, nil, err
		}
		if !found {
			continue
		}
		if version, line := file.read(strings.TrimPrefix(string(text), "\ufeff")); version != "" {
			list = append(list, request{text: version, origin: p.in(file.name), where: problem.Position{File: p.in(file.name), Line: line, Column: 1}})
		}
	}
	return list, notes, nil
}

// rubyVersion reads a file that holds a version, with or without "ruby-" before it.
func rubyVersion(text string) (version string, line int) {
	version, line = toolversions.FirstLine(text)
	return gemfile.PlainVersion(version), line
}

// namedVersion reads the file that the Gemfile names.
func (p *Project) namedVersion(asked gemfile.RubyRequest, where problem.Position) ([]request, error) {
	name := path.Join(path.Dir(p.files.gemfile), asked.File)
	text, found, err := p.app.Read(p.in(name))
	if err != nil || !found && asked.Optional {
		return nil, err
	}
	if !found {
		return nil, &problem.Problem{
			ID:    "ruby/version-file-missing",
			Title: "the file with the Ruby version is missing",
			Where: where,
			Why:   "the Gemfile says that it is in " + name,
			Hints: []string{"Commit " + name + ", or name the version in the Gemfile."},
		}
	}
	version, line := gemfile.VersionInFile(string(text))
	if version == "" {
		return nil, nil
	}
	return []request{{text: version, origin: name + ", which the Gemfile names", where: problem.Position{File: p.in(name), Line: line, Column: 1}, exact: true}}, nil
}

func toolVersions(text string) (string, int) { return toolversions.ToolVersions(text, "ruby") }

func miseTools(text string) (string, int) { return toolversions.Mise(text, "ruby") }

// requirement understands a request. A version of fewer than three numbers, in a file of a version manager, means the
// newest of its line.
func (r request) requirement() (gemfile.Requirement, error) {
	text := r.text
	if text == "latest" {
		// As mise and rbenv say it.
		text = ">= 0"
	}
	if r.short() && !r.exact {
		text = "~> " + text + ".0"
	}
	return gemfile.ParseRequirement(text)
}

// short reports whether it is a version of fewer than three numbers.
func (r request) short() bool {
	return strings.Trim(r.text, "0123456789.") == "" && strings.Count(r.text, ".") < 2
}

type candidate struct {
	plan.Release
	version gemfile.Version
}

func understood(releases inventory.Catalog) ([]candidate, error) {
	var list []candidate
	for _, r := range releases.Named("ruby") {
		v, err := gemfile.Parse(r.Version)
		if err != nil {
			return nil, fmt.Errorf("read the list of releases: %w", err)
		}
		list = append(list, candidate{r, v})
	}
	slices.SortFunc(list, func(a, b candidate) int { return b.version.Compare(a.version) })
	return list, nil
}

// chooseRelease picks the newest release that fits the first request and, as far as that leaves a choice, the others.
func (p *Project) chooseRelease(releases inventory.Catalog) (plan.Release, plan.Decision, []string, error) {
	none := plan.Decision{}
	list, err := understood(releases)
	if err != nil {
		return plan.Release{}, none, nil, err
	}
	asked, notes, err := p.requests()
	if err != nil {
		return plan.Release{}, none, nil, err
	}
	first := request{text: releases.Defaults["ruby"], origin: "the line that is used when nothing asks for another"}
	origin := first.origin
	if s := p.settings.RubyVersion; len(asked) == 0 && s.Value != "" {
		asked = []request{{text: s.Value, origin: s.Origin}}
	}
	if len(asked) > 0 {
		first = asked[0]
		origin = fmt.Sprintf("from %s (%s)", first.origin, first.text)
	}
	want, err := first.requirement()
	if err != nil {
		return plan.Release{}, none, nil, first.unparsable(list)
	}
	if archive := p.settings.RubyArchive; archive.Value != "" {
		if len(asked) == 0 {
			// Nobody asks for a line that it could miss.
			want = nil
		}
		release, err := p.ownBuild(want, list)
		if err != nil {
			return plan.Release{}, none, nil, err
		}
		return release, plan.Decision{Subject: "Ruby", Value: release.Version, Origin: "a build of your own, from " + archive.Origin}, notes, nil
	}
	fit := fitting(list, want)
	if len(fit) == 0 {
		return plan.Release{}, none, nil, first.unsatisfiable(list)
	}
	for _, other := range asked[min(1, len(asked)):] {
		r, err := other.requirement()
		if err != nil {
			continue
		}
		narrower := fitting(fit, r)
		switch {
		case len(narrower) == 0:
			notes = append(notes, fmt.Sprintf("%s asks for Ruby %s, and %s for %s: %s counts.", first.origin, first.text, other.origin, other.text, first.origin))
		case narrower[0].Version != fit[0].Version:
			// What leaves a choice leaves it to those that come behind.
			fit = narrower
			origin = fmt.Sprintf("from %s (%s) and %s (%s)", first.origin, first.text, other.origin, other.text)
		}
	}
	return fit[0].Release, plan.Decision{Subject: "Ruby", Value: fit[0].Version, Origin: origin}, notes, nil
}

// fitting gives the releases that fit; a prerelease only when one is asked for.
func fitting(list []candidate, want gemfile.Requirement) []candidate {
	var fit []candidate
	for _, c := range list {
		if want.Matches(c.version) && (!c.version.Prerelease() || want.Prerelease()) {
			fit = append(fit, c)
		}
	}
	return fit
}

// ownBuild is a Ruby that the user has built: its version is in the archive's name.
func (p *Project) ownBuild(want gemfile.Requirement, list []candidate) (plan.Release, error) {
	s := p.settings.RubyArchive
	address, sum, _ := strings.Cut(s.Value, "#sha256=")
	name := address[strings.LastIndexByte(address, '/')+1:]
	text := strings.TrimPrefix(name, "ruby-")
	for _, end := range []string{"-linux", ".x86_64", ".arm64", ".tar"} {
		text, _, _ = strings.Cut(text, end)
	}
	version, err := gemfile.Parse(text)
	if err != nil || want != nil && !want.Matches(version) {
		return plan.Release{}, &problem.Problem{
			ID:    "ruby/archive-version",
			Title: "the archive of Ruby is not of the version that is asked for",
			Where: s.Where,
			Why:   fmt.Sprintf("its name is %s, and it is to be ruby-VERSION-linux-ARCH.tar.gz with a version that fits", name),
			Hints: []string{"Correct " + s.Origin + ", or ask for the archive's version with BP_RUBY_VERSION."},
		}
	}
	r := plan.Release{Name: "ruby", Version: text, Arch: list[0].Arch, URI: address, SHA256: sum}
	for _, c := range list {
		if line(c.Version) == line(text) {
			r.EndOfLife = c.EndOfLife
		}
	}
	return r, nil
}

// line gives the first two numbers of a version.
func line(version string) string {
	parts := strings.SplitN(version, ".", 3)
	return strings.Join(parts[:min(2, len(parts))], ".")
}

func (r request) unparsable(list []candidate) error {
	return &problem.Problem{
		ID:    "ruby/version-unparsable",
		Title: fmt.Sprintf("the Ruby version %q is not understood", r.text),
		Where: r.place(),
		Why:   "it is no requirement as RubyGems has them",
		Hints: []string{`Write a version or a requirement, for example "3.4.5" or "~> 3.4.0".`, "These lines can be had: " + lines(list) + "."},
	}
}

func (r request) unsatisfiable(list []candidate) error {
	if r.exact && r.short() {
		return &problem.Problem{
			ID:    "ruby/version-exact",
			Title: "there is no Ruby " + r.text,
			Where: r.place(),
			Why:   "Bundler takes it for exactly this version, and those of Ruby have three numbers",
			Hints: []string{fmt.Sprintf(`Write the whole version, or ruby "~> %s.0" in the Gemfile for the newest of the line; then run `+"`bundle lock`.", r.text)},
		}
	}
	return &problem.Problem{
		ID:    "ruby/version-unsatisfiable",
		Title: fmt.Sprintf("no Ruby release fits %q", r.text),
		Where: r.place(),
		Why:   "these lines can be had, with the newest release of each: " + lines(list),
		Hints: []string{"Ask for one of those, or for a requirement that includes one.", "For a Ruby of your own, set BP_RUBY_ARCHIVE to its address and checksum."},
	}
}

// place names the variable when the version comes from one.
func (r request) place() problem.Position {
	if r.where.File == "" {
		return problem.Position{File: r.origin}
	}
	return r.where
}

func lines(list []candidate) string {
	var texts, seen []string
	for _, c := range list {
		if l := line(c.Version); !slices.Contains(seen, l) && !c.version.Prerelease() {
			seen, texts = append(seen, l), append(texts, fmt.Sprintf("%s (%s)", l, c.Version))
		}
	}
	return strings.Join(texts, ", ")
}
