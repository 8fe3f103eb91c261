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
	s, err := settings.Table(nil).Read(source, func(name string) (string, bool) { value, ok := env[name]; return value, ok })
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
		"default":              {env: "", files: nil, want: "3.4.10", origin: "the line that is used when nothing asks for another", warning: ""},
		"variable":             {env: "BP_RUBY_VERSION=~> 3.3.0", files: map[string]string{"Gemfile": "ruby '3.4.5'"}, want: "3.3.8", origin: "from BP_RUBY_VERSION (~> 3.3.0)", warning: "BP_RUBY_VERSION asks for Ruby ~> 3.3.0, and Gemfile:1:1 for 3.4.5: BP_RUBY_VERSION counts."},
		"another variable":     {env: "BP_MRI_VERSION=3.2.*", files: nil, want: "", origin: "", warning: ""},
		"older variable":       {env: "BP_MRI_VERSION=3.2", files: nil, want: "3.2.9", origin: "from BP_MRI_VERSION (3.2)", warning: ""},
		"project.toml":         {env: "", files: map[string]string{"project.toml": "[dev.gantry.ruby]\nversion = '3.3.8'\n"}, want: "3.3.8", origin: "from project.toml:2:1 (3.3.8)", warning: ""},
		"Gemfile":              {env: "", files: map[string]string{"Gemfile": "# comment\nruby '~> 3.3.0'", "Gemfile.lock": lock("3.3.8p144")}, want: "3.3.8", origin: "from Gemfile:2:1 (~> 3.3.0)", warning: ""},
		"a range, and a lock":  {env: "", files: map[string]string{"Gemfile": "ruby '~> 3.4.0'", "Gemfile.lock": lock("3.4.5p51")}, want: "3.4.5", origin: "from Gemfile:1:1 (~> 3.4.0) and RUBY VERSION in Gemfile.lock (3.4.5)", warning: ""},
		"a file it names":      {env: "", files: map[string]string{"Gemfile": "ruby file: '.ruby-version'", ".ruby-version": "ruby-3.3.8\n"}, want: "3.3.8", origin: "from .ruby-version, which the Gemfile names (3.3.8)", warning: ""},
		"lockfile":             {env: "", files: map[string]string{"Gemfile.lock": lock("3.4.5p51"), ".ruby-version": "3.3.8"}, want: "3.4.5", origin: "from RUBY VERSION in Gemfile.lock (3.4.5)", warning: "RUBY VERSION in Gemfile.lock asks for Ruby 3.4.5, and .ruby-version for 3.3.8: RUBY VERSION in Gemfile.lock counts."},
		"version file":         {env: "", files: map[string]string{".ruby-version": "\n# c\n3.3.8\n"}, want: "3.3.8", origin: "from .ruby-version (3.3.8)", warning: ""},
		"a short one":          {env: "", files: map[string]string{".ruby-version": "3.4"}, want: "3.4.10", origin: "from .ruby-version (3.4)", warning: ""},
		"asdf":                 {env: "", files: map[string]string{".tool-versions": "nodejs 24\nruby 3.2.9\n"}, want: "3.2.9", origin: "from .tool-versions (3.2.9)", warning: ""},
		"mise":                 {env: "", files: map[string]string{"mise.toml": "[tools]\nruby = '4.0'\n"}, want: "4.0.6", origin: "from mise.toml (4.0)", warning: ""},
		"mise's newest":        {env: "", files: map[string]string{"mise.toml": "[tools]\nruby = 'latest'\n"}, want: "4.0.6", origin: "from mise.toml (latest)", warning: ""},
		"a file that it reads": {env: "", files: map[string]string{"Gemfile": "ruby File.read('.ruby-version').strip", ".ruby-version": "3.3.8\n"}, want: "3.3.8", origin: "from .ruby-version, which the Gemfile names (3.3.8)", warning: ""},
		"a preview":            {env: "", files: map[string]string{".ruby-version": "4.1.0-preview1"}, want: "4.1.0-preview1", origin: "from .ruby-version (4.1.0-preview1)", warning: ""},
		"no preview unasked":   {env: "BP_RUBY_VERSION=>= 4", files: nil, want: "4.0.6", origin: "from BP_RUBY_VERSION (>= 4)", warning: ""},
		"code":                 {env: "", files: map[string]string{"Gemfile": "ruby ENV['V'] || '3.2.9'", ".ruby-version": "3.3.8"}, want: "3.3.8", origin: "from .ruby-version (3.3.8)", warning: "The Ruby version in Gemfile:1:1 comes of code that only Ruby can run; what Gemfile.lock and version files say counts instead."},
		"an own build":         {env: "BP_RUBY_ARCHIVE=https://ruby.example/ruby-3.4.7-linux-amd64.tar.gz#sha256=" + strings.Repeat("a", 64), files: map[string]string{".ruby-version": "3.4.7"}, want: "3.4.7", origin: "a build of your own, from BP_RUBY_ARCHIVE", warning: ""},
		"of any line":          {env: "BP_RUBY_ARCHIVE=https://ruby.example/ruby-3.3.8-linux-amd64.tar.gz#sha256=" + strings.Repeat("a", 64), files: nil, want: "3.3.8", origin: "a build of your own, from BP_RUBY_ARCHIVE", warning: ""},
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
	}{
		"Propshaft":          {lock: lock("railties", "propshaft"), files: nil, step: "rails assets:precompile"},
		"Sprockets":          {lock: lock("railties", "sprockets"), files: nil, step: "rails assets:precompile"},
		"bundled scripts":    {lock: lock("railties", "propshaft", "jsbundling-rails"), files: map[string]string{"package.json": `{"scripts":{"build":"esbuild client/c.jsx"}}`}, step: "rails assets:precompile"},
		"no Rails":           {lock: lock("sinatra"), files: map[string]string{"Rakefile": "namespace :assets do\n  desc 'x'\n  task :precompile do\n  end\nend\n"}, step: "rake assets:precompile"},
		"a task in a file":   {lock: lock("sinatra"), files: map[string]string{"Rakefile": "", "rakelib/a.rake": "task 'assets:precompile' => [:css]\n"}, step: "rake assets:precompile"},
		"Vite without Rails": {lock: lock("sinatra", "vite_ruby"), files: map[string]string{"Rakefile": "require 'vite_ruby'\nViteRuby.install_tasks\n"}, step: "rake assets:precompile"},
		"another task":       {lock: lock("sinatra"), files: map[string]string{"Rakefile": "namespace :assets do\n  task :clean\nend\ntask :precompile\n"}, step: "rake assets:precompile"},
		"computed names":     {lock: lock("sinatra"), files: map[string]string{"Rakefile": "NAMES.each { |n| task(n) { } }\n"}, step: "rake assets:precompile"},
		"in lower case":      {lock: lock("sinatra"), files: map[string]string{"Rakefile": "", "rakefile": "task 'assets:precompile'\n"}, step: "rake assets:precompile"},
		"two files away":     {lock: lock("sinatra"), files: map[string]string{"Rakefile": "require_relative 'config/boot'\n", "config/boot.rb": "require_relative '../lib/t'\n", "lib/t.rb": "FileList['x/*'].each { |f| import f }\n"}, step: "rake assets:precompile"},
		"an addition":        {lock: lock("railties", "propshaft"), files: map[string]string{"lib/tasks/types.rake": "Rake::Task['assets:precompile'].enhance(['generate_types'])\n"}, step: "rails assets:precompile"},
		"Rake knows":         {lock: lock("sinatra", "hanami"), files: map[string]string{"Rakefile": "require 'hanami/rake_tasks'\n"}, step: "rake assets:precompile"},
		"everybody knows":    {lock: lock("sinatra"), files: map[string]string{"Rakefile": "require 'bundler/setup'\nrequire \"rspec/core/rake_task\" # import\nrequire './app'\nRSpec::Core::RakeTask.new\n=begin\nload 'x'\n=end\n"}, step: ""},
		"files of tasks":     {lock: lock("sinatra"), files: map[string]string{"Rakefile": "Dir['jobs/*.rake'].each { |f| load f }\n"}, step: "rake assets:precompile"},
		"none are wanted":    {lock: lock("railties", "propshaft"), files: map[string]string{"project.toml": "[dev.gantry.ruby]\nassets-task = 'none'\n"}, step: ""},
		"another is wanted":  {lock: lock("railties", "propshaft"), files: map[string]string{"project.toml": "[dev.gantry.ruby]\nassets-task = 'web:build'\n"}, step: "rake web:build"},
		"they are there":     {lock: lock("sinatra"), files: map[string]string{"Rakefile": "task 'assets:precompile'\n", "public/assets/.manifest.json": "{}"}, step: ""},
		"Rails without them": {lock: lock("railties"), files: nil, step: ""},
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
		})
	}
}

