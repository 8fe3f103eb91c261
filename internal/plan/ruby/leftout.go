package ruby

import (
	"slices"

	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/source/lazyregexp"
)

// developmentGems are bundled with Ruby: https://stdgems.org. An application that needs one has it in its bundle.
const developmentGems = "rbs,typeprof,debug,test-unit,power_assert,minitest,repl_type_completor"

// rubyLeftOut is what the running application needs of Ruby least: gems for development only, and what documentation is
// written with. It is the same for every application, and for every one of Rails, so that they share a layer.
var rubyLeftOut = []string{
	"lib/*.a", "lib/pkgconfig/**", "lib/ruby/gems/*/cache/**", "lib/ruby/gems/*/doc/**", "lib/ruby/gems/*/gems/*/{ext,doc,sig,test,sample}/**",
	"lib/ruby/gems/*/{gems,specifications}/{" + developmentGems + "}-[0-9]*", "lib/ruby/gems/*/extensions/*/*/{" + developmentGems + "}-[0-9]*",
	"lib/ruby/*/rdoc/generator/template/**", "lib/ruby/*/bundler/man/**",
}

// gemsLeftOut is what neither Ruby nor a gem reads once a gem is installed.
var gemsLeftOut = []string{
	"ruby/*/cache/**", "ruby/*/doc/**", "ruby/*/build_info/**", "ruby/*/extensions/**/gem_make.out", "ruby/*/extensions/**/mkmf.log",
	"ruby/*/gems/*/ext/**/*.{c,h,cc,cpp,hpp,o,a,so}", "ruby/*/gems/*/ext/**/Makefile", "ruby/*/gems/*/ext/**/mkmf.log",
	"ruby/*/gems/*/sig/**/*.rbs", "ruby/*/gems/rdoc-[0-9]*/lib/rdoc/generator/template/**", "ruby/*/gems/bundler-[0-9]*/lib/bundler/man/**",
	"ruby/*/gems/*/{CHANGELOG,Changelog,ChangeLog,CHANGES,Changes,HISTORY,History,CONTRIBUTING,CODE_OF_CONDUCT}{,.md,.markdown,.rdoc,.txt}",
	"ruby/*/gems/*/lib/**/*.rl", "ruby/*/gems/racc-[0-9]*/doc/**",
	// Of JRuby.
	"ruby/*/gems/*/ext/java/**", "ruby/*/gems/concurrent-ruby-[0-9]*/lib/**/*.jar",
	"ruby/*/bundler/gems/*/.git/**",
}

// assetsLeftOut are programs in gems, some larger than all else together, that only make assets, and Rails' own scripts, which
// are among the assets by then; its style sheets may be looked for by name (stylesheet_link_tag :all).
var assetsLeftOut = []string{
	"ruby/*/gems/{tailwindcss-ruby,tailwindcss-rails,dartsass-rails}-[0-9]*/exe/**",
	"ruby/*/gems/{actioncable,actiontext,actionview,activestorage}-[0-9]*/app/assets/javascripts/**",
}

var compilesLive = lazyregexp.New(`(?m)^\s*config\.assets\.compile\s*=\s*true\b`)

// gemsAtLaunch says what the running application needs of its gems.
func (p *Project) gemsAtLaunch(ruby string) plan.Launch {
	patterns := gemsLeftOut
	if p.precompiles() && !compilesLive().MatchString(p.read("config/environments/production.rb")) {
		patterns = slices.Concat(assetsLeftOut, patterns)
	}
	return plan.Launch{
		Omit: patterns,
		// A gem that comes compiled has a folder for each line of Ruby: https://github.com/rake-compiler/rake-compiler#readme.
		Variants: []plan.Variant{{Keep: "ruby/*/gems/*-linux*/**/" + line(ruby), Others: "[2-9].[0-9]"}},
		Compiled: p.bootsnap(),
	}
}
