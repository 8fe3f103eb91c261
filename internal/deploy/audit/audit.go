// Package audit is "gantry audit": it reads what an image says of itself (bills of materials, dpkg's status), and compares that with feeds of advisories and
// with the inventory of releases; and it looks at the image's files for secrets and modes. Nothing of the image is run.
package audit

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"runtime"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/gantry-buildpack/gantry/internal/plan/inventory"
	"github.com/gantry-buildpack/gantry/internal/problem"
	"github.com/gantry-buildpack/gantry/internal/source/gemfile"
	"github.com/gantry-buildpack/gantry/internal/source/semver"
)

// Exit codes of an audit.
const (
	Clean     = 0
	Found     = 1
	CannotSay = 2
)

// Options say what is audited and how it is told.
type Options struct {
	// Name is the image for people.
	Name  string
	Image v1.Image
	// Feeds are files, folders and addresses with documents of OSV. Registry is an npm registry that is asked for advisories; empty for none.
	Feeds    []string
	Registry string
	// Level is the least severity that counts; Ignore has ids, or their aliases, that do not.
	Level  Severity
	Ignore []string
	JSON   bool
	// SARIF is where a report for code scanners is written, too; nil for none.
	SARIF io.Writer
	Out   io.Writer
	Now   time.Time
}

// Kind is what a finding is about.
type Kind string

// The kinds of findings.
const (
	Advisory Kind = "advisory"
	Runtime  Kind = "runtime"
	Secret   Kind = "secret"
	Mode     Kind = "mode"
)

// Finding is one thing that is not as it should be.
type Finding struct {
	Kind     Kind     `json:"kind"`
	ID       string   `json:"id"`
	Aliases  []string `json:"aliases,omitempty"`
	Severity Severity `json:"severity"`
	Title    string   `json:"title"`
	// Component is what an advisory, or a release's age, is about.
	Component *Component `json:"component,omitempty"`
	// Fixed is the first version that is not affected; Vulnerable a range in npm's syntax. Each may be empty.
	Fixed      string `json:"fixed,omitempty"`
	Vulnerable string `json:"vulnerable,omitempty"`
	URL        string `json:"url,omitempty"`
	// Path is in the image; Line counts from 1, or is 0.
	Path string `json:"path,omitempty"`
	Line int    `json:"line,omitempty"`
}

// Result is what an audit gives.
type Result struct {
	Image string `json:"image"`
	// Packages counts the image's packages by their ecosystems; Sources names the feeds, and Unasked the ecosystems of packages that none of them knows.
	Packages map[string]int `json:"packages"`
	Sources  []string       `json:"sources"`
	Unasked  []string       `json:"unasked,omitempty"`
	Findings []Finding      `json:"findings"`
	// Ignored counts those that --ignore names.
	Ignored int `json:"ignored,omitempty"`
	// Failed are findings at or above the level.
	Failed int `json:"failed"`

	// Notes say what could not be looked at.
	Notes []string `json:"notes,omitempty"`
}

// Run audits, prints, and gives the exit code.
func Run(ctx context.Context, o Options) (int, error) {
	held, err := readImage(o.Image)
	if err != nil {
		return CannotSay, &problem.Problem{ID: "audit/image", Title: "the image " + o.Name + " cannot be read", Why: err.Error(), Err: err}
	}
	components := held.named()
	result := Result{Image: o.Name, Packages: map[string]int{}, Findings: held.files}
	for _, c := range components {
		if c.Ecosystem != "" {
			result.Packages[c.Ecosystem]++
		}
	}
	if held.bills == 0 {
		result.Notes = append(result.Notes, "The image has no bill of materials of a buildpack: packages of npm and RubyGems in it are not known.")
	}
	old, err := releases(components, o.Now)
	if err != nil {
		return CannotSay, err
	}
	result.Findings = append(result.Findings, old...)
	if err := o.ask(ctx, components, &result); err != nil {
		return CannotSay, err
	}
	result = result.judged(o)
	if err := o.tell(result); err != nil {
		return CannotSay, err
	}
	switch {
	case result.Failed > 0:
		return Found, nil
	case len(result.Unasked) > 0 || held.bills == 0:
		return CannotSay, nil
	}
	return Clean, nil
}

// ask asks every feed, and notes the ecosystems that no feed knows.
func (o Options) ask(ctx context.Context, components []Component, result *Result) error {
	asked := map[string]bool{}
	for _, feed := range o.Feeds {
		findings, s, err := osvFeed(ctx, feed, components)
		if err != nil {
			return err
		}
		result.Findings = append(result.Findings, findings...)
		result.Sources = append(result.Sources, s.name)
		maps.Copy(asked, s.ecosystems)
	}
	if result.Sources == nil {
		result.Sources = []string{}
	}
	if o.Registry != "" && result.Packages["npm"] > 0 {
		findings, s, err := npmFeed(ctx, o.Registry, components)
		if err != nil {
			result.Notes = append(result.Notes, fmt.Sprintf("%s gives no advisories: %s", s.name, err))
		} else {
			result.Findings = append(result.Findings, findings...)
			result.Sources = append(result.Sources, s.name)
			maps.Copy(asked, s.ecosystems)
		}
	}
	for _, ecosystem := range slices.Sorted(maps.Keys(result.Packages)) {
		// A feed of another release of the distribution says nothing of this one: "Ubuntu:22.04:LTS" is of Ubuntu:22.04.
		if !slices.ContainsFunc(slices.Collect(maps.Keys(asked)), func(known string) bool { return known == ecosystem || strings.HasPrefix(known, ecosystem+":") }) {
			result.Unasked = append(result.Unasked, ecosystem)
		}
	}
	return nil
}

