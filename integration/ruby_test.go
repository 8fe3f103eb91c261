package integration

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"debug/elf"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/platform/localbuild"
	"github.com/gantry-buildpack/gantry/internal/platform/run"
)

// rubies serves Rubies and gems to builds. Where the folder with them is not given, the public hosts do.
type rubies struct {
	dir string
	// gems counts what was fetched of the gems themselves.
	mu   sync.Mutex
	gems []string
	url  string
}

// unpackedGems is the folder of the gem server's files, unpacked once.
var unpackedGems = sync.OnceValues(func() (string, error) {
	dir := filepath.Join(scratch, "gems")
	in, err := os.Open(filepath.Join(os.Getenv("GANTRY_TEST_MIRROR"), "gems.tar.gz"))
	if err != nil {
		return "", err
	}
	defer func() { _ = in.Close() }()
	zipped, err := gzip.NewReader(in)
	if err != nil {
		return "", err
	}
	for reader := tar.NewReader(zipped); ; {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return dir, nil
		}
		if err != nil {
			return "", err
		}
		file := filepath.Join(dir, filepath.Clean("/"+header.Name))
		if header.Typeflag == tar.TypeDir {
			continue
		}
		content, err := io.ReadAll(reader)
		if err == nil {
			err = os.MkdirAll(filepath.Dir(file), 0o755)
		}
		if err == nil {
			err = os.WriteFile(file, content, 0o644)
		}
		if err != nil {
			return "", err
		}
	}
})

// rubyMirror starts a server of Rubies and gems; without the test data the test is skipped unless the public hosts answer.
func rubyMirror(t *testing.T) *rubies {
	r := &rubies{dir: os.Getenv("GANTRY_TEST_MIRROR")}
	if r.dir == "" {
		response, err := (&http.Client{Timeout: 10 * time.Second}).Get("https://rubygems.org/versions")
		if err == nil {
			_ = response.Body.Close()
		}
		t.Skip("not tested with Ruby: GANTRY_TEST_MIRROR names no folder with Rubies and gems")
	}
	gems, err := unpackedGems()
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	files := http.FileServer(http.Dir(filepath.Join(gems, "gemrepo")))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		if name := filepath.Base(request.URL.Path); strings.HasPrefix(name, "ruby-3.") && strings.HasSuffix(name, ".tar.gz") {
			http.ServeFile(w, request, filepath.Join(r.dir, name))
			return
		}
		if strings.HasSuffix(request.URL.Path, ".gem") {
			r.mu.Lock()
			r.gems = append(r.gems, filepath.Base(request.URL.Path))
			r.mu.Unlock()
		}
		files.ServeHTTP(w, request)
	}))
	t.Cleanup(server.Close)
	r.url = server.URL
	return r
}

// fetched gives the gems that were fetched since the last call, in order.
func (r *rubies) fetched() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := r.gems
	r.gems = nil
	slices.Sort(list)
	return list
}

// use lets a project be built with one of these Rubies, and with these gems in place of rubygems.org.
func (r *rubies) use(t *testing.T, p *project, version string) {
	name := "ruby-" + version + "-linux-amd64.tar.gz"
	content, err := os.ReadFile(filepath.Join(r.dir, name))
	p.Expect(err).NotTo(HaveOccurred())
	sum := sha256.Sum256(content)
	p.env["BP_RUBY_ARCHIVE"] = r.url + "/" + name + "#sha256=" + hex.EncodeToString(sum[:])
	dir := t.TempDir()
	p.Expect(os.WriteFile(filepath.Join(dir, "type"), []byte("bundle"), 0o644)).To(Succeed())
	p.Expect(os.WriteFile(filepath.Join(dir, "config"), []byte("---\nBUNDLE_MIRROR__HTTPS://RUBYGEMS__ORG/: \""+r.url+"/\"\n"), 0o644)).To(Succeed())
	p.volumes = append(p.volumes, localbuild.Volume{Source: dir, Target: "/platform/bindings/rubygems"})
}

