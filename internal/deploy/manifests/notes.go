package manifests

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/agext/levenshtein"

	"github.com/gantry-buildpack/gantry/internal/contract"
)

// builtIn are variables of the build phase: setting them changes nothing any more.
func (j judge) builtIn() []Finding {
	var list []Finding
	for _, v := range j.Variables {
		value, set := j.Values[v.Name]
		if v.Phase != "build" || !set {
			continue
		}
		what := "is for the build; setting it here changes nothing"
		if differs, known := j.Differs(v.Name, value.Text); known && value.seen() && differs {
			what = "has another value than the image was built with; setting it here changes nothing"
		}
		list = append(list, j.finding(v.Name, "built-in", what, "Set it for the build, and build again."))
	}
	return list
}

// unknown are the variables that are set and are nobody's. An application that declares nothing gets none; of a whole shell's variables, only likely misspellings count.
func (j judge) unknown() []Finding {
	if len(j.Variables) == 0 {
		return nil
	}
	var list []Finding
	for _, name := range slices.Sorted(maps.Keys(j.Values)) {
		if j.declares(name) || contract.Ambient(name) || serviceLink(name) {
			continue
		}
		advice, likely := "If it is not needed, remove it.", j.nearest(name)
		if likely == "" && j.Shared {
			continue
		}
		if likely != "" {
			advice = fmt.Sprintf("Did you mean %s?", likely)
		}
		list = append(list, j.finding(name, "unknown", "is set, and the application does not declare it", advice))
	}
	return list
}

func (j judge) declares(name string) bool {
	return j.Variable(name) != nil || j.Variable(strings.TrimSuffix(name, "_FILE")) != nil ||
		slices.ContainsFunc(j.Variables, func(v contract.Variable) bool { return slices.Contains(v.RenamedFrom, name) })
}

func (j judge) nearest(name string) string {
	best, score := "", 0.79
	for _, v := range j.Variables {
		if s := levenshtein.Match(strings.ToUpper(name), v.Name, nil); s > score {
			best, score = v.Name, s
		}
	}
	return best
}
