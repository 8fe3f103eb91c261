package contract

import (
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// Types are the types that a variable may have.
var Types = []string{"string", "int", "float", "bool", "port", "url", "email", "duration", "size", "json", "path"}

// Patterns are compiled when they are needed: this is part of every container start.
var (
	emailPattern = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[^@\s]+@[^@\s]+\.[^@\s]+$`) })
	sizePattern  = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^([0-9]+(?:\.[0-9]+)?)\s*([kKMGTP]i?)?[bB]?$`)
	})
	daysPattern = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[0-9]+(?:\.[0-9]+)?d$`) })
)

// Accepts reports whether a value is what the variable allows.
func (v Variable) Accepts(value string) bool {
	number, ok := v.parse(value)
	switch {
	case !ok:
		return false
	case len(v.Values) > 0 && !slices.Contains(v.Values, value):
		return false
	case number != nil && (v.Min != nil && *number < *v.Min || v.Max != nil && *number > *v.Max):
		return false
	case v.MinLength != nil && utf8.RuneCountInString(value) < *v.MinLength:
		return false
	case v.MaxLength != nil && utf8.RuneCountInString(value) > *v.MaxLength:
		return false
	}
	if v.Pattern != "" {
		pattern, err := regexp.Compile(`^(?:` + v.Pattern + `)$`)
		return err == nil && pattern.MatchString(value)
	}
	return true
}

// parse checks a value's type; number is the value of a number, a time in seconds or a size in bytes.
func (v Variable) parse(value string) (number *float64, ok bool) {
	as := func(f float64, err error) (*float64, bool) { return &f, err == nil }
	switch v.Type {
	case "int":
		n, err := strconv.ParseInt(value, 10, 64)
		return as(float64(n), err)
	case "float":
		return as(strconv.ParseFloat(value, 64))
	case "bool":
		return nil, slices.Contains([]string{"true", "false", "1", "0", "yes", "no", "on", "off"}, strings.ToLower(value))
	case "port":
		n, err := strconv.ParseUint(value, 10, 16)
		number, ok = as(float64(n), err)
		return number, ok && n > 0
	case "url":
		u, err := url.Parse(value)
		if err != nil || u.Scheme == "" || (u.Host == "" && u.Opaque == "" && u.Path == "") {
			return nil, false
		}
		return nil, len(v.Schemes) == 0 || slices.Contains(v.Schemes, u.Scheme)
	case "email":
		return nil, emailPattern().MatchString(value)
	case "duration":
		if daysPattern().MatchString(value) {
			days, err := strconv.ParseFloat(strings.TrimSuffix(value, "d"), 64)
			return as(days*24*3600, err)
		}
		d, err := time.ParseDuration(value)
		return as(d.Seconds(), err)
	case "size":
		return parseSize(value)
	case "json":
		return nil, json.Valid([]byte(value))
	default:
		return nil, value != "" && !strings.ContainsRune(value, 0)
	}
}

func parseSize(value string) (*float64, bool) {
	found := sizePattern().FindStringSubmatch(value)
	if found == nil {
		return nil, false
	}
	n, err := strconv.ParseFloat(found[1], 64)
	base := 1000.0
	if strings.HasSuffix(found[2], "i") {
		base = 1024
	}
	if found[2] != "" {
		for range strings.Index("KMGTP", strings.ToUpper(found[2][:1])) + 1 {
			n *= base
		}
	}
	return &n, err == nil
}

// nouns name the types for people.
var nouns = map[string]string{
	"": "a text", "string": "a text", "int": "a whole number", "float": "a number", "bool": "true or false", "port": "a port from 1 to 65535",
	"url": "a URL", "email": "an e-mail address", "duration": "a time such as 30s or 5m", "size": "a size such as 512Mi or 2G",
	"json": "JSON", "path": "a path",
}

// Expected says what the variable allows: "a URL that begins with postgres://".
func (v Variable) Expected() string {
	if len(v.Values) > 0 {
		return "one of " + strings.Join(v.Values, ", ")
	}
	text := nouns[v.Type]
	if len(v.Schemes) > 0 {
		text += " that begins with " + strings.Join(v.Schemes, ":// or ") + "://"
	}
	text += bounds(v.Min, v.Max, "")
	if v.MinLength != nil || v.MaxLength != nil {
		text += bounds(length(v.MinLength), length(v.MaxLength), " characters")
	}
	if v.Pattern != "" {
		text += " that matches " + v.Pattern
	}
	return text
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
