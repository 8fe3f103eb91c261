package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/deploy/check"
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

func runReport(_ context.Context, arguments []string) (int, error) {
	var o reportOptions
	f := flags("report")
	f.StringVarP(&o.output, "output", "o", "", "the page's file; without it the capture's name with .html")
	f.StringVar(&o.pprof, "pprof", "", "also write the profile for go tool pprof and speedscope into this file")
	f.BoolVar(&o.diff, "diff", false, "show what changed from a first capture to a second")
	f.BoolVar(&o.textOnly, "text", false, "print the summary, and write no page")
	f.BoolVar(&o.open, "open", false, "open the page in the browser")
	if code, goOn := parse(f, arguments); !goOn {
		return code, nil
	}
	if f.NArg() == 0 || o.diff && f.NArg() != 2 || f.NArg() > 1 && (o.output != "" || o.pprof != "") && !o.diff {
		f.Usage()
		return check.CannotSay, nil
	}
	var captures []*profile.Capture
	for _, file := range f.Args() {
		c, err := readCapture(file)
		if err != nil {
			return check.CannotSay, err
		}
		captures = append(captures, c)
	}
	if o.diff {
		p, err := htmlreport.Diff(captures[0], captures[1])
		if err != nil {
			return check.CannotSay, err
		}
		return check.Fits, o.show(p, "diff")
	}
	for i, c := range captures {
		if i > 0 {
			fmt.Println()
		}
		if err := o.show(htmlreport.Of(c), strings.TrimSuffix(c.Name, filepath.Ext(c.Name))); err != nil {
			return check.CannotSay, err
		}
		if o.pprof != "" {
			if err := writePprof(c, o.pprof); err != nil {
				return check.CannotSay, err
			}
		}
	}
	return check.Fits, nil
}

// readCapture reads a file, or standard input where its name is "-".
func readCapture(file string) (*profile.Capture, error) {
	if file == "-" {
		return profile.Read("capture", os.Stdin)
	}
	in, err := os.Open(file)
	if err != nil {
		return nil, problem.Disk("read "+file, err)
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
