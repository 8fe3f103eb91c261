package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gantry-buildpack/gantry/internal/inspect/htmlreport"
	"github.com/gantry-buildpack/gantry/internal/inspect/profile"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// reportOptions are those of gantry report.
type reportOptions struct {
	output, pprof  string
	diff, textOnly bool
	open           bool
}

func showCommands() []*cobra.Command { return []*cobra.Command{reportCommand(), compareCommand()} }

func reportCommand() *cobra.Command {
	var o reportOptions
	c := &cobra.Command{
		Use: "report FILE… | - [options]", Short: "Show profiles, heap snapshots and reports as pages and as text", GroupID: "show",
		Example: `  gantry report slow.cpuprofile --open
  gantry report --diff before.heapsnapshot after.heapsnapshot
  docker exec web gantry profile heap | gantry report - --output memory.html`,
		Args: arguments(1, -1, "a FILE, or - for standard input"), Annotations: map[string]string{judges: "yes"},
	}
	f := c.Flags()
	f.StringVarP(&o.output, "output", "o", "", "the page's file; without it the capture's name with .html")
	f.StringVar(&o.pprof, "pprof", "", "also write the profile for go tool pprof and speedscope into this file")
	f.BoolVar(&o.diff, "diff", false, "show what changed from a first capture to a second")
	f.BoolVar(&o.textOnly, "text", false, "print the summary, and write no page")
	f.BoolVar(&o.open, "open", false, "open the page in the browser")
	c.RunE = func(c *cobra.Command, words []string) error {
		interruptible(c.Context())
		switch {
		case o.diff && len(words) != 2:
			return usageError{c, "gantry report --diff needs two captures"}
		case o.diff && o.pprof != "":
			return usageError{c, "--pprof is for one capture, and --diff shows two"}
		case len(words) > 1 && !o.diff && (o.output != "" || o.pprof != ""):
			return usageError{c, "--output and --pprof are for one capture, and here are " + fmt.Sprint(len(words))}
		case o.textOnly && (o.open || o.output != ""):
			return usageError{c, "--text writes no page: leave out --open and --output"}
		}
		var captures []*profile.Capture
		for _, file := range words {
			read, err := readCapture(file)
			if err != nil {
				return err
			}
			captures = append(captures, read)
		}
		if o.diff {
			p, err := htmlreport.Diff(captures[0], captures[1])
			if err != nil {
				return err
			}
			return o.show(p, "diff")
		}
		for i, read := range captures {
			if i > 0 {
				fmt.Println()
			}
			if err := o.showCapture(read, strings.TrimSuffix(read.Name, filepath.Ext(read.Name))); err != nil {
				return err
			}
		}
		return nil
	}
	return c
}

// showCapture shows a capture, and writes it for pprof where that is asked for.
func (o reportOptions) showCapture(c *profile.Capture, name string) error {
	if err := o.show(htmlreport.Of(c), name); err != nil || o.pprof == "" {
		return err
	}
	return writePprof(c, o.pprof)
}

// readCapture reads a file, or standard input where its name is "-".
func readCapture(file string) (*profile.Capture, error) {
	if file == "-" {
		return profile.Read("capture", os.Stdin)
	}
	in, err := os.Open(file)
	if err != nil {
		return nil, problem.Unreadable("read "+file, err)
	}
	c, err := profile.Read(filepath.Base(file), in)
	return c, errors.Join(err, in.Close())
}

// show prints the summary, and writes the page.
func (o reportOptions) show(p htmlreport.Page, name string) error {
	if err := p.Text(os.Stdout); err != nil {
		return err
	}
	if o.textOnly {
		return nil
	}
	file := o.output
	if file == "" {
		file = name + ".html"
	}
	if err := writeFile(file, p.HTML); err != nil {
		return err
	}
	fmt.Printf("\nThe page is %s\n", file)
	if o.open {
		return openPage(file)
	}
	return nil
}

func writePprof(c *profile.Capture, file string) error {
	if c.Profile == nil {
		return &problem.Problem{
			ID:    "report/no-pprof",
			Title: c.Name + " cannot be written for pprof",
			Why:   "it is no CPU profile and no heap profile",
		}
	}
	if err := writeFile(file, c.Profile.WritePprof); err != nil {
		return err
	}
	fmt.Printf("The profile for pprof is %s\n", file)
	return nil
}

// writeFile gives the file its name only when it is whole.
func writeFile(file string, write func(io.Writer) error) error {
	out, err := os.CreateTemp(filepath.Dir(file), filepath.Base(file)+".*.partial")
	if err != nil {
		return problem.Disk("write "+file, err)
	}
	buffer := bufio.NewWriter(out)
	err = errors.Join(write(buffer), buffer.Flush(), out.Close())
	if err == nil {
		err = os.Rename(out.Name(), file)
	}
	if err != nil {
		return problem.Disk("write "+file, errors.Join(err, os.Remove(out.Name())))
	}
	return nil
}

func openPage(file string) error {
	command := map[string][]string{"darwin": {"open"}, "windows": {"rundll32", "url.dll,FileProtocolHandler"}}[runtime.GOOS]
	if command == nil {
		command = []string{"xdg-open"}
	}
	if err := exec.Command(command[0], append(command[1:], file)...).Run(); err != nil {
		return &problem.Problem{
			ID:    "report/no-browser",
			Title: "the page could not be opened",
			Why:   err.Error(),
			Hints: []string{"Open it yourself: " + file},
			Err:   err,
		}
	}
	return nil
}
