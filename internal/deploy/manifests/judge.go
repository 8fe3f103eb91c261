package manifests

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/contract"
)

// Finding is what is wrong with a workload, or cannot be told.
type Finding struct {
	Workload string `json:"workload"`
	Where    string `json:"where,omitempty"`
	Name     string `json:"name"`
	// Kind is one of those of contract.Finding, or dangling, refused, process, built-in, unverifiable or unknown.
	Kind   string `json:"kind"`
	What   string `json:"what"`
	Advice string `json:"advice,omitempty"`
}

// Errors are the kinds of findings with which a deployment does not start.
var Errors = []string{"missing", "malformed", "group", "rule", "unreadable", "dangling", "refused", "process"}

// Error reports whether the deployment must not go on.
func (f Finding) Error() bool { return slices.Contains(Errors, f.Kind) }

// Verdict is what a check of a workload found.
type Verdict struct {
	Findings []Finding
	// Required is how many variables the process needs, and Set how many of them are there, with those that cannot be seen.
	Required, Set int
}

var errUnseen = errors.New("it cannot be seen here")

// readFile gives the content of a mounted file.
func (w Workload) readFile(name string) (string, error) {
	file, mounted := w.Files[path.Clean(name)]
	if !mounted || !file.seen() {
		return "", errUnseen
	}
	return file.Text, nil
}

// judge compares one workload with a contract.
type judge struct {
	contract.Contract
	Workload
	env contract.Environment
	// declared is the contract as the application has it; in the other one more variables are secret.
	declared contract.Contract
}

// Check compares a workload with a contract, for the process type that it starts.
func Check(c contract.Contract, w Workload, start Start) Verdict {
	j := judge{w.masked(c), w, w.environment(), c}
	var findings []Finding
	findings = append(findings, w.Refused...)
	for _, name := range slices.Sorted(maps.Keys(w.Values)) {
		if missing := w.Values[name].Missing; missing != "" {
			findings = append(findings, j.finding(name, "dangling", "refers to "+missing+", which is not there", "Add it, or mark the reference as optional."))
		}
	}
	if start.Passed != "" {
		findings = append(findings, j.finding(start.Passed, "argument", "is an argument of the process "+start.Process+" here, and a process type of the image",
			"To start it, give Kubernetes command: ["+start.Passed+"], or Compose entrypoint: "+start.Passed+"."))
	}
	if start.Process == "" || start.Process == "gantry" {
		return Verdict{Findings: findings}
	}
	processes := []string{start.Process}
	if start.Process == "preflight" {
		// It checks the process types that it is given, else all.
		if processes = start.Types; len(processes) == 0 {
			processes = []string{""}
		}
	}
	var asked contract.Contract
	for _, process := range processes {
		part := j.For(process)
		for _, v := range part.Variables {
			if asked.Variable(v.Name) == nil {
				asked.Variables = append(asked.Variables, v)
			}
		}
		asked.Groups = append(asked.Groups, part.Groups...)
		for _, f := range j.Check(process, j.env).Findings {
			for _, told := range j.told(f) {
				if !slices.Contains(findings, told) {
					findings = append(findings, told)
				}
			}
		}
	}
	findings = append(findings, j.unseen(asked, findings)...)
	findings = append(findings, j.builtIn()...)
	verdict := Verdict{Findings: append(findings, j.unknown()...)}
	for _, v := range asked.Variables {
		missing := slices.ContainsFunc(findings, func(f Finding) bool { return f.Name == v.Name && (f.Kind == "missing" || f.Kind == "dangling") })
		switch {
		case missing:
			verdict.Required++
		case v.Required:
			verdict.Required++
			verdict.Set++
		}
	}
	return verdict
}

func (j judge) finding(name, kind, what, advice string) Finding {
	return Finding{Workload: j.Name, Where: j.Where, Name: name, Kind: kind, What: what, Advice: advice}
}

func (j judge) unverifiable(name, what string) Finding {
	return j.finding(name, "unverifiable", what, "It is checked when the container starts.")
}

// masked makes secrets of the variables that get a secret's value, under whatever name.
func (w Workload) masked(c contract.Contract) contract.Contract {
	secret := w.secrets()
	c.Variables = slices.Clone(c.Variables)
	for i, v := range c.Variables {
		names := append([]string{v.Name}, v.RenamedFrom...)
		c.Variables[i].Secret = v.Secret || slices.ContainsFunc(names, func(name string) bool { return slices.Contains(secret, name) })
	}
	return c
}

// hiddenSource says from where a variable may come that cannot be seen: "" where it is seen, or is not set at all.
func (j judge) hiddenSource(name string) string {
	v := j.Variable(name)
	if v == nil {
		v = &contract.Variable{Name: name}
	}
	for _, each := range slices.Concat([]string{name, name + "_FILE"}, v.RenamedFrom) {
		if from := j.Values[each].From; from != "" {
			return from
		}
	}
	if v.Binding != "" && j.Values["SERVICE_BINDING_ROOT"].Text != "" {
		return "a service binding"
	}
	if _, set := j.Values[name]; !set {
		return j.unknownFrom(name)
	}
	return ""
}

