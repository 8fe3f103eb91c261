package nodeversion

import (
	"fmt"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/plan/inventory"
	"github.com/gantry-buildpack/gantry/internal/source/semver"
)

// Disagreement tells of requests that the chosen release does not fit; the first is the one that counted. It is empty where all fit.
func Disagreement(all []Request, release plan.Release, releases inventory.Catalog) string {
	chosen, err := semver.Parse(release.Version)
	list, listErr := Candidates(releases, "node")
	if err != nil || listErr != nil || len(all) < 2 {
		return ""
	}
	preferred, _, err := preferredLine(list, releases)
	if err != nil {
		return ""
	}
	var others []string
	for _, r := range all[1:] {
		// What is not understood does not count, so that it cannot disagree.
		if fits, err := r.matcher(list, preferred); err == nil && !fits(chosen) {
			others = append(others, fmt.Sprintf("%s asks for %s", r.Origin, r.Text))
		}
	}
	if len(others) == 0 {
		return ""
	}
	return fmt.Sprintf("Node.js %s is used, because %s (%s) counts first; %s. Make them agree.", release.Version, all[0].Origin, all[0].Text, strings.Join(others, ", "))
}
