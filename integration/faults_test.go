package integration

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/buildpack/buildlog"
	"github.com/gantry-buildpack/gantry/internal/platform/localbuild"
)

// What is nothing for Gantry fails detection, in one line.
func TestNothingForGantry(t *testing.T) {
	t.Parallel()
	p := newProject(t, map[string]string{"main.py": ""})
	log, err := p.tryBuild()
	p.Expect(err).To(HaveOccurred())
	p.Expect(log).To(ContainSubstring("Not for Gantry: its folder contains none of Gemfile, gems.rb, package.json, server.js, server.mjs, server.cjs, index.js, index.mjs, index.cjs, index.html, public/index.html, static.json, Staticfile, netlify.toml. "))
	p = newProject(t, map[string]string{"backend/package.json": "{}"})
	log, err = p.tryBuild()
	p.Expect(err).To(HaveOccurred())
	p.Expect(log).To(ContainSubstring("netlify.toml. Name the application's folder; for one of backend, set BP_NODE_PROJECT_PATH=backend.\n"))
}

// What is broken stops the build in its own words, and the cache of the last good build stays as it was.
func TestBrokenInputKeepsTheCache(t *testing.T) {
	t.Parallel()
	good := map[string]string{
		"package.json": `{"scripts": {"start": "node server.js"}, "dependencies": {"is-number": "7.0.0"}}`,
		"server.js":    `require('http').createServer((q, r) => r.end('ok')).listen(process.env.PORT)`,
	}
	p := newProject(t, good)
	p.addDependency("is-number", "7.0.0")
	p.build()
	lock, err := os.ReadFile(filepath.Join(p.dir, "package-lock.json"))
	p.Expect(err).NotTo(HaveOccurred())
	before := p.layers()

	for name, c := range map[string]struct {
		file, content string
		want          []string
	}{
		"package.json":              {file: "package.json", content: "{\n  \"scripts\": {,}\n}", want: []string{"package.json:2:15", "package.json is not valid JSON", "[node/package-json-invalid]"}},
		"project.toml":              {file: "project.toml", content: "[dev.gantry.node]\nversoin = \"24\"\n", want: []string{"project.toml:2:1", "dev.gantry.node.versoin is not a setting", "Did you mean dev.gantry.node.version?"}},
		"Procfile":                  {file: "Procfile", content: "web node server.js", want: []string{"Procfile:1:1", "[procfile/invalid]"}},
		"package-lock.json":         {file: "package-lock.json", content: "{\n  \"packages\": [}\n", want: []string{"package-lock.json", "[node/lockfile-invalid]"}},
		"a lockfile out of sync":    {file: "package.json", content: `{"scripts": {"start": "node server.js"}, "dependencies": {"is-number": "6.0.0"}}`, want: []string{"package-lock.json does not fit package.json", "is-number@6.0.0", "[node/lockfile-out-of-sync]"}},
		"an impossible version":     {file: "package.json", content: `{"engines": {"node": "^13"}}`, want: []string{"package.json:1:22", `no Node.js release fits "^13"`, "14.21.3"}},
		"a script that fails":       {file: "package.json", content: `{"scripts": {"start": "node server.js", "build": "exit 4"}}`, want: []string{"npm run build failed", "it ended with exit code 4", "[run/failed]"}},
		"a package with other bits": {file: "package-lock.json", content: corrupt(string(lock)), want: []string{"[node/package-integrity]"}},
	} {
		t.Run(name, func(t *testing.T) {
			p := &project{WithT: NewWithT(t), t: t, dir: t.TempDir(), cache: p.cache, env: p.env}
			for file, content := range good {
				p.write(file, content)
			}
			p.write("package-lock.json", string(lock))
			p.write(c.file, c.content)
			log, err := p.tryBuild()
			p.Expect(err).To(HaveOccurred(), log)
			for _, want := range c.want {
				p.Expect(log).To(ContainSubstring(want))
			}
			p.Expect(log).NotTo(ContainSubstring("gantry/internal"))
		})
	}
	log := p.build()
	p.Expect(log).To(ContainSubstring("Reusing layer 'gantry/app:modules'"))
	p.Expect(p.layers()).To(Equal(before))
}

// corrupt changes a digit of the first sha512 in a lockfile.
func corrupt(lock string) string {
	at := bytes.Index([]byte(lock), []byte("sha512-")) + len("sha512-") + 3
	other := byte('A')
	if lock[at] == 'A' {
		other = 'B'
	}
	return lock[:at] + string(other) + lock[at+1:]
}

// A registry that does not give Node.js as it should: the message says so, and nothing is kept of it.
func TestDownloadFaults(t *testing.T) {
	for name, c := range map[string]struct {
		serve http.HandlerFunc
		want  string
	}{
		"other bytes": {serve: func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, "not Node.js") }, want: "[fetch/checksum]"},
		"401":         {serve: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(401) }, want: "[fetch/refused]"},
		"404":         {serve: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404) }, want: "[fetch/not-found]"},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(c.serve)
			defer server.Close()
			p := newProject(t, map[string]string{"server.js": ""})
			p.env["BP_NODE_SOURCE"], p.env["BP_NPM_REGISTRY"] = "npm-registry", server.URL
			log, err := p.tryBuild()
			p.Expect(err).To(HaveOccurred())
			p.Expect(log).To(ContainSubstring(c.want))
		})
	}
}

