// Package doctor answers what a person on call asks first about a running container: its limits and what is used of
// them, the runtime and its flags, the clock, name resolution, certificates, files, configuration and crashes.
package doctor

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/container/launch"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// Status is how a check came out.
type Status string

// The statuses. A Problem keeps the application from working; a Warning may.
const (
	OK      Status = "ok"
	Warning Status = "warning"
	Problem Status = "problem"
)

// Finding is what one check found.
type Finding struct {
	Check  string `json:"check"`
	Status Status `json:"status"`
	// Text says it in a line; Advice what to do, unless all is well.
	Text   string `json:"text"`
	Advice string `json:"advice,omitempty"`
	// Facts are the numbers behind it: bytes, processors, milliseconds, as their names say.
	Facts map[string]any `json:"facts,omitempty"`
}

// Target is what is examined.
type Target struct {
	Image   launch.Image
	Machine launch.Machine
	// Facts are those of the machine.
	Facts launch.Facts
	// Proc is where the kernel shows processes, /proc but for tests.
	Proc string
	// Environ is the container's environment.
	Environ map[string]string
	// Elsewhere is the root folder of the application's container, where this program runs in another one.
	Elsewhere string
}

// checks are all checks, in the order in which they are shown. Adding one: a function, and a row here.
var checks = []func(Target) []Finding{
	image, memory, processors, processes, heap, ruby, clock, names, certificates, files, libraries, configuration, crashes,
}

// Run examines the container, and gives the exit code: 0, or 1 when there is a problem.
func Run(p Target, asJSON bool, out io.Writer) int {
	var findings []Finding
	for _, check := range checks {
		findings = append(findings, check(p)...)
	}
	code := 0
	if slices.ContainsFunc(findings, func(f Finding) bool { return f.Status == Problem }) {
		code = 1
	}
	text := render(findings)
	if asJSON {
		// Nothing in the findings can fail to be written as JSON.
		encoded, _ := json.MarshalIndent(map[string]any{"ok": code == 0, "findings": findings}, "", "  ")
		text = string(encoded) + "\n"
	}
	_, _ = io.WriteString(out, text)
	return code
}

// render aligns the findings: a mark, the check, what it found, and below it what to do.
func render(findings []Finding) string {
	marks := map[Status]string{OK: " ", Warning: "!", Problem: "✗"}
	width := 0
	for _, f := range findings {
		width = max(width, len(f.Check))
	}
	var out strings.Builder
	counts := map[Status]int{}
	last := ""
	for _, f := range findings {
		counts[f.Status]++
		name := f.Check
		if name == last {
			name = ""
		}
		last = f.Check
		fmt.Fprintf(&out, "%s %-*s  %s\n", marks[f.Status], width, name, problem.Visible(f.Text))
		if f.Advice != "" {
			fmt.Fprintf(&out, "  %-*s  %s\n", width, "", f.Advice)
		}
	}
	switch {
	case counts[Problem]+counts[Warning] == 0:
		out.WriteString("\nNothing stands out.\n")
	default:
		fmt.Fprintf(&out, "\n%s, %s.\n", problem.Count(counts[Problem], "problem"), problem.Count(counts[Warning], "warning"))
	}
	return out.String()
}

func mebibytes(bytes int64) string { return fmt.Sprintf("%d MiB", (bytes+1<<19)>>20) }

func sortedNames[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
