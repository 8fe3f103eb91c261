package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/gantry-buildpack/gantry/internal/container/agent"
	"github.com/gantry-buildpack/gantry/internal/container/launch"
	"github.com/gantry-buildpack/gantry/internal/inspect/replay"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

const allocationsUsage = `
measures requests to an application of Ruby, for gantry compare:
  gantry allocations [--times 50] [--warmup 5] [--save FILE] -- REQUESTS
                               what each request of a list (a file, or - for standard input) allocates, and how long it takes
`

// allocations runs the application of the image in a process of its own.
func allocations(arguments []string) int {
	f := flag.NewFlagSet("allocations", flag.ContinueOnError)
	f.SetOutput(os.Stderr)
	f.Usage = func() { fmt.Fprint(os.Stderr, allocationsUsage) }
	times := f.Int("times", 50, "")
	warmup := f.Int("warmup", 5, "")
	save := f.String("save", "", "")
	if err := f.Parse(arguments); err != nil {
		return 2
	}
	if f.NArg() != 1 || *times < 2 || *warmup < 0 {
		f.Usage()
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := measure(ctx, f.Arg(0), *times, *warmup, *save); err != nil {
		fmt.Fprint(os.Stderr, problem.As(err).Plain())
		return 1
	}
	return 0
}

func measure(ctx context.Context, file string, times, warmup int, save string) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	image, err := launch.ReadImage(program)
	if err != nil {
		return err
	}
	script := filepath.Join(image.Layers, agent.Layer, agent.RequestsFile)
	if _, err := os.Stat(script); err != nil {
		return &problem.Problem{
			ID:    "requests/other-runtime",
			Title: "gantry allocations measures applications of Ruby, and this image has none",
			Hints: []string{"Of Node.js, `gantry profile heap` shows where a running application allocates; gantry compare compares two of them."},
		}
	}
	in := io.NopCloser(os.Stdin)
	if file != "-" {
		if in, err = os.Open(file); err != nil {
			return problem.Unreadable("read "+file, err)
		}
	}
	list, err := replay.ParseList(file, in)
	if err = errors.Join(err, in.Close()); err != nil {
		return err
	}
	dir, err := os.Getwd()
	if err != nil {
		return err
	}
	runner := replay.Runner{Script: script, Dir: dir, Times: times, Warmup: warmup, Environ: os.Environ(), Progress: os.Stderr}
	result, err := runner.Run(ctx, list)
	if err != nil {
		return err
	}
	// What is saved may go to standard output, out of a container.
	table := os.Stdout
	if save == "-" {
		table = os.Stderr
	}
	if err := result.Text(table); err != nil || save == "" {
		return err
	}
	text, err := json.Marshal(result)
	if err != nil {
		return err
	}
	if save == "-" {
		_, err = os.Stdout.Write(append(text, '\n'))
		return err
	}
	if err := os.WriteFile(save+".partial", append(text, '\n'), 0o644); err != nil {
		return problem.Disk("write "+save, err)
	}
	if err := os.Rename(save+".partial", save); err != nil {
		return problem.Disk("write "+save, err)
	}
	fmt.Fprintf(os.Stderr, "Saved to %s\n", save)
	return nil
}
