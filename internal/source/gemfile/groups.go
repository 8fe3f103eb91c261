package gemfile

import (
	"slices"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/source/lazyregexp"
)

// Groups gives the groups that a Gemfile names, as far as they are written as symbols.
func Groups(gemfile string) map[string]bool {
	found := map[string]bool{}
	for line := range strings.Lines(gemfile) {
		code := withoutComment(line)
		for _, m := range groupCall().FindAllString(code, -1) {
			for _, name := range symbol().FindAllStringSubmatch(m, -1) {
				found[name[1]] = true
			}
		}
	}
	return found
}

var (
	groupCall  = lazyregexp.New(`(?:\bgroups?:?\s*\(?\s*(?:=>\s*)?\[?)(?:\s*:\w+\s*,?)+`)
	symbol     = lazyregexp.New(`:(\w+)`)
	groupBlock = lazyregexp.New(`^\s*group[\s(]+((?:["':]\w+["']?\s*,?\s*)+)(optional:\s*true|:optional\s*=>\s*true)?[\s)]*do\b`)
	otherGroup = lazyregexp.New(`^\s*group\b.*\bdo\b`)
	groupName  = lazyregexp.New(`["':](\w+)`)
	groupsOf   = lazyregexp.New(`(?:\bgroups?:|:groups?\s*=>)\s*(\[[^\]]*\]|%i\[[^\]]*\]|:\w+|["']\w+["'])`)
	listed     = lazyregexp.New(`\w+`)
	gemCall    = lazyregexp.New(`^\s*gem[\s(]+["']([\w.-]+)["']`)
	opensBlock = lazyregexp.New(`^\s*(?:if|unless|case|begin|def|while|until|for|module|class)\b|\bdo\s*(?:\|[^|]*\|)?\s*$|=\s*(?:if|unless|case|begin)\b`)
	endsBlock  = lazyregexp.New(`^\s*end\b`)
	// closedBlock is one on a line of its own.
	closedBlock = lazyregexp.New(`\bend\s*$`)
)

// NotRequired gives the gems that "Bundler.require" does not load: require: false.
func NotRequired(gemfile string) map[string]bool {
	found := map[string]bool{}
	for code := range statements(gemfile) {
		if m := gemCall().FindStringSubmatch(code); m != nil && notRequired().MatchString(code) {
			found[m[1]] = true
		}
	}
	return found
}

var notRequired = lazyregexp.New(`(?:\brequire:|:require\s*=>)\s*false\b`)

// block is what a block of a Gemfile says of the gems in it.
type block int

const (
	noGroup block = iota
	leftGroup
	keptGroup
)

// LeftOut gives the gems that a Gemfile names only in groups that are not installed: those of without, and optional ones. What is
// written in another way than https://bundler.io/man/gemfile.5.html shows it counts as installed.
func LeftOut(gemfile string, without []string) map[string]bool {
	var (
		// blocks are those that a line is in.
		blocks []block
		out    = map[string]bool{}
		kept   = map[string]bool{}
	)
	left := func(names []string) bool {
		return len(names) > 0 && !slices.ContainsFunc(names, func(name string) bool { return !slices.Contains(without, name) })
	}
	for code := range statements(gemfile) {
		switch {
		case endsBlock().MatchString(code):
			if len(blocks) == 0 {
				return nil
			}
			blocks = blocks[:len(blocks)-1]
		case closedBlock().MatchString(code):
		case groupBlock().MatchString(code):
			m := groupBlock().FindStringSubmatch(code)
			var names []string
			for _, name := range groupName().FindAllStringSubmatch(m[1], -1) {
				names = append(names, name[1])
			}
			if m[2] != "" || left(names) {
				blocks = append(blocks, leftGroup)
			} else {
				blocks = append(blocks, keptGroup)
			}
		case otherGroup().MatchString(code):
			blocks = append(blocks, keptGroup)
		case opensBlock().MatchString(code):
			blocks = append(blocks, noGroup)
		}
		m := gemCall().FindStringSubmatch(code)
		if m == nil {
			continue
		}
		var names []string
		if own := groupsOf().FindStringSubmatch(code); own != nil {
			names = listed().FindAllString(strings.TrimPrefix(own[1], "%i"), -1)
		}
		// Groups of blocks and of options add up.
		if slices.Contains(blocks, keptGroup) || len(names) > 0 && !left(names) || len(names) == 0 && !slices.Contains(blocks, leftGroup) {
			kept[m[1]] = true
		} else {
			out[m[1]] = true
		}
	}
	if len(blocks) > 0 {
		return nil
	}
	for name := range kept {
		delete(out, name)
	}
	return out
}

// brings are gems that others always bring.
var brings = map[string][]string{
	"rails": {"railties", "activerecord", "actionpack", "rack", "rake"}, "railties": {"rack", "rake"}, "sprockets-rails": {"sprockets"}, "sinatra": {"rack"}, "hanami": {"rack"},
	"rackup": {"rack"}, "react_on_rails": {"execjs"}, "react-rails": {"execjs"}, "uglifier": {"execjs"}, "autoprefixer-rails": {"execjs"}, "terser": {"execjs"},
	"good_job": {"railties"}, "solid_queue": {"railties"},
}

// Declared is what a Gemfile alone says of the gems, where there is no lockfile: their names, without versions.
func Declared(gemfile string, leftOut map[string]bool) (l Lock) {
	var add func(name string)
	known := map[string]bool{}
	add = func(name string) {
		if known[name] {
			return
		}
		known[name] = true
		l.Specs = append(l.Specs, Spec{Name: name, Platform: "ruby", Source: "GEM", Needs: brings[name]})
		for _, other := range brings[name] {
			add(other)
		}
	}
	for code := range statements(gemfile) {
		m := gemCall().FindStringSubmatch(code)
		if m == nil || leftOut[m[1]] {
			continue
		}
		l.Dependencies = append(l.Dependencies, m[1])
		add(m[1])
	}
	return l
}

// statements are the lines of a Gemfile, without comments; one that ends with a comma goes on in the next.
func statements(gemfile string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		statement := ""
		for line := range strings.Lines(gemfile) {
			statement += strings.TrimRight(withoutComment(line), " \t\r\n")
			if strings.HasSuffix(statement, ",") || strings.HasSuffix(statement, "(") {
				continue
			}
			if !yield(statement) {
				return
			}
			statement = ""
		}
		if statement != "" {
			yield(statement)
		}
	}
}
