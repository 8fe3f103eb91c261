package contract

import (
	"crypto/sha256"
	"encoding/hex"
)

// digestPrefix begins what stands for a secret in BuiltWith.
const digestPrefix = "sha256:"

// built is how a value of the build phase is kept in the image.
func (v Variable) built(value string) string {
	if !v.Secret {
		return value
	}
	sum := sha256.Sum256([]byte(value))
	return digestPrefix + hex.EncodeToString(sum[:])
}

// Built gives the values of the build phase, as BuiltWith has them. lookup finds a variable of the build.
func (c Contract) Built(lookup func(string) (string, bool)) map[string]string {
	var values map[string]string
	for _, v := range c.Variables {
		if value, found := lookup(v.Name); found && v.AtBuild() {
			if values == nil {
				values = map[string]string{}
			}
			values[v.Name] = v.built(value)
		}
	}
	return values
}

// CheckBuild compares the build's environment with what the build needs.
func (c Contract) CheckBuild(lookup func(string) (string, bool)) []Finding {
	needed := c.ForBuild()
	values := map[string]string{}
	for _, v := range c.Variables {
		for _, name := range append([]string{v.Name}, v.RenamedFrom...) {
			if value, found := lookup(name); found {
				values[name] = value
			}
		}
	}
	var list []Finding
	for _, f := range needed.Check("", Environment{Values: values}).Findings {
		if !f.Warning() {
			list = append(list, f)
		}
	}
	return list
}

// Differs reports whether a value is another one than the image was built with; known is false where that is not known.
func (c Contract) Differs(name, value string) (differs, known bool) {
	v := c.Variable(name)
	before, known := c.BuiltWith[name]
	return known && v != nil && before != v.built(value), known
}
