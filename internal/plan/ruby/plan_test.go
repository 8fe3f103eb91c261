package ruby_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	"golang.org/x/tools/txtar"

	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/plan/inventory"
	"github.com/gantry-buildpack/gantry/internal/plan/ruby"
	"github.com/gantry-buildpack/gantry/internal/problem"
	"github.com/gantry-buildpack/gantry/internal/source/app"
	"github.com/gantry-buildpack/gantry/internal/source/settings"
)

var update = flag.Bool("update", false, "write the golden files again")

// releases are fixed, so that a new release of Ruby changes no golden file.
var releases = inventory.Catalog{Defaults: map[string]string{"ruby": "~> 3.4.0"}}

func init() {
	for _, version := range []string{"4.1.0-preview1", "4.0.6", "3.4.10", "3.4.5", "3.3.8", "3.2.9"} {
		releases.Releases = append(releases.Releases, plan.Release{Name: "ruby", Version: version, Arch: "amd64", URI: "https://ruby.example/" + version, SHA256: "sum"})
	}
}

// read plans the application in a txtar archive; its comment may set variables, one NAME=VALUE a line.
func read(t *testing.T, archive *txtar.Archive) (plan.Plan, error) {
	dir := t.TempDir()
	for _, file := range archive.Files {
		name := filepath.Join(dir, file.Name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return plan.Plan{}, err
		}
		if err := os.WriteFile(name, file.Data, 0o644); err != nil {
			return plan.Plan{}, err
		}
	}
	env := map[string]string{}
	for line := range strings.SplitSeq(string(archive.Comment), "\n") {
		if name, value, ok := strings.Cut(line, "="); ok && !strings.HasPrefix(line, "#") {
			env[name] = value
		}
	}
	source := app.Open(dir)
	s, err := settings.Read(source, func(name string) (string, bool) { value, ok := env[name]; return value, ok })
	if err != nil {
		return plan.Plan{}, err
	}
	project, err := ruby.Read(source, s)
	if err != nil {
		return plan.Plan{}, err
	}
	return project.Plan(releases)
}

func each(t *testing.T, pattern string, test func(*WithT, string, *txtar.Archive)) {
	files, err := filepath.Glob(pattern)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	NewWithT(t).Expect(files).NotTo(BeEmpty())
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			NewWithT(t).Expect(err).NotTo(HaveOccurred())
			test(NewWithT(t), file, archive)
		})
	}
}

func compare(g *WithT, golden, text string) {
	if *update {
		g.Expect(os.WriteFile(golden, []byte(text), 0o644)).To(Succeed())
	}
	want, err := os.ReadFile(golden)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(text).To(Equal(string(want)))
}

// Every file in testdata/plans is an application and, in the file next to it, its plan. "go test ./internal/plan/ruby -update"
// writes the plans again; read the difference before it is committed.
func TestPlans(t *testing.T) {
	each(t, "testdata/plans/*.txtar", func(g *WithT, file string, archive *txtar.Archive) {
		p, err := read(t, archive)
		g.Expect(err).NotTo(HaveOccurred())
		text, err := json.MarshalIndent(p, "", "  ")
		g.Expect(err).NotTo(HaveOccurred())
		compare(g, strings.TrimSuffix(file, ".txtar")+".json", string(text)+"\n")
	})
}

// Every file in testdata/errors is an application that cannot be built, and the file next to it says what people read.
func TestErrorsWordForWord(t *testing.T) {
	each(t, "testdata/errors/*.txtar", func(g *WithT, file string, archive *txtar.Archive) {
		_, err := read(t, archive)
		g.Expect(err).To(HaveOccurred())
		p := problem.As(err)
		g.Expect(p.ID).NotTo(Equal("gantry/internal"))
		g.Expect(p.Hints).NotTo(BeEmpty())
		compare(g, strings.TrimSuffix(file, ".txtar")+".txt", err.Error()+"\n"+strings.Join(p.Hints, "\n")+"\n")
	})
}

