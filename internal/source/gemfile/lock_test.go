package gemfile_test

import (
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/source/gemfile"
)

const lock = `GIT
  remote: https://github.com/rails/propshaft.git
  revision: 4e2f
  branch: main
  specs:
    propshaft (1.2.1)
      rack

PATH
  remote: engines/shop
  specs:
    shop (0.1.0)

GEM
  remote: https://rubygems.org/
  specs:
    nokogiri (1.18.9)
      mini_portile2 (~> 2.8.2)
      racc (~> 1.4)
    nokogiri (1.18.9-x86_64-linux-gnu)
      racc (~> 1.4)
    racc (1.8.1)
    rack (3.1.16)

PLATFORMS
  ruby
  x86_64-linux

DEPENDENCIES
  nokogiri
  propshaft!
  rack (~> 3.1)
  shop!

CHECKSUMS
  nokogiri (1.18.9-x86_64-linux-gnu) sha256=aa11
  rack (3.1.16) sha256=bb22

RUBY VERSION
   ruby 3.4.5p51

BUNDLED WITH
   2.6.7
`

func TestParseLock(t *testing.T) {
	for name, text := range map[string]string{"as it is": lock, "with CRLF": strings.ReplaceAll(lock, "\n", "\r\n"), "with a byte order mark": "\ufeff" + lock} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			l := gemfile.ParseLock(text)
			g.Expect(l.Specs).To(HaveLen(6))
			g.Expect(l.Specs[0]).To(Equal(gemfile.Spec{Name: "propshaft", Version: "1.2.1", Platform: "ruby", Source: "GIT", Remote: "https://github.com/rails/propshaft.git", Needs: []string{"rack"}}))
			g.Expect(l.Specs[1].Source).To(Equal("PATH"))
			g.Expect(l.Specs[3]).To(Equal(gemfile.Spec{Name: "nokogiri", Version: "1.18.9", Platform: "x86_64-linux-gnu", Source: "GEM", Remote: "https://rubygems.org/", SHA256: "aa11", Needs: []string{"racc"}}))
			g.Expect(l.Specs[3].FullName()).To(Equal("nokogiri-1.18.9-x86_64-linux-gnu"))
			g.Expect(l.Specs[2].Needs).To(Equal([]string{"mini_portile2", "racc"}))
			g.Expect(l.Platforms).To(Equal([]string{"ruby", "x86_64-linux"}))
			g.Expect(l.Dependencies).To(Equal([]string{"nokogiri", "propshaft", "rack", "shop"}))
			g.Expect(l.Ruby).To(Equal("3.4.5"))
			g.Expect(l.Bundler).To(Equal("2.6.7"))
			g.Expect(l.Version("rack")).To(Equal("3.1.16"))
			g.Expect(l.Has("rails")).To(BeFalse())
		})
	}
}

func TestRubyInLock(t *testing.T) {
	for text, want := range map[string]string{"ruby 3.3.8p144": "3.3.8", "ruby 4.0.0.preview2": "4.0.0-preview2", "ruby 3.4.5": "3.4.5", "jruby 9": ""} {
		NewWithT(t).Expect(gemfile.ParseLock("RUBY VERSION\n   " + text + "\n").Ruby).To(Equal(want))
	}
	NewWithT(t).Expect(gemfile.ParseLock("RUBY VERSION\n   ruby 3.1.4p0 (jruby 9.4.8.0)\n").Engine).To(Equal("jruby"))
}

func TestRubyOf(t *testing.T) {
	for text, want := range map[string]gemfile.RubyRequest{
		`ruby "3.4.5"`:                                                     {Requirement: "3.4.5", Line: 1},
		"# ruby \"1.9\"\nruby '~> 3.3' # newest":                           {Requirement: "~> 3.3", Line: 2},
		`ruby("~> 3.3", ">= 3.3.1")`:                                       {Requirement: "~> 3.3, >= 3.3.1", Line: 1},
		`ruby file: ".ruby-version"`:                                       {File: ".ruby-version", Line: 1},
		`ruby :file => '.tool-versions'`:                                   {File: ".tool-versions", Line: 1},
		`ruby "3.1.4", engine: "jruby", engine_version: "9.4.8.0"`:         {Requirement: "3.1.4", Line: 1, Engine: "jruby"},
		`ruby "3.4.5", engine: "ruby"`:                                     {Requirement: "3.4.5", Line: 1},
		`  ruby ["~> 3.3", "< 3.5"]`:                                       {Requirement: "~> 3.3, < 3.5", Line: 1},
		`ruby ENV["CUSTOM_RUBY"] || "3.4.5"`:                               {Evaluated: true, Line: 1},
		`ruby File.read(".ruby-version").strip`:                            {File: ".ruby-version", Line: 1},
		`ruby IO.read('.ruby-version') # one`:                              {File: ".ruby-version", Line: 1},
		`ruby(File.read("#{__dir__}/.rv").chomp)`:                          {File: ".rv", Line: 1},
		`ruby File.read(File.join(__dir__, ".ruby-version")).strip`:        {File: ".ruby-version", Line: 1},
		`ruby File.read(File.expand_path(".ruby-version", __dir__)).strip`: {File: ".ruby-version", Line: 1},
		`ruby File.read("../.ruby-version").strip`:                         {Evaluated: true, Line: 1},
		`ruby File.read(".ruby-version").split("-").last`:                  {Evaluated: true, Line: 1},
		`ruby "#{major}.5"`:                                                {Evaluated: true, Line: 1},
		"\ufeffruby '3.4.5'":                                               {Requirement: "3.4.5", Line: 1},
		"=begin\nruby '1.9'\n=end\nruby '3.4'":                             {Requirement: "3.4", Line: 4},
		"__END__\nruby '1.9'":                                              {},
	} {
		r, ok := gemfile.RubyOf(text)
		NewWithT(t).Expect(ok).To(Equal(want.Line > 0), text)
		NewWithT(t).Expect(r).To(Equal(want), text)
	}
	_, ok := gemfile.RubyOf("source \"https://rubygems.org\"\ngem \"ruby-progressbar\"\nrubyish 1\n")
	NewWithT(t).Expect(ok).To(BeFalse())
}

