package main

import (
	"bytes"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/gantry-buildpack/gantry/internal/platform/target"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// allocationsCommand measures requests in a container: the list is a file of the laptop, and so is the result.
func allocationsCommand() *cobra.Command {
	var o lookOptions
	var times, warmup int
	var save string
	c := &cobra.Command{
		Use: "allocations TARGET REQUESTS [options]", Short: "Ruby: what each request of a list allocates, and how long it takes", GroupID: "look",
		Example: "  gantry allocations deploy/web requests.txt --save after.json && gantry compare before.json after.json",
		Args:    arguments(2, 2, "a TARGET, and a file of REQUESTS or - for standard input"),
	}
	f := c.Flags()
	f.IntVar(&times, "times", 50, "how often each request is made")
	f.IntVar(&warmup, "warmup", 5, "how often it is made before that")
	f.StringVar(&save, "save", "", "a file for gantry compare")
	o.add(f, false)
	c.RunE = func(c *cobra.Command, words []string) error {
		o.Local = localProcess
		t, err := target.Parse(words[0], o.Options)
		if err != nil {
			return err
		}
		if o.allPods {
			return usageError{c, "the requests are made in one container: leave out --all-pods"}
		}
		list := io.NopCloser(os.Stdin)
		if words[1] != "-" {
			if list, err = os.Open(words[1]); err != nil {
				return problem.Unreadable("read "+words[1], err)
			}
		}
		defer func() { _ = list.Close() }()
		order := []string{"allocations", "--times", fmt.Sprint(times), "--warmup", fmt.Sprint(warmup)}
		streams := target.Streams{In: list, Out: os.Stdout, Err: os.Stderr}
		if save == "" {
			return ended(t.Run(c.Context(), append(order, "--", "-"), streams))
		}
		// The result comes on standard output, and the table beside it.
		var kept bytes.Buffer
		streams.Out, streams.Err = &kept, os.Stdout
		if err := ended(t.Run(c.Context(), append(order, "--save", "-", "--", "-"), streams)); err != nil {
			return err
		}
		if err := writeFile(save, func(out io.Writer) error { _, err := kept.WriteTo(out); return err }); err != nil {
			return err
		}
		fmt.Fprintf(os.Stderr, "Saved to %s\n", save)
		return nil
	}
	return c
}