// Which source of the version counts, and what is said of the others.
func TestVersions(t *testing.T) {
	lock := func(ruby string) string {
		text := "GEM\n  remote: https://rubygems.org/\n  specs:\n    rack (3.1.20)\n    rackup (2.1.0)\n    webrick (1.9.1)\n\nPLATFORMS\n  ruby\n\nDEPENDENCIES\n  rackup\n"
		if ruby != "" {
			text += "\nRUBY VERSION\n   ruby " + ruby + "\n"
		}
		return text
	}
	for name, c := range map[string]struct {
		env          string
		files        map[string]string
		want, origin string
		warning      string
	}{
		"default":              {"", nil, "3.4.10", "the line that is used when nothing asks for another", ""},
		"variable":             {"BP_RUBY_VERSION=~> 3.3.0", map[string]string{"Gemfile": "ruby '3.4.5'"}, "3.3.8", "from BP_RUBY_VERSION (~> 3.3.0)", "BP_RUBY_VERSION asks for Ruby ~> 3.3.0, and Gemfile:1:1 for 3.4.5: BP_RUBY_VERSION counts."},
		"another variable":     {"BP_MRI_VERSION=3.2.*", nil, "", "", ""},
		"older variable":       {"BP_MRI_VERSION=3.2", nil, "3.2.9", "from BP_MRI_VERSION (3.2)", ""},
		"project.toml":         {"", map[string]string{"project.toml": "[dev.gantry.ruby]\nversion = '3.3.8'\n"}, "3.3.8", "from project.toml:2:1 (3.3.8)", ""},
		"Gemfile":              {"", map[string]string{"Gemfile": "# comment\nruby '~> 3.3.0'", "Gemfile.lock": lock("3.3.8p144")}, "3.3.8", "from Gemfile:2:1 (~> 3.3.0)", ""},
		"a range, and a lock":  {"", map[string]string{"Gemfile": "ruby '~> 3.4.0'", "Gemfile.lock": lock("3.4.5p51")}, "3.4.5", "from Gemfile:1:1 (~> 3.4.0) and RUBY VERSION in Gemfile.lock (3.4.5)", ""},
		"a file it names":      {"", map[string]string{"Gemfile": "ruby file: '.ruby-version'", ".ruby-version": "ruby-3.3.8\n"}, "3.3.8", "from .ruby-version, which the Gemfile names (3.3.8)", ""},
		"lockfile":             {"", map[string]string{"Gemfile.lock": lock("3.4.5p51"), ".ruby-version": "3.3.8"}, "3.4.5", "from RUBY VERSION in Gemfile.lock (3.4.5)", "RUBY VERSION in Gemfile.lock asks for Ruby 3.4.5, and .ruby-version for 3.3.8: RUBY VERSION in Gemfile.lock counts."},
		"version file":         {"", map[string]string{".ruby-version": "\n# c\n3.3.8\n"}, "3.3.8", "from .ruby-version (3.3.8)", ""},
		"a short one":          {"", map[string]string{".ruby-version": "3.4"}, "3.4.10", "from .ruby-version (3.4)", ""},
		"asdf":                 {"", map[string]string{".tool-versions": "nodejs 24\nruby 3.2.9\n"}, "3.2.9", "from .tool-versions (3.2.9)", ""},
		"mise":                 {"", map[string]string{"mise.toml": "[tools]\nruby = '4.0'\n"}, "4.0.6", "from mise.toml (4.0)", ""},
		"mise's newest":        {"", map[string]string{"mise.toml": "[tools]\nruby = 'latest'\n"}, "4.0.6", "from mise.toml (latest)", ""},
		"a file that it reads": {"", map[string]string{"Gemfile": "ruby File.read('.ruby-version').strip", ".ruby-version": "3.3.8\n"}, "3.3.8", "from .ruby-version, which the Gemfile names (3.3.8)", ""},
		"a preview":            {"", map[string]string{".ruby-version": "4.1.0-preview1"}, "4.1.0-preview1", "from .ruby-version (4.1.0-preview1)", ""},
		"no preview unasked":   {"BP_RUBY_VERSION=>= 4", nil, "4.0.6", "from BP_RUBY_VERSION (>= 4)", ""},
		"code":                 {"", map[string]string{"Gemfile": "ruby ENV['V'] || '3.2.9'", ".ruby-version": "3.3.8"}, "3.3.8", "from .ruby-version (3.3.8)", "The Ruby version in Gemfile:1:1 comes of code that only Ruby can run; what Gemfile.lock and version files say counts instead."},
		"an own build":         {"BP_RUBY_ARCHIVE=https://ruby.example/ruby-3.4.7-linux-amd64.tar.gz#sha256=" + strings.Repeat("a", 64), map[string]string{".ruby-version": "3.4.7"}, "3.4.7", "a build of your own, from BP_RUBY_ARCHIVE", ""},
		"of any line":          {"BP_RUBY_ARCHIVE=https://ruby.example/ruby-3.3.8-linux-amd64.tar.gz#sha256=" + strings.Repeat("a", 64), nil, "3.3.8", "a build of your own, from BP_RUBY_ARCHIVE", ""},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			files := map[string]string{"Gemfile": "gem 'rackup'", "Gemfile.lock": lock(""), "config.ru": "run Hello"}
			for file, text := range c.files {
				files[file] = text
			}
			archive := &txtar.Archive{Comment: []byte(c.env)}
			for file, text := range files {
				archive.Files = append(archive.Files, txtar.File{Name: file, Data: []byte(text)})
			}
			p, err := read(t, archive)
			if c.want == "" {
				g.Expect(problem.As(err).ID).To(Equal("ruby/version-unparsable"))
				return
			}
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(p.Decisions[0]).To(Equal(plan.Decision{Subject: "Ruby", Value: c.want, Origin: c.origin}))
			if c.warning == "" {
				g.Expect(p.Warnings).To(BeEmpty())
			} else {
				g.Expect(p.Warnings).To(Equal([]string{c.warning}))
			}
		})
	}
}

