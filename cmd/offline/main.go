// Command offline downloads runtimes into the folder "dependencies" of a package, so that builds with it need no network
// for them. scripts/package.sh --offline runs it.
//
//	offline --output DIR --arch amd64 node=24 ruby=3.4 …
//
// A version may be whole, or the beginning of one: then the newest is taken.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/spf13/pflag"

	"github.com/gantry-buildpack/gantry/internal/buildpack/buildlog"
	"github.com/gantry-buildpack/gantry/internal/install/fetch"
	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/plan/inventory"
	"github.com/gantry-buildpack/gantry/internal/problem"
	"github.com/gantry-buildpack/gantry/internal/source/settings"
)

func main() {
	ctx, stop := problem.Interruptible()
	err := run(ctx, os.Args[1:], os.Environ())
	stop()
	if err != nil {
		buildlog.New(os.Stderr, buildlog.Colored(os.Stderr)).Problem(problem.As(err))
		os.Exit(1)
	}
}

func run(ctx context.Context, arguments, environ []string) error {
	f := pflag.NewFlagSet("offline", pflag.ContinueOnError)
	output := f.String("output", "dependencies", "the folder to download into")
	arch := f.String("arch", runtime.GOARCH, "amd64 or arm64")
	registry := f.String("registry", "https://registry.npmjs.org", "the registry of npm packages")
	buildpack := f.String("buildpack-toml", "buildpack.toml", "the buildpack.toml of the package, with its [[metadata.dependencies]]")
	if err := f.Parse(arguments); err != nil {
		return err
	}
	dependencies, err := dependenciesOf(*buildpack)
	if err != nil {
		return err
	}
	releases, err := inventory.For(*arch, "glibc", dependencies)
	if err != nil {
		return err
	}
	client := fetch.NewClient("gantry/offline")
	if client.Mirrors, err = fetch.ReadMirrors(environ, nil); err != nil {
		return err
	}
	d := downloads{client: client, dir: *output, registry: *registry, releases: releases, report: buildlog.New(os.Stdout, buildlog.Colored(os.Stdout))}
	for _, wanted := range f.Args() {
		if err := d.add(ctx, wanted); err != nil {
			return err
		}
	}
	return nil
}

func dependenciesOf(file string) ([]plan.Release, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, problem.Unreadable("read "+file, err)
	}
	metadata, err := settings.Metadata(text)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	return inventory.DependenciesOf(metadata)
}

type downloads struct {
	client        *fetch.Client
	dir, registry string
	releases      inventory.Catalog
	report        *buildlog.Log
}

// add downloads a release, from its official place where that can be reached, else from the registry, with the package
// manager that belongs to it.
func (d downloads) add(ctx context.Context, wanted string) error {
	name, version, _ := strings.Cut(wanted, "=")
	release, err := newest(d.releases.Named(name), version)
	if err != nil {
		return &problem.Problem{
			ID:    "offline/no-release",
			Title: fmt.Sprintf("there is no release %q that Gantry knows", wanted),
			Why:   err.Error(),
			Hints: []string{"Name a runtime and a version, or the beginning of one: node=24, ruby=3.4."},
		}
	}
	if release.URI != "" {
		err = d.save(ctx, release, fetch.File{URL: release.URI, Checksum: "sha256:" + release.SHA256})
		if err == nil || release.Package == "" || !fetch.IsUnavailable(err) {
			return err
		}
	}
	if err := d.save(ctx, release, d.packaged(release)); err != nil || release.Manager == "" {
		return err
	}
	manager, err := newest(d.releases.Named("npm"), release.Manager)
	if err != nil {
		return err
	}
	return d.save(ctx, manager, d.packaged(manager))
}

// packaged is a release's package on the registry: https://github.com/npm/registry/blob/main/docs/REGISTRY-API.md.
func (d downloads) packaged(r plan.Release) fetch.File {
	return fetch.File{URL: fmt.Sprintf("%s/%s/-/%s-%s.tgz", d.registry, r.Package, path.Base(r.Package), r.Version), Checksum: r.Integrity}
}

func (d downloads) save(ctx context.Context, release plan.Release, file fetch.File) error {
	place, err := fetch.Place(d.dir, file)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(place), 0o755); err != nil {
		return problem.Disk("make the folder for downloads", err)
	}
	size, source, err := d.client.Save(ctx, file, place)
	if err != nil {
		return errors.Join(err, os.Remove(filepath.Dir(place)))
	}
	d.report.Line("Download", fmt.Sprintf("%s %s, %s from %s", release.Name, release.Version, problem.Size(size), source))
	return nil
}

// newest gives the newest of the releases whose version begins with the given one.
func newest(list []plan.Release, version string) (plan.Release, error) {
	for _, r := range list {
		// The list has the newest first.
		if r.Version == version || strings.HasPrefix(r.Version, version+".") {
			return r, nil
		}
	}
	return plan.Release{}, errors.New("none of the releases in this Gantry fits")
}
