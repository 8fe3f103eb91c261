//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gantry-buildpack/gantry/internal/platform/run"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

func logsCommand() *cobra.Command {
	var follow bool
	var home string
	c := &cobra.Command{
		Use: "logs NAME [options]", Short: "Print what a container in the background has printed", GroupID: "build", Args: arguments(1, 1, "one NAME, as gantry ps lists them"),
		RunE: func(c *cobra.Command, words []string) error {
			records := containers(home)
			r, err := records.Find(strings.TrimPrefix(words[0], "run://"))
			if err != nil {
				return err
			}
			if r.Log == "" {
				return &problem.Problem{ID: "run/no-log", Title: r.Name + " writes to the terminal in which it was started", Hints: []string{"Start it with -d to have its output kept."}}
			}
			return tail(c.Context(), r, os.Stdout, follow)
		},
	}
	c.Flags().BoolVarP(&follow, "follow", "f", false, "go on printing until it ends")
	c.Flags().StringVar(&home, "home", homeFolder(), "where run images and caches are kept")
	return c
}

// tail prints a container's output; with follow, until it has ended.
func tail(ctx context.Context, r run.Record, out io.Writer, follow bool) error {
	file, err := os.Open(r.Log)
	if err != nil {
		return problem.Unreadable("read the container's output", err)
	}
	defer func() { _ = file.Close() }()
	for {
		running := r.Running()
		if _, err := io.Copy(out, file); err != nil || !follow || !running {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func stopCommand() *cobra.Command {
	var patience time.Duration
	var home string
	c := &cobra.Command{
		Use: "stop NAME… [options]", Short: "Stop containers that gantry run has started, and forget them", GroupID: "build", Args: arguments(1, -1, "a NAME, as gantry ps lists them"),
		RunE: func(c *cobra.Command, words []string) error {
			if patience < 0 {
				return usageError{c, "--time is a time such as 30s, and not below 0"}
			}
			var failed error
			for _, word := range words {
				if err := stop(containers(home), strings.TrimPrefix(word, "run://"), patience); err != nil {
					failed = errors.Join(failed, err)
					continue
				}
				fmt.Println(strings.TrimPrefix(word, "run://"))
			}
			return failed
		},
	}
	c.Flags().DurationVarP(&patience, "time", "t", 30*time.Second, "how long it may take to end by itself")
	c.Flags().StringVar(&home, "home", homeFolder(), "where run images and caches are kept")
	return c
}

// stop stops a container, and forgets it.
func stop(records run.Records, name string, patience time.Duration) error {
	r, err := records.Find(name)
	if err != nil {
		return err
	}
	if err := r.Stop(patience); err != nil {
		return err
	}
	return settle(records, r)
}

// settle waits for the program that keeps a container to have removed its files, and forgets the container.
func settle(records run.Records, r run.Record) error {
	for range 250 {
		if !r.Kept() {
			break
		}
		if now, err := records.Find(r.Name); err != nil || now.Code != nil {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	return records.Remove(r)
}
