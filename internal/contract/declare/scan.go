package declare

import (
	"bytes"
	"maps"
	"path"
	"slices"

	"github.com/gantry-buildpack/gantry/internal/contract"
	"github.com/gantry-buildpack/gantry/internal/problem"
	"github.com/gantry-buildpack/gantry/internal/source/app"
)

// Use is a variable that the code reads, the first place where it does, and what the code tells of it.
type Use struct {
	Name     string
	Where    problem.Position
	Variable contract.Variable
}

// Scan finds the variables that the code reads: a scan of text, a hint and no proof.
func Scan(a app.App) []Use {
	found := map[string]Use{}
	a.Code(slices.Collect(maps.Keys(readers)), func(name string, text []byte) {
		if !bytes.Contains(text, []byte("env")) && !bytes.Contains(text, []byte("ENV")) && !bytes.Contains(text, []byte("Env")) {
			return
		}
		for _, r := range readers[path.Ext(name)](text) {
			if !contract.Ambient(r.variable.Name) {
				found[r.variable.Name] = together(found[r.variable.Name], r, problem.At(name, text, r.at))
			}
		}
	})
	var list []Use
	for _, name := range slices.Sorted(maps.Keys(found)) {
		list = append(list, found[name])
	}
	return list
}

// together adds what one more place tells: a variable is optional where no place does without a fallback, or a schema says so.
func together(u Use, r reading, where problem.Position) Use {
	if u.Name == "" {
		return Use{r.variable.Name, where, r.variable}
	}
	switch {
	case r.declared:
		r.variable.Secret = r.variable.Secret || u.Variable.Secret
		u.Variable = r.variable
	case !declaredBefore(u):
		u.Variable.Required = u.Variable.Required || r.variable.Required
	}
	return u
}

// declaredBefore reports whether a schema of the code has told of a variable: more than its name does.
func declaredBefore(u Use) bool {
	v, guess := u.Variable, Guess(u.Name)
	return v.Type != guess.Type || v.Default != nil || len(v.Values) > 0
}

// Undeclared gives the uses that a contract does not mention.
func Undeclared(uses []Use, c contract.Contract) []Use {
	return slices.DeleteFunc(slices.Clone(uses), func(u Use) bool {
		return slices.ContainsFunc(c.Variables, func(v contract.Variable) bool {
			return v.Name == u.Name || slices.Contains(v.RenamedFrom, u.Name) || v.Name+"_FILE" == u.Name
		})
	})
}
