package ruby

import (
	"path"
	"slices"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/source/lazyregexp"
)

// bundledLeftOut are the gems that come with Ruby, less those of its library. Bundler sees none of them where it has a folder
// of its own for gems: https://bundler.io/man/bundle-config.1.html, path.
var bundledLeftOut = []string{
	"lib/ruby/gems/*/specifications/*.gemspec", "lib/ruby/gems/*/extensions/**", "lib/ruby/gems/*/gems/*/{lib,rakelib,tasks,bin}/**",
	"lib/ruby/gems/*/gems/*/{README,NEWS,History,ChangeLog,CHANGELOG}*",
}

// overridden are gems of Ruby's library that applications have in versions of their own, and whose files are large.
var overridden = []string{"rdoc", "irb", "reline", "drb"}

// rubyFiles are what the image needs of Ruby: less of its own gems, where all that it starts begins with Bundler.
func (p *Project) rubyFiles() plan.RuntimeFiles {
	files := plan.RuntimeFiles{
		Launch:      []string{"bin", "lib", "LICENSE", "COPYING", "BSDL"},
		NotForBuild: []string{"share/doc", "share/man", "share/ri"},
		NotAtLaunch: rubyLeftOut,
	}
	if !p.behindBundler() {
		return files
	}
	files.NotAtLaunch = slices.Concat(rubyLeftOut, bundledLeftOut)
	needed := p.gems.NeededBy("railties")
	for _, name := range overridden {
		// A gem of the same version as in Ruby's library is not installed once more.
		if needed[name] {
			files.Overridden = append(files.Overridden, plan.OverriddenFiles{
				Files:  []string{"lib/ruby/[0-9]*/" + name + ".rb", "lib/ruby/[0-9]*/" + name + "/**"},
				Unless: "lib/ruby/gems/*/specifications/default/" + name + "-" + p.gems.Version(name) + ".gemspec",
			})
		}
	}
	return files
}

var (
	throughBundler = lazyregexp.New(`\bbundle\s+exec\s+\S+`)
	loadsBundle    = lazyregexp.New(`bundler/(?:setup|inline)|\bBundler\.|config/(?:boot|environment|application)\b`)
	rubyShebang    = lazyregexp.New(`\A#!.*\bruby\b`)
	runsRuby       = lazyregexp.New(`(?:^|[\s;&|("'])ruby\s+(?:-\S+\s+)*(\S+)`)
)

// behindBundler reports whether the bundle is all that Ruby code of the application sees: that of Rails loads it first, and
// so does what the declared processes run.
func (p *Project) behindBundler() bool {
	if !p.rails() || !strings.Contains(p.read("config/boot.rb"), "bundler/setup") {
		return false
	}
	for _, entry := range p.declared {
		if p.goesWithoutBundler(entry.Command+" "+strings.Join(entry.Args, " "), 2) {
			return false
		}
	}
	return true
}

// goesWithoutBundler reports whether a command starts Ruby code that does not load the bundle; scripts are read to a depth.
func (p *Project) goesWithoutBundler(text string, depth int) bool {
	text = throughBundler().ReplaceAllString(text, "")
	for _, found := range runsRuby().FindAllStringSubmatch(text, -1) {
		if !loadsBundle().MatchString(p.read(found[1])) {
			return true
		}
	}
	for word := range strings.FieldsSeq(text) {
		name := path.Clean(strings.Trim(word, `"'`))
		if path.IsAbs(name) || strings.HasPrefix(name, "..") || depth == 0 || !p.has(name) {
			continue
		}
		content := p.read(name)
		switch {
		case !strings.HasPrefix(content, "#!"):
		case rubyShebang().MatchString(content):
			if !loadsBundle().MatchString(content) {
				return true
			}
		case p.goesWithoutBundler(content, depth-1):
			return true
		}
	}
	return false
}
