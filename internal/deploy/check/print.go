package check

import (
	"fmt"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/deploy/manifests"
	"github.com/gantry-buildpack/gantry/internal/problem"
	"github.com/gantry-buildpack/gantry/internal/problem/redact"
)

// kinds are the kinds of findings, in the order in which they are told, and what people call them.
var kinds = []struct{ kind, title string }{
	{"process", "No such process"}, {"missing", "Missing"}, {"dangling", "Missing"}, {"unreadable", "Missing"}, {"malformed", "Wrong"}, {"refused", "Not accepted"},
	{"group", "Wrong together"}, {"rule", "Wrong together"}, {"renamed", "Old names"}, {"deprecated", "Deprecated"}, {"white-space", "White space"}, {"built-in", "Without effect"}, {"argument", "Perhaps not meant"},
	{"unverifiable", "Cannot be seen here"}, {"unknown", "Not declared"},
}

// report is what people read of a check.
type report struct {
	subject
	list    []checked
	skipped []manifests.Skipped
	strict  bool
}

func (r report) text() string {
	var out strings.Builder
	if r.contract.Empty() {
		out.WriteString("The application declares no configuration; there is nothing to check.\n")
		if !r.anything() {
			return out.String()
		}
	}
	for _, c := range r.list {
		place := ""
		if c.Where != "" && c.Where != c.Name {
			place = " (" + c.Where + ")"
		}
		fmt.Fprintf(&out, "%s%s\n", problem.Visible(c.Name), problem.Visible(place))
		for _, k := range kinds {
			for _, f := range c.Findings {
				if f.Kind == k.kind {
					out.WriteString(line(k.title, f, c.Name))
				}
			}
		}
		fmt.Fprintf(&out, "  %s\n", problem.Visible(r.summary(c)))
	}
	if len(r.skipped) > 0 {
		out.WriteString("\nNot checked\n")
		for _, skip := range r.skipped {
			fmt.Fprintf(&out, "  %s: %s\n", problem.Visible(skip.What), problem.Visible(skip.Why))
		}
	}
	out.WriteString("\n" + r.conclusion() + "\n")
	return out.String()
}

func (r report) anything() bool {
	findings, _, _ := outcome(r.list, false)
	return len(findings) > 0
}

func line(title string, f manifests.Finding, workload string) string {
	what := f.What
	if f.Workload != workload {
		what += " (" + f.Workload + ", " + f.Where + ")"
	} else if f.Kind == "refused" {
		what += " (" + f.Where + ")"
	}
	// What is wrong with a group names its variables itself.
	said := problem.Visible(what)
	if f.Kind != "group" {
		said = problem.Visible(f.Name) + " " + said
	}
	text := fmt.Sprintf("  %-19s  %s\n", title, said)
	if f.Advice != "" {
		text += fmt.Sprintf("  %-19s  %s\n", "", problem.Visible(f.Advice))
	}
	return text
}

// summary counts what was looked at: "process worker: 3 of 4 required variables set, 1 of them cannot be seen here".
func (r report) summary(c checked) string {
	switch {
	case c.Start.Unknown != "":
		return "not checked further"
	case c.Process == "":
		return "a command of its own, which starts whatever is set: " + c.shown()
	case r.contract.Empty():
		return "process " + c.Process
	}
	text := fmt.Sprintf("process %s: %d of %s set", c.Process, c.Set, problem.Count(c.Required, "required variable"))
	if c.Required == 0 {
		text = "process " + c.Process + ": no variable is required"
	}
	if hidden := c.hidden(); hidden > 0 {
		text += fmt.Sprintf("; %d cannot be judged here", hidden)
	}
	return text
}

// shown is the command as it may be shown.
func (c checked) shown() string {
	words := make([]string, 0, len(c.Start.Command))
	for _, word := range c.Start.Command {
		words = append(words, c.Show(word))
	}
	return redact.Credentials(strings.Join(words, " "))
}

func (c checked) hidden() (n int) {
	for _, f := range c.Findings {
		if f.Kind == "unverifiable" {
			n++
		}
	}
	return n
}

func (r report) conclusion() string {
	_, starts, passed := outcome(r.list, r.strict)
	switch {
	case !starts:
		return "This deployment would not start."
	case !passed:
		return "Nothing that is seen keeps this deployment from starting; --strict wants all to be declared and seen."
	}
	return "Nothing keeps this deployment from starting."
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
	text := strings.TrimSuffix(fmt.Sprintf("%s: %s %s. %s", f.Workload, f.Name, f.What, f.Advice), ". ")
	return fmt.Sprintf("::%s%s::%s", level, place, escape.Replace(problem.VisibleLines(text)))
}
