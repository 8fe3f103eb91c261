// Package detect answers the lifecycle's question whether an application is for Gantry.
package detect

import (
	"fmt"
	"io"
	"strings"

	"github.com/buildpacks/libcnb/v2"

	"github.com/gantry-buildpack/gantry/internal/buildpack/cnb"
	"github.com/gantry-buildpack/gantry/internal/plan/resolve"
	"github.com/gantry-buildpack/gantry/internal/source/app"
	"github.com/gantry-buildpack/gantry/internal/source/settings"
)

// provided are the names under which other buildpacks may require what Gantry installs, by language: those of Paketo's
// buildpacks, which others follow (https://github.com/paketo-buildpacks/node-engine#integration and
// https://github.com/paketo-buildpacks/mri#integration).
var provided = map[string][]string{
	"node": {"node", "npm", "node_modules"},
	"ruby": {"ruby", "mri", "gems"},
}

// Detect gives the detect phase; out receives the line that says why an application is not for Gantry.
func Detect(environ []string, out io.Writer) libcnb.DetectFunc {
	return func(ctx libcnb.DetectContext) (libcnb.DetectResult, error) {
		source := app.Open(ctx.ApplicationPath)
		chosen, err := settings.Read(source, cnb.Lookup(ctx.Platform.Environment, environ))
		if err != nil {
			return libcnb.DetectResult{}, err
		}
		project, err := resolve.Read(source, chosen)
		if err != nil {
			return libcnb.DetectResult{}, err
		}
		if project == nil {
			elsewhere := ""
			if there := resolve.Elsewhere(source); len(there) > 0 {
				elsewhere = fmt.Sprintf("; for one of %s, set BP_NODE_PROJECT_PATH=%s", strings.Join(there, ", "), there[0])
			}
			_, _ = fmt.Fprintf(out, "Not for Gantry: there is none of %s in the application's folder%s\n", strings.Join(resolve.LookedFor(), ", "), elsewhere)
			return libcnb.DetectResult{}, nil
		}
		var offers libcnb.BuildPlan
		for _, name := range provided[project.Name()] {
			// What nobody requires must not be provided; so it is required here as well.
			offers.Provides = append(offers.Provides, libcnb.BuildPlanProvide{Name: name})
			offers.Requires = append(offers.Requires, libcnb.BuildPlanRequire{Name: name})
		}
		return libcnb.DetectResult{Pass: true, Plans: []libcnb.BuildPlan{offers}}, nil
	}
}
