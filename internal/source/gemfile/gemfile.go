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
	// File is the file that holds the version: ruby file: ".ruby-version". Optional: a condition stands behind it, such as whether there
	// is one.
	File     string
	Optional bool
	// Evaluated: the version comes of code that only Ruby can run.
	Evaluated bool
}

var (
	rubyCall   = lazyregexp.New(`^\s*ruby[\s(]`)
	stringPart = lazyregexp.New(`"([^"]*)"|'([^']*)'`)
	// fileRead is the idiom that was usual before the option.
	fileRead = lazyregexp.New(`^[\s(]*(?:File|IO)\.read[\s(]+(?:File\.(?:join|expand_path)\(\s*)?(?:__dir__\s*,\s*)?["'](?:\./|#\{__dir__\}/)?([\w.-]+)["']` +
		`(?:\s*,\s*__dir__)?[\s)]*(?:\.(?:strip|chomp))*[\s)]*$`)
	engine      = lazyregexp.New(`(?:\bengine:|:engine\s*=>)\s*["'](\w+)["']`)
	onCondition = lazyregexp.New(`["')\]\w]\s+(?:if|unless)\b`)
	fileOption  = lazyregexp.New(`(?:file:|:file\s*=>)\s*["']([^"']+)["']`)
	options     = lazyregexp.New(`,?\s*(?:engine|engine_version|patchlevel|:engine|:engine_version|:patchlevel)\s*(?::|=>).*$`)
)

// RubyOf finds the Ruby version in a Gemfile, as https://bundler.io/man/gemfile.5.html writes it. ok is false when it
// names none.
func RubyOf(gemfile string) (r RubyRequest, ok bool) {
	for number, code := range codeLines(gemfile) {
		if !rubyCall().MatchString(code) {
			continue
		}
		r.Line = number
		if m := engine().FindStringSubmatch(code); m != nil && m[1] != "ruby" {
			r.Engine = m[1]
		}
		if m := fileOption().FindStringSubmatch(code); m != nil {
			r.File, r.Optional = m[1], onCondition().MatchString(code)
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

var (
	rubyInFile = lazyregexp.New(`(?m)^ruby[\s-]*(?:=\s*)?["']?([^\s#"']+)`)
	patchLevel = lazyregexp.New(`-?p\d+$`)
)

// VersionInFile finds the version in a file that a Gemfile names, as Bundler does, and its line:
// https://github.com/rubygems/rubygems/blob/master/bundler/lib/bundler/ruby_dsl.rb, normalize_ruby_file.
func VersionInFile(text string) (version string, line int) {
	text = strings.TrimPrefix(text, "\ufeff")
	if m := rubyInFile().FindStringSubmatchIndex(text); m != nil {
		return PlainVersion(text[m[2]:m[3]]), 1 + strings.Count(text[:m[0]], "\n")
	}
	for line := range strings.Lines(text) {
		if version = strings.TrimSpace(line); version != "" && !strings.HasPrefix(version, "#") {
			return PlainVersion(version), 1 + strings.Count(text[:strings.Index(text, line)], "\n")
		}
	}
	return "", 0
}

// PlainVersion takes off what version managers write around a version: ruby-3.3.8-p144, 3.3.8@gemset.
func PlainVersion(text string) string {
	text, _, _ = strings.Cut(strings.TrimPrefix(text, "ruby-"), "@")
	return patchLevel().ReplaceAllString(text, "")
}

// codeLines gives the lines of a Ruby file that are code, by their numbers, from 1, without comments and ends of lines. What stands
// between =begin and =end, and behind __END__, is none: https://docs.ruby-lang.org/en/master/syntax/comments_rdoc.html.
func codeLines(text string) func(yield func(int, string) bool) {
	return func(yield func(int, string) bool) {
		number, comment := 0, false
		for line := range strings.Lines(strings.TrimPrefix(text, "\ufeff")) {
			number++
			line = strings.TrimRight(line, "\r\n")
			switch first, _, _ := strings.Cut(line, " "); {
			case first == "__END__" && line == first:
				return
			case first == "=begin":
				comment = true
				continue
			case first == "=end":
				comment = false
				continue
			}
			if !comment && !yield(number, withoutComment(line)) {
				return
			}
		}
	}
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
