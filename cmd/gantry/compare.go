package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"

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

func runCompare(_ context.Context, arguments []string) (int, error) {
	var o compareOptions
	f := flags("compare")
	f.StringVar(&o.metric, "metric", string(compare.Allocations), "allocations (in bytes), objects, time (of the processor) or wall (by the clock)")
	f.Float64Var(&o.threshold, "threshold", 0, "the smallest change of a median that counts, in percent; without it 1 for allocations and objects, 15 for times")
	f.BoolVar(&o.json, "json", false, "print the changes as JSON")
	f.StringVarP(&o.output, "output", "o", "", "also write a page with both distributions into this file")
	if code, goOn := parse(f, arguments); !goOn {
		return code, nil
	}
	metric := compare.Metric(o.metric)
	if f.NArg() != 2 || !slices.Contains(compare.Metrics, metric) || o.threshold < 0 {
		f.Usage()
		return check.CannotSay, nil
	}
	before, err := readCapture(f.Arg(0))
	if err != nil {
		return check.CannotSay, err
	}
	after, err := readCapture(f.Arg(1))
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
