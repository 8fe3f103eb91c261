// Package manifests compares the config contract of an image with what a deployment gives it: Kubernetes objects, a
// docker-compose file, a file of variables. It reads what is written, and asks no cluster.
package manifests

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/agext/levenshtein"

	"github.com/gantry-buildpack/gantry/internal/contract"
)

// Workload is a container of a deployment, and the variables that it will have.
type Workload struct {
	// Name is for people: "Deployment shop/web, container app".
	Name string
	// Image is the reference; empty where there is none.
	Image string
	// Process is the process type that the container's command starts; empty for the image's default.
	Process string
	// Values are the variables whose values can be seen.
	Values map[string]string
	// Secrets are the names of those whose values must not be shown, whatever the contract says of them.
	Secrets []string
	// Hidden are variables that will be set, with values that cannot be seen, and where they come from.
	Hidden map[string]string
	// Missing are variables that refer to something that is not there, and to what.
	Missing map[string]string
	// Unknown: some variables come from where not even their names can be seen; it says from where.
	Unknown []string
	// Where is the place of the container in its file.
	Where string
}

// Finding is what is wrong with a workload, or cannot be told.
type Finding struct {
	Workload string `json:"workload"`
	Where    string `json:"where,omitempty"`
	Name     string `json:"name"`
	// Kind is missing, malformed, group, renamed, dangling, unverifiable or unknown.
	Kind   string `json:"kind"`
	What   string `json:"what"`
	Advice string `json:"advice,omitempty"`
}

// Error reports whether the deployment must not go on.
func (f Finding) Error() bool {
	return slices.Contains([]string{"missing", "malformed", "group", "dangling"}, f.Kind)
}

// Check compares a workload with a contract.
func Check(c contract.Contract, w Workload) []Finding {
	c = masked(c.For(w.Process), w.Secrets)
	var list []Finding
	add := func(name, kind, what, advice string) {
		list = append(list, Finding{Workload: w.Name, Where: w.Where, Name: name, Kind: kind, What: what, Advice: advice})
	}
	for _, name := range slices.Sorted(maps.Keys(w.Missing)) {
		add(name, "dangling", "refers to "+w.Missing[name]+", which is not there", "Add it, or mark the reference as optional.")
	}
	values := maps.Clone(w.Values)
	if values == nil {
		values = map[string]string{}
	}
	open := openGroups(c, w)
	for _, found := range c.Check("", contract.Environment{Values: values, Bindings: map[string]string{}}).Findings {
		hidden := w.Hidden[found.Name]
		if hidden == "" {
			hidden = w.Hidden[found.Name+"_FILE"]
		}
		older := ""
		if v := c.Variable(found.Name); v != nil {
			for _, name := range v.RenamedFrom {
				if w.Hidden[name] != "" {
					older = name
				}
			}
		}
		v := c.Variable(found.Name)
		switch {
		case found.Kind == "missing" && w.Missing[found.Name] != "":
		case found.Kind == "missing" && hidden != "":
			add(found.Name, "unverifiable", "comes from "+hidden+"; its value cannot be seen here", "It is checked when the container starts.")
		case found.Kind == "missing" && w.Values[found.Name+"_FILE"] != "":
			add(found.Name, "unverifiable", "comes from the file "+w.Values[found.Name+"_FILE"], "It is checked when the container starts.")
		case found.Kind == "missing" && older != "":
			add(found.Name, "renamed", "is called "+older+" here, its old name", "Rename it.")
		case found.Kind == "missing" && (len(w.Unknown) > 0 || v != nil && v.Binding != "" && w.Values["SERVICE_BINDING_ROOT"] != ""):
			from := strings.Join(w.Unknown, " and ")
			if from == "" {
				from = "a service binding"
			}
			add(found.Name, "unverifiable", "is not set here; it may come from "+from, "It is checked when the container starts.")
		case found.Kind == "group" && open[found.Name]:
		default:
			what := found.What
			if found.Expected != "" {
				what += "; expected is " + found.Expected
			}
			add(found.Name, found.Kind, what, found.Advice)
		}
	}
	for _, v := range c.Variables {
		if from := w.Hidden[v.Name]; from != "" && !v.Required {
			add(v.Name, "unverifiable", "comes from "+from+"; its value cannot be seen here", "It is checked when the container starts.")
		}
	}
	for _, name := range unknown(c, w) {
		what, advice := "is set, and the application does not declare it", "If it is not needed, remove it."
		if likely := nearest(name, c); likely != "" {
			advice = fmt.Sprintf("Did you mean %s?", likely)
		}
		add(name, "unknown", what, advice)
	}
	return list
}

// masked makes secrets of more variables.
func masked(c contract.Contract, names []string) contract.Contract {
	c.Variables = slices.Clone(c.Variables)
	for i, v := range c.Variables {
		c.Variables[i].Secret = v.Secret || slices.Contains(names, v.Name)
	}
	return c
}

// openGroups names the groups of which a member may be set where it cannot be seen.
func openGroups(c contract.Contract, w Workload) map[string]bool {
	open := map[string]bool{}
	for _, g := range c.Groups {
		for _, name := range g.Names {
			if w.Hidden[name] != "" || len(w.Unknown) > 0 {
				open[strings.Join(g.Names, ", ")] = true
			}
		}
	}
	return open
}

// known prefixes and names belong to platforms, runtimes and Gantry.
var knownPrefixes = []string{"BPL_", "CNB_", "KUBERNETES_", "NODE_", "npm_", "OTEL_", "DD_", "GODEBUG", "RUBY", "RAILS_", "BUNDLE_", "MALLOC_", "SERVICE_BINDING_"}

var knownNames = []string{"PORT", "HOST", "HOSTNAME", "TZ", "LANG", "PATH", "HOME", "WEB_CONCURRENCY", "DEBUG", "UV_THREADPOOL_SIZE", "RACK_ENV", "LD_PRELOAD"}

// unknown gives the variables that are set and are nobody's. An application that declares nothing gets none.
func unknown(c contract.Contract, w Workload) []string {
	if len(c.Variables) == 0 {
		return nil
	}
	names := map[string]bool{}
	for name := range w.Values {
		names[name] = true
	}
	for name := range w.Hidden {
		names[name] = true
	}
	maps.DeleteFunc(names, func(name string, _ bool) bool {
		return c.Variable(name) != nil || c.Variable(strings.TrimSuffix(name, "_FILE")) != nil || slices.Contains(knownNames, name) ||
			slices.ContainsFunc(knownPrefixes, func(prefix string) bool { return strings.HasPrefix(name, prefix) }) ||
			slices.ContainsFunc(c.Variables, func(v contract.Variable) bool { return slices.Contains(v.RenamedFrom, name) })
	})
	return slices.Sorted(maps.Keys(names))
}

func nearest(name string, c contract.Contract) string {
	best, score := "", 0.79
	for _, v := range c.Variables {
		if s := levenshtein.Match(strings.ToUpper(name), v.Name, nil); s > score {
			best, score = v.Name, s
		}
	}
	return best
}
