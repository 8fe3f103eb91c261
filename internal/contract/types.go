package contract

import (
	"cmp"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"
)

// Types are the types that a variable may have.
var Types = []string{"string", "int", "float", "bool", "port", "url", "email", "duration", "size", "json", "path", "list"}

// Numbers are the types whose values are numbers: a duration in seconds, a size in bytes.
var Numbers = []string{"int", "float", "port", "duration", "size"}

// emailPattern is compiled when it is needed: this is part of every container start.
var emailPattern = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[^@\s]+@[^@\s]+\.[^@\s]+$`) })

// Accepts reports whether a value is what the variable allows.
func (v Variable) Accepts(value string) bool {
	_, ok := v.accepts(value)
	return ok
}

// accepts says why a value is not allowed, where more is known than what is expected. The reason holds nothing of the value.
func (v Variable) accepts(value string) (why string, ok bool) {
	if value == "" && v.EmptyAllowed {
		return "", true
	}
	if v.Type == "list" {
		return v.acceptsList(value)
	}
	if why, ok = v.typed(value); !ok {
		return why, false
	}
	number := v.number(value)
	switch {
	case len(v.Values) > 0 && !slices.Contains(v.Values, value):
		return "", false
	case number != nil && (v.Min != nil && *number < *v.Min || v.Max != nil && *number > *v.Max):
		return "", false
	case v.MinLength != nil && utf8.RuneCountInString(value) < *v.MinLength:
		return fmt.Sprintf("it has %d characters", utf8.RuneCountInString(value)), false
	case v.MaxLength != nil && utf8.RuneCountInString(value) > *v.MaxLength:
		return fmt.Sprintf("it has %d characters", utf8.RuneCountInString(value)), false
	case v.Pattern != "" && !v.matches(value):
		return "", false
	}
	return "", true
}

func (v Variable) matches(value string) bool {
	pattern, err := regexp.Compile(`^(?:` + v.Pattern + `)$`)
	return err == nil && pattern.MatchString(value)
}

// acceptsList judges the entries of a list, each without the white space around it.
func (v Variable) acceptsList(value string) (why string, ok bool) {
	entries := strings.Split(value, v.separator())
	switch n := len(entries); {
	case v.MinLength != nil && n < *v.MinLength, v.MaxLength != nil && n > *v.MaxLength:
		return fmt.Sprintf("it has %d entries", n), false
	}
	for i, entry := range entries {
		entry = strings.TrimSpace(entry)
		if entry == "" {
			return fmt.Sprintf("entry %d is empty", i+1), false
		}
		if why, ok := v.entry().accepts(entry); !ok {
			return strings.TrimSuffix(fmt.Sprintf("entry %d is not %s: %s", i+1, v.entry().Expected(), why), ": "), false
		}
	}
	return "", true
}

func (v Variable) separator() string { return cmp.Or(v.Separator, ",") }

// entry is what an entry of a list must be.
func (v Variable) entry() Variable {
	v.Type, v.Of, v.MinLength, v.MaxLength, v.EmptyAllowed = v.Of, "", nil, nil, false
	return v
}

// typed reports whether a value is of the variable's type.
func (v Variable) typed(value string) (why string, ok bool) {
	switch v.Type {
	case "int", "float", "port", "duration", "size":
		return "", v.number(value) != nil
	case "bool":
		return "", slices.Contains([]string{"true", "false", "1", "0", "yes", "no", "on", "off"}, strings.ToLower(value))
	case "url":
		scheme, why := parseURL(value)
		if why == "" && len(v.Schemes) > 0 && !slices.Contains(v.Schemes, scheme) {
			return "", false
		}
		return why, why == ""
	case "email":
		return "", emailPattern().MatchString(value)
	case "json":
		return v.typedJSON(value)
	default:
		return "", value != "" && !strings.ContainsRune(value, 0)
	}
}

func (v Variable) typedJSON(value string) (why string, ok bool) {
	if !json.Valid([]byte(value)) {
		return "", false
	}
	if v.Schema == nil {
		return "", true
	}
	why = againstSchema(v.Schema, value)
	return why, why == ""
}

// nouns name the types for people.
var nouns = map[string]string{
	"": "a text", "string": "a text", "int": "a whole number", "float": "a number", "bool": "true or false", "port": "a port from 1 to 65535",
	"url": "a URL", "email": "an e-mail address", "duration": "a time such as 30s, 5m or 1d12h", "size": "a size such as 512Mi, 2G or 10mb",
	"json": "JSON", "path": "a path",
}

// plurals name several of them.
var plurals = map[string]string{
	"": "texts", "string": "texts", "int": "whole numbers", "float": "numbers", "bool": "true or false", "port": "ports", "url": "URLs",
	"email": "e-mail addresses", "duration": "times such as 30s", "size": "sizes such as 512Mi", "json": "JSON", "path": "paths",
}

// Expected says what the variable allows: "a URL that begins with postgres://".
func (v Variable) Expected() string {
	if v.Type == "list" {
		return v.expectedList()
	}
	if len(v.Values) > 0 && v.Secret {
		return "one of the values that its rule lists"
	}
	if len(v.Values) > 0 {
		return "one of " + strings.Join(v.Values, ", ")
	}
	text := nouns[v.Type]
	if len(v.Schemes) > 0 {
		text += " that begins with " + strings.Join(v.Schemes, ":// or ") + "://"
	}
	text += bounds(v.Min, v.Max, "") + bounds(length(v.MinLength), length(v.MaxLength), " characters")
	switch {
	case v.MustExist:
		text += " that is there"
	case v.Schema != nil:
		text += " that fits its schema"
	}
	if v.Pattern != "" {
		text += " that matches " + v.Pattern
	}
	return text
}

func (v Variable) expectedList() string {
	of := v.entry()
	text := plurals[of.Type]
	switch {
	case len(of.Values) > 0 && of.Secret:
		text = "those that its rule lists"
	case len(of.Values) > 0:
		text = "some of " + strings.Join(of.Values, ", ")
	case of.Expected() != nouns[of.Type]:
		text += ", each " + of.Expected()
	}
	separator := map[string]string{",": "commas", ";": "semicolons", ":": "colons", " ": "spaces", "|": "|"}[v.separator()]
	return "a list" + bounds(length(v.MinLength), length(v.MaxLength), " entries") + ", separated by " + cmp.Or(separator, strconv.Quote(v.separator())) + ", of " + text
}

func length(n *int) *float64 {
	if n == nil {
		return nil
	}
	f := float64(*n)
	return &f
}

func bounds(low, high *float64, unit string) string {
	number := func(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) + unit }
	switch {
	case low != nil && high != nil:
		return fmt.Sprintf(" from %s to %s", strings.TrimSuffix(number(*low), unit), number(*high))
	case low != nil:
		return " of at least " + number(*low)
	case high != nil:
		return " of at most " + number(*high)
	}
	return ""
}
