// Package gemfile knows versions and requirements as RubyGems does:
// https://guides.rubygems.org/specification-reference/ and Gem::Version, Gem::Requirement.
package gemfile

import (
	"fmt"
	"strconv"
	"strings"
)

// Version is a version of a gem or of Ruby. Its segments are numbers and, in a prerelease, words.
type Version struct {
	text     string
	segments []segment
}

type segment struct {
	word   string
	number uint64
}

// Parse reads a version: digits and letters in segments divided by dots or hyphens, beginning with a digit.
func Parse(text string) (Version, error) {
	text = strings.TrimSpace(text)
	v := Version{text: text}
	if text == "" || text[0] < '0' || text[0] > '9' {
		return v, fmt.Errorf("%q is no version", text)
	}
	// A hyphen begins a prerelease: 1.0-rc is 1.0.pre.rc.
	for part := range strings.SplitSeq(strings.ReplaceAll(text, "-", ".pre."), ".") {
		if part == "" {
			return v, fmt.Errorf("%q is no version", text)
		}
		for part != "" {
			digits := len(part) - len(strings.TrimLeft(part, "0123456789"))
			if digits > 0 {
				number, err := strconv.ParseUint(part[:digits], 10, 64)
				if err != nil {
					return v, fmt.Errorf("%q is no version", text)
				}
				v.segments, part = append(v.segments, segment{number: number}), part[digits:]
				continue
			}
			letters := len(part) - len(strings.TrimLeft(part, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"))
			if letters == 0 {
				return v, fmt.Errorf("%q is no version", text)
			}
			v.segments, part = append(v.segments, segment{word: part[:letters]}), part[letters:]
		}
	}
	return v, nil
}

// String gives the version as it was written.
func (v Version) String() string { return v.text }

// Prerelease reports whether the version has a word in it.
func (v Version) Prerelease() bool {
	for _, s := range v.segments {
		if s.word != "" {
			return true
		}
	}
	return false
}

// Compare gives a number below, equal to or above zero. A word comes before every number: 1.0.rc1 is older than 1.0.
func (v Version) Compare(other Version) int {
	a, b := v.canonical(), other.canonical()
	for i := range max(len(a), len(b)) {
		var x, y segment
		if i < len(a) {
			x = a[i]
		}
		if i < len(b) {
			y = b[i]
		}
		switch {
		case x == y:
		case x.word != "" && y.word != "":
			return strings.Compare(x.word, y.word)
		case x.word != "":
			return -1
		case y.word != "":
			return 1
		case x.number < y.number:
			return -1
		default:
			return 1
		}
	}
	return 0
}

// canonical gives the segments without zeros at the end of the release and of the prerelease.
func (v Version) canonical() []segment {
	split := len(v.segments)
	for i, s := range v.segments {
		if s.word != "" {
			split = i
			break
		}
	}
	return append(trimZeros(v.segments[:split:split]), trimZeros(v.segments[split:])...)
}

func trimZeros(list []segment) []segment {
	for len(list) > 0 && list[len(list)-1] == (segment{}) {
		list = list[:len(list)-1]
	}
	return list
}

// release gives the version without its prerelease part.
func (v Version) release() Version {
	for i, s := range v.segments {
		if s.word != "" {
			return Version{segments: v.segments[:i]}
		}
	}
	return v
}

// bump gives the first version that "~> v" excludes: 1.2.3 gives 1.3, 1 gives 2.
func (v Version) bump() Version {
	segments := v.release().segments
	if len(segments) > 1 {
		segments = segments[:len(segments)-1]
	}
	up := append([]segment{}, segments...)
	if len(up) > 0 {
		up[len(up)-1].number++
	}
	return Version{segments: up}
}

// Requirement is what a version must fulfil: all of its parts.
type Requirement []part

type part struct {
	operator string
	version  Version
}

// ParseRequirement reads a requirement: parts such as "~> 3.3", ">= 3.2", "3.4.5", divided by commas.
func ParseRequirement(text string) (Requirement, error) {
	var r Requirement
	for one := range strings.SplitSeq(text, ",") {
		one = strings.TrimSpace(one)
		operator := one[:len(one)-len(strings.TrimLeft(one, "=!<>~"))]
		version, err := Parse(one[len(operator):])
		if err != nil {
			return nil, err
		}
		switch operator {
		case "":
			operator = "="
		case "=", "!=", ">", "<", ">=", "<=", "~>":
		default:
			return nil, fmt.Errorf("%q is no operator of a requirement", operator)
		}
		r = append(r, part{operator, version})
	}
	return r, nil
}

// Matches reports whether a version fulfils the requirement.
func (r Requirement) Matches(v Version) bool {
	for _, p := range r {
		c := v.Compare(p.version)
		ok := map[string]bool{"=": c == 0, "!=": c != 0, ">": c > 0, "<": c < 0, ">=": c >= 0, "<=": c <= 0}[p.operator]
		if p.operator == "~>" {
			ok = c >= 0 && v.release().Compare(p.version.bump()) < 0
		}
		if !ok {
			return false
		}
	}
	return len(r) > 0
}

// Prerelease reports whether the requirement asks for one; only then does a prerelease count.
func (r Requirement) Prerelease() bool {
	for _, p := range r {
		if p.version.Prerelease() {
			return true
		}
	}
	return false
}
