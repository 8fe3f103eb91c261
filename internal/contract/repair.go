package contract

import (
	"slices"
	"strings"
)

// complete sets other variables so that the older contract accepts the environment; false where it does not find out how.
func (s search) complete(fixed assignment) (map[string]string, bool) {
	env := map[string]string{}
	for name, value := range fixed {
		if value != nil {
			env[name] = *value
		}
	}
	for range 2 * (len(s.older.Variables) + len(s.older.Groups) + 1) {
		result := s.older.Check(s.process, Environment{Values: env})
		if !result.Failed() {
			return env, true
		}
		changed := false
		for _, f := range result.Findings {
			if !f.Warning() && s.repair(f, env, fixed) {
				changed = true
				break
			}
		}
		if !changed {
			return nil, false
		}
	}
	return nil, false
}

// repair changes one variable that is not fixed, so that a finding goes away.
func (s search) repair(f Finding, env map[string]string, fixed assignment) bool {
	free := func(name string) bool { _, is := fixed[name]; return !is }
	names := strings.Split(f.Name, ", ")
	if f.Kind == "group" && strings.HasSuffix(f.What, "set") && strings.Contains(f.What, " are ") {
		for _, name := range names {
			if _, set := env[name]; set && free(name) {
				delete(env, name)
				return true
			}
		}
		return false
	}
	if f.Kind == "rule" {
		return s.repairRule(names, env, free)
	}
	for _, name := range s.withOlderNames(names) {
		good := s.good(name)
		if value, set := env[name]; free(name) && good != nil && (!set || value != *good) {
			env[name] = *good
			return true
		}
	}
	// What makes it required, or one of those that are set, may be left out.
	for _, name := range s.related(names) {
		if _, set := env[name]; set && free(name) {
			delete(env, name)
			return true
		}
	}
	return false
}

// withOlderNames adds the names under which the older contract accepts variables, too.
func (s search) withOlderNames(names []string) []string {
	list := slices.Clone(names)
	for _, name := range names {
		if v := s.older.Variable(name); v != nil {
			list = append(list, v.RenamedFrom...)
		}
	}
	return list
}

func (s search) repairRule(names []string, env map[string]string, free func(string) bool) bool {
	for _, name := range names {
		if !free(name) {
			continue
		}
		before := env[name]
		for _, value := range s.values[name] {
			env[name] = value
			if !s.older.Check(s.process, Environment{Values: env}).Failed() {
				return true
			}
		}
		env[name] = before
	}
	return false
}

// related are the variables on which a condition of one of the names depends, and the members of their groups.
func (s search) related(names []string) []string {
	var list []string
	for _, name := range names {
		if v := s.older.Variable(name); v != nil {
			for _, text := range v.RequiredIf {
				list = append(list, ParseCondition(text).Name)
			}
		}
	}
	for _, g := range s.older.Groups {
		if slices.ContainsFunc(g.Names, func(name string) bool { return slices.Contains(names, name) }) {
			list = append(list, g.Names...)
		}
	}
	return list
}
