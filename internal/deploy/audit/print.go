package audit

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/problem"
)

// tell prints a result, as text or JSON, and writes the SARIF report.
func (o Options) tell(r Result) error {
	if o.SARIF != nil {
		if err := writeSARIF(o.SARIF, r); err != nil {
			return problem.Disk("write the SARIF report", err)
		}
	}
	if o.JSON {
		if r.Findings == nil {
			r.Findings = []Finding{}
		}
		text, err := json.MarshalIndent(r, "", "  ")
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(o.Out, "%s\n", text)
		return err
	}
	_, err := fmt.Fprint(o.Out, problem.VisibleLines(r.text(o.Level)))
	return err
}

// text is a result for people: what was looked at, findings from the worst on, and a last line.
func (r Result) text(level Severity) string {
	var out strings.Builder
	fmt.Fprintln(&out, r.Image)
	var counts []string
	for _, ecosystem := range slices.Sorted(maps.Keys(r.Packages)) {
		counts = append(counts, fmt.Sprintf("%s of %s", problem.Count(r.Packages[ecosystem], "package"), ecosystem))
	}
	if len(counts) > 0 {
		fmt.Fprintf(&out, "  Looked at    %s\n", strings.Join(counts, ", "))
	}
	if len(r.Sources) > 0 {
		fmt.Fprintf(&out, "  Advisories   %s\n", strings.Join(r.Sources, ", "))
	}
	for _, f := range r.Findings {
		out.WriteString("\n" + f.text())
	}
	out.WriteString("\n")
	for _, note := range r.Notes {
		fmt.Fprintln(&out, note)
	}
	if len(r.Unasked) > 0 {
		fmt.Fprintf(&out, "No advisories were looked up for %s: give a feed with --advisories.\n", strings.Join(r.Unasked, ", "))
	}
	out.WriteString(r.conclusion(level))
	return out.String()
}

func (f Finding) text() string {
	title := strings.ToUpper(string(f.Severity[:1])) + string(f.Severity[1:])
	var out strings.Builder
	rest := func(text string) { fmt.Fprintf(&out, "  %-12s %s\n", "", text) }
	switch f.Kind {
	case Advisory:
		fmt.Fprintf(&out, "  %-12s %s %s: %s\n", title, f.Component.Name, f.Component.Version, f.Title)
		if len(f.Component.Through) > 0 {
			rest("through " + strings.Join(f.Component.Through, " > "))
		}
		switch {
		case f.Fixed != "":
			rest("fixed in " + f.Fixed)
		case f.Vulnerable != "":
			rest("affected: " + f.Vulnerable)
		}
		rest(strings.Join(slices.DeleteFunc([]string{f.ID, f.URL}, func(s string) bool { return s == "" }), "  "))
	case Runtime:
		fmt.Fprintf(&out, "  %-12s %s\n", title, f.Title)
		if f.Fixed != "" {
			rest("the newest is " + f.Fixed)
		} else {
			rest("move to a newer line, and build again")
		}
	default:
		place := f.Path
		if f.Line > 0 {
			place = fmt.Sprintf("%s:%d", f.Path, f.Line)
		}
		fmt.Fprintf(&out, "  %-12s %s %s\n", title, place, f.Title)
		if f.Kind == Secret {
			rest("whoever can pull the image has it: replace it, and give it to the container as a variable or a file")
		}
	}
	return out.String()
}

func (r Result) conclusion(level Severity) string {
	counts := map[Severity]int{}
	for _, f := range r.Findings {
		counts[f.Severity]++
	}
	var words []string
	for _, severity := range slices.Backward(Severities) {
		if n := counts[severity]; n > 0 {
			words = append(words, fmt.Sprintf("%d %s", n, severity))
		}
	}
	said := "Nothing was found."
	if len(r.Unasked) > 0 || len(r.Packages) == 0 {
		said = "Nothing was found in what was looked at."
	}
	if len(words) > 0 {
		said = "Found: " + strings.Join(words, ", ") + "."
	}
	if r.Ignored > 0 {
		said += fmt.Sprintf(" %d ignored.", r.Ignored)
	}
	if len(words) > 0 && r.Failed == 0 {
		said += fmt.Sprintf(" None of them is %s or worse.", level)
	}
	return said + "\n"
}
