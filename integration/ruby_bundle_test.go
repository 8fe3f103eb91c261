package integration

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/platform/run"
)

// locked are gems of the test data, with what a lockfile says of them.
var locked = map[string]struct {
	version string
	needs   []string
}{
	"rack": {"3.1.20", nil}, "rackup": {"2.1.0", []string{"rack (>= 3)", "webrick (~> 1.8)"}}, "webrick": {"1.9.1", nil}, "rake": {"13.2.1", nil}, "tilt": {"2.4.0", nil},
	"base64": {"0.2.0", nil}, "logger": {"1.6.4", nil}, "puma": {"6.6.0", []string{"nio4r (~> 2.0)"}}, "nio4r": {"2.7.3", nil}, "rspec-support": {"3.13.1", nil},
	"connection_pool": {"2.4.1", nil}, "method_source": {"1.1.0", nil},
}

// rackApp is a small Rack application with a Gemfile and the lockfile of some gems, and what these need; dependencies are further lines
// of the lockfile's.
func rackApp(gemfile string, gems []string, dependencies ...string) map[string]string {
	var specs strings.Builder
	all := slices.Clone(gems)
	for n := 0; n < len(all); n++ {
		for _, need := range locked[all[n]].needs {
			if name, _, _ := strings.Cut(need, " "); !slices.Contains(all, name) {
				all = append(all, name)
			}
		}
	}
	slices.Sort(all)
	for _, name := range all {
		fmt.Fprintf(&specs, "    %s (%s)\n", name, locked[name].version)
		for _, need := range locked[name].needs {
			fmt.Fprintf(&specs, "      %s\n", need)
		}
	}
	dependencies = append(dependencies, gems...)
	slices.Sort(dependencies)
	return map[string]string{
		"Gemfile":      "source \"https://rubygems.org\"\n" + gemfile,
		"Gemfile.lock": "GEM\n  remote: https://rubygems.org/\n  specs:\n" + specs.String() + "\nPLATFORMS\n  ruby\n\nDEPENDENCIES\n  " + strings.Join(dependencies, "\n  ") + "\n",
		"config.ru":    "run ->(_) { [200, {}, [(Gem.loaded_specs.keys - %w[bundler did_you_mean error_highlight pathname syntax_suggest]).sort.join(\" \")]] }\n",
	}
}

const gemsReused = "Layer       gems: reused (inputs unchanged)"

// Everything that a Gemfile reads decides about the gems: files that it evaluates, names that it looks for, variables, and files that are
// not there yet. What it does not read decides nothing.
func TestTheGemfileIsAProgram(t *testing.T) {
	t.Parallel()
	r := rubyMirror(t)
	p := newProject(t, rackApp(`
gem "rackup"
Dir.glob("plugins/*/Gemfile") { |file| eval_gemfile file }
instance_eval File.read("more.rb")
if File.exist?("optional.rb")
  instance_eval File.read("optional.rb")
end
require_relative "helper"
gem "tilt", groups: GROUPS
gem "base64"
gem "method_source", install_if: -> { ENV.fetch("WITH_METHODS", "yes") == "yes" }
`, []string{"rackup", "rake", "tilt", "base64", "method_source", "connection_pool"}))
	p.write("more.rb", "group(:development) { gem \"rake\" }\n")
	p.write("helper.rb", "GROUPS = [:default]\n")
	p.write("plugins/a/Gemfile", "gem \"connection_pool\"\n")
	r.use(t, p, "3.4.5")
	p.Expect(p.build()).To(ContainSubstring("Layer       gems: created (no cached layer)"))
	answer := func(env map[string]string) string {
		c := p.start(run.Options{Env: env})
		_, body := c.get("/")
		_, _ = c.stop()
		return body
	}
	p.Expect(answer(nil)).To(Equal("base64 connection_pool method_source rack rackup tilt webrick"))
	p.write("README.md", "changed")
	p.write("app/models/a.rb", "")
	p.write("plugins/a/init.rb", "")
	p.Expect(p.build()).To(ContainSubstring(gemsReused))

	for _, change := range []struct {
		name, text, cause string
	}{
		{"more.rb", "gem \"rake\"\n", `more.rb \(the Gemfile reads it\) changed`},
		{"helper.rb", "GROUPS = [:test]\n", `helper.rb \(the Gemfile reads it\) changed`},
		{"optional.rb", "gem \"rack\"\n", `optional.rb \(the Gemfile reads it\) changed`},
		{"plugins/b/Gemfile", "gem \"rackup\"\n", `glob plugins/\*/Gemfile \(the Gemfile reads it\) changed`},
	} {
		p.write(change.name, change.text)
		if change.name == "optional.rb" {
			p.edit("Gemfile.lock", "DEPENDENCIES\n", "DEPENDENCIES\n  rack\n")
			log := p.build()
			p.Expect(log).To(MatchRegexp(`Layer       gems: created \(Gemfile.lock changed\)`))
			continue
		}
		p.Expect(p.build()).To(MatchRegexp(`Layer       gems: created \(` + change.cause + `\)`))
		p.Expect(p.build()).To(ContainSubstring(gemsReused), change.name)
	}
	p.Expect(answer(nil)).To(Equal("base64 connection_pool method_source rack rackup rake webrick"), "rake is installed now, tilt is not")

	p.env["WITH_METHODS"] = "no"
	log := p.build()
	p.Expect(log).To(MatchRegexp(`Layer       gems: created \(the variable WITH_METHODS \(the Gemfile reads it\) changed\)`))
	p.Expect(log).To(ContainSubstring("Warning: What the Gemfile names depends on WITH_METHODS, which the build has"))
	p.Expect(answer(map[string]string{"WITH_METHODS": "no"})).To(Equal("base64 connection_pool rack rackup rake webrick"))
	p.write("project.toml", "[dev.gantry.config.WITH_METHODS]\nrequired = true\n")
	p.env["UNREAD"] = "x"
	log = p.build()
	p.Expect(log).To(ContainSubstring(gemsReused))
}

