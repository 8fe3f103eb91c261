package audit

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	gocvss20 "github.com/pandatix/go-cvss/20"
	gocvss31 "github.com/pandatix/go-cvss/31"
	gocvss40 "github.com/pandatix/go-cvss/40"
	"pault.ag/go/debian/version"

	"github.com/gantry-buildpack/gantry/internal/source/gemfile"
	"github.com/gantry-buildpack/gantry/internal/source/semver"
)

// Severity is npm's word for how bad an advisory is: https://docs.npmjs.com/about-audit-reports#severity
type Severity string

// Severities, from the least.
const (
	// Info is what is told, and no fault.
	Info     Severity = "info"
	Unrated  Severity = "unrated"
	Low      Severity = "low"
	Moderate Severity = "moderate"
	High     Severity = "high"
	Critical Severity = "critical"
)

// Severities are in order.
var Severities = []Severity{Info, Unrated, Low, Moderate, High, Critical}

func (s Severity) rank() int { return slices.Index(Severities, s) }

// advisory is a document of OSV: https://ossf.github.io/osv-schema/
type advisory struct {
	ID        string     `json:"id"`
	Aliases   []string   `json:"aliases"`
	Upstream  []string   `json:"upstream"`
	Summary   string     `json:"summary"`
	Details   string     `json:"details"`
	Withdrawn string     `json:"withdrawn"`
	Affected  []affected `json:"affected"`
	Severity  []score    `json:"severity"`
	Database  struct {
		Severity optional `json:"severity"`
	} `json:"database_specific"`
	References []struct {
		Type, URL string
	} `json:"references"`
}

type score struct{ Type, Score string }

type affected struct {
	Package struct{ Ecosystem, Name string } `json:"package"`
	Ranges  []struct {
		Type   string              `json:"type"`
		Events []map[string]string `json:"events"`
	} `json:"ranges"`
	Versions  []string `json:"versions"`
	Severity  []score  `json:"severity"`
	Ecosystem struct {
		Urgency string `json:"urgency"`
	} `json:"ecosystem_specific"`
}

// concerns reports whether a part of an advisory is about a component's package.
func (a affected) concerns(c Component) bool {
	name := cmp.Or(c.Source, c.Name)
	if a.Package.Name != name {
		return false
	}
	// "Ubuntu:22.04:LTS" and "Ubuntu:Pro:22.04:LTS" are Ubuntu's ecosystems.
	return a.Package.Ecosystem == c.Ecosystem || strings.HasPrefix(a.Package.Ecosystem, c.Ecosystem+":")
}

// holds reports whether a version is affected, and the first version that is not any more: https://ossf.github.io/osv-schema/#evaluation
func (a affected) holds(c Component) (fixed string, is bool) {
	compare := ordering(c.Ecosystem)
	for _, r := range a.Ranges {
		if r.Type == "GIT" {
			continue
		}
		inside, until := evaluate(r.Events, c.Version, compare)
		if inside {
			is, fixed = true, cmp.Or(until, fixed)
		}
	}
	return fixed, is || slices.Contains(a.Versions, c.Version)
}

// evaluate walks a range's events in the order of their versions.
func evaluate(events []map[string]string, at string, compare func(a, b string) (int, bool)) (inside bool, until string) {
	type event struct{ kind, version string }
	var list []event
	for _, e := range events {
		for kind, v := range e {
			list = append(list, event{kind, v})
		}
	}
	slices.SortStableFunc(list, func(a, b event) int {
		if a.version == b.version {
			return 0
		}
		if a.version == "0" {
			return -1
		}
		if b.version == "0" {
			return 1
		}
		n, _ := compare(a.version, b.version)
		return n
	})
	for _, e := range list {
		order, known := -1, true
		if e.version != "0" {
			order, known = compare(e.version, at)
		}
		if !known {
			continue
		}
		switch {
		case e.kind == "introduced" && order <= 0:
			inside = true
		case e.kind == "fixed" && order <= 0, e.kind == "last_affected" && order < 0, e.kind == "limit" && order <= 0:
			inside = false
		case e.kind == "fixed" && order > 0 && inside && until == "":
			until = e.version
		}
	}
	if !inside {
		return false, ""
	}
	return true, until
}