// What has assets built again: everything that they may be made of, and no code of the server alone.
func TestAssets(t *testing.T) {
	lock := func(gems ...string) string {
		text := "GEM\n  specs:\n    puma (6.6.0)\n    rake (13.2.1)\n"
		for _, name := range gems {
			text += "    " + name + " (7.2.2)\n"
		}
		return text
	}
	rails := map[string]string{
		"Rakefile": "require_relative \"config/application\"\nRails.application.load_tasks\n", "config/application.rb": "", "app/assets/a.css": "", "app/javascript/a.js": "",
		"app/models/user.rb": "", "app/views/a.html.erb": "", "app/frontend/b.ts": "", "client/c.jsx": "", "db/schema.rb": "", "README.md": "", "public/robots.txt": "", "vendor/theme/d.css": "",
	}
	for name, c := range map[string]struct {
		lock  string
		files map[string]string
		step  string
		reads []string
	}{
		"Propshaft":          {lock("railties", "propshaft"), nil, "rails assets:precompile", []string{"Gemfile", "Gemfile.lock", "Rakefile", "app/assets", "app/javascript", "config"}},
		"further folders":    {lock("railties", "sprockets"), map[string]string{"config/initializers/assets.rb": "Rails.application.config.assets.paths << Rails.root.join('client')\n"}, "rails assets:precompile", []string{"Gemfile", "Gemfile.lock", "Rakefile", "app/assets", "app/frontend", "app/javascript", "client", "config", "config.ru", "vendor/theme"}},
		"bundled scripts":    {lock("railties", "propshaft", "jsbundling-rails"), map[string]string{"package.json": `{"scripts":{"build":"esbuild client/c.jsx"}}`, "app/views/react/e.tsx": ""}, "rails assets:precompile", []string{"Gemfile", "Gemfile.lock", "Rakefile", "app/assets", "app/frontend", "app/javascript", "app/views", "client", "config", "config.ru", "package.json", "vendor/theme"}},
		"names of classes":   {lock("railties", "propshaft", "cssbundling-rails"), map[string]string{"package.json": `{"dependencies":{"@tailwindcss/cli":"4"}}`}, "rails assets:precompile", nil},
		"Ruby in an asset":   {lock("railties", "sprockets"), map[string]string{"lib/assets/a.js.erb": ""}, "rails assets:precompile", nil},
		"no Rails":           {lock("sinatra"), map[string]string{"Rakefile": "namespace :assets do\n  desc 'x'\n  task :precompile do\n  end\nend\n"}, "rake assets:precompile", nil},
		"a task in a file":   {lock("sinatra"), map[string]string{"Rakefile": "", "rakelib/a.rake": "task 'assets:precompile' => [:css]\n"}, "rake assets:precompile", nil},
		"Vite without Rails": {lock("sinatra", "vite_ruby"), map[string]string{"Rakefile": "require 'vite_ruby'\nViteRuby.install_tasks\n"}, "rake assets:precompile", nil},
		"another task":       {lock("sinatra"), map[string]string{"Rakefile": "namespace :assets do\n  task :clean\nend\ntask :precompile\n"}, "", nil},
		"they are there":     {lock("sinatra"), map[string]string{"Rakefile": "task 'assets:precompile'\n", "public/assets/.manifest.json": "{}"}, "", nil},
		"Rails without them": {lock("railties"), nil, "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			archive := &txtar.Archive{Files: []txtar.File{{Name: "Gemfile"}, {Name: "Gemfile.lock", Data: []byte(c.lock)}, {Name: "config.ru"}}}
			for _, files := range []map[string]string{rails, c.files} {
				for file, text := range files {
					if _, other := c.files[file]; other && text != c.files[file] || strings.Contains(c.lock, "sinatra") && file == "config/application.rb" {
						continue
					}
					archive.Files = append(archive.Files, txtar.File{Name: file, Data: []byte(text)})
				}
			}
			p, err := read(t, archive)
			g.Expect(err).NotTo(HaveOccurred())
			if c.step == "" {
				g.Expect(p.Build.Steps).To(BeEmpty())
				return
			}
			g.Expect(p.Build.Steps).To(HaveLen(1))
			g.Expect(p.Build.Steps[0].Title).To(Equal(c.step))
			g.Expect(p.Build.Reads).To(Equal(c.reads))
		})
	}
}

