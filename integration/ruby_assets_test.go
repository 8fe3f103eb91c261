package integration

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/platform/run"
)

// Rake says whether there are assets to build, and its answer stands until something changes that it depends on.
func TestRakeIsAsked(t *testing.T) {
	t.Parallel()
	r := rubyMirror(t)
	p := newProject(t, with(rackApp("gem \"rackup\"\ngem \"rake\"\n", []string{"rackup", "rake"}), map[string]string{
		"Rakefile":    "Dir.glob(\"jobs/*.rake\") { |file| load file }\nload \"extra.rake\" if ENV[\"EXTRA\"]\n",
		"jobs/a.rake": "task(:sweep) { }\n",
		"extra.rake":  "namespace(:assets) { task(:precompile) { mkdir_p \"public\"; File.write(\"public/made.txt\", File.read(\"words.txt\")) } }\n",
		"words.txt":   "first",
	}))
	r.use(t, p, "3.4.5")
	const none, unchanged = "The Rakefile has no task assets:precompile: no assets are built", "unchanged, and it opened no connection"
	p.Expect(p.build()).To(ContainSubstring(none))
	p.write("words.txt", "second")
	log := p.build()
	p.Expect(log).To(ContainSubstring(unchanged))
	p.Expect(log).To(ContainSubstring(gemsReused))
	p.write("jobs/a.rake", "task(:sweep) { puts 1 }\n")
	p.Expect(p.build()).To(ContainSubstring(none))
	p.write("jobs/b.rake", "task(:other) { }\n")
	p.Expect(p.build()).To(ContainSubstring(none), "there is one more")
	p.Expect(p.build()).To(ContainSubstring(unchanged))

	p.env["EXTRA"] = "1"
	p.Expect(p.build()).NotTo(ContainSubstring("no assets are built"))
	made := func() string {
		_, files := p.files(func(name string) bool { return strings.HasSuffix(name, "workspace/public/made.txt") })
		for _, content := range files {
			return string(content)
		}
		return ""
	}
	p.Expect(made()).To(Equal("second"))
	p.Expect(p.build()).To(ContainSubstring(unchanged))
	p.write("words.txt", "third")
	p.build()
	p.Expect(made()).To(Equal("third"), "the task may read anything")
	delete(p.env, "EXTRA")
	p.Expect(p.build()).To(ContainSubstring(none))
	p.Expect(made()).To(BeEmpty())

	p.write("Rakefile", "require \"rspec/core/rake_task\"\nrequire \"hanami/rake_tasks\"\n")
	log = p.build()
	p.Expect(log).To(ContainSubstring("Warning: Rake cannot say whether there are assets to build, since the Rakefile does not load:"))
	p.Expect(log).To(ContainSubstring("cannot load such file -- rspec/core/rake_task"))
	p.write("project.toml", "[dev.gantry.ruby]\nassets-task = \"none\"\n")
	p.Expect(p.build()).NotTo(ContainSubstring("Build       "))
	p.write("project.toml", "[dev.gantry.ruby]\nassets-task = \"web:build web:check\"\n")
	p.write("Rakefile", "namespace(:web) { task(:build) { mkdir_p \"public\"; File.write(\"public/made.txt\", \"by another\") }; task(:check) { File.read(\"public/made.txt\") } }\n")
	p.Expect(p.build()).To(ContainSubstring("Build       rake web:build web:check"))
	p.Expect(made()).To(Equal("by another"))

	p.edit("Gemfile", "gem \"rake\"\n", "gem \"rake\"\ngem \"tilt\", group: :test\n")
	p.edit("Gemfile.lock", "    rake (13.2.1)\n", "    rake (13.2.1)\n    tilt (2.4.0)\n")
	p.edit("Gemfile.lock", "  rake\n", "  rake\n  tilt\n")
	p.write("Rakefile", "require \"tilt/erb\"\ntask \"assets:precompile\"\n")
	p.write("project.toml", "")
	log, err := p.tryBuild()
	p.Expect(err).To(HaveOccurred())
	p.Expect(log).To(ContainSubstring("Failed: the Rakefile loads tilt, which is in group test, and that is not installed  [ruby/rakefile-needs-gem]"))
}

