package contract

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// samples are values of each type, and of none.
var samples = []string{
	"text", "1", "0", "-1", "1.5", "true", "TRUE", "False", "false", "off", "ON", "yes", "on", "no", "maybe", "8080", "https://example.com/", "x://y", "a@example.com", "30s", "1s", "1h", "512Mi", "1k", "10mb", "{}", "[1]", "/tmp", "a,b", "a,,b", ",", "NaN", "x y", "2024",
}

// candidates are the values to try of all variables that one of the contracts names.
func candidates(older, newer Contract) map[string][]string {
	values := map[string][]string{}
	for _, c := range []Contract{older, newer} {
		for _, v := range c.Variables {
			names := slices.Concat([]string{v.Name}, v.RenamedFrom)
			for _, text := range v.RequiredIf {
				names = append(names, ParseCondition(text).Name)
			}
			for _, name := range names {
				if values[name] == nil {
					values[name] = candidatesOf(name, older, newer)
				}
			}
		}
	}
	return values
}

// candidatesOf are the values of one: those at which the verdict of one of the contracts may change.
func candidatesOf(name string, older, newer Contract) []string {
	var list []string
	var of []Variable
	for _, c := range []Contract{older, newer} {
		if v := c.declaring(name); v != nil {
			of = append(of, *v)
		}
		for _, v := range c.Variables {
			for _, text := range v.RequiredIf {
				if condition := ParseCondition(text); condition.Name == name && condition.Compared {
					list = append(list, condition.Value)
				}
			}
		}
	}
	for _, v := range of {
		list = append(list, v.own()...)
	}
	list = append(list, samples...)
	if len(of) > 0 {
		last := of[len(of)-1]
		wanted := lengths(of)
		if of[0].Pattern != "" && (of[0].Min != nil || of[0].Max != nil || last.Min != nil || last.Max != nil) {
			// Longer numbers are greater.
			for n := range 20 {
				wanted = append(wanted, n)
			}
			slices.Sort(wanted)
			wanted = slices.Compact(wanted)
		}
		found, _ := witnesses(of[0].allowed(), last.allowed(), typePatterns[of[0].Type], wanted)
		list = append(list, found...)
	}
	list = append(list, ofLengths(of)...)
	for _, v := range of {
		if v.EmptyAllowed {
			list = append(list, "")
		}
	}
	return unique(list)
}

// typePatterns are texts of each type, for the search for values that fit a pattern, too.
var typePatterns = map[string]string{
	"int": `[+-]?[0-9]{1,18}`, "float": `[+-]?[0-9]{1,9}(\.[0-9]{1,3})?`, "port": `[0-9]{1,5}`, "bool": `[Tt][Rr][Uu][Ee]|[Ff][Aa][Ll][Ss][Ee]|1|0|[Yy][Ee][Ss]|[Nn][Oo]|[Oo][Nn]|[Oo][Ff][Ff]`,
	"email": `[a-z0-9.]+@[a-z0-9]+(\.[a-z]+)+`, "duration": `([0-9]{1,6}(ms|s|m|h|d|w))+`, "size": `[0-9]{1,9}([kKmMgG]i?)?[bB]?`,
}

// allowed is a pattern for the texts that the pattern, or the values, of a variable allow; empty for all.
func (v Variable) allowed() string {
	if len(v.Values) == 0 || v.Type == "list" {
		return v.Pattern
	}
	quoted := make([]string, 0, len(v.Values))
	for _, value := range v.Values {
		quoted = append(quoted, regexp.QuoteMeta(value))
	}
	return strings.Join(quoted, "|")
}

func unique(list []string) []string {
	seen := map[string]bool{}
	return slices.DeleteFunc(list, func(text string) bool {
		before := seen[text]
		seen[text] = true
		return before
	})
}

// own are values that a variable names itself, and those at its bounds.
func (v Variable) own() []string {
	if v.Type == "list" {
		return v.ownLists()
	}
	list := slices.Clone(v.Values)
	if v.Default != nil {
		list = append(list, *v.Default)
	}
	if v.Example != "" {
		list = append(list, v.Example)
	}
	for _, scheme := range v.Schemes {
		list = append(list, scheme+"://example.com/path")
	}
	unit := map[string]string{"duration": "s"}[v.Type]
	for _, bound := range []*float64{v.Min, v.Max} {
		if bound == nil {
			continue
		}
		steps := []float64{0, 1, -1}
		if v.Type == "float" || v.Type == "duration" {
			steps = append(steps, 0.5, -0.5)
		}
		for _, step := range steps {
			list = append(list, strconv.FormatFloat(*bound+step, 'f', -1, 64)+unit)
		}
	}
	return list
}

// ownLists are lists of each entry alone, and of as many entries as the bounds say.
func (v Variable) ownLists() []string {
	entry := v.entry()
	entries := append(entry.own(), samples...)
	list := slices.Clone(entries)
	for _, value := range entries {
		if !entry.Accepts(value) {
			continue
		}
		for _, n := range append(lengths([]Variable{v}), 1, 2) {
			if n > 0 {
				list = append(list, strings.TrimSuffix(strings.Repeat(value+v.separator(), n), v.separator()))
			}
		}
	}
	return list
}

// lengths are those around the bounds of some variables' lengths.
func lengths(of []Variable) []int {
	var list []int
	for _, v := range of {
		for _, bound := range []*int{v.MinLength, v.MaxLength} {
			if bound != nil {
				list = append(list, *bound-1, *bound, *bound+1)
			}
		}
	}
	slices.Sort(list)
	return slices.DeleteFunc(slices.Compact(list), func(n int) bool { return n < 0 || n > longest })
}

// ofLengths are texts of those lengths, for each type.
func ofLengths(of []Variable) []string {
	var list []string
	for _, n := range lengths(of) {
		for _, start := range []string{"", "https://example.com/", "/", "1"} {
			if n >= len(start) {
				list = append(list, start+strings.Repeat("1", n-len(start)), start+strings.Repeat("a", n-len(start)))
			}
		}
		for _, end := range []string{"s", "ms", "k", "Mi", ".5", "@h.de"} {
			if n > len(end) {
				list = append(list, strings.Repeat("1", n-len(end))+end)
			}
		}
		for _, v := range of {
			for _, scheme := range v.Schemes {
				if start := scheme + "://h/"; n >= len(start) {
					list = append(list, start+strings.Repeat("a", n-len(start)))
				}
			}
		}
	}
	return list
}
