package declare

import (
	"cmp"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/contract"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// schemePattern is RFC 3986, section 3.1; WHATWG wants it in lower case.
var schemePattern = regexp.MustCompile(`^[a-z][a-z0-9+.-]*$`)

// contradiction is a rule of a variable that another one makes senseless, or that nothing can satisfy.
type contradiction struct {
	there  bool
	key    string
	reason string
}

// contradictions are those of rules with each other.
func contradictions(v contract.Variable) []contradiction {
	isNumber := slices.Contains(contract.Numbers, v.Type) || v.Type == "list" && slices.Contains(contract.Numbers, v.Of)
	minOrMax := "min"
	if v.Min == nil {
		minOrMax = "max"
	}
	isURL := v.Type == "url" || v.Type == "list" && v.Of == "url"
	return []contradiction{
		{v.Required && v.Default != nil, "required", "it is required and has a default, which is always there"},
		{v.Secret && v.Default != nil, "default", "a secret cannot have a default, which everybody could read in the image"},
		{v.Required && len(v.RequiredIf) > 0, "required-if", "it is required always, and only if"},
		{len(v.Schemes) > 0 && !isURL, "schemes", "schemes are for the type url"},
		{(v.Min != nil || v.Max != nil) && !isNumber, minOrMax, "min and max are for the types int, float, port, duration and size"},
		{v.Min != nil && v.Max != nil && *v.Min > *v.Max, "min", "min is greater than max"},
		{v.MinLength != nil && v.MaxLength != nil && *v.MinLength > *v.MaxLength, "min-length", "min-length is greater than max-length"},
		{slices.Contains(v.RenamedFrom, v.Name), "renamed-from", "it is renamed from itself"},
		{v.Binding != "" && !bindingPattern.MatchString(v.Binding), "binding", "a binding is written TYPE/KEY"},
		{v.MaxLength != nil && *v.MaxLength == 0, "max-length", "nothing has no characters and no entries; empty = \"allowed\" allows an empty value"},
		{noneBetween(v), minOrMax, "there is no " + cmp.Or(v.Of, v.Type) + " within min and max"},
		{v.Of != "" && v.Type != "list", "of", "of is for the type list"},
		{v.Separator != "" && v.Type != "list", "separator", "a separator is for the type list"},
		{v.NonFinite && v.Type != "float", "non-finite", "non-finite is for the type float"},
		{v.MustExist && v.Type != "path", "must-exist", "must-exist is for the type path"},
		{v.Schema != nil && v.Type != "json", "schema", "a schema is for the type json"},
		{v.Phase == "build" && v.Binding != "", "binding", "bindings of a running container are not there while the image is built"},
		{v.Phase == "build" && len(v.Processes) > 0, "processes", "what only the build needs belongs to no process"},
		{v.Phase == "build" && v.Default != nil, "default", "a default is set when a process starts, and this is for the build; write it into the build's own configuration"},
	}
}

// consistent refuses rules that contradict each other, and defaults and examples that break their own rule.
func (r reader) consistent(path string, v contract.Variable) []*problem.Problem {
	var mistakes []*problem.Problem
	bad := func(key, reason string, hints ...string) {
		if len(hints) == 0 {
			hints = []string{"Change or remove one of the rules."}
		}
		mistakes = append(mistakes, &problem.Problem{ID: "contract/contradiction", Title: fmt.Sprintf("config.%s: %s", v.Name, reason),
			Where: r.table.Where(path + "." + key), Hints: hints})
	}
	for _, c := range contradictions(v) {
		if c.there {
			bad(c.key, c.reason)
		}
	}
	for _, scheme := range v.Schemes {
		if !schemePattern.MatchString(scheme) {
			meant := strings.ToLower(strings.TrimRight(scheme, ":/"))
			if schemePattern.MatchString(meant) {
				bad("schemes", fmt.Sprintf("%q is not the scheme of a URL", scheme), fmt.Sprintf("Did you mean %s?", meant))
			} else {
				bad("schemes", fmt.Sprintf("%q is not the scheme of a URL", scheme), "A scheme is what stands before ://, such as postgres.")
			}
		}
	}
	if _, err := regexp.Compile(v.Pattern); err != nil {
		bad("pattern", "the pattern does not compile: "+strings.TrimPrefix(err.Error(), "error parsing regexp: "))
	}
	if len(mistakes) > 0 {
		return mistakes
	}
	for _, value := range v.Values {
		free := v
		free.Values = nil
		if v.Type == "list" {
			free.Type, free.Of, free.MinLength, free.MaxLength = v.Of, "", nil, nil
		}
		if !free.Accepts(value) {
			bad("values", fmt.Sprintf("the value %q is not %s", value, free.Expected()))
		}
	}
	if v.Default != nil && *v.Default == "" && !v.EmptyAllowed && len(v.Values) > 0 {
		bad("default", "the default is empty, which is none of the values", `Allow it: empty = "allowed".`)
	}
	if v.Default != nil && *v.Default != "" && !v.Accepts(*v.Default) {
		bad("default", fmt.Sprintf("the default %q is not %s", *v.Default, v.Expected()))
	}
	if v.Example != "" && !v.Accepts(v.Example) {
		bad("example", "the example is not "+v.Expected())
	}
	return mistakes
}

var bindingPattern = regexp.MustCompile(`^[^/]+/[^/]+$`)

// noneBetween reports whether no value of the type lies within its bounds.
func noneBetween(v contract.Variable) bool {
	low, high := math.Inf(-1), math.Inf(1)
	kind := v.Type
	if kind == "list" {
		kind = v.Of
	}
	switch kind {
	case "port":
		low, high = 1, 65535
	case "duration", "size":
		low = 0
	case "int", "float":
	default:
		return false
	}
	if v.Min != nil {
		low = max(low, *v.Min)
	}
	if v.Max != nil {
		high = min(high, *v.Max)
	}
	if kind == "int" || kind == "port" {
		low, high = math.Ceil(low), math.Floor(high)
	}
	return low > high && !(v.Min != nil && v.Max != nil && *v.Min > *v.Max)
}

// references makes sure that rules name variables that are declared, and can be satisfied; a variable that a group names is required by
// the group alone.
func (r reader) references(c contract.Contract, broken map[string]bool) []*problem.Problem {
	var mistakes []*problem.Problem
	config, _ := r.table.Values["config"].(map[string]any)
	undeclared := func(path, what, name string) bool {
		if c.Variable(name) != nil {
			return false
		}
		hint := "Declare it: [dev.gantry.config." + name + "]."
		if likely := problem.Nearest(name, names(c)); likely != "" {
			hint = fmt.Sprintf("Did you mean %s? If not, declare it: [dev.gantry.config.%s].", likely, name)
		}
		mistakes = append(mistakes, r.bad(path, what+" names "+name+", which is not declared", hint))
		return true
	}
	for i, g := range c.Groups {
		path := fmt.Sprintf("config-group[%d].%s", i, g.Kind)
		for _, name := range g.Names {
			if undeclared(path, "the group", name) || broken[name] {
				continue
			}
			v := c.Variable(name)
			table, _ := config[name].(map[string]any)
			switch _, said := table["required"]; {
			case v.Phase == "build":
				mistakes = append(mistakes, r.bad(path, fmt.Sprintf("%s is for the build, and groups are judged when a process starts", name), "Leave it out of the group."))
			case v.Default != nil && g.Kind != "at-least-one-of":
				mistakes = append(mistakes, r.bad("config."+name+".default", fmt.Sprintf("%s has a default, so that it is always set, and stands in a group %s", name, g.Kind), "Remove one of the rules."))
			case !said:
				v.Required = false
			case v.Required && g.Kind == "exactly-one-of":
				mistakes = append(mistakes, r.bad("config."+name+".required", fmt.Sprintf("%s is required always, and in a group of which one only may be set", name), "Remove one of the rules."))
			}
		}
	}
	for i, g := range c.Groups {
		for _, process := range g.Processes {
			if !slices.ContainsFunc(g.Names, func(name string) bool { return c.For(process).Variable(name) != nil }) {
				mistakes = append(mistakes, r.bad(fmt.Sprintf("config-group[%d].processes", i), fmt.Sprintf("no variable of the group concerns the process %s", process), "Correct the processes of the group, or of its variables."))
			}
		}
	}
	for i, rule := range c.Rules {
		if rule.Operator == "" {
			continue
		}
		path := fmt.Sprintf("config-rule[%d].rule", i)
		if undeclared(path, "the rule", rule.Left) || undeclared(path, "the rule", rule.Right) || broken[rule.Left] || broken[rule.Right] {
			continue
		}
		left, right := c.Variable(rule.Left), c.Variable(rule.Right)
		both := contract.Contract{Variables: []contract.Variable{*left, *right}, Rules: []contract.Rule{rule}}
		if left.Default != nil && right.Default != nil && both.Check("", contract.Environment{}).Failed() {
			mistakes = append(mistakes, r.bad(path, "the defaults of "+left.Name+" and "+right.Name+" break the rule", "Change one of them."))
		}
		if why := comparable(*c.Variable(rule.Left), *c.Variable(rule.Right), rule); why != "" {
			mistakes = append(mistakes, r.bad(path, why, "Numbers, times and sizes can be compared; others with == and != only."))
		}
	}
	return append(mistakes, r.namesOf(c, broken, undeclared)...)
}

func names(c contract.Contract) []string {
	list := make([]string, 0, len(c.Variables))
	for _, v := range c.Variables {
		list = append(list, v.Name)
	}
	return list
}

// comparable says why a rule cannot be judged.
func comparable(left, right contract.Variable, rule contract.Rule) string {
	kind := func(v contract.Variable) string {
		if v.Type == "int" || v.Type == "float" || v.Type == "port" {
			return "number"
		}
		return v.Type
	}
	switch ordered := rule.Operator != "==" && rule.Operator != "!="; {
	case left.Name == right.Name:
		return "the rule compares " + left.Name + " with itself"
	case ordered && !(slices.Contains(contract.Numbers, left.Type) && kind(left) == kind(right)):
		return fmt.Sprintf("%s and %s have no order", left.Name, right.Name)
	}
	return ""
}

// namesOf looks at the conditions, and at older names.
func (r reader) namesOf(c contract.Contract, broken map[string]bool, undeclared func(path, what, name string) bool) []*problem.Problem {
	var mistakes []*problem.Problem
	older := map[string]string{}
	for _, v := range c.Variables {
		for _, text := range v.RequiredIf {
			condition := contract.ParseCondition(text)
			path := "config." + v.Name + ".required-if"
			switch {
			case strings.Contains(text, "=="):
				mistakes = append(mistakes, r.bad(path, fmt.Sprintf("the condition %q is not understood", text), "Write one =: NAME=value."))
			case !namePattern.MatchString(condition.Name):
				mistakes = append(mistakes, r.bad(path, fmt.Sprintf("the condition %q is not understood", text), "Write NAME, !NAME, NAME=value or NAME!=value."))
			case condition.Name == v.Name:
				mistakes = append(mistakes, r.bad(path, "required-if names the variable itself", "Name another variable, or write required = true."))
			case undeclared(path, "required-if", condition.Name):
			case condition.Compared && !broken[condition.Name] && !c.Variable(condition.Name).Accepts(condition.Value):
				mistakes = append(mistakes, r.bad(path, fmt.Sprintf("%s cannot be %q: it is %s", condition.Name, condition.Value, c.Variable(condition.Name).Expected()), "Correct the value of the condition."))
			}
		}
		for _, name := range v.RenamedFrom {
			if c.Variable(name) != nil || older[name] != "" {
				mistakes = append(mistakes, r.bad("config."+v.Name+".renamed-from", fmt.Sprintf("the old name %s is another variable's, too", name), "Remove one of the two."))
			}
			older[name] = v.Name
		}
	}
	return mistakes
}