// A Sinatra application with a gem that is compiled: built, built again, run, asked, stopped while a request is running.
func TestSinatra(t *testing.T) {
	t.Parallel()
	r := rubyMirror(t)
	p := copySample(t, "sinatra")
	r.use(t, p, "3.4.5")
	log := p.build()
	p.Expect(log).To(ContainSubstring("Installing puma 6.6.0 with native extensions"))
	p.Expect(log).To(ContainSubstring("Layer       gems: created (no cached layer)"))
	first := p.layers()
	names, compiled := p.files(func(name string) bool {
		return strings.HasSuffix(name, "/puma_http11.so") || strings.HasSuffix(name, "/gantry_sampler.so")
	})
	p.Expect(names).NotTo(ContainElement(HaveSuffix(".gem")))
	p.Expect(names).NotTo(ContainElement(HaveSuffix("/gem_make.out")))
	p.Expect(compiled).To(HaveLen(3))
	links := 0
	for name, content := range compiled {
		if len(content) == 0 {
			// RubyGems' second place for a compiled file.
			p.Expect(name).To(HaveSuffix("/gems/puma-6.6.0/lib/puma/puma_http11.so"))
			links++
			continue
		}
		library, err := elf.NewFile(bytes.NewReader(content))
		p.Expect(err).NotTo(HaveOccurred())
		p.Expect(library.Section(".debug_info")).To(BeNil(), name)
		// What the sampler's signal handler calls must not allocate: it may have interrupted an allocation.
		symbols, err := library.ImportedSymbols()
		p.Expect(err).NotTo(HaveOccurred())
		for _, symbol := range symbols {
			p.Expect(symbol.Name).NotTo(Equal("__tls_get_addr"), name)
		}
	}
	p.Expect(links).To(Equal(1))
	p.Expect(r.fetched()).To(ContainElement("puma-6.6.0.gem"))

	log = p.build()
	for _, layer := range []string{"gantry", "gems", "ruby"} {
		p.Expect(log).To(ContainSubstring("Layer       " + layer + ": reused (inputs unchanged)"))
	}
	p.Expect(p.layers()).To(Equal(first))
	p.Expect(r.fetched()).To(BeEmpty())

	// The same source elsewhere, from nothing: the same image.
	other := copySample(t, "sinatra")
	r.use(t, other, "3.4.5")
	other.build()
	p.Expect(other.layers()).To(Equal(first))

	c := p.start(run.Options{})
	status, body := c.get("/")
	p.Expect(status).To(Equal(http.StatusOK))
	p.Expect(body).To(Equal("Hello from Sinatra on Ruby 3.4.5"))
	p.Expect(c.out.String()).To(ContainSubstring("+YJIT"))
	c.answersAndEnds(p, "slow")

	// Under load, while load balancers still send requests: every one of them is answered.
	c = p.start(run.Options{Env: map[string]string{"BPL_DRAIN_DELAY": "2s"}})
	c.get("/")
	ended := make(chan int, 1)
	answered, failed := underLoad(c.port, 4, func() {
		go func() {
			code, _ := c.stop()
			ended <- code
		}()
		time.Sleep(time.Second)
	})
	p.Expect(failed).To(BeEmpty())
	p.Expect(answered).To(BeNumerically(">", 4), "there was load")
	p.Expect(<-ended).To(Equal(0))
}

// underLoad has clients ask one request after the other, each by a connection of its own, before and during what happens.
func underLoad(port, clients int, happens func()) (answered int, failed []error) {
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	ask := func() error {
		response, err := client.Get(fmt.Sprintf("http://127.0.0.1:%d/", port))
		if err != nil {
			return err
		}
		_, err = io.ReadAll(response.Body)
		if response.StatusCode != http.StatusOK {
			err = errors.Join(err, errors.New(response.Status))
		}
		return errors.Join(err, response.Body.Close())
	}
	var mu sync.Mutex
	var group sync.WaitGroup
	enough := make(chan struct{})
	for range clients {
		group.Go(func() {
			for {
				select {
				case <-enough:
					return
				default:
				}
				err := ask()
				mu.Lock()
				if answered++; err != nil {
					answered, failed = answered-1, append(failed, err)
				}
				mu.Unlock()
			}
		})
	}
	time.Sleep(300 * time.Millisecond)
	happens()
	close(enough)
	group.Wait()
	return answered, failed
}

