package check

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/contract"
	"github.com/gantry-buildpack/gantry/internal/deploy/manifests"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// compared are two images, and whether deployments of the older start the newer one.
type compared struct {
	Changes []contract.Change `json:"changes"`
	// New and Old are what the deployments are with each; nil without files.
	New *rollout `json:"new,omitempty"`
	Old *rollout `json:"old,omitempty"`
}

type rollout struct {
	OK       bool                `json:"ok"`
	Findings []manifests.Finding `json:"findings"`
	list     []checked
	skipped  []manifests.Skipped
	subject  subject
}

// Diff tells what a deploy of a newer image requires that an older one did not; with files, whether these deployments start the newer one, and
// would still start the older one after a rollback. The exit code is 1 when something must be changed.
func Diff(ctx context.Context, o Options, older, newer string) (int, error) {
	before, err := find(ctx, older, "", o.Environ)
	if err != nil {
		return CannotSay, err
	}
	after, err := find(ctx, newer, "", o.Environ)
	if err != nil {
		return CannotSay, err
	}
	c := compared{Changes: contract.Diff(before.contract, after.contract)}
	if len(o.Files) > 0 {
		if c.New, err = o.rollout(ctx, after); err != nil {
			return CannotSay, err
		}
		if c.Old, err = o.rollout(ctx, before); err != nil {
			return CannotSay, err
		}
	}
	if err := o.tellDiff(c, older, newer); err != nil {
		return CannotSay, err
	}
	if c.New != nil {
		// What these deployments set counts, and not what others might.
		return map[bool]int{true: Fits, false: DoesNot}[c.New.OK && c.Old.OK], nil
	}
	return map[bool]int{true: DoesNot, false: Fits}[slices.ContainsFunc(c.Changes, contract.Change.Breaks)], nil
}

func (o Options) rollout(ctx context.Context, s subject) (*rollout, error) {
	given, err := o.gather(ctx)
	if err != nil {
		return nil, err
	}
	chosen, skipped, err := choose(given.workloads, s, o.Container)
	if err != nil {
		return nil, err
	}
	r := rollout{list: s.check(chosen), skipped: append(given.skipped, skipped...), subject: s}
	r.Findings, _, r.OK = outcome(r.list, o.Strict)
	return &r, nil
}

// titles are what people call the kinds of changes.
var titles = map[string]string{
	"required": "Newly required", "stricter": "Stricter", "together": "Newly together", "undecided": "Cannot be told", "optional": "New, optional", "removed": "No longer declared",
}

func (o Options) tellDiff(c compared, older, newer string) error {
	if o.JSON {
		if c.Changes == nil {
			c.Changes = []contract.Change{}
		}
		text, err := json.MarshalIndent(c, "", "  ")
		if err != nil {
			return err
		}
		_, _ = fmt.Fprintf(o.Out, "%s\n", text)
		return nil
	}
	for _, change := range c.Changes {
		_, _ = fmt.Fprint(o.Out, lines(change))
	}
	if len(c.Changes) == 0 {
		_, _ = fmt.Fprintln(o.Out, "What deployments must set has not changed.")
	} else if !slices.ContainsFunc(c.Changes, contract.Change.Breaks) {
		_, _ = fmt.Fprintln(o.Out, "\nWhatever a deployment of the old image sets, the new one starts with it.")
	}
	for _, each := range []struct {
		title string
		*rollout
	}{{"With the new image, " + newer, c.New}, {"After a rollback to the old image, " + older, c.Old}} {
		if each.rollout != nil {
			_, _ = fmt.Fprintf(o.Out, "\n%s:\n\n%s", problem.Visible(each.title), report{each.subject, each.list, each.skipped, o.Strict}.text())
		}
	}
	return nil
}

// lines is a change in one or two lines.
func lines(c contract.Change) string {
	var text strings.Builder
	what := c.What
	if c.Expected != "" {
		what = strings.TrimPrefix(what+"; expected is "+c.Expected, "; expected is ")
	}
	fmt.Fprintf(&text, "  %-19s  %s  %s\n", titles[c.Kind], problem.Visible(c.Name), problem.Visible(what))
	if c.Example != "" {
		processes := ""
		if len(c.Processes) > 0 {
			processes = " (process " + strings.ReplaceAll(strings.Join(c.Processes, ", "), "*", "types that no rule names") + ")"
		}
		with := "with "
		if strings.HasPrefix(c.Example, "without ") {
			with = ""
		}
		fmt.Fprintf(&text, "  %-19s  the old image starts %s%s%s\n", "", with, problem.Visible(c.Example), problem.Visible(processes))
	}
	return text.String()
}
