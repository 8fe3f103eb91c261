package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/buildpack/buildlog"
	"github.com/gantry-buildpack/gantry/internal/buildpack/cnb"
	"github.com/gantry-buildpack/gantry/internal/buildpack/explain"
	"github.com/gantry-buildpack/gantry/internal/deploy/check"
	"github.com/gantry-buildpack/gantry/internal/problem"
	"github.com/gantry-buildpack/gantry/internal/source/settings"
)

func runExplain(_ context.Context, arguments []string) (int, error) {
	f := flags("explain")
	json := f.Bool("json", false, "print the explanation as JSON")
	arch := f.String("arch", runtime.GOARCH, "the architecture to build for: amd64 or arm64")
	env := f.StringArrayP("env", "e", nil, "a variable of the build: NAME=VALUE, or NAME to pass on this shell's")
	buildpack := f.String("buildpack-toml", "", "the buildpack.toml whose defaults count (default: Gantry's)")
	if code, goOn := parse(f, arguments); !goOn {
		return code, nil
	}
	metadata, err := readMetadata(*buildpack)
	if err != nil {
		return check.CannotSay, err
	}
	if f.NArg() > 1 {
		fmt.Fprintln(os.Stderr, "gantry: explain takes one folder")
		return check.CannotSay, nil
	}
	given := map[string]string{}
	for _, variable := range *env {
		name, value, found := strings.Cut(variable, "=")
		if !found {
			value = os.Getenv(name)
		}
		given[name] = value
	}
	folder := "."
	if f.NArg() == 1 {
		folder = f.Arg(0)
	}
	return check.Fits, explain.Write(explain.Options{
		App: folder, Arch: *arch, Lookup: cnb.Lookup(given, nil), Environ: environ(given), Metadata: metadata, JSON: *json, Color: buildlog.Colored(os.Stdout),
	}, os.Stdout)
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
