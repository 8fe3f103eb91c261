package integration

import (
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/platform/run"
)

// A private gem server: it wants credentials, which the build has and the image has not.
func TestPrivateGems(t *testing.T) {
	t.Parallel()
	r := rubyMirror(t)
	gems, err := unpackedGems()
	g := NewWithT(t)
	g.Expect(err).NotTo(HaveOccurred())
	files := http.FileServer(http.Dir(filepath.Join(gems, "gemrepo")))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		if _, password, _ := request.BasicAuth(); password != "canary-2718" {
			w.Header().Set("WWW-Authenticate", `Basic realm="gems"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		files.ServeHTTP(w, request)
	}))
	t.Cleanup(server.Close)
	p := copySample(t, "sinatra")
	r.use(t, p, "3.4.5")
	p.edit("Gemfile", "https://rubygems.org", server.URL)
	p.edit("Gemfile.lock", "https://rubygems.org/", server.URL+"/")
	log, err := p.tryBuild()
	p.Expect(err).To(HaveOccurred())
	p.Expect(log).To(ContainSubstring("Failed: a gem server wants credentials  [ruby/source-unauthorized]\n"))

	p.env["BUNDLE_127__0__0__1"] = "team:canary-2718"
	log = p.build()
	p.Expect(log).NotTo(ContainSubstring("canary-2718"))
	p.expectNowhere("canary-2718")
}

// gitServer serves a repository with a gem to those who know the password.
func gitServer(t *testing.T, password string) (url string, commit func(text string)) {
	g := NewWithT(t)
	dir := t.TempDir()
	git := func(args ...string) {
		c := exec.Command("git", append([]string{"-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "init.defaultBranch=main"}, args...)...)
		c.Dir = filepath.Join(dir, "work")
		out, err := c.CombinedOutput()
		g.Expect(err).NotTo(HaveOccurred(), string(out))
	}
	g.Expect(os.MkdirAll(filepath.Join(dir, "work", "lib"), 0o755)).To(Succeed())
	git("init", "-q")
	git("init", "-q", "--bare", "../served/shop.git")
	git("remote", "add", "origin", "../served/shop.git")
	commit = func(text string) {
		g.Expect(os.WriteFile(filepath.Join(dir, "work", "lib", "shop.rb"), []byte("SHOP = \""+text+"\"\n"), 0o644)).To(Succeed())
		g.Expect(os.WriteFile(filepath.Join(dir, "work", "shop.gemspec"),
			[]byte("Gem::Specification.new { |s| s.name = 'shop'; s.version = '0.1.0'; s.summary = 's'; s.authors = ['a']; s.files = ['lib/shop.rb'] }\n"), 0o644)).To(Succeed())
		git("add", ".")
		git("commit", "-q", "-m", text)
		git("push", "-q", "origin", "HEAD:main")
	}
	program, err := exec.LookPath("git")
	g.Expect(err).NotTo(HaveOccurred())
	backend := &cgi.Handler{Path: program, Args: []string{"http-backend"}, Env: []string{"GIT_PROJECT_ROOT=" + filepath.Join(dir, "served"), "GIT_HTTP_EXPORT_ALL=1"}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		if _, given, _ := request.BasicAuth(); given != password {
			w.Header().Set("WWW-Authenticate", `Basic realm="git"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		backend.ServeHTTP(w, request)
	}))
	t.Cleanup(server.Close)
	return server.URL + "/shop.git", commit
}

// The password of a Git repository is needed again for another commit, and kept nowhere.
func TestPrivateGitGems(t *testing.T) {
	t.Parallel()
	const canary = "canary-git-3141"
	r := rubyMirror(t)
	url, commit := gitServer(t, canary)
	commit("the first")
	p := copySample(t, "sinatra")
	r.use(t, p, "3.4.5")
	p.Expect(os.Remove(filepath.Join(p.dir, "Gemfile.lock"))).To(Succeed())
	gemfile, err := os.ReadFile(filepath.Join(p.dir, "Gemfile"))
	p.Expect(err).NotTo(HaveOccurred())
	p.write("Gemfile", string(gemfile)+"gem \"shop\", git: \""+url+"\", branch: \"main\"\n")
	p.write("config.ru", "require \"bundler/setup\"\nrequire \"sinatra\"\nrequire \"shop\"\nget(\"/\") { SHOP }\nrun Sinatra::Application\n")

	p.env["BUNDLE_127__0__0__1"] = "team:another-1618"
	log, err := p.tryBuild()
	p.Expect(err).To(HaveOccurred())
	p.Expect(log).To(ContainSubstring("Failed: a gem's Git repository cannot be read  [ruby/git-source]\n"))
	p.Expect(log).NotTo(ContainSubstring("another-1618"), "which Bundler itself repeats")

	p.env["BUNDLE_127__0__0__1"] = "team:" + canary
	for i, text := range []string{"the first", "the second"} {
		if i > 0 {
			commit(text)
			p.write("Gemfile", string(gemfile)+"gem \"shop\", \"0.1.0\", git: \""+url+"\", branch: \"main\"\n")
		}
		p.Expect(p.build()).NotTo(ContainSubstring(canary))
		p.expectNowhere(canary)
		c := p.start(run.Options{})
		_, body := c.get("/")
		p.Expect(body).To(Equal(text))
		_, _ = c.stop()
	}
}

// Settings of Bundler that were committed: those for another machine do not count, and credentials are not in the image.
func TestBundleConfig(t *testing.T) {
	t.Parallel()
	const canary = "canary-config-5772"
	r := rubyMirror(t)
	p := copySample(t, "sinatra")
	r.use(t, p, "3.4.5")
	p.write(".bundle/config", "---\nBUNDLE_PATH: \"vendor/gems\"\nBUNDLE_WITHOUT: \"production\"\nBUNDLE_DEPLOYMENT: \"true\"\nBUNDLE_GEMS__EXAMPLE__COM: \"user:"+canary+"\"\n")
	log := p.build()
	p.Expect(log).To(ContainSubstring("Warning: BUNDLE_PATH in .bundle/config, BUNDLE_WITHOUT in .bundle/config: that does not count, for\n  Gantry decides where gems are"))
	p.Expect(log).NotTo(ContainSubstring(canary))
	p.expectNowhere(canary)
	c := p.start(run.Options{})
	_, body := c.get("/")
	p.Expect(body).To(ContainSubstring("Hello from Sinatra"))
}
