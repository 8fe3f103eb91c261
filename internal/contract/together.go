package contract

import "slices"

// together divides the names of contracts into those whose verdicts depend on each other: by an older name, a condition, a group, a rule. Each part
// can be judged by itself. They come in the order of the newest contract that knows them.
func together(contracts ...Contract) []map[string]bool {
	part := map[string]string{}
	var root func(name string) string
	root = func(name string) string {
		if above, known := part[name]; known && above != name {
			return root(above)
		}
		return name
	}
	var order []string
	join := func(names []string) {
		for _, name := range names {
			if _, known := part[name]; !known {
				part[name] = name
				order = append(order, name)
			}
			part[root(name)] = root(names[0])
		}
	}
	for _, c := range slices.Backward(contracts) {
		for _, v := range c.Variables {
			names := slices.Concat([]string{v.Name}, v.RenamedFrom)
			for _, text := range v.RequiredIf {
				names = append(names, ParseCondition(text).Name)
			}
			join(names)
		}
		for _, g := range c.Groups {
			join(g.Names)
		}
		for _, r := range c.Rules {
			join([]string{r.Left, r.Right})
		}
	}
	parts := map[string]map[string]bool{}
	var list []map[string]bool
	for _, name := range order {
		of := root(name)
		if parts[of] == nil {
			parts[of] = map[string]bool{}
			list = append(list, parts[of])
		}
		parts[of][name] = true
	}
	return list
}

// only is the part of a contract that is about some names.
func (c Contract) only(names map[string]bool) Contract {
	var part Contract
	for _, v := range c.Variables {
		if names[v.Name] {
			part.Variables = append(part.Variables, v)
		}
	}
	for _, g := range c.Groups {
		if len(g.Names) > 0 && names[g.Names[0]] {
			part.Groups = append(part.Groups, g)
		}
	}
	for _, r := range c.Rules {
		if names[r.Left] {
			part.Rules = append(part.Rules, r)
		}
	}
	return part
}
