package contract

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/agext/levenshtein"
)

// Finding is something that is wrong with an environment, or worth knowing. It never holds a secret.
type Finding struct {
	// Name is the variable's name, or the names of a group.
	Name string `json:"name"`
	// Kind is one of missing, malformed, group, unreadable and renamed; the last is a warning.
	Kind string `json:"kind"`
	// What happened, Expected what the contract says, Description what the variable is for, Advice what to do.
	What        string `json:"what"`
	Expected    string `json:"expected,omitempty"`
	Description string `json:"description,omitempty"`
	Advice      string `json:"advice,omitempty"`
}

// Warning reports whether the application can start anyway.
func (f Finding) Warning() bool { return f.Kind == "renamed" }

// Environment is what is checked.
type Environment struct {
	Values map[string]string
	// ReadFile reads what NAME_FILE names; nil where files cannot be seen.
	ReadFile func(name string) (string, error)
	// Bindings are the values of service bindings, by TYPE/KEY.
	Bindings map[string]string
}

// Result is what a check found.
type Result struct {
	Findings []Finding
	// Set are variables to set for the process: defaults, values from files and bindings, and those of older names.
	Set map[string]string
}

// Failed reports whether the application must not start.
func (r Result) Failed() bool {
	return slices.ContainsFunc(r.Findings, func(f Finding) bool { return !f.Warning() })
}

// Check compares an environment with the contract of one process type.
func (c Contract) Check(process string, env Environment) Result {
	c = c.For(process)
	r := Result{Set: map[string]string{}}
	for _, v := range c.Variables {
		r.find(v, env)
	}
	value := func(name string) string {
		if set := env.Values[name]; set != "" {
			return set
		}
		return r.Set[name]
	}
	for _, v := range c.Variables {
		r.judge(v, value, c, env)
	}
	for _, g := range c.Groups {
		r.judgeGroup(g, value)
	}
	return r
}

// find takes a variable's value from where it may be when it is not set itself.
func (r *Result) find(v Variable, env Environment) {
	if env.Values[v.Name] != "" {
		return
	}
	for _, older := range v.RenamedFrom {
		if env.Values[older] == "" {
			continue
		}
		r.Set[v.Name] = env.Values[older]
		r.Findings = append(r.Findings, Finding{
			Name: v.Name, Kind: "renamed", What: "is called " + older + " here, its old name",
			Advice: fmt.Sprintf("Rename %s to %s in the deployment; the old name is accepted, and passed on.", older, v.Name),
		})
		return
	}
	if file := env.Values[v.Name+"_FILE"]; file != "" && env.ReadFile != nil {
		content, err := env.ReadFile(file)
		if err != nil {
			r.Findings = append(r.Findings, Finding{
				Name: v.Name, Kind: "unreadable", What: fmt.Sprintf("is to be read from %s (%s_FILE), which cannot be read", file, v.Name),
				Description: v.Description, Advice: "Check that the file is mounted, and that user 1000 may read it.",
			})
			return
		}
		r.Set[v.Name] = strings.TrimRight(content, "\r\n")
		return
	}
	if v.Binding != "" && env.Bindings[v.Binding] != "" {
		r.Set[v.Name] = strings.TrimRight(env.Bindings[v.Binding], "\r\n")
		return
	}
	if v.Default != nil {
		r.Set[v.Name] = *v.Default
	}
}

func (r *Result) judge(v Variable, value func(string) string, c Contract, env Environment) {
	if slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Name == v.Name && f.Kind == "unreadable" }) {
		return
	}
	text := value(v.Name)
	if text == "" {
		why := v.wanted(value)
		if why == "" {
			return
		}
		what := "is not set"
		if _, empty := env.Values[v.Name]; empty {
			what = "is set, but empty"
		}
		r.Findings = append(r.Findings, Finding{
			Name: v.Name, Kind: "missing", What: what + why, Expected: v.Expected(), Description: v.Description,
			Advice: advice(v, likelyTypo(v.Name, c, env.Values)),
		})
		return
	}
	if v.Accepts(text) {
		return
	}
	what := "is not what it must be"
	// What comes from a file or a binding is kept there because it is a secret, whatever the contract says.
	direct := env.Values[v.Name] == text
	if direct && !v.Secret && v.Type != "url" && v.Type != "json" && len(text) <= 60 {
		what = fmt.Sprintf("is %q", text)
	}
	r.Findings = append(r.Findings, Finding{
		Name: v.Name, Kind: "malformed", What: what, Expected: v.Expected(), Description: v.Description, Advice: "Correct its value in the deployment.",
	})
}

// wanted says why a variable that is not set is needed: "" when it is not, " " and a reason when that depends on others.
func (v Variable) wanted(value func(string) string) string {
	if v.Required {
		return ", and it is required"
	}
	name, equals, compared := strings.Cut(v.RequiredIf, "=")
	switch {
	case name == "":
		return ""
	case compared && value(name) == equals:
		return fmt.Sprintf(", and it is required while %s is %s", name, equals)
	case !compared && value(name) != "":
		return fmt.Sprintf(", and it is required while %s is set", name)
	}
	return ""
}

func advice(v Variable, typo string) string {
	text := "Set it in the deployment"
	switch {
	case typo != "":
		text = fmt.Sprintf("%s is set: is that a misspelling? If not, set %s in the deployment", typo, v.Name)
	case v.Example != "" && !v.Secret:
		text += fmt.Sprintf(", for example %s=%s", v.Name, v.Example)
	case v.Binding != "":
		text += ", or bind a service of the type " + strings.Split(v.Binding, "/")[0]
	}
	return text + "."
}

// likelyTypo gives a variable that is set, is not declared, and is called nearly like name.
func likelyTypo(name string, c Contract, values map[string]string) string {
	best, score := "", 0.79
	for _, other := range slices.Sorted(maps.Keys(values)) {
		if c.Variable(other) != nil || other == name+"_FILE" {
			continue
		}
		if s := levenshtein.Match(name, strings.ToUpper(other), nil); s > score {
			best, score = other, s
		}
	}
	return best
}

func (r *Result) judgeGroup(g Group, value func(string) string) {
	var set []string
	for _, name := range g.Names {
		if value(name) != "" {
			set = append(set, name)
		}
	}
	f := Finding{Name: strings.Join(g.Names, ", "), Kind: "group"}
	switch {
	case g.Kind == "exactly-one-of" && len(set) > 1:
		f.What, f.Expected = strings.Join(set, " and ")+" are both set", "exactly one of them"
		f.Advice = "Keep the one that is meant, and remove the other from the deployment."
		if len(set) > 2 {
			f.What = strings.Join(set, ", ") + " are all set"
		}
	case g.Kind == "exactly-one-of" && len(set) == 0, g.Kind == "at-least-one-of" && len(set) == 0:
		f.What, f.Expected, f.Advice = "none of them is set", strings.ReplaceAll(g.Kind, "-", " ")+" them", "Set one of them in the deployment."
	case g.Kind == "all-or-none" && len(set) > 0 && len(set) < len(g.Names):
		f.What, f.Expected = "only "+strings.Join(set, ", ")+" of them is set", "all of them, or none"
		f.Advice = "Set the others, too, or remove " + strings.Join(set, ", ") + " from the deployment."
	default:
		return
	}
	r.Findings = append(r.Findings, f)
}
