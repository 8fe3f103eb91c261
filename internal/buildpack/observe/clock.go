//go:build linux

package observe

import (
	"bytes"
	"encoding/binary"
	"regexp"
	"slices"
	"strconv"
	"time"
)

// Period is the time that a program took.
type Period struct{ From, To time.Time }

// contains reports whether a time is in the period that is told as exactly as that; it leaves a second for what is rounded.
func (p Period) contains(t time.Time, exact time.Duration) bool {
	return t.Add(exact).After(p.From.Add(-time.Second)) && !t.After(p.To.Add(time.Second))
}

// form is a way to write a time. It is found by its beginning, which is the same for all times of a day: patterns alone would take longer
// than the build.
type form struct {
	beginning string
	pattern   *regexp.Regexp
	layouts   []string
	// exact is how much of the time it tells.
	exact time.Duration
}

// forms are ISO 8601, JavaScript's and date(1)'s, HTTP's and mail's, digits alone, and local ones.
var forms = []form{
	{"2006-01-02", regexp.MustCompile(`^\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z| ?[+-]\d\d:?\d\d| UTC)?`), []string{
		"2006-01-02T15:04:05Z07:00", "2006-01-02T15:04:05Z0700", "2006-01-02T15:04:05", "2006-01-02 15:04:05 -0700", "2006-01-02 15:04:05 -07:00",
		"2006-01-02 15:04:05Z07:00", "2006-01-02 15:04:05 UTC", "2006-01-02 15:04:05",
	}, time.Second},
	{"2006-01-02", regexp.MustCompile(`^(\d{4}-\d\d-\d\d[T ]\d\d:\d\d)(?:[^\d:]|$)`), []string{"2006-01-02T15:04", "2006-01-02 15:04"}, time.Minute},
	{"20060102", regexp.MustCompile(`^\d{8}[T_-]?\d{6}`), []string{"20060102150405", "20060102T150405", "20060102_150405", "20060102-150405"}, time.Second},
	{"Jan 02 2006", regexp.MustCompile(`^[A-Z][a-z]{2} \d\d \d{4} \d\d:\d\d:\d\d(?: GMT[+-]\d{4})?`), []string{"Jan 02 2006 15:04:05 GMT-0700", "Jan 02 2006 15:04:05"}, time.Second},
	{"Jan _2 ", regexp.MustCompile(`^[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d (?:[A-Z]{2,5} |[+-]\d{4} )?\d{4}`), []string{"Jan _2 15:04:05 MST 2006", "Jan _2 15:04:05 -0700 2006", "Jan _2 15:04:05 2006"}, time.Second},
	{"02 Jan 2006", regexp.MustCompile(`^\d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d (?:GMT|UTC|[+-]\d{4})`), []string{"02 Jan 2006 15:04:05 MST", "02 Jan 2006 15:04:05 -0700"}, time.Second},
	{"02/01/2006", regexp.MustCompile(`^\d\d/\d\d/\d{4},? \d\d:\d\d:\d\d`), []string{"02/01/2006 15:04:05", "02/01/2006, 15:04:05"}, time.Second},
	{"1/2/2006", regexp.MustCompile(`^\d{1,2}/\d{1,2}/\d{4},? \d{1,2}:\d\d:\d\d(?: [AP]M)?`), []string{"1/2/2006, 3:04:05 PM", "1/2/2006 3:04:05 PM", "1/2/2006, 15:04:05", "1/2/2006 15:04:05"}, time.Second},
}

var epochTime = regexp.MustCompile(`^\d{10}(?:\d{3})?(?:\d{3})?`)

// In reports whether a text contains a time of the period: in one of the forms, as seconds, milliseconds or microseconds since 1970, or in
// the header of a gzip file. A day alone is none: texts are about days.
func (p Period) In(text []byte) bool {
	if len(text) > 8 && text[0] == 0x1f && text[1] == 0x8b && p.contains(time.Unix(int64(binary.LittleEndian.Uint32(text[4:8])), 0), 0) {
		return true
	}
	for i, f := range forms {
		for _, zone := range zones(p.From) {
			days := []time.Time{p.From.In(zone), p.To.In(zone)}
			if i == 0 {
				// It may name another zone, in which it is another day.
				days = append(days, p.From.In(zone).AddDate(0, 0, -1), p.From.In(zone).AddDate(0, 0, 1))
			}
			var looked []string
			for _, day := range days {
				beginning := day.Format(f.beginning)
				if slices.Contains(looked, beginning) {
					continue
				}
				looked = append(looked, beginning)
				read := func(at []byte) (time.Time, bool) { return f.read(at, zone) }
				if p.anyAt(text, beginning, f.exact, read) {
					return true
				}
			}
		}
	}
	for _, second := range []int64{p.From.Unix() - 1, p.To.Unix() + 1} {
		// 1,000 seconds have the same beginning.
		if p.anyAt(text, strconv.FormatInt(second/1000, 10), time.Second, epochOf) {
			return true
		}
	}
	return false
}

// zones are those in which a program writes local times: the machine's, and mostly the same, UTC.
func zones(at time.Time) []*time.Location {
	if _, offset := at.In(time.Local).Zone(); offset == 0 {
		return []*time.Location{time.UTC}
	}
	return []*time.Location{time.UTC, time.Local}
}

// anyAt reports whether one of the times that stand where a beginning is found is of the period.
func (p Period) anyAt(text []byte, beginning string, exact time.Duration, read func(at []byte) (time.Time, bool)) bool {
	for rest := text; ; {
		i := bytes.Index(rest, []byte(beginning))
		if i < 0 {
			return false
		}
		inside := i > 0 && isDigit(rest[i-1])
		rest = rest[i:]
		if t, ok := read(rest); ok && !inside && p.contains(t, exact) {
			return true
		}
		rest = rest[1:]
	}
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// read reads the time with which a text begins: what the pattern finds, or its group.
func (f form) read(text []byte, zone *time.Location) (time.Time, bool) {
	found := f.pattern.FindSubmatch(text)
	if found == nil {
		return time.Time{}, false
	}
	for _, layout := range f.layouts {
		if t, err := time.ParseInLocation(layout, string(found[len(found)-1]), zone); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

func epochOf(at []byte) (time.Time, bool) {
	text := epochTime.Find(at)
	if len(text) == 0 || len(at) > len(text) && isDigit(at[len(text)]) {
		return time.Time{}, false
	}
	n, err := strconv.ParseInt(string(text), 10, 64)
	switch len(text) {
	case 13:
		return time.UnixMilli(n), err == nil
	case 16:
		return time.UnixMicro(n), err == nil
	}
	return time.Unix(n, 0), err == nil
}