// Whatever the Gemfile asks, and by whatever means: another answer is noticed, and the same one is not asked for again.
func TestWhateverTheGemfileAsks(t *testing.T) {
	t.Parallel()
	r := rubyMirror(t)
	for name, c := range map[string]struct {
		before, condition string
		change            func(p *project)
	}{
		"a file that may be required": {before: "def found; require_relative \"local\"; true; rescue LoadError; false; end\n", condition: "found", change: func(p *project) { p.write("local.rb", "") }},
		"all variables but one":       {condition: "ENV.except(\"PATH\").key?(\"UA\")", change: func(p *project) { p.env["UA"] = "1" }},
		"a variable like RubyGems'":   {condition: "ENV[\"GEM_EXTRA\"]", change: func(p *project) { p.env["GEM_EXTRA"] = "1" }},
		"by test":                     {condition: "test(?e, \"flag\")", change: func(p *project) { p.write("flag", "") }},
		"among the root's files":      {condition: "Dir.children(\".\").include?(\"flag\")", change: func(p *project) { p.write("flag", "") }},
		"in YAML":                     {before: "require \"yaml\"\n", condition: "YAML.load_file(\"conf/gems.yml\")[\"extra\"]", change: func(p *project) { p.write("conf/gems.yml", "extra: true\n") }},
		"by an object of its own": {
			before:    "class Own; def initialize(h) = @h = h; def method_missing(n, *a) = @h.fetch(n); def respond_to_missing?(*) = true; end\n",
			condition: "Own.new(open: ENV[\"OPEN\"]).open", change: func(p *project) { p.env["OPEN"] = "1" },
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := newProject(t, rackApp(c.before+"gem \"rackup\"\ngem \"tilt\", group: ("+c.condition+") ? :default : :test\n", []string{"rackup", "tilt"}))
			p.write("conf/gems.yml", "extra: false\n")
			r.use(t, p, "3.4.5")
			p.Expect(p.build()).NotTo(ContainSubstring("Installing tilt"))
			p.Expect(p.build()).To(ContainSubstring(gemsReused))
			c.change(p)
			p.Expect(p.build()).To(ContainSubstring("Installing tilt"))
		})
	}
}

// What asks other programs is asked in each build.
func TestTheGemfileRunsPrograms(t *testing.T) {
	t.Parallel()
	r := rubyMirror(t)
	p := newProject(t, rackApp("gem \"rackup\"\nMACHINE = `uname -m #{ENV[\"TOKEN\"] && \"\"} # #{ENV[\"TOKEN\"]}`.strip\n", []string{"rackup"}))
	r.use(t, p, "3.4.5")
	const canary = "canary-command-8113"
	p.env["TOKEN"] = canary
	p.build()
	log := p.build()
	p.Expect(log).To(ContainSubstring("Layer       gems: created (the Gemfile runs uname, and what that answers may change)"))
	p.Expect(log).NotTo(ContainSubstring(canary))
	p.expectNowhere(canary)
}