// An address without a database is there where the configuration could not be read otherwise.
func TestNoDatabase(t *testing.T) {
	for name, c := range map[string]struct{ gem, config, want string }{
		"it reads the address":    {"pg", "production:\n  url: <%= ENV.fetch('DATABASE_URL') %>\n", "postgresql://none:none@127.0.0.1:1/none"},
		"there is none":           {"mysql2", "", "mysql2://none:none@127.0.0.1:1/none"},
		"another adapter":         {"trilogy", "", "trilogy://none:none@127.0.0.1:1/none"},
		"a file":                  {"sqlite3", "", "sqlite3:/tmp/none.sqlite3"},
		"it does without":         {"sqlite3", "production:\n  adapter: sqlite3\n", ""},
		"no adapter that we know": {"activerecord-oracle", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			archive := &txtar.Archive{Files: []txtar.File{
				{Name: "Gemfile"}, {Name: "config.ru"}, {Name: "Rakefile"}, {Name: "config/application.rb"},
				{Name: "Gemfile.lock", Data: []byte("GEM\n  specs:\n    activerecord (7.2.2)\n    propshaft (1.3.2)\n    puma (6.6.0)\n    railties (7.2.2)\n    " + c.gem + " (1.0)\n")},
			}}
			if c.config != "" {
				archive.Files = append(archive.Files, txtar.File{Name: "config/database.yml", Data: []byte(c.config)})
			}
			p, err := read(t, archive)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(p.Toolchains[0].Env["DATABASE_URL"]).To(Equal(c.want))
			g.Expect(p.Image.Environment.Variables).NotTo(HaveKey("DATABASE_URL"))
		})
	}
}

