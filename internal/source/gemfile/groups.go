package gemfile

import (
	"slices"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/source/lazyregexp"
)

// Groups gives the groups that a Gemfile names, as far as they are written as symbols.
func Groups(gemfile string) map[string]bool {
	found := map[string]bool{}
	for _, code := range codeLines(gemfile) {
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

// Selection says which groups of a Gemfile are installed, as Bundler's settings of these names do:
// https://bundler.io/man/bundle-config.1.html.
type Selection struct {
	// Without are left out, With are installed though they are optional or left out. Where there is an Only, no others are installed.
	Without, With, Only []string
}

// Installs reports whether a group is installed. That of gems without a group is called default.
func (s Selection) Installs(group string, optional bool) bool {
	switch {
	case len(s.Only) > 0:
		return slices.Contains(s.Only, group)
	case slices.Contains(s.With, group):
		return true
	}
	return !optional && !slices.Contains(s.Without, group)
}

// And gives the selection that leaves out more groups.
func (s Selection) And(without ...string) Selection {
	named := func(group string) bool { return slices.Contains(without, group) }
	return Selection{slices.Concat(s.Without, without), slices.DeleteFunc(slices.Clone(s.With), named), slices.DeleteFunc(slices.Clone(s.Only), named)}
}

// use is a line of a Gemfile that names a gem.
type use struct {
	gem string
	// groups are those that it is in, of its own and of the blocks around it; none: the default group.
	groups []groupUse
	// conditional: it is installed only on some platforms, or where some code says so.
	conditional bool
}

type groupUse struct {
	name     string
	optional bool
}

// block is what a block of a Gemfile says of the gems in it. It is open where the names of its groups are not known.
type block struct {
	groups            []groupUse
	open, conditional bool
}

// uses reads a Gemfile as far as it is written as https://bundler.io/man/gemfile.5.html shows it; ok is false where its blocks are not
// understood. A gem of a block that is open counts as one of the default group.
func uses(gemfile string) (list []use, ok bool) {
	var blocks []block
	for code := range statements(gemfile) {
		if endsBlock().MatchString(code) {
			if len(blocks) == 0 {
				return nil, false
			}
			blocks = blocks[:len(blocks)-1]
		} else if b, opens := opened(code); opens {
			blocks = append(blocks, b)
		}
		m := gemCall().FindStringSubmatch(code)
		if m == nil {
			continue
		}
		found := use{gem: m[1], conditional: conditionalCode(code)}
		open := false
		for _, b := range blocks {
			found.groups = append(found.groups, b.groups...)
			open, found.conditional = open || b.open, found.conditional || b.conditional
		}
		if own := groupsOf().FindStringSubmatch(code); own != nil {
			for _, name := range listed().FindAllString(strings.TrimPrefix(own[1], "%i"), -1) {
				found.groups = append(found.groups, groupUse{name: name})
			}
		}
		if open {
			found.groups = nil
		}
		list = append(list, found)
	}
	return list, len(blocks) == 0
}

// opened gives the block that a statement opens.
func opened(code string) (b block, opens bool) {
	switch m := groupBlock().FindStringSubmatch(code); {
	case closedBlock().MatchString(code):
		return b, false
	case m != nil:
		for _, name := range groupName().FindAllStringSubmatch(m[1], -1) {
			b.groups = append(b.groups, groupUse{name[1], m[2] != ""})
		}
		return b, true
	case otherGroup().MatchString(code):
		return block{open: true}, true
	case opensBlock().MatchString(code):
		return block{conditional: conditionalBlock().MatchString(code) || conditionalCode(code)}, true
	}
	return b, false
}

var (
	conditionalBlock = lazyregexp.New(`^\s*(?:if|unless|case|while|until|for|def|install_if)\b|\.each\b|=\s*(?:if|unless|case)\b`)
	onPlatforms      = lazyregexp.New(`(?:^\s*platforms?\b|\bplatforms?:|:platforms?\s*=>)([^#]*)`)
	withCondition    = lazyregexp.New(`(?:\binstall_if:|:install_if\s*=>)|["')\]\w]\s+(?:if|unless)\s`)
	word             = lazyregexp.New(`\w+`)
)

// conditionalCode reports whether what a statement names is installed only on some platforms, or where some code says so.
func conditionalCode(code string) bool {
	if withCondition().MatchString(code) {
		return true
	}
	m := onPlatforms().FindStringSubmatch(code)
	if m == nil {
		return false
	}
	names := word().FindAllString(m[1], -1)
	return !slices.Contains(names, "ruby") && !slices.Contains(names, "mri")
}

// LeftOut gives the gems that a Gemfile names only in groups that are not installed. What is written in another way than
// https://bundler.io/man/gemfile.5.html shows it counts as installed.
func LeftOut(gemfile string, s Selection) map[string]bool {
	list, ok := uses(gemfile)
	if !ok {
		return nil
	}
	out, kept := map[string]bool{}, map[string]bool{}
	for _, u := range list {
		if s.installsUse(u) {
			kept[u.gem] = true
		} else {
			out[u.gem] = true
		}
	}
	for name := range kept {
		delete(out, name)
	}
	return out
}

func (s Selection) installsUse(u use) bool {
	if len(u.groups) == 0 {
		return s.Installs("default", false)
	}
	return slices.ContainsFunc(u.groups, func(g groupUse) bool { return s.Installs(g.name, g.optional) })
}

// GroupsOf gives the groups of each gem that a Gemfile names, as far as it has some.
func GroupsOf(gemfile string) map[string][]string {
	list, _ := uses(gemfile)
	found := map[string][]string{}
	for _, u := range list {
		for _, g := range u.groups {
			found[u.gem] = append(found[u.gem], g.name)
		}
	}
	return found
}

// Conditional gives the gems that a Gemfile names for some platforms alone, or where some code says so: only Bundler knows whether they
// are installed.
func Conditional(gemfile string) map[string]bool {
	list, _ := uses(gemfile)
	found := map[string]bool{}
	for _, u := range list {
		if u.conditional {
			found[u.gem] = true
		}
	}
	for _, u := range list {
		if !u.conditional {
			delete(found, u.gem)
		}
	}
	return found
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

// Statements are the lines of a file in Ruby that are code, as far as they end with their line, without comments.
func Statements(text string) (list []string) {
	for code := range statements(text) {
		list = append(list, code)
	}
	return list
}

// statements are the lines of a Gemfile, without comments; one that ends with a comma goes on in the next.
func statements(gemfile string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		statement := ""
		for _, code := range codeLines(gemfile) {
			statement += strings.TrimRight(code, " \t")
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
