package gemfile

import (
	"slices"
	"strings"
)

// Lock is what a Gemfile.lock says: https://bundler.io/guides/rationale.html.
type Lock struct {
	// Specs are the gems, in the file's order.
	Specs []Spec
	// Platforms are those that the lockfile was made for, such as "x86_64-linux" and "ruby".
	Platforms []string
	// Dependencies are the names of the gems that the Gemfile names.
	Dependencies []string
	// Ruby is the version under RUBY VERSION, less its patch level; Bundler the one under BUNDLED WITH; empty without.
	Ruby, Bundler string
	// RubyLine is the line of Ruby, from 1.
	RubyLine int
	// Engine is the implementation behind it, such as jruby; empty for the usual one.
	Engine string
}

// Spec is one gem for one platform.
type Spec struct {
	Name, Version string
	// Platform is "ruby" for a gem that is compiled, or needs no compiling.
	Platform string
	// Source is where it comes from: GEM, GIT or PATH; Remote is that source's address.
	Source, Remote string
	// SHA256 is the checksum of the gem's archive, in hex; empty where the lockfile has none.
	SHA256 string
	// Needs are the names of the gems that it needs.
	Needs []string
}

// FullName is the name of the gem's folder: name-version, and the platform unless it is "ruby".
func (s Spec) FullName() string {
	if s.Platform == "ruby" {
		return s.Name + "-" + s.Version
	}
	return s.Name + "-" + s.Version + "-" + s.Platform
}

// ParseLock reads a Gemfile.lock. What is not understood is left out: Bundler itself complains of its lockfile.
func ParseLock(text string) Lock {
	var l Lock
	section, remote := "", ""
	sums := map[string]string{}
	text = strings.TrimPrefix(text, "\ufeff")
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimRight(line, "\r\n")
		trimmed := strings.TrimSpace(line)
		depth := len(line) - len(strings.TrimLeft(line, " "))
		switch {
		case trimmed == "":
		case depth == 0:
			section, remote = trimmed, ""
		case section == "GEM" || section == "GIT" || section == "PATH" || section == "PLUGIN SOURCE":
			switch address, isRemote := strings.CutPrefix(trimmed, "remote: "); {
			case isRemote:
				remote = address
			case depth == 4:
				if spec, ok := parseSpec(trimmed); ok {
					spec.Source, spec.Remote = section, remote
					l.Specs = append(l.Specs, spec)
				}
			case depth == 6 && len(l.Specs) > 0:
				name, _, _ := strings.Cut(trimmed, " ")
				last := &l.Specs[len(l.Specs)-1]
				last.Needs = append(last.Needs, strings.TrimSuffix(name, "!"))
			}
		case section == "PLATFORMS":
			l.Platforms = append(l.Platforms, trimmed)
		case section == "DEPENDENCIES":
			name, _, _ := strings.Cut(trimmed, " ")
			l.Dependencies = append(l.Dependencies, strings.TrimSuffix(name, "!"))
		case section == "CHECKSUMS":
			if name, sum, ok := parseChecksum(trimmed); ok {
				sums[name] = sum
			}
		case section == "RUBY VERSION":
			if words := strings.Fields(trimmed); len(words) > 1 && words[0] == "ruby" {
				l.Ruby, l.RubyLine = withoutPatchLevel(words[1]), number
				if len(words) > 2 {
					l.Engine = strings.TrimPrefix(words[2], "(")
				}
			}
		case section == "BUNDLED WITH":
			l.Bundler = trimmed
		}
	}
	for i := range l.Specs {
		l.Specs[i].SHA256 = sums[l.Specs[i].FullName()]
	}
	return l
}

// withoutPatchLevel takes "p100" off 3.3.8p100, and writes a preview as releases are named: 4.0.0.preview2 is
// 4.0.0-preview2.
func withoutPatchLevel(text string) string {
	if at := strings.LastIndexByte(text, 'p'); at > 0 && strings.Trim(text[at+1:], "0123456789") == "" && at+1 < len(text) && !strings.Contains(text, "preview") {
		text = text[:at]
	}
	for _, word := range []string{"preview", "rc", "dev"} {
		text = strings.Replace(text, "."+word, "-"+word, 1)
	}
	return text
}

// parseSpec reads "nokogiri (1.18.9-x86_64-linux-gnu)".
func parseSpec(text string) (Spec, bool) {
	name, rest, found := strings.Cut(text, " (")
	rest, closed := strings.CutSuffix(rest, ")")
	if !found || !closed {
		return Spec{}, false
	}
	s := Spec{Name: name, Version: rest, Platform: "ruby"}
	// A version has no hyphen; a platform may have several.
	if version, platform, found := strings.Cut(rest, "-"); found {
		s.Version, s.Platform = version, platform
	}
	return s, true
}

// parseChecksum reads "rack (3.1.16) sha256=…" as the gem's full name and its checksum in hex.
func parseChecksum(text string) (name, sum string, ok bool) {
	head, sums, _ := strings.Cut(text, ") ")
	s, ok := parseSpec(head + ")")
	if !ok {
		return "", "", false
	}
	for text := range strings.SplitSeq(sums, ",") {
		if hex, found := strings.CutPrefix(strings.TrimSpace(text), "sha256="); found {
			sum = hex
		}
	}
	return s.FullName(), sum, sum != ""
}

// Without gives the lockfile without some dependencies of the Gemfile, and what they alone need.
func (l Lock) Without(names map[string]bool) Lock {
	var left, others []string
	for _, name := range l.Dependencies {
		if names[name] {
			left = append(left, name)
		} else {
			others = append(others, name)
		}
	}
	needs := l.needs()
	gone, kept := reached(left, needs), reached(others, needs)
	l.Specs = slices.DeleteFunc(slices.Clone(l.Specs), func(s Spec) bool { return gone[s.Name] && !kept[s.Name] })
	return l
}

// NeededBy are the gems that one needs, directly or not, and itself.
func (l Lock) NeededBy(name string) map[string]bool {
	return reached([]string{name}, l.needs())
}

// Needing are the gems that need one, directly or not, and itself.
func (l Lock) Needing(name string) map[string]bool {
	needing := map[string][]string{}
	for _, s := range l.Specs {
		for _, need := range s.Needs {
			needing[need] = append(needing[need], s.Name)
		}
	}
	return reached([]string{name}, needing)
}

// needs are those of all gems; one that is locked for several platforms has those of all.
func (l Lock) needs() map[string][]string {
	needs := map[string][]string{}
	for _, s := range l.Specs {
		needs[s.Name] = append(needs[s.Name], s.Needs...)
	}
	return needs
}

// reached gives what leads on from some names, directly or not, and the names.
func reached(from []string, next map[string][]string) map[string]bool {
	found := map[string]bool{}
	for open := slices.Clone(from); len(open) > 0; {
		name := open[len(open)-1]
		open = open[:len(open)-1]
		if !found[name] {
			found[name] = true
			open = append(open, next[name]...)
		}
	}
	return found
}

// Has reports whether a gem is among the locked ones.
func (l Lock) Has(name string) bool {
	return slices.ContainsFunc(l.Specs, func(s Spec) bool { return s.Name == name })
}

// Version gives the version of a gem; empty when it is not locked.
func (l Lock) Version(name string) string {
	for _, s := range l.Specs {
		if s.Name == name {
			return s.Version
		}
	}
	return ""
}
