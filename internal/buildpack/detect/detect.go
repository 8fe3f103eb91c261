// Package detect answers the lifecycle's question whether an application is for Gantry.
package detect

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/buildpacks/libcnb/v2"

	"github.com/gantry-buildpack/gantry/internal/buildpack/cnb"
	"github.com/gantry-buildpack/gantry/internal/plan/resolve"
	"github.com/gantry-buildpack/gantry/internal/problem"
	"github.com/gantry-buildpack/gantry/internal/source/app"
)

// Detect gives the detect phase; out receives the line that says why an application is not for Gantry.
func Detect(environ []string, out io.Writer) libcnb.DetectFunc {
	return func(ctx libcnb.DetectContext) (libcnb.DetectResult, error) {
		resolver, err := resolve.For(ctx.Buildpack.Metadata)
		if err != nil {
			return libcnb.DetectResult{}, err
		}
		found, err := resolver.Recognize(app.Open(ctx.ApplicationPath), cnb.Lookup(ctx.Platform.Environment, environ))
		if errors.Is(err, resolve.ErrNotRecognized) {
			p := problem.As(err)
			_, _ = fmt.Fprintf(out, "Not for Gantry: %s. %s\n", p.Why, strings.Join(p.Hints, " "))
			return libcnb.DetectResult{}, nil
		}
		if err != nil {
			return libcnb.DetectResult{}, err
		}
		var offers libcnb.BuildPlan
		for _, name := range found.Provides() {
			// What nobody requires must not be provided; so it is required here as well.
			offers.Provides = append(offers.Provides, libcnb.BuildPlanProvide{Name: name})
			offers.Requires = append(offers.Requires, libcnb.BuildPlanRequire{Name: name})
		}
		return libcnb.DetectResult{Pass: true, Plans: []libcnb.BuildPlan{offers}}, nil
	}
}