// What of Ruby's own gems is left out of the image, since nothing that is started can see it.
func TestShadowed(t *testing.T) {
	const lock = "GEM\n  specs:\n    erb (4.0.3)\n    irb (1.14.3)\n      rdoc (>= 4.0.0)\n    puma (6.6.0)\n    railties (7.2.2)\n      irb (~> 1.13)\n    rdoc (6.14.0)\n      erb\n    reline (0.6.0)\n"
	const boot = "require \"bundler/setup\"\n"
	for name, c := range map[string]struct {
		files map[string]string
		want  bool
	}{
		"Rails":                                {map[string]string{"config/application.rb": "", "config/boot.rb": boot}, true},
		"no Rails":                             {map[string]string{"config/boot.rb": boot}, false},
		"Rails without Bundler":                {map[string]string{"config/application.rb": "", "config/boot.rb": "# nothing"}, false},
		"a Procfile of Rails":                  {map[string]string{"Procfile": "web: bundle exec puma\nworker: ruby bin/jobs\nbeat: script/beat\n", "bin/jobs": "#!/usr/bin/env ruby\nrequire_relative \"../config/environment\"\n", "script/beat": "#!/bin/sh\nexec bin/jobs\n", "config/application.rb": "", "config/boot.rb": boot}, true},
		"a program without it":                 {map[string]string{"Procfile": "web: bundle exec puma\npoll: ruby -w poll.rb\n", "poll.rb": "require \"rexml/document\"\n", "config/application.rb": "", "config/boot.rb": boot}, false},
		"one that nobody can read":             {map[string]string{"Procfile": "web: bundle exec puma\npoll: cd /tmp && ruby poll.rb\n", "config/application.rb": "", "config/boot.rb": boot}, false},
		"with bundle exec":                     {map[string]string{"Procfile": "web: bundle exec ruby app.rb\n", "app.rb": "require \"rails\"\n", "config/application.rb": "", "config/boot.rb": boot}, true},
		"a script without it":                  {map[string]string{"Procfile": "web: ./start\n", "start": "#!/bin/sh\nbin/poll &\nexec bundle exec puma\n", "bin/poll": "#!/usr/bin/env ruby\nrequire \"net/ftp\"\n", "config/application.rb": "", "config/boot.rb": boot}, false},
		"a script that calls itself, and ends": {map[string]string{"Procfile": "web: ./start\n", "start": "#!/bin/sh\n./start\n", "config/application.rb": "", "config/boot.rb": boot}, true},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			archive := &txtar.Archive{Files: []txtar.File{{Name: "Gemfile"}, {Name: "Gemfile.lock", Data: []byte(lock)}, {Name: "config.ru"}}}
			for file, text := range c.files {
				archive.Files = append(archive.Files, txtar.File{Name: file, Data: []byte(text)})
			}
			p, err := read(t, archive)
			g.Expect(err).NotTo(HaveOccurred())
			bundled := ContainElement("lib/ruby/gems/*/specifications/*.gemspec")
			if !c.want {
				g.Expect(p.Toolchains[0].Runtime.Files.NotAtLaunch).NotTo(bundled)
				g.Expect(p.Toolchains[0].Runtime.Files.Overridden).To(BeEmpty())
				return
			}
			g.Expect(p.Toolchains[0].Runtime.Files.NotAtLaunch).To(bundled)
			g.Expect(p.Toolchains[0].Runtime.Files.Overridden).To(Equal([]plan.OverriddenFiles{
				{Files: []string{"lib/ruby/[0-9]*/rdoc.rb", "lib/ruby/[0-9]*/rdoc/**"}, Unless: "lib/ruby/gems/*/specifications/default/rdoc-6.14.0.gemspec"},
				{Files: []string{"lib/ruby/[0-9]*/irb.rb", "lib/ruby/[0-9]*/irb/**"}, Unless: "lib/ruby/gems/*/specifications/default/irb-1.14.3.gemspec"},
			}), "of those that Rails needs")
		})
	}
}

func FuzzVersionFile(f *testing.F) {
	f.Add("ruby-3.4.5\n", "ruby 3.3.8 3.2\n", "[tools]\nruby='3'")
	f.Fuzz(func(t *testing.T, version, tools, mise string) {
		_, err := read(t, &txtar.Archive{Files: []txtar.File{
			{Name: "Gemfile", Data: []byte("gem 'rackup'")}, {Name: "Gemfile.lock", Data: []byte("GEM\n  specs:\n    rackup (2.1.0)\n    webrick (1.9.1)\n")}, {Name: "config.ru"},
			{Name: ".ruby-version", Data: []byte(version)}, {Name: ".bundle/config", Data: []byte(mise)}, {Name: ".tool-versions", Data: []byte(tools)}, {Name: "mise.toml", Data: []byte(mise)},
		}})
		if err != nil && problem.As(err).ID == "gantry/internal" {
			t.Fatalf("not a user's error: %v", err)
		}
	})
}
