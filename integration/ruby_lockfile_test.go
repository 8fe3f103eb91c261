package integration

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/platform/run"
)

// Without a lockfile Bundler makes one; it stays with the gems, and both are used again.
func TestRubyWithoutLockfile(t *testing.T) {
	t.Parallel()
	r := rubyMirror(t)
	p := copySample(t, "sinatra")
	r.use(t, p, "3.4.5")
	p.Expect(os.Remove(filepath.Join(p.dir, "Gemfile.lock"))).To(Succeed())
	log := p.build()
	p.Expect(log).To(ContainSubstring("Warning: There is no Gemfile.lock"))
	p.Expect(r.fetched()).NotTo(BeEmpty())
	billed := func() []string {
		_, bills := p.files(func(name string) bool { return strings.HasSuffix(name, "/launch/gantry_app/sbom.cdx.json") })
		p.Expect(bills).To(HaveLen(1))
		for _, bill := range bills {
			return billedGems(string(bill))
		}
		return nil
	}
	gems := billed()
	p.Expect(gems).To(ContainElements("sinatra@4.1.1", "puma@6.6.0", "rack@3.1.20"))
	p.write("README.md", "changed")
	log = p.build()
	p.Expect(log).To(ContainSubstring("Layer       gems: reused (inputs unchanged)"))
	p.Expect(r.fetched()).To(BeEmpty())
	p.Expect(billed()).To(Equal(gems), "what is taken over is what it was")
	c := p.start(run.Options{})
	_, body := c.get("/")
	p.Expect(body).To(ContainSubstring("Hello from Sinatra"))
	code, _ := c.stop()
	p.Expect(code).To(Equal(0))
}

// A task that builds assets needs no Rails, and gems that are not installed start nothing: the rake of the group "test" is none.
func TestAssetsWithoutRails(t *testing.T) {
	t.Parallel()
	r := rubyMirror(t)
	p := copySample(t, "sinatra")
	r.use(t, p, "3.4.5")
	p.write("Rakefile", "namespace :assets do\n  task :precompile do\n    mkdir_p \"public\"\n    File.write(\"public/made.txt\", \"made by rake\")\n  end\nend\n")
	p.Expect(p.build()).NotTo(ContainSubstring("rake"))
	p.edit("Gemfile", "group :development, :test do\n  gem \"rake\"\nend\n", "gem \"rake\"\n")
	p.Expect(p.build()).To(ContainSubstring("Build       rake assets:precompile"))
	c := p.start(run.Options{})
	_, body := c.get("/made.txt")
	p.Expect(body).To(Equal("made by rake"))
	p.write("README.md", "changed")
	p.Expect(p.build()).To(ContainSubstring("Build       rake assets:precompile"), "there is one more file")
	p.Expect(p.build()).To(ContainSubstring("unchanged, and it opened no connection"))
}

// Servers that drop their work on SIGTERM get the signal on which they finish it; and what a gem that came compiled needs of the
// image is looked for, though no lockfile names the gem.
func TestRackServers(t *testing.T) {
	t.Parallel()
	r := rubyMirror(t)
	p := newProject(t, map[string]string{
		"Gemfile":   "source \"https://rubygems.org\"\ngem \"rackup\"\ngem \"webrick\"\n",
		"config.ru": "run ->(env) { sleep 2 if env[\"PATH_INFO\"] == \"/slow\"; [200, {\"content-type\" => \"text/plain\"}, [\"answered\"]] }\n",
	})
	r.use(t, p, "3.3.8")
	p.build()
	c := p.start(run.Options{})
	c.get("/")
	c.answersAndEnds(p, "answered")

	p.write("Gemfile", "source \"https://rubygems.org\"\ngem \"rack\"\ngem \"thin\"\n")
	log := p.build()
	if !strings.Contains(log, "is not in the build image") {
		t.Skip("not tested: this machine has the libraries of the gem eventmachine")
	}
	c = p.start(run.Options{})
	code, err := c.Wait()
	p.Expect(err).NotTo(HaveOccurred())
	p.Expect(code).To(Equal(82))
	p.Expect(c.out.String()).To(MatchRegexp(`(?m)^  GLIBCXX_[0-9.]+ of libstdc\+\+\.so\.6  is needed by eventmachine;`))
}

// What loads execjs needs Node.js as soon as it starts: the image has it, and no packages. A program without config.ru is found.
func TestExecJS(t *testing.T) {
	t.Parallel()
	r := rubyMirror(t)
	p := newProject(t, map[string]string{
		"Gemfile":           "source \"https://rubygems.org\"\ngem \"execjs\"\n",
		"app.rb":            "require \"bundler/setup\"\nrequire \"execjs\"\nputs \"The answer is #{ExecJS.eval(\"6 * 7\")}\"\n",
		"package.json":      `{"dependencies": {"is-number": "7.0.0"}}`,
		"package-lock.json": `{"lockfileVersion": 3, "packages": {"": {"dependencies": {"is-number": "7.0.0"}}, "node_modules/is-number": {"version": "7.0.0", "resolved": "https://registry.npmjs.org/is-number/-/is-number-7.0.0.tgz", "integrity": "sha512-41Cifkg6e8TylSpdtTpeLVMqvSBEVzTttHvERD741+pnZ8ANv0004MRL43QKPDlK9cGvNp6NZWZUBlbGXYxxng=="}}}`,
		"Procfile":          "web: bundle exec ruby app.rb\n",
	})
	r.use(t, p, "3.3.8")
	p.build()
	names, _ := p.files(func(string) bool { return false })
	p.Expect(names).To(ContainElement(HaveSuffix("/node/bin/node")))
	p.Expect(names).NotTo(ContainElement(ContainSubstring("is-number")))
	c := p.start(run.Options{})
	code, err := c.Wait()
	p.Expect(err).NotTo(HaveOccurred())
	p.Expect(code).To(Equal(0), c.out.String())
	p.Expect(c.out.String()).To(ContainSubstring("The answer is 42"))
}

// What is installed depends on variables, too; how it is compiled as well, and what was compiled otherwise is not taken again.
func TestVariablesOfGems(t *testing.T) {
	t.Parallel()
	r := rubyMirror(t)
	p := copySample(t, "sinatra")
	r.use(t, p, "3.4.5")
	p.build()
	p.Expect(r.fetched()).To(ContainElement("puma-6.6.0.gem"))
	p.env["BP_BUNDLE_WITHOUT"] = "development"
	p.Expect(p.build()).To(ContainSubstring("Layer       gems: created (the variable BUNDLE_WITHOUT changed)"))
	p.Expect(r.fetched()).To(Equal([]string{"rake-13.2.1.gem"}), "the others are kept")
	p.env["BUNDLE_BUILD__PUMA"] = "--disable-ssl"
	p.Expect(p.build()).To(ContainSubstring("Layer       gems: created (the variable BUNDLE_BUILD__PUMA is new)"))
	p.Expect(r.fetched()).To(ContainElement("puma-6.6.0.gem"))
	p.Expect(p.build()).To(ContainSubstring("Layer       gems: reused"))
}
