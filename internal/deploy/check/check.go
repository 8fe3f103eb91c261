// Package check is "gantry check" and "gantry contract" on a laptop and in CI: it gathers a contract and deployments,
// and tells how they fit. What is compared, and how, is known in package contract and below it.
package check

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/deploy/manifests"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// Exit codes of a check.
const (
	Fits      = 0
	DoesNot   = 1
	CannotSay = 2
)

// Options say what is compared and how it is told.
type Options struct {
	// Image is a reference, layout or tarball; App the folder of an application, when there is no image yet.
	Image, App string
	// Files are manifests, compose files and files of variables; "-" is standard input. Environ is compared when there
	// are none.
	Files   []string
	Environ []string
	// Container names the container to check, where a pod has several.
	Container string
	// EnvFormat is one of EnvFormats: who reads files of variables.
	EnvFormat    string
	JSON, GitHub bool
	// Strict counts unknown and unverifiable variables as errors.
	Strict bool
	Stdin  io.Reader
	Out    io.Writer
}

// EnvFormats are the ways in which a file of variables is read: by Compose and dotenv, which take quotes off, or by docker run --env-file, which
// does not.
var EnvFormats = []string{"dotenv", "docker"}

// checked is a workload, what it starts, and what was found.
type checked struct {
	manifests.Workload
	manifests.Start
	manifests.Verdict
}

// Run compares, prints, and gives the exit code.
func Run(ctx context.Context, o Options) (int, error) {
	s, err := find(ctx, o.Image, o.App, o.Environ)
	if err != nil {
		return CannotSay, err
	}
	given, err := o.gather(ctx)
	if err != nil {
		return CannotSay, err
	}
	chosen, skipped, err := choose(given.workloads, s, o.Container)
	if err != nil {
		return CannotSay, err
	}
	list := s.check(chosen)
	return o.tell(s, list, append(given.skipped, skipped...))
}

// check compares each workload with the contract.
func (s subject) check(chosen []manifests.Workload) []checked {
	list := make([]checked, 0, len(chosen))
	for _, w := range chosen {
		start := w.Starts(s.processes, s.process)
		for _, name := range start.Types {
			if len(s.processes) > 0 && !slices.Contains(s.processes, name) {
				start.Unknown, start.Likely = name, problem.Nearest(name, s.processes)
			}
		}
		verdict := manifests.Check(s.contract, w, start)
		if start.Unknown != "" {
			advice := "The image's process types are " + strings.Join(s.processes, ", ") + "."
			if start.Likely != "" {
				advice = fmt.Sprintf("Did you mean %s? %s", start.Likely, advice)
			}
			verdict.Findings = append(verdict.Findings, manifests.Finding{
				Workload: w.Name, Where: w.Where, Name: w.Show(start.Unknown), Kind: "process", What: "is not a process type of the image", Advice: advice,
			})
		}
		list = append(list, checked{w, start, verdict})
	}
	return list
}

// outcome says of all findings whether the deployment starts, and whether the check is passed: with --strict, more has to be known.
func outcome(list []checked, strict bool) (findings []manifests.Finding, starts, passed bool) {
	findings = []manifests.Finding{}
	for _, c := range list {
		findings = append(findings, c.Findings...)
	}
	starts = !slices.ContainsFunc(findings, manifests.Finding.Error)
	doubtful := func(f manifests.Finding) bool {
		return f.Kind == "unknown" || f.Kind == "unverifiable" || f.Kind == "built-in"
	}
	return findings, starts, starts && !(strict && slices.ContainsFunc(findings, doubtful))
}

// tell prints the result, and gives the exit code.
func (o Options) tell(s subject, list []checked, skipped []manifests.Skipped) (int, error) {
	findings, _, passed := outcome(list, o.Strict)
	switch {
	case o.JSON:
		if skipped == nil {
			skipped = []manifests.Skipped{}
		}
		text, err := json.MarshalIndent(map[string]any{"ok": passed, "checked": len(list), "findings": findings, "not-checked": skipped}, "", "  ")
		if err != nil {
			return CannotSay, err
		}
		_, _ = fmt.Fprintf(o.Out, "%s\n", text)
	case o.GitHub:
		for _, f := range findings {
			_, _ = fmt.Fprintln(o.Out, annotation(f))
		}
		for _, skip := range skipped {
			_, _ = fmt.Fprintln(o.Out, annotation(manifests.Finding{Workload: skip.What, Where: skip.Where, Name: "not checked", Kind: "unverifiable", What: "since " + skip.Why}))
		}
	default:
		_, _ = io.WriteString(o.Out, report{s, list, skipped, o.Strict}.text())
	}
	if !passed {
		return DoesNot, nil
	}
	return Fits, nil
}

// choose finds the containers that run the image: by name, by their images' repository, or the only one that there is. Others are skipped with
// a reason.
func choose(list []manifests.Workload, s subject, container string) (chosen []manifests.Workload, skipped []manifests.Skipped, err error) {
	split := func(fits func(manifests.Workload) bool, why string) {
		for _, w := range list {
			if fits(w) {
				chosen = append(chosen, w)
			} else {
				skipped = append(skipped, manifests.Skipped{What: w.Name, Why: why, Where: w.Where})
			}
		}
	}
	if container != "" {
		split(func(w manifests.Workload) bool { return w.Container == container }, "it is not the container "+container)
		if len(chosen) == 0 {
			return nil, nil, &problem.Problem{ID: "check/no-container", Title: "no container is called " + container, Hints: []string{"These are there: " + names(list) + "."}}
		}
		return chosen, skipped, nil
	}
	if s.repository != "" {
		split(func(w manifests.Workload) bool { return w.Image == "" || repository(w.Image) == s.repository }, "it runs another image")
		if len(chosen) > 0 {
			return chosen, skipped, nil
		}
		skipped = nil
	}
	// Init containers of other images are common, and decide nothing.
	mains := map[string]bool{}
	for _, w := range list {
		if !w.Init {
			mains[repository(w.Image)] = true
		}
	}
	if len(mains) > 1 {
		return nil, nil, &problem.Problem{
			ID: "check/which-container", Title: "it is not clear which containers run the image", Why: "several images are named: " + names(list),
			Hints: []string{"Name the container: --container NAME."},
		}
	}
	split(func(w manifests.Workload) bool { return mains[repository(w.Image)] || len(mains) == 0 }, "it runs another image")
	return chosen, skipped, nil
}

func names(list []manifests.Workload) string {
	var texts []string
	for _, w := range list {
		texts = append(texts, w.Name)
	}
	return strings.Join(texts, "; ")
}
