package check

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/contract"
	"github.com/gantry-buildpack/gantry/internal/deploy/manifests"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// kinds are the kinds of findings, in the order in which they are told, and what people call them.
var kinds = []struct{ kind, title string }{
	{"missing", "Missing"}, {"dangling", "Missing"}, {"malformed", "Wrong"}, {"group", "Wrong together"}, {"renamed", "Old names"},
	{"unverifiable", "Cannot be seen here"}, {"unknown", "Not declared"},
}

func text(s subject, checked []manifests.Workload, findings []manifests.Finding, failed bool) string {
	var out strings.Builder
	if s.contract.Empty() {
		return "The application declares no configuration; there is nothing to check.\n"
	}
	for _, w := range checked {
		place := ""
		if w.Where != "" && w.Where != w.Name {
			place = " (" + w.Where + ")"
		}
		fmt.Fprintf(&out, "%s%s\n", problem.Visible(w.Name), problem.Visible(place))
		clean := true
		for _, k := range kinds {
			for _, f := range findings {
				if f.Workload != w.Name || f.Where != w.Where || f.Kind != k.kind {
					continue
				}
				clean = false
				fmt.Fprintf(&out, "  %-19s  %s %s\n", k.title, problem.Visible(f.Name), problem.Visible(f.What))
				if f.Advice != "" {
					fmt.Fprintf(&out, "  %-19s  %s\n", "", problem.Visible(f.Advice))
				}
			}
		}
		if clean {
			fmt.Fprintf(&out, "  all %d declared variables are there\n", len(s.contract.For(w.Process).Variables))
		}
	}
	if failed {
		out.WriteString("\nThis deployment would not start.\n")
	} else {
		out.WriteString("\nNothing keeps this deployment from starting.\n")
	}
	return out.String()
}

// annotation is a workflow command: https://docs.github.com/actions/reference/workflow-commands-for-github-actions.
func annotation(f manifests.Finding) string {
	level := "notice"
	if f.Error() {
		level = "error"
	} else if f.Kind != "unverifiable" {
		level = "warning"
	}
	escape := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	property := strings.NewReplacer("%", "%25", ":", "%3A", ",", "%2C", "\n", "%0A")
	file, line, found := strings.Cut(f.Where, ":")
	place := ""
	if file != "" {
		place = " file=" + property.Replace(file)
		if found {
			place += ",line=" + line
		}
		place += ",title=" + property.Replace(f.Name)
	}
	return fmt.Sprintf("::%s%s::%s", level, place, escape.Replace(problem.VisibleLines(fmt.Sprintf("%s: %s %s. %s", f.Workload, f.Name, f.What, f.Advice))))
}

// Diff tells what a deploy of a newer image newly requires; the exit code is 1 when it requires something.
func Diff(ctx context.Context, older, newer string, asJSON bool, out io.Writer) (int, error) {
	before, err := find(ctx, older, "")
	if err != nil {
		return CannotSay, err
	}
	after, err := find(ctx, newer, "")
	if err != nil {
		return CannotSay, err
	}
	changes := contract.Diff(before.contract, after.contract)
	code := Fits
	for _, c := range changes {
		if c.Kind == "required" || c.Kind == "stricter" {
			code = DoesNot
		}
	}
	if asJSON {
		if changes == nil {
			changes = []contract.Change{}
		}
		text, err := json.MarshalIndent(changes, "", "  ")
		if err != nil {
			return CannotSay, err
		}
		_, _ = fmt.Fprintf(out, "%s\n", text)
		return code, nil
	}
	titles := map[string]string{"required": "Newly required", "stricter": "Stricter", "optional": "New, optional", "removed": "No longer declared"}
	for _, c := range changes {
		_, _ = fmt.Fprintf(out, "  %-19s  %s  %s\n", titles[c.Kind], problem.Visible(c.Name), problem.Visible(c.Expected))
	}
	if len(changes) == 0 {
		_, _ = fmt.Fprintln(out, "Both declare the same configuration.")
	}
	return code, nil
}