// Rails whose gems bring Sprockets without its railtie has no assets, and a task that is added to Rails' own may read anything.
func TestAssetsOfRails(t *testing.T) {
	t.Parallel()
	r := rubyMirror(t)
	p := copyApp(t, "ruby/rails")
	r.use(t, p, "3.3.8")
	p.write("lib/tasks/types.rake", "task(:generate_types) { File.write(\"public/types.txt\", File.read(\"README.md\")) }\nRake::Task[\"assets:precompile\"].enhance([\"generate_types\"])\n")
	p.write("README.md", "first")
	p.write("public/robots.txt", "")
	p.write("app/views/pages/home.html.erb", "YJIT <%= RubyVM::YJIT.enabled? %>")
	p.build()
	made := func() string {
		_, files := p.files(func(name string) bool { return strings.HasSuffix(name, "workspace/public/types.txt") })
		for _, content := range files {
			return string(content)
		}
		return ""
	}
	p.Expect(made()).To(Equal("first"))
	p.write("README.md", "second")
	p.build()
	p.Expect(made()).To(Equal("second"))
	// Rails 7.2 enables YJIT by itself, whatever Ruby was started with.
	for _, c := range []struct {
		env  map[string]string
		want string
	}{{nil, "YJIT true"}, {map[string]string{"BPL_YJIT": "off"}, "YJIT false"}, {map[string]string{"BPL_YJIT": "off", "BPL_DIAGNOSTICS": "off"}, "YJIT false"}} {
		env := map[string]string{"SECRET_KEY_BASE": strings.Repeat("k", 64), "DATABASE_URL": "sqlite3:/tmp/shop.sqlite3"}
		maps.Copy(env, c.env)
		started := p.start(run.Options{Env: env})
		_, body := started.get("/")
		p.Expect(body).To(ContainSubstring(c.want), fmt.Sprint(c.env))
		_, _ = started.stop()
	}

	api := copyApp(t, "ruby/rails")
	r.use(t, api, "3.3.8")
	api.edit("Gemfile", "gem \"propshaft\"", "gem \"sprockets\", require: false")
	api.write("lib/tasks/none.rake", "")
	api.edit("Gemfile.lock", "    propshaft (1.3.2)\n      actionpack (>= 7.0.0)\n      activesupport (>= 7.0.0)\n      rack\n", "")
	api.edit("Gemfile.lock", "    sqlite3 (2", "    sprockets (4.2.1)\n      concurrent-ruby (~> 1.0)\n      rack (>= 2.2.4, < 4)\n    sqlite3 (2")
	api.edit("Gemfile.lock", "  propshaft\n", "")
	api.edit("Gemfile.lock", "  sqlite3 (~> 2.9)\n", "  sprockets\n  sqlite3 (~> 2.9)\n")
	api.Expect(api.build()).To(ContainSubstring("The Rakefile has no task assets:precompile: no assets are built"))
}

// A generator of static sites makes one, which is served without Ruby. The generator is one of the test's own, for the usual ones cannot be
// fetched everywhere; its command and its folders are theirs.
func TestStaticSiteOfRuby(t *testing.T) {
	t.Parallel()
	r := rubyMirror(t)
	files := rackApp("gem \"jekyll\", path: \"gems/jekyll\"\n", nil, "jekyll!")
	delete(files, "config.ru")
	files["Gemfile.lock"] = "PATH\n  remote: gems/jekyll\n  specs:\n    jekyll (4.4.1)\n\n" + files["Gemfile.lock"]
	files["_config.yml"] = "title: x\n"
	files["index.html"] = "<p>hello</p>"
	files["gems/jekyll/jekyll.gemspec"] = "Gem::Specification.new do |s|\n  s.name = \"jekyll\"\n  s.version = \"4.4.1\"\n  s.summary = \"x\"\n  s.authors = [\"a\"]\n  s.bindir = \"exe\"\n  s.executables = [\"jekyll\"]\nend\n"
	files["gems/jekyll/exe/jekyll"] = "#!/usr/bin/env ruby\nrequire \"fileutils\"\nFileUtils.mkdir_p \"_site\"\nFileUtils.cp \"index.html\", \"_site\"\nFile.write(\"_site/about.html\", ENV.fetch(\"JEKYLL_ENV\"))\n"
	p := newProject(t, files)
	r.use(t, p, "3.4.5")
	p.Expect(p.build()).To(ContainSubstring("Build       jekyll build"))
	c := p.start(run.Options{})
	_, body := c.get("/")
	p.Expect(body).To(Equal("<p>hello</p>"))
	_, body = c.get("/about")
	p.Expect(body).To(Equal("production"))
	_, _ = c.stop()
	names, _ := p.files(func(string) bool { return false })
	p.Expect(names).NotTo(ContainElement(HaveSuffix("/bin/ruby")))
	p.Expect(names).NotTo(ContainElement(HaveSuffix("workspace/Gemfile")))
}