// A gem is added: it alone is fetched, and nothing is compiled again.
func TestAnotherGem(t *testing.T) {
	t.Parallel()
	r := rubyMirror(t)
	p := copySample(t, "sinatra")
	r.use(t, p, "3.4.5")
	p.build()
	r.fetched()
	p.edit("Gemfile", `gem "rackup"`, "gem \"rackup\"\ngem \"redis\"")
	p.edit("Gemfile.lock", "    ruby2_keywords (0.0.5)\n", "    redis (5.3.0)\n      redis-client (>= 0.22.0)\n    redis-client (0.22.2)\n      connection_pool\n    ruby2_keywords (0.0.5)\n")
	p.edit("Gemfile.lock", "    base64 (0.2.0)\n", "    base64 (0.2.0)\n    connection_pool (2.4.1)\n")
	p.edit("Gemfile.lock", "  rackup\n", "  rackup\n  redis\n")
	log := p.build()
	p.Expect(log).To(MatchRegexp(`Layer       gems: created \(Gemfile(\.lock)? changed`))
	p.Expect(r.fetched()).To(Equal([]string{"connection_pool-2.4.1.gem", "redis-5.3.0.gem", "redis-client-0.22.2.gem"}))
}

// gemsOf are the gems of which an image has a specification in a folder.
func gemsOf(names []string, folder string) (gems []string) {
	spec := regexp.MustCompile(folder + `([^/]+?)-(\d[^/-]*)(?:-x86_64-linux)?\.gemspec$`)
	for _, name := range names {
		if m := spec.FindStringSubmatch(name); m != nil {
			gems = append(gems, m[1]+"@"+m[2])
		}
	}
	return gems
}

func billedGems(bill string) (gems []string) {
	for _, m := range regexp.MustCompile(`"purl": ?"pkg:gem/([^?"]+)`).FindAllStringSubmatch(bill, -1) {
		gems = append(gems, m[1])
	}
	return gems
}

// Rails with SQLite, Propshaft and import maps.
func TestRails(t *testing.T) {
	t.Parallel()
	r := rubyMirror(t)
	p := copyApp(t, "ruby/rails")
	r.use(t, p, "3.3.8")
	p.env["BP_BOOTSNAP_PRECOMPILE"] = "true"
	log := p.build()
	p.Expect(log).To(ContainSubstring("Build       rails assets:precompile"))
	names, bills := p.files(func(name string) bool { return strings.HasSuffix(name, "/launch/gantry_app/sbom.cdx.json") })
	p.Expect(names).To(ContainElement(MatchRegexp(`workspace/public/assets/application-[0-9a-f]+\.css$`)))
	p.Expect(names).To(ContainElement(MatchRegexp(`/vendor/bundle/ruby/3\.3\.0/gems/rdoc-[0-9.]+/lib/rdoc\.rb$`)))
	p.Expect(names).NotTo(ContainElement(MatchRegexp(`/ruby/lib/ruby/(3\.3\.0/rdoc\.rb|gems/3\.3\.0/gems/rexml-.*\.rb)$`)), "the bundle has another, or nothing sees it")
	p.Expect(bills).To(HaveLen(1))
	for _, bill := range bills {
		installed, withRuby := gemsOf(names, `/vendor/bundle/ruby/[^/]+/specifications/`), gemsOf(names, `/lib/ruby/gems/[^/]+/specifications/default/`)
		billed := billedGems(string(bill))
		p.Expect(billed).To(ContainElements(installed), "the bill of materials names what is installed")
		p.Expect(slices.Concat(installed, withRuby)).To(ContainElements(billed), "and nothing that is not")
	}

	c := p.start(run.Options{})
	code, err := c.Wait()
	p.Expect(err).NotTo(HaveOccurred())
	p.Expect(code).To(Equal(82))
	p.Expect(c.out.String()).To(ContainSubstring(`
  SECRET_KEY_BASE  is not set, and it is required; expected is a text
                   Rails signs and encrypts cookies with it; ` + "`rails secret`" + ` makes one
`))

	env := map[string]string{"SECRET_KEY_BASE": strings.Repeat("k", 64), "DATABASE_URL": "sqlite3:/tmp/shop.sqlite3", "BOOTSNAP_STATS": "1"}
	c = p.start(run.Options{Env: env})
	status, body := c.get("/")
	p.Expect(status).To(Equal(http.StatusOK), c.out.String())
	p.Expect(body).To(MatchRegexp(`<h1>Hello from Rails</h1><p>SQLite \d+\.`))
	stylesheet := strings.SplitN(strings.SplitN(body, `<link rel="stylesheet" href="`, 2)[1], `"`, 2)[0]
	status, body = c.get(stylesheet)
	p.Expect(status).To(Equal(http.StatusOK))
	p.Expect(body).To(ContainSubstring("color: green"))
	code, _ = c.stop()
	p.Expect(code).To(Equal(0))
	p.Expect(c.out.String()).NotTo(ContainSubstring("not writable"))
	p.Expect(c.out.String()).To(MatchRegexp(`bootsnap hit: [1-9]\d\d\d\n`), "the gems' code is compiled")

	// The same source makes the same image, somewhere else and later; but for code that Ruby compiles.
	p.env["BP_BOOTSNAP_PRECOMPILE"] = "false"
	p.Expect(p.build()).To(ContainSubstring("Layer       gems: created"))
	twin := copyApp(t, "ruby/rails")
	r.use(t, twin, "3.3.8")
	twin.build()
	p.Expect(twin.layers()).To(Equal(p.layers()), func() string { return strings.Join(differing(p, twin, "/gems/vendor/"), "\n") })

	const kept = "unchanged, and it opened no connection"
	first := p.layers()
	p.Expect(p.build()).To(ContainSubstring(kept))
	p.Expect(p.layers()).To(Equal(first))
	p.edit("app/views/pages/home.html.erb", "Hello from Rails", "Hello again")
	log = p.build()
	p.Expect(log).To(ContainSubstring(kept), "a view is no asset")
	p.Expect(log).To(ContainSubstring("Layer       gems: reused"))
	p.edit("app/assets/stylesheets/application.css", "green", "red")
	log = p.build()
	p.Expect(log).To(ContainSubstring("Build       rails assets:precompile"))
	p.Expect(log).To(ContainSubstring("Layer       gems: reused"))
	p.Expect(r.fetched()).NotTo(BeEmpty())
	c = p.start(run.Options{Env: env})
	_, body = c.get("/")
	p.Expect(body).To(ContainSubstring("Hello again"))
}