// An address without a database is there where the configuration could not be read otherwise.
func TestNoDatabase(t *testing.T) {
	for name, c := range map[string]struct{ gem, config, want string }{
		"it reads the address":    {gem: "pg", config: "production:\n  url: <%= ENV.fetch('DATABASE_URL') %>\n", want: "postgresql://none:none@127.0.0.1:1/none"},
		"there is none":           {gem: "mysql2", config: "", want: "mysql2://none:none@127.0.0.1:1/none"},
		"another adapter":         {gem: "trilogy", config: "", want: "trilogy://none:none@127.0.0.1:1/none"},
		"a file":                  {gem: "sqlite3", config: "", want: "sqlite3:/tmp/none.sqlite3"},
		"it does without":         {gem: "sqlite3", config: "production:\n  adapter: sqlite3\n", want: ""},
		"no adapter that we know": {gem: "activerecord-oracle", config: "", want: ""},
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
		"Rails":                                {files: map[string]string{"config/application.rb": "", "config/boot.rb": boot}, want: true},
		"no Rails":                             {files: map[string]string{"config/boot.rb": boot}, want: false},
		"Rails without Bundler":                {files: map[string]string{"config/application.rb": "", "config/boot.rb": "# nothing"}, want: false},
		"a Procfile of Rails":                  {files: map[string]string{"Procfile": "web: bundle exec puma\nworker: ruby bin/jobs\nbeat: script/beat\n", "bin/jobs": "#!/usr/bin/env ruby\nrequire_relative \"../config/environment\"\n", "script/beat": "#!/bin/sh\nexec bin/jobs\n", "config/application.rb": "", "config/boot.rb": boot}, want: true},
		"a program without it":                 {files: map[string]string{"Procfile": "web: bundle exec puma\npoll: ruby -w poll.rb\n", "poll.rb": "require \"rexml/document\"\n", "config/application.rb": "", "config/boot.rb": boot}, want: false},
		"one that nobody can read":             {files: map[string]string{"Procfile": "web: bundle exec puma\npoll: cd /tmp && ruby poll.rb\n", "config/application.rb": "", "config/boot.rb": boot}, want: false},
		"with bundle exec":                     {files: map[string]string{"Procfile": "web: bundle exec ruby app.rb\n", "app.rb": "require \"rails\"\n", "config/application.rb": "", "config/boot.rb": boot}, want: true},
		"a script without it":                  {files: map[string]string{"Procfile": "web: ./start\n", "start": "#!/bin/sh\nbin/poll &\nexec bundle exec puma\n", "bin/poll": "#!/usr/bin/env ruby\nrequire \"net/ftp\"\n", "config/application.rb": "", "config/boot.rb": boot}, want: false},
		"a script that calls itself, and ends": {files: map[string]string{"Procfile": "web: ./start\n", "start": "#!/bin/sh\n./start\n", "config/application.rb": "", "config/boot.rb": boot}, want: true},
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

// What is written next to the code, where containers cannot write, or lose it.
func TestWrittenFiles(t *testing.T) {
	const lock = "GEM\n  specs:\n    puma (6.6.0)\n    railties (8.0.2)\n    sqlite3 (2.9.6)\n"
	for name, c := range map[string]struct {
		file, text string
		want       string
	}{
		"Puma's number":        {file: "config/puma.rb", text: "pidfile \"tmp/pids/server.pid\"\n", want: "config/puma.rb: tmp/pids/server.pid is written when the application starts; with a read-only file system, it does not. Name a file in /tmp, or leave the line out."},
		"as a variable says":   {file: "config/puma.rb", text: "pidfile ENV.fetch(\"PIDFILE\") { \"tmp/pids/server.pid\" }\n"},
		"in a folder of all":   {file: "config/puma.rb", text: "pidfile '/tmp/puma.pid'\n"},
		"in a comment":         {file: "config/puma.rb", text: "# pidfile 'a.pid'\n"},
		"an option":            {file: "Procfile", text: "web: bundle exec puma --pidfile tmp/web.pid\n", want: "Procfile:1:6: tmp/web.pid is written when the application starts; with a read-only file system, it does not. Name a file in /tmp, or leave the line out."},
		"a database":           {file: "config/database.yml", text: "development:\n  database: storage/development.sqlite3\n\nproduction:\n  primary:\n    <<: *default\n    database: storage/production.sqlite3\n", want: "config/database.yml keeps the production database in storage/production.sqlite3, in the container: its content is lost with it, and a read-only file system has none. Mount a volume at /workspace/storage."},
		"a database elsewhere": {file: "config/database.yml", text: "production:\n  url: <%= ENV['DATABASE_URL'] %>\ntest:\n  database: storage/test.sqlite3\n"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			p, err := read(t, &txtar.Archive{Files: []txtar.File{
				{Name: "Gemfile"}, {Name: "config.ru"}, {Name: "config/application.rb"}, {Name: "Gemfile.lock", Data: []byte(lock)}, {Name: c.file, Data: []byte(c.text)},
			}})
			g.Expect(err).NotTo(HaveOccurred())
			if c.want == "" {
				g.Expect(p.Warnings).To(BeEmpty())
			} else {
				g.Expect(p.Warnings).To(Equal([]string{c.want}))
			}
		})
	}
}
