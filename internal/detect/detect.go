// Package detect answers the lifecycle's question whether an application is for Gantry.
package detect

import (
	"fmt"
	"io"
	"strings"

	"github.com/buildpacks/libcnb/v2"

	"github.com/gantry-buildpack/gantry/internal/app"
	"github.com/gantry-buildpack/gantry/internal/language"
	"github.com/gantry-buildpack/gantry/internal/platform"
	"github.com/gantry-buildpack/gantry/internal/settings"
)

// Detect gives the detect phase; out receives the line that says why an application is not for Gantry.
func Detect(environ []string, out io.Writer) libcnb.DetectFunc {
	return func(ctx libcnb.DetectContext) (libcnb.DetectResult, error) {
		source := app.Open(ctx.ApplicationPath)
		chosen, err := settings.Read(source, platform.Lookup(ctx.Platform.Environment, environ))
		if err != nil {
			return libcnb.DetectResult{}, err
		}
		project, err := language.Read(source, chosen)
		if err != nil {
			return libcnb.DetectResult{}, err
		}
		if project == nil {
			_, _ = fmt.Fprintf(out, "Not for Gantry: there is none of %s in the application's folder\n", strings.Join(language.LookedFor(), ", "))
			return libcnb.DetectResult{}, nil
		}
		return libcnb.DetectResult{Pass: true, Plans: []libcnb.BuildPlan{{
			Provides: []libcnb.BuildPlanProvide{{Name: project.Name()}},
			Requires: []libcnb.BuildPlanRequire{{Name: project.Name()}},
		}}}, nil
	}
}