// differing gives the files in a folder of two images that are not the same, with what is known of both.
func differing(one, other *project, folder string) (lines []string) {
	all := func(p *project) map[string]string {
		found := map[string]string{}
		p.entries(func(header *tar.Header, in io.Reader) error {
			if !strings.Contains(header.Name, folder) {
				return nil
			}
			sum := sha256.New()
			_, err := io.Copy(sum, in)
			found[header.Name] = fmt.Sprintf("%o %d %d:%d %s %x", header.Mode, header.Size, header.Uid, header.Gid, header.Linkname, sum.Sum(nil)[:4])
			return err
		})
		return found
	}
	first, second := all(one), all(other)
	for name := range second {
		if _, there := first[name]; !there {
			first[name] = ""
		}
	}
	for name := range first {
		if first[name] != second[name] {
			lines = append(lines, fmt.Sprintf("%s: %q and %q", name, first[name], second[name]))
		}
	}
	slices.Sort(lines)
	return lines
}

// Assets that Node.js makes: it is there for the build, and nothing of it is in the image.
func TestRailsWithNode(t *testing.T) {
	t.Parallel()
	p := railsWithNode(t)
	log := p.build()
	p.Expect(log).To(MatchRegexp(`Node\.js +\d+\.\d+\.\d+ +.*for building the assets`))
	names, content := p.files(func(name string) bool {
		return strings.Contains(name, "public/assets/application-") && strings.HasSuffix(name, ".css")
	})
	p.Expect(content).To(HaveLen(1), log)
	for _, text := range content {
		p.Expect(string(text)).To(ContainSubstring("made by Node.js v"))
	}
	p.Expect(names).NotTo(ContainElement(HaveSuffix("bin/node")))
	p.Expect(names).NotTo(ContainElement(ContainSubstring("node_modules/")))
	p.Expect(p.build()).To(ContainSubstring("unchanged, and it opened no connection"))
}

// railsEnv is what the Rails application needs to start.
var railsEnv = map[string]string{"SECRET_KEY_BASE": strings.Repeat("k", 64), "DATABASE_URL": "sqlite3:/tmp/shop.sqlite3"}

// railsWithNode is a Rails application whose stylesheet Node.js makes; the files of other folders lie over it.
func railsWithNode(t *testing.T, over ...string) *project {
	r := rubyMirror(t)
	p := copyApp(t, "ruby/rails")
	for _, dir := range append([]string{"rails-css"}, over...) {
		out, err := exec.Command("cp", "-R", "testdata/ruby/"+dir+"/.", p.dir).CombinedOutput()
		p.Expect(err).NotTo(HaveOccurred(), string(out))
	}
	p.edit("app/views/layouts/application.html.erb", "    <%= javascript_importmap_tags %>\n", "")
	p.Expect(os.Remove(filepath.Join(p.dir, "config/importmap.rb"))).To(Succeed())
	p.Expect(os.Remove(filepath.Join(p.dir, "app/assets/stylesheets/application.css"))).To(Succeed())
	r.use(t, p, "3.3.8")
	return p
}

