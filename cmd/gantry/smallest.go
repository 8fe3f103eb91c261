//go:build linux

package main

import (
	"maps"
	"time"

	"github.com/gantry-buildpack/gantry/internal/buildpack/cnb"
	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/plan/resolve"
	"github.com/gantry-buildpack/gantry/internal/platform/base"
	"github.com/gantry-buildpack/gantry/internal/platform/localbuild"
	"github.com/gantry-buildpack/gantry/internal/source/app"
)

// smallest is the run image for an application where none is named, and why it is not the usual one: files that Gantry's own web server gives out need no
// shell. Of other applications it cannot be seen whether they call one. What is wrong with an application is told by its build.
func smallest(dir, arch string, given map[string]string) (kind, why string) {
	variables, err := localbuild.Variables(dir, given)
	if err != nil {
		return "", ""
	}
	resolved, err := resolve.Plan(app.Open(dir), resolve.Given{Lookup: cnb.Lookup(variables, nil), Variables: maps.Clone(variables)}, resolve.Target{Arch: arch, Libc: "glibc"}, time.Now())
	if err != nil || !resolved.System.None() || len(resolved.Image.Processes) == 0 {
		return "", ""
	}
	for _, p := range resolved.Image.Processes {
		if p.Args[0] != plan.StaticServer {
			return "", ""
		}
	}
	return string(base.Tiny), "tiny: a web server for files needs no shell; --run-image base has one"
}