func TestGroups(t *testing.T) {
	found := gemfile.Groups("group :development, :test do\ngem 'a', group: :assets\ngem 'b', groups: [:build, :assets]\ngem 'c', :group => :old # group :none\n")
	NewWithT(t).Expect(found).To(Equal(map[string]bool{"development": true, "test": true, "assets": true, "build": true, "old": true}))
}

// What is in groups alone that are not installed.
func TestLeftOut(t *testing.T) {
	const text = `source "https://rubygems.org"
gem "rails", "~> 7.2"
gem "puma", group: :production
gem 'rake', groups: [:development, :test]
gem "rubocop", require: false, :group => [:test]
gem "listen",
    "~> 3.9", # for reloads
    group: %i[development test]
gem "thin", group: [:development, :production]
group :development, :test do
  gem "debug", platforms: %i[mri windows], require: "debug/prelude"
  if ENV["CI"]
    gem "simplecov"
  end
  gem "twice"
  gem "assets-too", group: :assets
end
group(:test) { gem "inline" }
group "development" do
  platforms :ruby do
    gem("web-console")
  end
end
group :profile, optional: true do
  gem "stackprof"
end
group :default, :test do
  gem "rack"
end
# gem "commented", group: :test
gem "twice"
group *%i[development] do
  gem "code"
  gem "coded", group: :test
end
group :production do
  gem "both", group: :test
end
path "engines" do
  gem "shop"
end
`
	g := NewWithT(t)
	g.Expect(gemfile.LeftOut(text, gemfile.Selection{Without: []string{"development", "test"}})).To(Equal(map[string]bool{
		"rake": true, "rubocop": true, "listen": true, "debug": true, "simplecov": true, "web-console": true, "stackprof": true,
	}))
	g.Expect(gemfile.LeftOut(text, gemfile.Selection{})).To(Equal(map[string]bool{"stackprof": true}))
	g.Expect(gemfile.LeftOut("end\nend\ngroup :test do\n", gemfile.Selection{Without: []string{"test"}})).To(BeEmpty())
	// Bundler's "with" and "only": https://bundler.io/man/bundle-config.1.html.
	g.Expect(gemfile.LeftOut(text, gemfile.Selection{Without: []string{"development", "test"}, With: []string{"profile", "test"}})).To(Equal(map[string]bool{
		"web-console": true,
	}))
	only := gemfile.LeftOut(text, gemfile.Selection{Only: []string{"production"}})
	g.Expect(only).To(HaveKey("rails"), "the default group is left out, too")
	g.Expect(only).NotTo(HaveKey("thin"))

	l := gemfile.ParseLock(lock).Without(map[string]bool{"nokogiri": true, "rack": true})
	g.Expect(l.Has("nokogiri")).To(BeFalse())
	g.Expect(l.Has("racc")).To(BeFalse(), "nokogiri alone needs it")
	g.Expect(l.Has("rack")).To(BeTrue(), "propshaft needs it")
	g.Expect(gemfile.ParseLock(lock).NeededBy("nokogiri")).To(Equal(map[string]bool{"nokogiri": true, "mini_portile2": true, "racc": true}))
}

// What only Bundler knows: whether a gem is for this platform, and what code says.
func TestConditional(t *testing.T) {
	NewWithT(t).Expect(gemfile.Conditional(`gem "puma", platforms: :jruby
gem "rack"
platforms :jruby, :truffleruby do
  gem "jdbc"
end
platforms :ruby do
  gem "pg"
end
gem "thin", platforms: %i[mri windows]
gem "falcon", install_if: -> { RUBY_VERSION > "9" }
install_if -> { false } do
  gem "unicorn"
end
gem "iodine" if ENV["IODINE"]
if ENV["X"]
  gem "twice"
  gem "agoo"
end
gem "twice"
=begin
gem "comment" if true
=end
gem "unless"
`)).To(Equal(map[string]bool{"puma": true, "jdbc": true, "falcon": true, "unicorn": true, "iodine": true, "agoo": true}))
}

// What a Gemfile says without a lockfile: also what gems bring that decide something.
func TestDeclared(t *testing.T) {
	g := NewWithT(t)
	l := gemfile.Declared("gem 'rails'\ngem 'terser'\ngem 'puma', group: :test\n", map[string]bool{"puma": true})
	g.Expect(l.Dependencies).To(Equal([]string{"rails", "terser"}))
	g.Expect(l.Has("puma")).To(BeFalse())
	g.Expect(l.NeededBy("rails")).To(HaveKey("rack"))
	g.Expect(l.NeededBy("terser")).To(HaveKey("execjs"))
	g.Expect(l.Without(map[string]bool{"terser": true}).Has("execjs")).To(BeFalse())
}

func FuzzParseLock(f *testing.F) {
	f.Add(lock)
	f.Fuzz(func(_ *testing.T, text string) { gemfile.ParseLock(text) })
}

func FuzzRubyOf(f *testing.F) {
	f.Add("ruby '~> 3.3', \">= 1\" # x\ngroup :a do")
	f.Fuzz(func(_ *testing.T, text string) {
		gemfile.RubyOf(text)
		gemfile.Groups(text)
		gemfile.Declared(text, gemfile.LeftOut(text, gemfile.Selection{Without: []string{"a"}}))
		gemfile.NotRequired(text)
		gemfile.Conditional(text)
	})
}
