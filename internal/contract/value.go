package contract

import (
	"fmt"
	"strings"
)

// Environment is what is checked.
type Environment struct {
	Values map[string]string
	// ReadFile reads what NAME_FILE names; nil where files cannot be seen. Its errors hold nothing of the content.
	ReadFile func(name string) (string, error)
	// Exists reports whether a path is there; nil where files cannot be seen.
	Exists func(name string) bool
	// Bindings are the values of service bindings, by TYPE/KEY.
	Bindings map[string]string
}

// Resolved is an environment as the process has it.
type Resolved struct {
	// Set are variables to set for the process: defaults, values from files and bindings, and those of older names.
	Set map[string]string
	// Findings are files that cannot be read, and older names.
	Findings []Finding
	values   map[string]string
}

// Resolve gives each variable its value, from where it may be when it is not set itself: an older name, the file that NAME_FILE
// names, a service binding, the default. Nothing is judged.
func (c Contract) Resolve(process string, env Environment) Resolved {
	r := Resolved{Set: map[string]string{}, values: map[string]string{}}
	whole := c
	for _, v := range c.For(process).Variables {
		value, findings := v.resolve(env, whole)
		r.Findings = append(r.Findings, findings...)
		if value != nil {
			r.Set[v.Name] = *value
		}
	}
	for name, value := range env.Values {
		r.values[name] = value
	}
	for name, value := range r.Set {
		r.values[name] = value
	}
	return r
}

// value gives a variable's value, and whether it is set; an empty one counts only where it means something.
func (r Resolved) value(v *Variable, name string) (text string, set bool) {
	text, there := r.values[name]
	return text, there && (text != "" || v != nil && v.EmptyAllowed)
}

// resolve gives the value to set; nil where it is set itself, or nothing gives one.
func (v Variable) resolve(env Environment, c Contract) (*string, []Finding) {
	own, there := env.Values[v.Name]
	if own != "" || there && v.EmptyAllowed {
		return nil, v.differing(own, env)
	}
	for _, older := range v.RenamedFrom {
		if value := env.Values[older]; value != "" {
			return &value, []Finding{{
				Name: v.Name, Kind: "renamed", What: "is called " + older + " here, its old name",
				Advice: fmt.Sprintf("Rename %s to %s in the deployment; the old name is accepted, and passed on.", older, v.Name),
			}}
		}
	}
	if file := v.file(env.Values, c); file != "" && env.ReadFile != nil {
		content, err := env.ReadFile(file)
		if err != nil {
			return nil, []Finding{{
				Name: v.Name, Kind: "unreadable", What: fmt.Sprintf("is to be read from %s, which cannot be read: %v", v.shownFile(file), err),
				Description: v.Description, Advice: "Check that the file is mounted, and that user 1000 may read it.",
			}}
		}
		content = strings.TrimRight(content, "\r\n")
		return &content, nil
	}
	if bound := env.Bindings[v.Binding]; v.Binding != "" && bound != "" {
		bound = strings.TrimRight(bound, "\r\n")
		return &bound, nil
	}
	return v.Default, nil
}

// IsPath reports whether a text is the path of a file: what is none may be the value itself, put in the wrong place, and is not shown.
func IsPath(text string) bool {
	return len(text) < 256 && !strings.Contains(text, "://") && !strings.ContainsAny(text, "@\n") &&
		(strings.HasPrefix(text, "/") || strings.HasPrefix(text, "./") || strings.HasPrefix(text, "../"))
}

func (v Variable) shownFile(file string) string {
	if !IsPath(file) {
		return "the file that " + v.Name + "_FILE names"
	}
	return fmt.Sprintf("%s (%s_FILE)", file, v.Name)
}

// file is what NAME_FILE names. A variable of that name that is declared itself is no reference to a file.
func (v Variable) file(values map[string]string, c Contract) string {
	if c.Variable(v.Name+"_FILE") != nil {
		return ""
	}
	return values[v.Name+"_FILE"]
}

// differing warns where an older name has another value.
func (v Variable) differing(own string, env Environment) []Finding {
	for _, older := range v.RenamedFrom {
		if value := env.Values[older]; value != "" && value != own {
			return []Finding{{
				Name: v.Name, Kind: "renamed", What: fmt.Sprintf("and %s, its old name, have different values; that of %s counts", older, v.Name),
				Advice: fmt.Sprintf("Remove %s from the deployment.", older),
			}}
		}
	}
	return nil
}
