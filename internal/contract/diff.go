package contract

import "reflect"

// Change is what a newer contract asks for that an older one did not.
type Change struct {
	Name string `json:"name"`
	// Kind is one of required (the deployment must set it), stricter, optional and removed.
	Kind     string `json:"kind"`
	Expected string `json:"expected,omitempty"`
}

// Diff lists what changes for a deployment from an older contract to a newer one.
func Diff(older, newer Contract) []Change {
	var list []Change
	for _, v := range newer.Variables {
		before := older.Variable(v.Name)
		renamed := false
		for _, name := range v.RenamedFrom {
			renamed = renamed || older.Variable(name) != nil
		}
		switch {
		case before == nil && renamed:
			list = append(list, Change{v.Name, "optional", "the new name; the old one is still accepted"})
		case before == nil && v.Required, before != nil && !before.Required && v.Required:
			list = append(list, Change{v.Name, "required", v.Expected()})
		case before == nil:
			list = append(list, Change{v.Name, "optional", v.Expected()})
		case v.Expected() != before.Expected() || !reflect.DeepEqual(v.Values, before.Values):
			list = append(list, Change{v.Name, "stricter", v.Expected()})
		}
	}
	for _, v := range older.Variables {
		stillNamed := newer.Variable(v.Name) != nil
		for _, other := range newer.Variables {
			for _, name := range other.RenamedFrom {
				stillNamed = stillNamed || name == v.Name
			}
		}
		if !stillNamed {
			list = append(list, Change{Name: v.Name, Kind: "removed"})
		}
	}
	return list
}
