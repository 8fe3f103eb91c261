package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/gantry-buildpack/gantry/internal/buildpack/cnb"
	"github.com/gantry-buildpack/gantry/internal/buildpack/explain"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// initCommand writes a first project.toml, and never over one that is there.
func initCommand() *cobra.Command {
	var print bool
	c := &cobra.Command{
		Use: "init [APP_DIR] [options]", Short: "Write a first project.toml: settings, process types and contract as they are found", GroupID: "build", Args: arguments(0, 1, "at most one folder, APP_DIR"),
		Long:    "Writes a project.toml for the application at hand, every line of it a comment: a build does the same with it and without it, until the # is taken off.\nA project.toml that is there stays as it is.",
		Example: "  gantry init .\n  gantry init . --print",
	}
	c.Flags().BoolVar(&print, "print", false, "print it, and write no file")
	c.RunE = func(c *cobra.Command, words []string) error {
		app := append(words, ".")[0]
		if err := isFolder(app); err != nil {
			return err
		}
		text, err := explain.Starter(explain.Options{App: app, Arch: hostArch(), Lookup: cnb.Lookup(nil, nil)})
		if err != nil {
			return err
		}
		if print {
			_, err := io.WriteString(c.OutOrStdout(), text)
			return err
		}
		file := filepath.Join(app, "project.toml")
		if err := create(file, text); err != nil {
			return err
		}
		_, err = fmt.Fprintf(c.OutOrStdout(), "Written to %s: look at each line, and take the # off where it is to hold.\nWhat a build would do: gantry explain %s\n", file, quoted(app))
		return err
	}
	return c
}

// create writes a file that is not there yet.
func create(file, text string) error {
	out, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return &problem.Problem{ID: "init/exists", Title: file + " is there already", Why: "gantry init writes over nothing", Hints: []string{"`gantry init --print` prints what it would write."}}
	}
	if err != nil {
		return problem.Disk("write "+file, err)
	}
	_, err = out.WriteString(text)
	if err = errors.Join(err, out.Close()); err != nil {
		return problem.Disk("write "+file, errors.Join(err, os.Remove(file)))
	}
	return nil
}
