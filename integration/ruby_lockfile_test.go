package integration

import (
	"os"
	"path/filepath"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/localbuild"
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
	p.write("README.md", "changed")
	log = p.build()
	p.Expect(log).To(ContainSubstring("Layer       gems: reused, nothing it depends on has changed"))
	p.Expect(r.fetched()).To(BeEmpty())
	c := p.start(localbuild.RunOptions{})
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
	c := p.start(localbuild.RunOptions{})
	_, body := c.get("/made.txt")
	p.Expect(body).To(Equal("made by rake"))
	p.write("README.md", "changed")
	p.Expect(p.build()).To(ContainSubstring("Build       rake assets:precompile"), "the task may read anything")
	p.Expect(p.build()).To(ContainSubstring("what the scripts made comes from the cache"))
}
