package gemfile

import (
	"strings"

	"github.com/gantry-buildpack/gantry/internal/source/lazyregexp"
)

// RubyRequest is what a Gemfile asks of Ruby's version. One of Requirement, File and Evaluated says how.
type RubyRequest struct {
	// Requirement is as in ParseRequirement; Line is its line, from 1.
	Requirement string
	Line        int
	// Engine is the implementation of Ruby that it is for: jruby, truffleruby; empty for the usual one.
	Engine string
	// File is the file that holds the version: ruby file: ".ruby-version".
	File string
	// Evaluated: the version comes of code that only Ruby can run.
	Evaluated bool
}

var (
	rubyCall   = lazyregexp.New(`^\s*ruby[\s(]`)
	stringPart = lazyregexp.New(`"([^"]*)"|'([^']*)'`)
	// fileRead is the idiom that was usual before the option.
	fileRead = lazyregexp.New(`^[\s(]*(?:File|IO)\.read[\s(]+(?:File\.(?:join|expand_path)\(\s*)?(?:__dir__\s*,\s*)?["'](?:\./|#\{__dir__\}/)?([\w.-]+)["']` +
		`(?:\s*,\s*__dir__)?[\s)]*(?:\.(?:strip|chomp))*[\s)]*$`)
	engine     = lazyregexp.New(`(?:\bengine:|:engine\s*=>)\s*["'](\w+)["']`)
	fileOption = lazyregexp.New(`(?:file:|:file\s*=>)\s*["']([^"']+)["']`)
	options    = lazyregexp.New(`,?\s*(?:engine|engine_version|patchlevel|:engine|:engine_version|:patchlevel)\s*(?::|=>).*$`)
)

// RubyOf finds the Ruby version in a Gemfile, as https://bundler.io/man/gemfile.5.html writes it. ok is false when it
// names none.
func RubyOf(gemfile string) (r RubyRequest, ok bool) {
	number := 0
	for line := range strings.Lines(gemfile) {
		number++
		code := withoutComment(strings.TrimRight(line, "\r\n"))
		if !rubyCall().MatchString(code) {
			continue
		}
		r.Line = number
		if m := engine().FindStringSubmatch(code); m != nil && m[1] != "ruby" {
			r.Engine = m[1]
		}
		if m := fileOption().FindStringSubmatch(code); m != nil {
			r.File = m[1]
			return r, true
		}
		_, arguments, _ := strings.Cut(code, "ruby")
		if m := fileRead().FindStringSubmatch(arguments); m != nil {
			r.File = m[1]
			return r, true
		}
		arguments = options().ReplaceAllString(arguments, "")
		var parts []string
		for _, m := range stringPart().FindAllStringSubmatch(arguments, -1) {
			parts = append(parts, m[1]+m[2])
		}
		rest := stringPart().ReplaceAllString(arguments, "")
		if len(parts) == 0 || strings.Trim(rest, " \t(),[]") != "" || strings.Contains(strings.Join(parts, ""), "#{") {
			r.Evaluated = true
			return r, true
		}
		r.Requirement = strings.Join(parts, ", ")
		return r, true
	}
	return r, false
}

// withoutComment takes a comment off a line of Ruby; a "#" in a string is none.
func withoutComment(line string) string {
	var quote rune
	for i, c := range line {
		switch {
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		case quote == 0 && c == '#':
			return line[:i]
		}
	}
	return line
}
