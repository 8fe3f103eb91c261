package pipeline

import (
	"strings"

	"github.com/gantry-buildpack/gantry/internal/contract"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// unbuildable makes one problem of the variables that the build needs and does not have.
func unbuildable(findings []contract.Finding) error {
	var parts []*problem.Problem
	for _, f := range findings {
		p := &problem.Problem{ID: "build/variable", Title: f.Name + " " + f.What, Why: expected(f), Hints: []string{advice(f)}}
		parts = append(parts, p)
	}
	switch len(parts) {
	case 0:
		return nil
	case 1:
		return parts[0]
	}
	return &problem.Problem{ID: "build/variables", Title: problem.Count(len(parts), "variable") + " of the build are not what they must be", Parts: parts}
}

func expected(f contract.Finding) string {
	why := "the contract declares it for the build"
	if f.Expected != "" {
		why += "; expected is " + f.Expected
	}
	if f.Description != "" {
		why += ": " + f.Description
	}
	return why
}

// advice speaks of the build where a contract speaks of deployments.
func advice(f contract.Finding) string {
	text := strings.NewReplacer("in the deployment", "for the build").Replace(f.Advice)
	return text + " With pack: --env " + strings.Split(f.Name, ", ")[0] + "=…; with kpack: spec.build.env."
}