// ordering compares versions as an ecosystem does; false where one is malformed.
func ordering(ecosystem string) func(a, b string) (int, bool) {
	switch name, _, _ := strings.Cut(ecosystem, ":"); name {
	case "npm":
		return func(a, b string) (int, bool) {
			x, errX := semver.Parse(a)
			y, errY := semver.Parse(b)
			if errX != nil || errY != nil {
				return 0, false
			}
			return x.Compare(y), true
		}
	case "RubyGems":
		return func(a, b string) (int, bool) {
			x, errX := gemfile.Parse(a)
			y, errY := gemfile.Parse(b)
			if errX != nil || errY != nil {
				return 0, false
			}
			return x.Compare(y), true
		}
	default:
		return func(a, b string) (int, bool) {
			x, errX := version.Parse(a)
			y, errY := version.Parse(b)
			if errX != nil || errY != nil {
				return 0, false
			}
			return version.Compare(x, y), true
		}
	}
}

// severity is what the database says, else what the score says. Malware (https://github.com/ossf/malicious-packages) has no score.
func (a advisory) severity(part affected) Severity {
	if strings.HasPrefix(a.ID, "MAL-") {
		return Critical
	}
	// Debian's urgency says that there is nothing to mend, whatever the score.
	if part.Ecosystem.Urgency == "unimportant" {
		return Info
	}
	if s := named(a.Database.Severity.text); s != Unrated {
		return s
	}
	worst := Unrated
	for _, s := range slices.Concat(a.Severity, part.Severity) {
		if rated := rate(s); rated.rank() > worst.rank() {
			worst = rated
		}
	}
	if worst == Unrated {
		return named(part.Ecosystem.Urgency)
	}
	return worst
}

// named is what databases call a severity.
func named(word string) Severity {
	switch strings.ToLower(word) {
	case "low":
		return Low
	case "negligible":
		return Info
	case "moderate", "medium":
		return Moderate
	case "high":
		return High
	case "critical":
		return Critical
	}
	return Unrated
}

// optional is a text, where a database has one there.
type optional struct{ text string }

// UnmarshalJSON takes anything else for no text: what is specific for a database has no schema.
func (o *optional) UnmarshalJSON(text []byte) error {
	if json.Unmarshal(text, &o.text) != nil {
		o.text = ""
	}
	return nil
}

// rate gives a CVSS vector's word: https://www.first.org/cvss/v3.1/specification-document#Qualitative-Severity-Rating-Scale
func rate(s score) Severity {
	var points float64
	switch {
	case strings.HasPrefix(s.Score, "CVSS:4"):
		vector, err := gocvss40.ParseVector(s.Score)
		if err != nil {
			return Unrated
		}
		points = vector.Score()
	case strings.HasPrefix(s.Score, "CVSS:3"):
		vector, err := gocvss31.ParseVector(strings.Replace(s.Score, "CVSS:3.0", "CVSS:3.1", 1))
		if err != nil {
			return Unrated
		}
		points = vector.BaseScore()
	case s.Type == "CVSS_V2":
		vector, err := gocvss20.ParseVector(s.Score)
		if err != nil {
			return Unrated
		}
		points = vector.BaseScore()
	default:
		return named(s.Score)
	}
	switch {
	case points >= 9:
		return Critical
	case points >= 7:
		return High
	case points >= 4:
		return Moderate
	case points > 0:
		return Low
	}
	return Unrated
}

// address is where people read more.
func (a advisory) address() string {
	for _, r := range a.References {
		if r.Type == "ADVISORY" {
			return r.URL
		}
	}
	return "https://osv.dev/vulnerability/" + a.ID
}

// title is one line.
func (a advisory) title() string {
	first, _, _ := strings.Cut(strings.TrimSpace(cmp.Or(a.Summary, a.Details)), "\n")
	return cmp.Or(first, "no description")
}

// parseAdvisories reads one document of OSV, a list of them, or the answer of an OSV server.
func parseAdvisories(text []byte) ([]advisory, error) {
	text = bytes.TrimSpace(bytes.TrimPrefix(text, []byte("\xef\xbb\xbf")))
	if len(text) > 0 && text[0] == '[' {
		var list []advisory
		err := json.Unmarshal(text, &list)
		return list, err
	}
	var one struct {
		advisory
		Vulns []advisory `json:"vulns"`
	}
	if err := json.Unmarshal(text, &one); err != nil {
		return nil, err
	}
	if one.Vulns != nil {
		return one.Vulns, nil
	}
	if one.ID == "" {
		return nil, fmt.Errorf("it has no id: it is no document of OSV")
	}
	return []advisory{one.advisory}, nil
}
