// Package resolve puts together all that is decided about an application before anything is done: the plan, and the config
// contract. A build carries it out, and "gantry explain" tells it; both ask here, so that they cannot differ.
package resolve

import (
	"fmt"
	"strings"
	"time"

	"github.com/gantry-buildpack/gantry/internal/contract"
	"github.com/gantry-buildpack/gantry/internal/contract/declare"
	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/plan/inventory"
	"github.com/gantry-buildpack/gantry/internal/problem"
	"github.com/gantry-buildpack/gantry/internal/source/app"
	"github.com/gantry-buildpack/gantry/internal/source/settings"
)

// Decisions are all of them.
type Decisions struct {
	Plan     plan.Plan
	Contract contract.Contract
}

// Decide reads an application. lookup finds a variable of the build; arch is an architecture as Go names it.
func Decide(source app.App, lookup func(string) (string, bool), arch string, now time.Time) (d Decisions, err error) {
	chosen, err := settings.Read(source, lookup)
	if err != nil {
		return d, err
	}
	project, err := Read(source, chosen)
	if err != nil {
		return d, err
	}
	if project == nil {
		hint := "Name the application's folder; where it is one of several in a repository, set BP_NODE_PROJECT_PATH."
		if there := Elsewhere(source); len(there) > 0 {
			hint = "Name the application's folder; for one of " + strings.Join(there, ", ") + ", set BP_NODE_PROJECT_PATH=" + there[0] + "."
		}
		return d, &problem.Problem{
			ID:    "app/unknown",
			Title: "this is no application that Gantry knows",
			Why:   "there is none of " + strings.Join(LookedFor(), ", ") + " in its folder",
			Hints: []string{hint},
		}
	}
	releases, err := inventory.For(arch)
	if err != nil {
		return d, err
	}
	if d.Plan, err = project.Plan(releases); err != nil {
		return d, err
	}
	if ends := d.Plan.Runtime.EndOfLife(now); ends != "" {
		d.Plan.Warnings = append(d.Plan.Warnings, ends)
	}
	d.Plan.DrainTimeout = chosen.DrainTimeout.Value
	if d.Contract, err = declare.Read(source); err != nil {
		return d, err
	}
	d.Contract = certain(d.Contract, d.Plan)
	d.Plan.Decisions = append(d.Plan.Decisions, config(d.Contract, declare.Undeclared(declare.Scan(source), d.Contract))...)
	return d, nil
}

// certain adds what the language knows to be needed to what the application declares, which counts first.
func certain(c contract.Contract, p plan.Plan) contract.Contract {
	for _, v := range p.Config {
		if c.Variable(v.Name) == nil {
			c.Variables = append(c.Variables, contract.Variable{Name: v.Name, Description: v.Description, Type: v.Type, Required: v.Required, Secret: v.Secret})
		}
	}
	for _, names := range p.AtLeastOne {
		c.Groups = append(c.Groups, contract.Group{Kind: "at-least-one-of", Names: names})
	}
	return c
}

// maxNamed is how many variables the hint names.
const maxNamed = 3

// config tells of the config contract, and of what the code reads beside it.
func config(c contract.Contract, undeclared []declare.Use) []plan.Decision {
	var list []plan.Decision
	if !c.Empty() {
		value := "1 variable declared"
		if n := len(c.Variables); n != 1 {
			value = fmt.Sprintf("%d variables declared", n)
		}
		list = append(list, plan.Decision{Subject: "config", Value: value, Origin: "checked before each process starts"})
	}
	if len(undeclared) > 0 {
		names := make([]string, 0, maxNamed)
		for _, use := range undeclared[:min(len(undeclared), maxNamed)] {
			names = append(names, use.Name)
		}
		origin := fmt.Sprintf("read by the code (%s), declared by no contract; `gantry contract init` writes one", undeclared[0].Where)
		text := strings.Join(names, ", ")
		if more := len(undeclared) - maxNamed; more > 0 {
			text += fmt.Sprintf(" and %d more", more)
		}
		list = append(list, plan.Decision{Subject: "hint", Value: text, Origin: origin})
	}
	return list
}
