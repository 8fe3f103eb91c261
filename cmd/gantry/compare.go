package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/gantry-buildpack/gantry/internal/deploy/check"
	"github.com/gantry-buildpack/gantry/internal/inspect/compare"
	"github.com/gantry-buildpack/gantry/internal/inspect/htmlreport"
	"github.com/gantry-buildpack/gantry/internal/inspect/profile"
)

// compareOptions are those of gantry compare.
type compareOptions struct {
	metric, output string
	threshold      float64
	json           bool
}

func compareCommand() *cobra.Command {
	var o compareOptions
	c := &cobra.Command{
		Use: "compare BEFORE AFTER [options]", Short: "Tell whether requests allocate more, or take longer, and where", GroupID: "show",
		Long: `Compares two measurements of requests (gantry allocations --save) with a Kolmogorov-Smirnov test, or two profiles.

Exit codes: 0 it is no worse, 1 it is worse, 2 it could not be compared.`,
		Args: arguments(2, 2, "two captures, BEFORE and AFTER"), Annotations: map[string]string{judges: "yes"},
	}
	f := c.Flags()
	f.StringVar(&o.metric, "metric", string(compare.Allocations), "allocations (in bytes), objects, time (of the processor) or wall (by the clock)")
	f.Float64Var(&o.threshold, "threshold", 0, "the smallest change of a median that counts, in percent; without it 1 for allocations and objects, 15 for times")
	f.BoolVar(&o.json, "json", false, "print the changes as JSON")
	f.StringVarP(&o.output, "output", "o", "", "also write a page with both distributions into this file")
	c.RunE = func(c *cobra.Command, words []string) error {
		interruptible(c.Context())
		var names []string
		for _, m := range compare.Metrics {
			names = append(names, string(m))
		}
		if err := oneOf(c, "metric", o.metric, names); err != nil {
			return err
		}
		if o.threshold < 0 {
			return usageError{c, "--threshold is a change in percent, and not below 0"}
		}
		return verdict(o.compare(words[0], words[1]))
	}
	return c
}

func (o compareOptions) compare(first, second string) (int, error) {
	metric := compare.Metric(o.metric)
	before, err := readCapture(first)
	if err != nil {
		return check.CannotSay, err
	}
	after, err := readCapture(second)
	if err != nil {
		return check.CannotSay, err
	}
	threshold := o.threshold / 100
	if threshold == 0 {
		threshold = metric.Threshold()
	}
	if before.Requests == nil || after.Requests == nil {
		return o.profiles(before, after, threshold)
	}
	changes := compare.Results(before.Requests, after.Requests, metric, threshold)
	if err := o.print(changes, metric); err != nil {
		return check.CannotSay, err
	}
	if o.output != "" {
		if err := writeFile(o.output, htmlreport.Compared(before.Name, after.Name, metric, changes).HTML); err != nil {
			return check.CannotSay, err
		}
	}
	if compare.Worse(changes) {
		return check.DoesNot, nil
	}
	return check.Fits, nil
}

func (o compareOptions) print(changes []compare.Change, metric compare.Metric) error {
	if !o.json {
		return compare.Text(changes, metric, os.Stdout)
	}
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetIndent("", "  ")
	return encoder.Encode(map[string]any{"metric": metric, "changes": changes})
}

// profiles compares two profiles of processes. One profile each gives no distribution, and so no test: what changed is
// shown, and the whole counts.
func (o compareOptions) profiles(before, after *profile.Capture, threshold float64) (int, error) {
	if before.Profile == nil || after.Profile == nil {
		return check.CannotSay, compare.Different(before.Name, after.Name)
	}
	p, err := htmlreport.Diff(before, after)
	if err != nil {
		return check.CannotSay, err
	}
	if err := p.Text(os.Stdout); err != nil {
		return check.CannotSay, err
	}
	if o.output != "" {
		if err := writeFile(o.output, p.HTML); err != nil {
			return check.CannotSay, err
		}
	}
	was, is := float64(before.Profile.Root.Total()), float64(after.Profile.Root.Total())
	fmt.Printf("\nThe whole changed by %+.1f %%. Two profiles are two samples, and no test can tell chance from change.\n", 100*(is/max(was, 1)-1))
	if is > was*(1+threshold) {
		return check.DoesNot, nil
	}
	return check.Fits, nil
}
