package main

import (
	"context"
	"encoding/json"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/gantry-buildpack/gantry/internal/inspect/htmlreport"
	"github.com/gantry-buildpack/gantry/internal/inspect/profile"
	"github.com/gantry-buildpack/gantry/internal/platform/target"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// asyncOptions are those of "gantry stacks --async".
type asyncOptions struct{ async, json bool }

func (o *asyncOptions) add(c *cobra.Command) {
	c.Flags().BoolVar(&o.async, "async", false, "Node.js: the async functions that are suspended, and what they wait for; takes a snapshot of the heap, in which the application stands still")
	c.Flags().BoolVar(&o.json, "json", false, "with --async, print them as JSON")
}

// stacks takes a snapshot of a container's heap, and prints which async functions are suspended. The snapshot is read as it comes, and not kept.
func (o asyncOptions) stacks(ctx context.Context, options []string, t target.Target) error {
	order := append([]string{"snapshot", "heap"}, options...)
	from, to := io.Pipe()
	ran := make(chan error, 1)
	go func() {
		code, err := t.Run(detached(ctx), order, target.Streams{In: until(ctx), Out: to, Err: os.Stderr})
		err = ended(code, err)
		_ = to.CloseWithError(err)
		ran <- err
	}()
	capture, err := profile.Read(t.String(), from)
	_ = from.Close()
	// What went wrong in the container says more than that nothing could be read.
	if failed := <-ran; failed != nil {
		return failed
	}
	if err != nil {
		return err
	}
	if capture.Snapshot == nil || capture.Snapshot.OfRuby {
		return &problem.Problem{ID: "look/async", Title: t.String() + " runs no Node.js", Why: "only its async functions are known", Hints: []string{"Of Ruby, `gantry stacks` shows what each thread waits for."}}
	}
	if o.json {
		encoder := json.NewEncoder(os.Stdout)
		encoder.SetIndent("", "  ")
		list := capture.Snapshot.Awaiting
		if list == nil {
			list = []profile.Awaiting{}
		}
		return encoder.Encode(list)
	}
	return htmlreport.Awaiting(t.String(), capture.Snapshot).Text(os.Stdout)
}
