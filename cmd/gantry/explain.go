package main

import (
	"errors"
	"os"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gantry-buildpack/gantry/internal/buildpack/buildlog"
	"github.com/gantry-buildpack/gantry/internal/buildpack/cnb"
	"github.com/gantry-buildpack/gantry/internal/buildpack/explain"
	"github.com/gantry-buildpack/gantry/internal/problem"
	"github.com/gantry-buildpack/gantry/internal/source/settings"
)

func explainCommand() *cobra.Command {
	var (
		json            bool
		arch, buildpack string
		env             []string
	)
	c := &cobra.Command{
		Use: "explain [APP_DIR] [options]", Short: "Tell what a build would do, and why", GroupID: "build", Args: arguments(0, 1, "at most one folder, APP_DIR"),
		Example: "  gantry explain .\n  gantry explain samples/rails --env BP_RUBY_VERSION=3.4 --json",
	}
	c.Flags().BoolVar(&json, "json", false, "print the explanation as JSON")
	c.Flags().StringVar(&arch, "arch", hostArch(), "the architecture to build for: "+strings.Join(architectures, " or "))
	c.Flags().StringArrayVarP(&env, "env", "e", nil, "a variable of the build: NAME=VALUE, or NAME to pass on this shell's")
	c.Flags().StringVar(&buildpack, "buildpack-toml", "", "the buildpack.toml whose defaults count (default: Gantry's)")
	c.RunE = func(c *cobra.Command, words []string) error {
		if err := oneOf(c, "arch", arch, architectures); err != nil {
			return err
		}
		metadata, err := readMetadata(buildpack)
		if err != nil {
			return err
		}
		if err := errors.Join(named(c, env), isFolder(append(words, ".")[0])); err != nil {
			return err
		}
		given := variables(env)
		return explain.Write(explain.Options{
			App: append(words, ".")[0], Arch: arch, Lookup: cnb.Lookup(given, nil), Given: given, Environ: environ(given), Metadata: metadata, JSON: json, Color: buildlog.Colored(os.Stdout),
		}, os.Stdout)
	}
	return c
}

// architectures are those that images can be built for.
var architectures = []string{"amd64", "arm64"}

// hostArch is this machine's, where images can be built for it.
func hostArch() string {
	if slices.Contains(architectures, runtime.GOARCH) {
		return runtime.GOARCH
	}
	return architectures[0]
}

// readMetadata gives the table metadata of a buildpack.toml; nil without a file.
func readMetadata(file string) (map[string]any, error) {
	if file == "" {
		return nil, nil
	}
	text, err := os.ReadFile(file)
	var metadata map[string]any
	if err == nil {
		metadata, err = settings.Metadata(text)
	}
	if err != nil {
		return nil, &problem.Problem{
			ID: "explain/buildpack-toml", Title: file + " cannot be read", Where: problem.Position{File: file}, Why: err.Error(),
			Hints: []string{"Give the buildpack.toml of the buildpack."}, Err: err,
		}
	}
	return metadata, nil
}

// environ writes variables as NAME=value.
func environ(given map[string]string) []string {
	var list []string
	for name, value := range given {
		list = append(list, name+"="+value)
	}
	return list
}
