package observe

import (
	"bytes"
	"encoding/binary"
	"regexp"
	"strconv"
	"time"
)

// Period is the time that a program took.
type Period struct{ From, To time.Time }

// contains leaves a second for what is rounded.
func (p Period) contains(t time.Time) bool {
	return !t.Before(p.From.Add(-time.Second)) && !t.After(p.To.Add(time.Second))
}

// The forms in which programs write the time. They are found by a beginning that every time of the period has: patterns alone would
// take longer than the build.
var (
	isoTime   = regexp.MustCompile(`^\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z| ?[+-]\d\d:?\d\d| UTC)?`)
	epochTime = regexp.MustCompile(`^\d{10}(?:\d{3})?(?:\d{3})?`)
	dateTime  = regexp.MustCompile(`^[A-Z][a-z]{2} \d\d \d{4} \d\d:\d\d:\d\d(?: GMT[+-]\d{4})?`)
	httpTime  = regexp.MustCompile(`^\d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT`)
)

// In reports whether a text contains a time of the period, to the second: as in ISO 8601, as JavaScript prints dates, as in HTTP, as
// seconds, milliseconds or microseconds since 1970, or in the header of a gzip file.
func (p Period) In(text []byte) bool {
	if len(text) > 8 && text[0] == 0x1f && text[1] == 0x8b && p.contains(time.Unix(int64(binary.LittleEndian.Uint32(text[4:8])), 0)) {
		return true
	}
	for _, zone := range []*time.Location{time.UTC, time.Local} {
		// In another zone it is another day.
		for _, day := range []time.Time{p.From.In(zone).AddDate(0, 0, -1), p.From.In(zone), p.From.In(zone).AddDate(0, 0, 1), p.To.In(zone)} {
			if p.anyAt(text, day.Format("2006-01-02"), func(at []byte) (time.Time, bool) { return isoOf(at, zone) }) ||
				p.anyAt(text, day.Format("Jan 02 2006"), func(at []byte) (time.Time, bool) {
					return parsed(dateTime.Find(at), zone, "Jan 02 2006 15:04:05 GMT-0700", "Jan 02 2006 15:04:05")
				}) ||
				p.anyAt(text, day.Format("02 Jan 2006"), func(at []byte) (time.Time, bool) {
					return parsed(httpTime.Find(at), time.UTC, "02 Jan 2006 15:04:05 GMT")
				}) {
				return true
			}
		}
	}
	for _, second := range []int64{p.From.Unix() - 1, p.To.Unix() + 1} {
		// 1,000 seconds have the same beginning.
		if p.anyAt(text, strconv.FormatInt(second/1000, 10), epochOf) {
			return true
		}
	}
	return false
}

// anyAt reports whether one of the times that stand where a beginning is found is of the period.
func (p Period) anyAt(text []byte, beginning string, read func(at []byte) (time.Time, bool)) bool {
	for rest := text; ; {
		i := bytes.Index(rest, []byte(beginning))
		if i < 0 {
			return false
		}
		inside := i > 0 && isDigit(rest[i-1])
		rest = rest[i:]
		if t, ok := read(rest); ok && !inside && p.contains(t) {
			return true
		}
		rest = rest[1:]
	}
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isoOf(at []byte, zone *time.Location) (time.Time, bool) {
	text := bytes.Replace(isoTime.Find(at), []byte("T"), []byte(" "), 1)
	const seconds = "2006-01-02 15:04:05"
	return parsed(text, zone, seconds+"Z07:00", seconds+"Z0700", seconds+" -0700", seconds+" -07:00", seconds+" UTC", seconds)
}

func parsed(text []byte, zone *time.Location, layouts ...string) (time.Time, bool) {
	for _, layout := range layouts {
		if t, err := time.ParseInLocation(layout, string(text), zone); err == nil {
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