// A process of Node.js next to those of Ruby: the image holds Node.js and the packages that it needs, and not those for building.
func TestRailsWithNodeAtLaunch(t *testing.T) {
	t.Parallel()
	p := railsWithNode(t, "rails-node")
	p.write(".npmrc", "//registry.example/:_authToken=npm-6c1f0a\n")
	log := p.build()
	p.Expect(log).To(MatchRegexp(`Node\.js +\d+\.\d+\.\d+ +.*in the image, too: render in Procfile runs node`))
	render := p.start(run.Options{Process: "render", Env: railsEnv})
	code, err := render.Wait()
	p.Expect(err).NotTo(HaveOccurred())
	p.Expect(code).To(BeZero(), render.out.String())
	p.Expect(render.out.String()).To(MatchRegexp(`rendered by Node\.js v\d+\.\d+\.\d+ in 1 minute, production, .*--require=\S+/watch\.cjs`))
	web := p.start(run.Options{Env: railsEnv})
	status, _ := web.get("/up")
	p.Expect(status).To(Equal(200))

	inBill, inTree := p.inBill()
	p.Expect(inTree).To(ConsistOf("ms@2.1.3"))
	p.Expect(inBill).To(ConsistOf("ms@2.1.3"))
	p.expectNowhere("npm-6c1f0a")
	names, _ := p.files(func(string) bool { return false })
	p.Expect(names).NotTo(ContainElement(HaveSuffix("npm-cli.js")))
	before := p.layers()

	p.Expect(p.build()).To(And(ContainSubstring("modules: reused"), ContainSubstring("unchanged, and it opened no connection")))
	p.Expect(p.layers()).To(Equal(before), "nothing has changed")
	p.edit("build.mjs", "blue", "green")
	log = p.build()
	p.Expect(log).To(And(ContainSubstring("rails assets:precompile"), ContainSubstring("modules: reused"), ContainSubstring("Layer       node: reused")))
	p.edit("render.js", "rendered by", "drawn by")
	p.Expect(p.build()).To(ContainSubstring("modules: reused"))

	p.env["BP_RUBY_NODE_AT_LAUNCH"] = "false"
	p.build()
	names, _ = p.files(func(string) bool { return false })
	p.Expect(names).NotTo(ContainElement(HaveSuffix("bin/node")))
}

// A lockfile of Bundler 4, which is not the one that this Ruby brings; and gems that are part of the source.
func TestBundlerAndVendoredGems(t *testing.T) {
	t.Parallel()
	r := rubyMirror(t)
	p := copySample(t, "sinatra")
	r.use(t, p, "3.4.5")
	lock, err := os.ReadFile(filepath.Join(p.dir, "Gemfile.lock"))
	p.Expect(err).NotTo(HaveOccurred())
	head, _, _ := strings.Cut(string(lock), "BUNDLED WITH\n")
	p.write("Gemfile.lock", head+"BUNDLED WITH\n  4.0.22\n")
	p.build()
	p.Expect(r.fetched()).To(ContainElement("bundler-4.0.22.gem"))
	c := p.start(run.Options{})
	_, body := c.get("/")
	p.Expect(body).To(ContainSubstring("Hello from Sinatra"))

	p = copySample(t, "sinatra")
	r.use(t, p, "3.4.5")
	gems, err := unpackedGems()
	p.Expect(err).NotTo(HaveOccurred())
	for _, name := range []string{
		"base64-0.2.0", "logger-1.6.4", "mustermann-3.0.0", "nio4r-2.7.3", "puma-6.6.0", "rack-3.1.20", "rack-protection-4.1.1", "rack-session-2.1.1",
		"rackup-2.1.0", "ruby2_keywords-0.0.5", "sinatra-4.1.1", "tilt-2.4.0", "webrick-1.9.1", "rake-13.2.1",
	} {
		content, err := os.ReadFile(filepath.Join(gems, "gemrepo/gems", name+".gem"))
		p.Expect(err).NotTo(HaveOccurred())
		p.write("vendor/cache/"+name+".gem", string(content))
	}
	p.build()
	p.Expect(r.fetched()).To(BeEmpty(), "the source has them")
	names, _ := p.files(func(string) bool { return false })
	p.Expect(names).NotTo(ContainElement(HaveSuffix(".gem")))
}
