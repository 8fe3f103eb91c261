package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/gantry-buildpack/gantry/internal/inspect/htmlreport"
	"github.com/gantry-buildpack/gantry/internal/inspect/profile"
	"github.com/gantry-buildpack/gantry/internal/platform/target"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// capture takes a capture, keeps it in a file, and shows it. What is piped goes to standard output as it comes.
func (o *lookOptions) capture(c *cobra.Command, l look, name string, order []string, t target.Target) error {
	if o.textOnly && (o.output != "" || o.open) {
		return usageError{c, "--text keeps no file: leave out --output and --open"}
	}
	ctx := c.Context()
	targets, err := o.targets(ctx, t)
	if err != nil {
		return err
	}
	toFiles := o.output != "" || o.open || o.textOnly || o.pprof != "" || terminal()
	if all, _ := c.Flags().GetBool("all"); all {
		return usageError{c, "--all writes several captures in the container: choose a process with --pid here"}
	}
	if len(targets) == 1 && (o.output == "-" || !toFiles) {
		code, err := targets[0].Run(detached(ctx), order, target.Streams{In: until(ctx), Out: os.Stdout, Err: os.Stderr})
		return ended(code, err)
	}
	if o.output == "-" {
		return usageError{c, "--output - is for one capture, and here are " + fmt.Sprint(len(targets))}
	}
	if len(targets) > 1 && o.output != "" {
		if err := os.Mkdir(o.output, 0o755); err != nil && !os.IsExist(err) {
			return problem.Disk("make "+o.output, err)
		}
	}
	files := make([]string, len(targets))
	captures := make([]*profile.Capture, len(targets))
	var group errgroup.Group
	group.SetLimit(most)
	for i, pod := range targets {
		files[i] = o.file(l, name, pod, len(targets))
		group.Go(func() error {
			var err error
			captures[i], err = o.take(c, order, pod, files[i])
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return o.showAll(targets, files, captures, strings.ReplaceAll(name, " ", "-")+"-"+t.File())
}

// file names the file of a capture: one that is asked for is a folder's where there are several.
func (o *lookOptions) file(l look, name string, t target.Target, count int) string {
	file := strings.ReplaceAll(name, " ", "-") + "-" + t.File() + "." + l.extension
	switch {
	case o.output == "":
		return unused(file)
	case count > 1:
		return filepath.Join(o.output, file)
	}
	return o.output
}

// unused gives a file's name, with a number where one of that name is there: an earlier capture is what a later one is compared with.
func unused(file string) string {
	extension := filepath.Ext(file)
	stem := strings.TrimSuffix(file, extension)
	for i := 2; ; i++ {
		if _, err := os.Lstat(file); err != nil {
			return file
		}
		file = fmt.Sprintf("%s-%d%s", stem, i, extension)
	}
}

// take takes a capture into a file, and reads it.
func (o *lookOptions) take(c *cobra.Command, order []string, t target.Target, file string) (*profile.Capture, error) {
	ctx := c.Context()
	if o.textOnly {
		var kept bytes.Buffer
		code, err := t.Run(detached(ctx), order, target.Streams{In: until(ctx), Out: &kept, Err: os.Stderr})
		if err := ended(code, err); err != nil {
			return nil, err
		}
		return profile.Read(t.String(), &kept)
	}
	var failed error
	err := writeFile(file, func(out io.Writer) error {
		code, err := t.Run(detached(ctx), order, target.Streams{In: until(ctx), Out: out, Err: os.Stderr})
		failed = ended(code, err)
		return failed
	})
	if failed != nil {
		return nil, failed
	}
	if err != nil {
		return nil, err
	}
	return readCapture(file)
}

// showAll prints the summary of a capture; of several, what each is, and them as one where they can be.
func (o *lookOptions) showAll(targets []target.Target, files []string, captures []*profile.Capture, name string) error {
	report := o.reportOptions
	report.textOnly = !o.open
	report.output = ""
	if len(captures) == 1 {
		if !o.textOnly {
			fmt.Fprintf(os.Stderr, "Written to %s\n", files[0])
		}
		return report.showCapture(captures[0], strings.TrimSuffix(files[0], filepath.Ext(files[0])))
	}
	for i, t := range targets {
		fmt.Printf("%-40s  %s\n", t, captures[i].Summary())
	}
	if !o.textOnly {
		fmt.Fprintf(os.Stderr, "Written to %s\n", strings.Join(files, ", "))
	}
	whole, err := profile.Merge(fmt.Sprintf("%s, %s", name, problem.Count(len(captures), "pod")), captures)
	if err != nil {
		fmt.Println()
		for i, one := range captures {
			if err := report.show(htmlreport.Of(one), strings.TrimSuffix(files[i], filepath.Ext(files[i]))); err != nil {
				return err
			}
		}
		return nil
	}
	fmt.Println()
	return report.showCapture(whole, name)
}