// judged puts together what is known by several names, takes out what is ignored, sorts, and counts.
func (r Result) judged(o Options) Result {
	ignored := func(id string) bool {
		return slices.ContainsFunc(o.Ignore, func(name string) bool { return strings.EqualFold(strings.TrimSpace(name), id) })
	}
	at := map[string]int{}
	var list []Finding
	for _, f := range r.Findings {
		names := append([]string{f.ID}, f.Aliases...)
		if slices.ContainsFunc(names, ignored) {
			r.Ignored++
			continue
		}
		place := f.Path + fmt.Sprint(f.Line)
		if f.Component != nil {
			place = f.Component.Ecosystem + f.Component.Name + f.Component.Version
		}
		known := -1
		for _, id := range names {
			if i, found := at[place+id]; found {
				known = i
			}
		}
		if known < 0 {
			known = len(list)
			list = append(list, f)
		} else {
			list[known] = list[known].with(f)
		}
		for _, id := range names {
			at[place+id] = known
		}
	}
	for _, name := range o.Ignore {
		if !slices.ContainsFunc(r.Findings, func(f Finding) bool {
			return slices.ContainsFunc(append([]string{f.ID}, f.Aliases...), func(id string) bool { return strings.EqualFold(strings.TrimSpace(name), id) })
		}) {
			r.Notes = append(r.Notes, "Nothing that was found is called "+strings.TrimSpace(name)+", which --ignore names.")
		}
	}
	slices.SortStableFunc(list, func(a, b Finding) int { return b.Severity.rank() - a.Severity.rank() })
	r.Findings = list
	for _, f := range list {
		if f.Severity.rank() >= o.Level.rank() {
			r.Failed++
		}
	}
	return r
}

// with adds what another database says of the same: the worse severity counts.
func (f Finding) with(other Finding) Finding {
	if other.Severity.rank() > f.Severity.rank() {
		f.Severity = other.Severity
	}
	f.Fixed, f.Title, f.URL = cmp.Or(f.Fixed, other.Fixed), cmp.Or(f.Title, other.Title), cmp.Or(f.URL, other.URL)
	for _, id := range append([]string{other.ID}, other.Aliases...) {
		if id != f.ID && !slices.Contains(f.Aliases, id) {
			f.Aliases = append(f.Aliases, id)
		}
	}
	return f
}

// releases finds runtimes that get no fixes any more, or are not the newest of their line, by the inventory of this program.
func releases(components []Component, now time.Time) ([]Finding, error) {
	catalog, err := inventory.For(runtime.GOARCH, "glibc", nil)
	if err != nil {
		return nil, err
	}
	var list []Finding
	for _, c := range components {
		title, known := map[string]string{"node": "Node.js", "ruby": "Ruby"}[c.Name]
		if !c.platform || !known {
			continue
		}
		line, newest, end := lineOf(c.Name, c.Version), "", ""
		for _, r := range catalog.Named(c.Name) {
			if lineOf(c.Name, r.Version) == line && (newest == "" || newer(c.Name, r.Version, newest)) {
				newest, end = r.Version, r.EndOfLife
			}
		}
		if ended, err := time.Parse(time.DateOnly, end); err == nil && !now.Before(ended) {
			list = append(list, Finding{Kind: Runtime, ID: "end-of-life", Severity: High, Title: fmt.Sprintf("%s %s gets no security fixes since %s", title, c.Version, end), Component: &c})
		} else if newest != "" && newer(c.Name, newest, c.Version) {
			list = append(list, Finding{Kind: Runtime, ID: "behind", Severity: Info, Title: fmt.Sprintf("%s %s is not the newest of its line", title, c.Version), Component: &c, Fixed: newest})
		}
	}
	return list, nil
}

// lineOf is what releases with the same fixes have in common: Node.js' major version, Ruby's first two numbers.
func lineOf(name, version string) string {
	parts := strings.SplitN(version, ".", 3)
	if name == "ruby" && len(parts) > 1 {
		return parts[0] + "." + parts[1]
	}
	return parts[0]
}

func newer(name, a, b string) bool {
	if name == "ruby" {
		x, errX := gemfile.Parse(a)
		y, errY := gemfile.Parse(b)
		return errX == nil && errY == nil && x.Compare(y) > 0
	}
	x, errX := semver.Parse(a)
	y, errY := semver.Parse(b)
	return errX == nil && errY == nil && x.Compare(y) > 0
}
