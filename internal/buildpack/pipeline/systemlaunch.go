package pipeline

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/buildpacks/libcnb/v2"

	"github.com/gantry-buildpack/gantry/internal/buildpack/layers"
	"github.com/gantry-buildpack/gantry/internal/install/debian"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// fillLaunch puts packages for running into their layer.
func (p pipeline) fillLaunch(ctx context.Context, spec layers.Spec, packages []debian.Package, debs string) (libcnb.Layer, error) {
	l, err := p.store.Fresh(spec)
	if err != nil {
		return l, err
	}
	root := filepath.Join(l.Path, layers.SystemRoot)
	if err := p.unpackSystem(ctx, packages, debs, root, "in the image"); err != nil {
		return l, err
	}
	list := []string{}
	for _, q := range packages {
		list = append(list, strings.Join([]string{q.Name, q.Version, q.Architecture, q.Source()}, " "))
	}
	l.Metadata[installedKey], l.Metadata[librariesKey] = list, debian.Libraries(root)
	l.LaunchEnvironment = libcnb.Environment{}
	v := debian.VariablesOf(root, p.Arch, false)
	for name, folders := range v.Lists {
		// What the image has itself comes first.
		l.LaunchEnvironment.Append(name, string(os.PathListSeparator), strings.Join(folders, string(os.PathListSeparator)))
	}
	for name, value := range v.Values {
		l.LaunchEnvironment.Default(name, value)
	}
	return l, layers.Libraries{Session: p.Session, Complete: true}.Record(l.Path, ofProgram)
}

// ofProgram gives the name of a file of a package that must find its libraries: a program, or a library that programs are linked with. What
// is loaded when it is wanted, such as a codec, may lack some: packages only suggest those.
func ofProgram(name string) string {
	dir := strings.TrimPrefix(filepath.Dir(name), layers.SystemRoot+"/")
	if matched, _ := filepath.Match("usr/lib/*-linux-gnu", dir); matched || slices.Contains([]string{"usr/bin", "usr/sbin", "usr/lib"}, dir) {
		return filepath.Base(name)
	}
	return ""
}

func (p pipeline) unpackSystem(ctx context.Context, packages []debian.Package, debs, dir, where string) error {
	end := p.Log.Step("Packages", "installing "+problem.Count(len(packages), "package")+" of the distribution "+where)
	files, err := debian.Download(ctx, p.Client, packages, debs)
	if err == nil {
		err = os.MkdirAll(dir, 0o755)
	}
	if err == nil {
		err = debian.Overlay(ctx, packages, files, dir)
	}
	if err != nil {
		end("")
		return err
	}
	end(fmt.Sprintf("%s of the distribution installed %s", problem.Count(len(packages), "package"), where))
	return nil
}
