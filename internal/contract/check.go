package contract

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/agext/levenshtein"
)

// Finding is something that is wrong with an environment, or worth knowing. It never holds a secret.
type Finding struct {
	// Name is the variable's name, or the names of a group or rule.
	Name string `json:"name"`
	// Kind is one of missing, malformed, group, rule and unreadable, or of the warnings renamed, deprecated and white-space.
	Kind string `json:"kind"`
	// What happened, Expected what the contract says, Description what the variable is for, Advice what to do.
	What        string `json:"what"`
	Expected    string `json:"expected,omitempty"`
	Description string `json:"description,omitempty"`
	Advice      string `json:"advice,omitempty"`
}

// Warnings are the kinds of findings with which an application can start.
var Warnings = []string{"renamed", "deprecated", "white-space"}

// Warning reports whether the application can start anyway.
func (f Finding) Warning() bool { return slices.Contains(Warnings, f.Kind) }

// Result is what a check found.
type Result struct {
	Findings []Finding
	// Set are variables to set for the process.
	Set map[string]string
}

// Failed reports whether the application must not start.
func (r Result) Failed() bool {
	return slices.ContainsFunc(r.Findings, func(f Finding) bool { return !f.Warning() })
}

// Check compares an environment with the contract of one process type.
func (c Contract) Check(process string, env Environment) Result {
	resolved := c.Resolve(process, env)
	j := judge{whole: c, asked: c.For(process), env: env, Resolved: resolved}
	findings := slices.Clone(resolved.Findings)
	for _, v := range j.asked.Variables {
		findings = append(findings, j.variable(v)...)
	}
	for _, g := range j.asked.Groups {
		findings = append(findings, j.group(g)...)
	}
	for _, r := range j.asked.Rules {
		findings = append(findings, j.rule(r)...)
	}
	return Result{Findings: findings, Set: resolved.Set}
}

// judge has all that a verdict depends on.
type judge struct {
	// whole is all that is declared, asked what concerns the process type.
	whole, asked Contract
	env          Environment
	Resolved
}

func (j judge) get(name string) (text string, set bool) { return j.value(j.whole.Variable(name), name) }

func (j judge) variable(v Variable) []Finding {
	if slices.ContainsFunc(j.Findings, func(f Finding) bool { return f.Name == v.Name && f.Kind == "unreadable" }) {
		return nil
	}
	text, set := j.get(v.Name)
	if !set {
		return j.missing(v)
	}
	var findings []Finding
	if v.Deprecated != "" && j.env.Values[v.Name] != "" {
		findings = append(findings, Finding{Name: v.Name, Kind: "deprecated", What: "is deprecated: " + v.Deprecated, Advice: "Change the deployment; it is still accepted."})
	}
	if text == "" {
		return findings
	}
	why, accepted := v.accepts(text)
	if accepted && v.MustExist && j.env.Exists != nil && !j.env.Exists(text) {
		why, accepted = "there is no such file or folder", false
	}
	if !accepted {
		return append(findings, j.malformed(v, text, why))
	}
	if strings.TrimSpace(text) != text && !slices.Contains(v.Values, text) {
		findings = append(findings, Finding{Name: v.Name, Kind: "white-space", What: "begins or ends with white space", Advice: "Remove it in the deployment, unless it is meant."})
	}
	return findings
}

func (j judge) missing(v Variable) []Finding {
	why := j.wanted(v)
	if why == "" {
		return nil
	}
	what := "is not set"
	if _, empty := j.env.Values[v.Name]; empty {
		what = "is set, but empty"
	}
	return []Finding{{
		Name: v.Name, Kind: "missing", What: what + why, Expected: v.Expected(), Description: v.Description,
		Advice: advice(v, likelyTypo(v.Name, j.whole, j.env.Values)),
	}}
}

// longestShown is how long a wrong value may be that is shown, in bytes.
const longestShown = 60

func (j judge) malformed(v Variable, text, why string) Finding {
	f := Finding{
		Name: v.Name, Kind: "malformed", What: "is not what it must be", Expected: v.Expected(), Description: v.Description,
		Advice: cmp.Or(v.Message, "Correct its value in the deployment."),
	}
	// What comes from a file or a binding is kept there because it is a secret, whatever the contract says.
	direct := j.env.Values[v.Name] == text
	if direct && v.shown() && len(text) <= longestShown && !holdsSecret(text, j.whole, j.values) {
		f.What = fmt.Sprintf("is %q", text)
	}
	if why != "" {
		f.What += ": " + why
	}
	return f
}

// shown reports whether a wrong value may be printed: addresses and JSON hold passwords.
func (v Variable) shown() bool {
	return !v.Secret && !SecretName(v.Name) && v.Type != "url" && v.Type != "json" && v.Of != "url" && v.Of != "json"
}

// wanted says why a variable that is not set is needed: "" when it is not, " " and a reason when that depends on others.
func (j judge) wanted(v Variable) string {
	if v.Required {
		return ", and it is required"
	}
	for _, text := range v.RequiredIf {
		condition := ParseCondition(text)
		on := j.whole.Variable(condition.Name)
		if value, set := j.get(condition.Name); condition.holds(on, value, set) {
			if on != nil && on.Secret && condition.Compared {
				// What the rule compares with is its value.
				return ", and it is required by the value of " + condition.Name
			}
			return ", and it is required while " + condition.String()
		}
	}
	return ""
}

func advice(v Variable, typo string) string {
	text := "Set it in the deployment"
	switch {
	case v.Message != "":
		return v.Message
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

func (j judge) group(g Group) []Finding {
	var set []string
	for _, name := range g.Names {
		if _, there := j.get(name); there {
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
		return nil
	}
	return []Finding{f}
}

// rule compares two variables that are both set, and both what they must be.
func (j judge) rule(r Rule) []Finding {
	left, right := j.whole.Variable(r.Left), j.whole.Variable(r.Right)
	a, hasLeft := j.get(r.Left)
	b, hasRight := j.get(r.Right)
	if !hasLeft || !hasRight || left == nil || right == nil || !left.Accepts(a) || !right.Accepts(b) || r.holds(*left, a, *right, b) {
		return nil
	}
	return []Finding{{
		Name: r.Left + ", " + r.Right, Kind: "rule", What: "do not fit together", Expected: r.String(),
		Advice: cmp.Or(r.Message, "Change one of the two in the deployment."),
	}}
}

func (r Rule) holds(left Variable, a string, right Variable, b string) bool {
	if left.Type == "bool" && (r.Operator == "==" || r.Operator == "!=") {
		return left.same(a, b) == (r.Operator == "==")
	}
	order := strings.Compare(a, b)
	x, y := left.number(a), right.number(b)
	if x != nil && y != nil {
		order = 0
		if *x < *y {
			order = -1
		} else if *x > *y {
			order = 1
		}
	}
	return map[string]bool{"<": order < 0, "<=": order <= 0, ">": order > 0, ">=": order >= 0, "==": order == 0, "!=": order != 0}[r.Operator]
}
