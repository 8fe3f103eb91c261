package contract

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"sync"
)

// Patterns are compiled when they are needed: this is part of every container start.
var (
	decimal = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$`)
	})
	nonFinite   = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?i)^(?:nan|[+-]?inf(?:inity)?)$`) })
	sizePattern = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?i)^([0-9]+(?:\.[0-9]+)?)\s*(?:([kmgtpe])(i?))?b?$`)
	})
	durationPattern = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^(?:[0-9]+(?:\.[0-9]+)?(?:ns|us|µs|ms|s|m|h|d|w))+$`)
	})
	durationPart = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`([0-9.]+)([a-zµ]+)`) })
)

// units are the lengths of the units of a duration, in seconds.
var units = map[string]float64{"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1, "m": 60, "h": 3600, "d": 24 * 3600, "w": 7 * 24 * 3600}

// number gives the value of a number, of a duration in seconds, of a size in bytes; nil for what is none, and for other types.
func (v Variable) number(value string) *float64 {
	as := func(f float64, err error) *float64 {
		if err != nil {
			return nil
		}
		return &f
	}
	switch v.Type {
	case "int":
		n, err := strconv.ParseInt(value, 10, 64)
		return as(float64(n), err)
	case "float":
		if !decimal().MatchString(value) && !(v.NonFinite && nonFinite().MatchString(value)) {
			return nil
		}
		return as(strconv.ParseFloat(value, 64))
	case "port":
		n, err := strconv.ParseUint(value, 10, 16)
		if n == 0 {
			return nil
		}
		return as(float64(n), err)
	case "duration":
		return parseDuration(value)
	case "size":
		return parseSize(value)
	}
	return nil
}

// parseDuration reads 30s, 1.5h, 1d12h and 2w: the units of time.ParseDuration, and days and weeks. 0 needs no unit.
func parseDuration(value string) *float64 {
	sum := 0.0
	if value == "0" {
		return &sum
	}
	if !durationPattern().MatchString(value) {
		return nil
	}
	for _, part := range durationPart().FindAllStringSubmatch(value, -1) {
		n, err := strconv.ParseFloat(part[1], 64)
		if err != nil {
			return nil
		}
		sum += n * units[part[2]]
	}
	return &sum
}

// parseSize reads 2G, 512Mi, 10mb and 4096: powers of 1000, and of 1024 with an i, in upper or lower case.
func parseSize(value string) *float64 {
	found := sizePattern().FindStringSubmatch(value)
	if found == nil {
		return nil
	}
	n, err := strconv.ParseFloat(found[1], 64)
	if err != nil {
		return nil
	}
	base := 1000.0
	if found[3] != "" {
		base = 1024
	}
	if found[2] != "" {
		n *= math.Pow(base, float64(strings.Index("kmgtpe", strings.ToLower(found[2]))+1))
	}
	return &n
}