// Gems in the source whose gemspecs list files with Git start where there is no Git, and their programs stay.
func TestGemspecsThatRunGit(t *testing.T) {
	t.Parallel()
	r := rubyMirror(t)
	files := rackApp("gem \"rackup\"\ngem \"shop\", path: \"engines/shop\"\ngemspec\n", []string{"rackup"}, "shop!", "whole!")
	files["Gemfile.lock"] = "PATH\n  remote: .\n  specs:\n    whole (1.0)\n      rack\n\nPATH\n  remote: engines/shop\n  specs:\n    shop (0.1)\n\n" + files["Gemfile.lock"]
	spec := "Gem::Specification.new do |s|\n  s.name = %q\n  s.version = %q\n  s.summary = s.name\n  s.authors = [\"a\"]\n  s.files = `git ls-files -z`.split(\"\\x0\")\n%s" +
		"  s.executables = s.files.grep(%%r{^exe/}) { |f| File.basename(f) }\n  s.bindir = \"exe\"\nend\n"
	files["whole.gemspec"] = fmt.Sprintf(spec, "whole", "1.0", "  s.add_dependency \"rack\"\n")
	files["engines/shop/shop.gemspec"] = fmt.Sprintf(spec, "shop", "0.1", "")
	files["engines/shop/lib/shop.rb"] = "SHOP = 'open'\n"
	files["engines/shop/exe/shop"] = "#!/usr/bin/env ruby\nrequire 'shop'\nputs SHOP\n"
	p := newProject(t, files)
	p.Expect(os.Chmod(filepath.Join(p.dir, "engines/shop/exe/shop"), 0o755)).To(Succeed())
	p.git("init", "-q")
	p.git("add", ".")
	p.git("commit", "-q", "-m", "first")
	r.use(t, p, "3.4.5")
	p.Expect(p.build()).To(ContainSubstring("engines/shop/shop.gemspec is in the image as it was evaluated"))
	started := func() {
		c := p.start(run.Options{})
		_, body := c.get("/")
		p.Expect(body).To(Equal("rack rackup shop webrick whole"), c.out.String())
		_, _ = c.stop()
	}
	started()
	first := p.layers()
	p.write("engines/shop/lib/more.rb", "")
	p.Expect(p.build()).To(ContainSubstring(gemsReused), "of a gemspec's files, only programs decide")
	started()
	p.Expect(os.Remove(filepath.Join(p.dir, "engines/shop/lib/more.rb"))).To(Succeed())
	p.build()
	p.Expect(p.layers()).To(Equal(first))
	p.write("engines/shop/exe/other", "#!/usr/bin/env ruby\n")
	p.Expect(p.build()).To(ContainSubstring("gems: created (names engines/shop/exe (the Gemfile reads it) changed)"))
}

func (p *project) git(args ...string) {
	out, err := exec.Command("git", append([]string{"-C", p.dir, "-c", "user.name=a", "-c", "user.email=a@example.com"}, args...)...).CombinedOutput()
	p.Expect(err).NotTo(HaveOccurred(), string(out))
}

// notStarted is for what cannot be known: which programs the run image has.
const notStarted = "not started"

