package contract

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// search looks for environments that an older contract accepts and a newer one refuses, for one process type.
type search struct {
	older, newer Contract
	process      string
	// values are those to try, by the names of the variables.
	values map[string][]string
}

// assignment is what some variables are set to; nil: not set.
type assignment map[string]*string

// mostMembers is up to how many members of a group all choices are tried: beyond, none, each, each pair and all.
const mostMembers = 6

// breaks gives a change for each rule of the newer contract that refuses what the older one accepts.
func (s search) breaks() []Change {
	var changes []Change
	asked := s.newer.For(s.process)
	try := func(fixed assignment) {
		// A deployment of the old image sets what that declares.
		for name, value := range fixed {
			if value != nil && s.older.declaring(name) == nil {
				return
			}
		}
		env, accepted := s.complete(fixed)
		if !accepted {
			return
		}
		for _, f := range s.newer.Check(s.process, Environment{Values: env}).Findings {
			if !f.Warning() {
				changes = add(changes, s.change(f, env), s.process)
			}
		}
	}
	for _, v := range asked.Variables {
		s.tryVariable(v, try)
	}
	for _, g := range asked.Groups {
		for _, chosen := range subsets(g.Names) {
			fixed := assignment{}
			for _, name := range g.Names {
				fixed[name] = nil
				if chosen[name] {
					fixed[name] = s.any(name)
				}
			}
			try(fixed)
			empty := maps.Clone(fixed)
			for name := range chosen {
				if v := s.older.Variable(name); v != nil && v.EmptyAllowed && chosen[name] {
					empty[name] = new(string)
				}
			}
			try(empty)
			for name := range chosen {
				for _, other := range s.ways(name)[1:] {
					renamed := maps.Clone(fixed)
					renamed[name], renamed[other] = nil, fixed[name]
					try(renamed)
				}
			}
		}
	}
	for _, r := range asked.Rules {
		for _, left := range s.ways(r.Left) {
			for _, right := range s.ways(r.Right) {
				s.tryPairs(r, left, right, try)
			}
		}
	}
	return changes
}

// tryPairs tries values for the two variables of a rule, each under one of its names.
func (s search) tryPairs(r Rule, left, right string, try func(assignment)) {
	// What matters of one may lie between the values of the other; and either may be left to its default.
	values := []*string{nil}
	for _, value := range unique(slices.Concat(s.values[r.Left], s.values[r.Right])) {
		values = append(values, &value)
	}
	for _, a := range values {
		for _, b := range values {
			fixed := assignment{r.Left: nil, r.Right: nil}
			fixed[left], fixed[right] = a, b
			try(fixed)
		}
	}
}

// ways are the names under which one of the contracts accepts a variable.
func (s search) ways(name string) []string {
	names := []string{name}
	for _, c := range []Contract{s.older, s.newer} {
		if v := c.Variable(name); v != nil {
			names = append(names, v.RenamedFrom...)
		}
	}
	return unique(names)
}

// tryVariable tries a variable unset, in each way that makes it required, under each older name, and with each value.
func (s search) tryVariable(v Variable, try func(assignment)) {
	names := s.ways(v.Name)
	without := func() assignment {
		fixed := assignment{}
		for _, name := range names {
			fixed[name] = nil
		}
		return fixed
	}
	try(without())
	// What an older name satisfied, a newer contract may not know.
	satisfied := func(fixed assignment) {
		try(fixed)
		if before := s.older.Variable(v.Name); before != nil && before.EmptyAllowed {
			other := maps.Clone(fixed)
			other[v.Name] = new(string)
			try(other)
		}
		for _, name := range names[1:] {
			other := maps.Clone(fixed)
			if other[name] = s.good(name); other[name] != nil && fixed[name] == nil {
				try(other)
			}
		}
	}
	for _, text := range v.RequiredIf {
		c := ParseCondition(text)
		for _, name := range s.ways(c.Name) {
			for _, value := range slices.Concat(s.values[c.Name], []string{c.Value}) {
				fixed := without()
				fixed[c.Name] = nil
				fixed[name] = &value
				satisfied(fixed)
			}
		}
		fixed := without()
		fixed[c.Name] = nil
		satisfied(fixed)
	}
	for _, name := range names {
		for _, value := range s.values[name] {
			fixed := without()
			fixed[name] = &value
			satisfied(fixed)
		}
	}
}

func subsets(names []string) []map[string]bool {
	var list []map[string]bool
	if len(names) <= mostMembers {
		for bits := range 1 << len(names) {
			chosen := map[string]bool{}
			for i, name := range names {
				chosen[name] = bits&(1<<i) != 0
			}
			list = append(list, chosen)
		}
		return list
	}
	all := map[string]bool{}
	for i, name := range names {
		all[name] = true
		list = append(list, map[string]bool{name: true})
		for _, other := range names[:i] {
			list = append(list, map[string]bool{name: true, other: true})
		}
	}
	return append(list, all, map[string]bool{})
}

// good is a value that both contracts accept, else one that the older one accepts; nil where there is none.
func (s search) good(name string) *string {
	older, newer := s.older.declaring(name), s.newer.declaring(name)
	var accepted *string
	for _, value := range s.values[name] {
		if older != nil && !older.Accepts(value) {
			continue
		}
		if newer == nil || newer.Accepts(value) {
			return &value
		}
		if accepted == nil {
			accepted = &value
		}
	}
	return accepted
}

// any is a good value, else one that a process may have that the variable does not concern.
func (s search) any(name string) *string {
	if good := s.good(name); good != nil {
		return good
	}
	return &s.values[name][0]
}

// declaring gives what a contract declares of a name, which may be an older one.
func (c Contract) declaring(name string) *Variable {
	if v := c.Variable(name); v != nil {
		return v
	}
	for i := range c.Variables {
		if slices.Contains(c.Variables[i].RenamedFrom, name) {
			return &c.Variables[i]
		}
	}
	return nil
}

// change says what a finding means for deployments.
func (s search) change(f Finding, env map[string]string) Change {
	c := Change{Name: f.Name, What: f.What, Expected: f.Expected}
	c.Kind = map[string]string{"missing": "required", "malformed": "stricter"}[f.Kind]
	c.Kind = cmp.Or(c.Kind, "together")
	c.Example = s.example(f, env)
	return c
}

// shown is a value as it may be printed: the example of a secret may be one.
func (s search) shown(name, value string) string {
	for _, c := range []Contract{s.older, s.newer} {
		if v := c.declaring(name); v != nil && (v.Secret || SecretName(v.Name) || SecretName(name)) {
			return "…"
		}
	}
	return value
}

// example names what of an environment matters for a finding.
func (s search) example(f Finding, env map[string]string) string {
	names := strings.Split(f.Name, ", ")
	matter := slices.Clone(names)
	for _, name := range names {
		if v := s.newer.Variable(name); v != nil {
			matter = append(matter, v.RenamedFrom...)
			for _, text := range v.RequiredIf {
				matter = append(matter, ParseCondition(text).Name)
			}
		}
	}
	var set, without []string
	for _, name := range slices.Sorted(maps.Keys(env)) {
		if slices.Contains(matter, name) {
			set = append(set, fmt.Sprintf("%s=%s", name, s.shown(name, env[name])))
		}
	}
	for _, name := range names {
		if _, there := env[name]; !there && s.newer.Variable(name) != nil {
			without = append(without, name)
		}
	}
	text := strings.Join(set, ", ")
	if len(without) > 0 {
		text = strings.TrimPrefix(text+", without "+strings.Join(without, " and "), ", ")
	}
	return text
}