// told is a finding of the contract, as far as it can be told from what is seen.
func (j judge) told(f contract.Finding) []Finding {
	what := f.What
	if v := j.declared.Variable(f.Name); v != nil && f.Expected != "" {
		f.Expected = v.Expected()
	}
	if f.Expected != "" {
		what += "; expected is " + f.Expected
	}
	plain := []Finding{j.finding(f.Name, f.Kind, what, f.Advice)}
	names := strings.Split(f.Name, ", ")
	switch f.Kind {
	case "missing":
		return j.toldMissing(f, plain)
	case "unreadable":
		return j.toldFile(f)
	case "group", "rule":
		for _, name := range names {
			if j.Values[name].Missing != "" {
				return nil
			}
			if from := j.hiddenSource(name); from != "" {
				return []Finding{j.unverifiable(f.Name, "belong together, and "+name+" comes from "+from)}
			}
		}
	}
	return plain
}

func (j judge) toldMissing(f contract.Finding, plain []Finding) []Finding {
	if j.Values[f.Name].Missing != "" {
		return nil
	}
	if from := j.Values[f.Name].From; from != "" {
		return []Finding{j.unverifiable(f.Name, "comes from "+from+"; its value cannot be seen here")}
	}
	v := j.Variable(f.Name)
	for _, older := range v.RenamedFrom {
		if from := j.Values[older].From; from != "" {
			return []Finding{
				j.finding(f.Name, "renamed", "is called "+older+" here, its old name", fmt.Sprintf("Rename %s to %s.", older, f.Name)),
				j.unverifiable(f.Name, "comes from "+from+"; its value cannot be seen here"),
			}
		}
	}
	if from := j.hiddenSource(f.Name); from != "" {
		return []Finding{j.unverifiable(f.Name, "is not set here; it may come from "+from)}
	}
	if !v.Required {
		for _, text := range v.RequiredIf {
			name := contract.ParseCondition(text).Name
			if from := j.hiddenSource(name); from != "" {
				return []Finding{j.unverifiable(f.Name, "is not set; whether it is required depends on "+name+", which comes from "+from)}
			}
		}
	}
	return plain
}

// toldFile is about NAME_FILE: a file of a volume that is known, or one that cannot be seen.
func (j judge) toldFile(f contract.Finding) []Finding {
	value := j.Values[f.Name+"_FILE"]
	name := path.Clean(value.Text)
	file, mounted := j.Files[name]
	switch {
	case value.Secret || !contract.IsPath(value.Text):
		// Whoever puts the value itself there does not want to read it again.
		return []Finding{j.unverifiable(f.Name, "comes from the file that "+f.Name+"_FILE names")}
	case mounted && file.Missing != "":
		// That the volume lacks it is told already.
		return nil
	case !mounted && slices.ContainsFunc(j.Mounts, func(dir string) bool { return strings.HasPrefix(name, dir+"/") || name == dir }):
		return []Finding{j.finding(f.Name, "dangling", "is to be read from "+name+", which no volume holds", "Correct the path, or add the key to what is mounted there.")}
	}
	return []Finding{j.unverifiable(f.Name, "comes from the file "+name)}
}

// unseen are variables that will be set, with values that cannot be judged here, and conditions that depend on such.
func (j judge) unseen(asked contract.Contract, before []Finding) []Finding {
	var list []Finding
	for _, v := range asked.Variables {
		if slices.ContainsFunc(before, func(f Finding) bool { return f.Name == v.Name }) {
			continue
		}
		hidden := ""
		for _, name := range append([]string{v.Name}, v.RenamedFrom...) {
			if value, set := j.Values[name]; set && hidden == "" {
				hidden = value.From
			}
		}
		if hidden != "" {
			list = append(list, j.unverifiable(v.Name, "comes from "+hidden+"; its value cannot be seen here"))
			continue
		}
		_, set := j.Values[v.Name]
		for _, text := range v.RequiredIf {
			name := contract.ParseCondition(text).Name
			if from := j.Values[name].From; from != "" && !set && v.Default == nil {
				list = append(list, j.unverifiable(v.Name, "is not set; whether it is required depends on "+name+", which comes from "+from))
				break
			}
		}
	}
	for _, g := range asked.Groups {
		joined := strings.Join(g.Names, ", ")
		hidden := slices.ContainsFunc(g.Names, func(name string) bool { return j.Values[name].From != "" })
		if hidden && !slices.ContainsFunc(before, func(f Finding) bool { return f.Name == joined }) {
			list = append(list, j.unverifiable(joined, "belong together, and cannot all be seen here"))
		}
	}
	return list
}