// A build that ends well has proved that the bundle loads, and that what starts is installed.
func TestTheBundleLoads(t *testing.T) {
	t.Parallel()
	r := rubyMirror(t)
	for name, c := range map[string]struct {
		files map[string]string
		env   map[string]string
		shows []string
		// answers is empty where the build fails.
		answers string
	}{
		"a group that is left out": {
			files: rackApp("gem \"rackup\"\ngroup(:heavy) { gem \"rake\" }\n", []string{"rackup", "rake"}), env: map[string]string{"BUNDLE_WITHOUT": "development:test:heavy"},
			shows: []string{"without development:test:heavy (BUNDLE_WITHOUT)"}, answers: "rack rackup webrick",
		},
		"an optional group": {
			files: rackApp("gem \"rackup\"\ngroup(:jobs, optional: true) { gem \"rake\" }\n", []string{"rackup", "rake"}), env: map[string]string{"BUNDLE_WITH": "jobs"},
			answers: "rack rackup rake webrick",
		},
		"one group": {
			files: rackApp("gem \"rackup\", group: :web\ngem \"rake\"\n", []string{"rackup", "rake"}), env: map[string]string{"BUNDLE_ONLY": "web"},
			shows: []string{"only web (BUNDLE_ONLY)"}, answers: "rack rackup webrick",
		},
		"another folder for gems": {
			files: rackApp("gem \"rackup\"\n", []string{"rackup"}), env: map[string]string{"BUNDLE_PATH": "vendor/gems", "BUNDLE_FROZEN": "false", "BUNDLE_BIN": "bin"},
			shows: []string{"BUNDLE_BIN, BUNDLE_FROZEN, BUNDLE_PATH: that does not count"}, answers: "rack rackup webrick",
		},
		"another Gemfile": {
			files: with(rackApp("gem \"rackup\"\ngem \"rake\"\n", []string{"rackup", "rake"}), map[string]string{
				"Gemfile.next":      rackApp("gem \"rackup\"\n", nil)["Gemfile"],
				"Gemfile.next.lock": rackApp("", []string{"rackup"})["Gemfile.lock"],
			}),
			env: map[string]string{"BUNDLE_GEMFILE": "Gemfile.next"}, shows: []string{"from Gemfile.next.lock, 3 gems"}, answers: "rack rackup webrick",
		},
		"a Gemfile in a folder": {
			files: with(rackApp("gem \"rake\"\n", []string{"rake"}), map[string]string{
				"gemfiles/web.gemfile":      rackApp("gem \"rackup\"\n", nil)["Gemfile"],
				"gemfiles/web.gemfile.lock": rackApp("", []string{"rackup"})["Gemfile.lock"],
			}),
			env: map[string]string{"BUNDLE_GEMFILE": "gemfiles/web.gemfile"}, answers: "rack rackup webrick",
		},
		"a server for another platform": {
			files: rackApp("gem \"rackup\"\ngem \"puma\", platforms: :jruby\n", []string{"rackup", "puma"}),
			shows: []string{"since puma is not installed"}, answers: "rack rackup webrick",
		},
		"a server under a condition": {
			files: rackApp("gem \"rackup\"\ninstall_if -> { false } do\n  gem \"puma\"\nend\n", []string{"rackup", "puma"}),
			shows: []string{"since puma is not installed"}, answers: "rack rackup webrick",
		},
		"no other server": {
			files: rackApp("gem \"rack\"\ngem \"puma\", platforms: :jruby\n", []string{"rack", "puma"}),
			shows: []string{"process web needs puma, which is not installed  [build/process-package]"},
		},
		"a program that is in no gem": {
			files: with(rackApp("gem \"rackup\"\n", []string{"rackup"}), map[string]string{"Procfile": "web: bundle exec foreman start\n"}),
			shows: []string{"there is no program foreman in the image  [build/program-missing]"},
		},
		"a program of a group that is left out": {
			files: with(rackApp("gem \"rackup\"\ngem \"rake\", group: :test\n", []string{"rackup", "rake"}), map[string]string{"Procfile": "web: bundle exec rake serve\n"}),
			shows: []string{"there is no program rake in the image  [build/program-missing]"},
		},
		"Git at each start": {
			files: rackApp("gem \"rackup\"\nBRANCH = `git --version`\n", []string{"rackup"}),
			shows: []string{"the Gemfile runs Git whenever the application starts, and images do not have it  [ruby/bundle-needs-git]"},
		},
		"a file that is left out of the image": {
			files: with(rackApp("gem \"rackup\"\nFile.read(\".env\")\n", []string{"rackup"}), map[string]string{".env": "A=1\n"}),
			shows: []string{".env holds values of variables: it is left out of the image", "[ruby/bundle-does-not-load]"},
		},
		"a program at each start": {
			files: rackApp("gem \"rackup\"\nVERSION = `curl --version`\n", []string{"rackup"}),
			shows: []string{"the Gemfile runs curl whenever the application starts"}, answers: notStarted,
		},
		"Git behind something else": {
			files: rackApp("gem \"rackup\"\nBRANCH = `cd . && git --version`\n", []string{"rackup"}),
			shows: []string{"[ruby/bundle-needs-git]"},
		},
		"a group by the environment": {
			files:   rackApp("gem \"rackup\"\ngem \"rake\", install_if: -> { ENV[\"RAILS_ENV\"] == \"production\" }\n", []string{"rackup", "rake"}),
			answers: "rack rackup rake webrick",
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := newProject(t, c.files)
			r.use(t, p, "3.4.5")
			for name, value := range c.env {
				p.env[name] = value
			}
			log, err := p.tryBuild()
			for _, text := range c.shows {
				p.Expect(log).To(ContainSubstring(text))
			}
			if c.answers == "" {
				p.Expect(err).To(HaveOccurred(), log)
				return
			}
			p.Expect(err).NotTo(HaveOccurred(), log)
			if c.answers == notStarted {
				return
			}
			started := p.start(run.Options{})
			_, body := started.get("/")
			p.Expect(body).To(Equal(c.answers))
			_, _ = started.stop()
			log = p.build()
			p.Expect(log).To(ContainSubstring(gemsReused))
		})
	}
}

// with gives some files, and others in their place or besides.
func with(files, more map[string]string) map[string]string {
	all := maps.Clone(files)
	maps.Copy(all, more)
	return all
}
