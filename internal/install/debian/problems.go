package debian

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"pault.ag/go/debian/dependency"

	"github.com/gantry-buildpack/gantry/internal/problem"
)

func (x *Index) unknown(name, version string) error {
	title := fmt.Sprintf("%s has no package %s", x.Distribution.Title(), name)
	if _, known := x.packages[name]; known {
		p, _ := x.newest(dependency.Possibility{Name: name})
		title = fmt.Sprintf("%s has %s %s, and not %s", x.Distribution.Title(), name, p.Version, version)
	}
	hint := "Look for its name: https://packages.debian.org/" + x.Distribution.Codename
	if near := problem.Nearest(name, slices.Sorted(maps.Keys(x.packages))); near != "" && near != name {
		hint = "Do you mean " + near + "?"
	}
	if providers := x.byPriority(name); len(providers) > 1 {
		hint = "Choose one of those that provide it: " + problem.Some(providers) + "."
	}
	return &problem.Problem{ID: "packages/unknown", Title: title, Hints: []string{hint}}
}

func unsatisfied(p Package, relation dependency.Relation) error {
	var names []string
	for _, possibility := range relation.Possibilities {
		names = append(names, possibility.String())
	}
	return &problem.Problem{
		ID:    "packages/unsatisfied",
		Title: fmt.Sprintf("the package %s cannot be installed", p.Name),
		Why:   fmt.Sprintf("%s %s depends on %s, which cannot be had here", p.Name, p.Version, strings.Join(names, " or ")),
		Hints: []string{"A mirror that is just being updated can lack it; else choose another package."},
	}
}

func conflicting(p, other Package) error {
	return &problem.Problem{
		ID:    "packages/conflict",
		Title: fmt.Sprintf("the packages %s and %s cannot be installed together", p.Name, other.Name),
		Why:   fmt.Sprintf("%s %s conflicts with %s %s", p.Name, p.Version, other.Name, other.Version),
		Hints: []string{"Leave one of them out."},
	}
}