// npmRegistry is the npm registry with something before it: what that answers is answered.
func npmRegistry(t *testing.T, answered func(w http.ResponseWriter, r *http.Request) bool) string {
	at, err := url.Parse(cmp.Or(os.Getenv("GANTRY_NPM_REGISTRY"), "https://registry.npmjs.org"))
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(at)
		r.Out.Header.Del("Authorization")
	}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !answered(w, r) {
			proxy.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// A registry of which every first answer is a fault of some kind: the build takes longer, and is right.
func TestFlakyRegistry(t *testing.T) {
	var lock sync.Mutex
	asked := map[string]int{}
	faults := map[int]int{}
	registry := npmRegistry(t, func(w http.ResponseWriter, r *http.Request) bool {
		lock.Lock()
		asked[r.URL.Path]++
		times, kind := asked[r.URL.Path], len(asked)%5
		if times == 1 {
			faults[kind]++
		}
		lock.Unlock()
		if times > 1 {
			return false
		}
		switch kind {
		case 0:
			w.WriteHeader(http.StatusServiceUnavailable)
		case 1:
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
		case 2:
			// The connection is gone before there is an answer, or in the middle of it.
			panic(http.ErrAbortHandler)
		case 3:
			w.Header().Set("Content-Length", "100000")
			_, _ = w.Write(make([]byte, 1000))
			panic(http.ErrAbortHandler)
		default:
			time.Sleep(time.Second)
			return false
		}
		return true
	})
	p := copySample(t, "express")
	p.env["BP_NPM_REGISTRY"], p.env["BP_NODE_SOURCE"] = registry, "npm-registry"
	p.build()
	first := p.layers()
	p.Expect(faults).To(HaveLen(5))
	_, body := p.start(runDefault).get("/")
	p.Expect(body).To(ContainSubstring("Hello from Express"))

	steady := copySample(t, "express")
	steady.env["BP_NODE_SOURCE"] = "npm-registry"
	steady.build()
	p.Expect(first).To(Equal(steady.layers()))
}

// A build that is interrupted ends soon, and the next one works with what was there before.
func TestInterruptedBuild(t *testing.T) {
	p := copySample(t, "plain")
	p.build()
	p.edit("package.json", `"start"`, `"build": "node -e 'setTimeout(() => {}, 60000)'", "start"`)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(4*time.Second, cancel)
	var out bytes.Buffer
	start := time.Now()
	_, err := localbuild.Build(ctx, p.options(), buildlog.New(&out, false), &out, &out)
	p.Expect(err).To(MatchError(ContainSubstring("[build/interrupted]")), out.String())
	p.Expect(time.Since(start)).To(BeNumerically("<", 30*time.Second))

	p.edit("package.json", `"build": "node -e 'setTimeout(() => {}, 60000)'", `, "")
	log := p.build()
	p.Expect(log).To(ContainSubstring("Reusing layer 'gantry/app:node'"))
}

// What an operator changes in buildpack.toml takes effect; what is misspelled there is not passed over.
func TestChangedBuildpackTOML(t *testing.T) {
	t.Parallel()
	p := copySample(t, "plain")
	changed := filepath.Join(t.TempDir(), "buildpack")
	out, err := exec.Command("cp", "-R", "../build/buildpack", changed).CombinedOutput()
	p.Expect(err).NotTo(HaveOccurred(), string(out))
	build := func(before, after string) (string, error) {
		file := filepath.Join(changed, "buildpack.toml")
		text, err := os.ReadFile(file)
		p.Expect(err).NotTo(HaveOccurred())
		p.Expect(string(text)).To(ContainSubstring(before))
		p.Expect(os.WriteFile(file, []byte(strings.Replace(string(text), before, after, 1)), 0o644)).To(Succeed())
		o := p.options()
		o.Buildpack = changed
		var log bytes.Buffer
		_, err = localbuild.Build(t.Context(), o, buildlog.New(&log, false), &log, &log)
		return log.String(), err
	}
	log, err := build(`name = "BP_NODE_VERSION"`, `name = "BP_NODE_VERSION"`+"\ndefault = \"22\"")
	p.Expect(err).NotTo(HaveOccurred(), log)
	p.Expect(log).To(MatchRegexp(`Node\.js  22\.\d+\.\d+ +from the default in buildpack\.toml \(22\)`))
	explained, err := exec.Command("../build/gantry", "explain", "--buildpack-toml", filepath.Join(changed, "buildpack.toml"), p.dir).CombinedOutput()
	p.Expect(err).NotTo(HaveOccurred(), string(explained))
	p.Expect(string(explained)).To(MatchRegexp(`Node\.js +22\.\d+\.\d+ +from the default in buildpack\.toml \(22\)`))

	p.env["BP_NODE_INSTALLER"] = "auto"
	log, err = build(`values = ["auto", "npm"]`+"\ndefault = \"auto\"", `values = ["npm"]`+"\ndefault = \"npm\"")
	p.Expect(err).To(HaveOccurred())
	p.Expect(log).To(ContainSubstring(`"auto" is none of npm`))
	delete(p.env, "BP_NODE_INSTALLER")

	log, err = build(`name = "BP_CACHE_LIMIT"`, `name = "BP_CASH_LIMIT"`)
	p.Expect(err).To(HaveOccurred())
	p.Expect(log).To(ContainSubstring(`buildpack.toml has a configuration "BP_CASH_LIMIT" that Gantry does not know  [settings/unknown-configuration]`))
}
