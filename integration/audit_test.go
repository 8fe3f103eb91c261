package integration

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	. "github.com/onsi/gomega"
)

// known are advisories of https://github.com/advisories: a registry answers with them for the packages that it is asked for.
var known = map[string][]map[string]any{
	"lodash": {
		{"id": 1106913, "url": "https://github.com/advisories/GHSA-35jh-r3h4-6jhm", "title": "Command Injection in lodash", "severity": "high", "vulnerable_versions": "<4.17.21"},
		{"id": 1106914, "url": "https://github.com/advisories/GHSA-jf85-cpcp-j695", "title": "Prototype Pollution in lodash", "severity": "critical", "vulnerable_versions": "<4.17.12"},
	},
	"minimist": {{"id": 1097678, "url": "https://github.com/advisories/GHSA-xvch-5gv4-984h", "title": "Prototype Pollution in minimist", "severity": "critical", "vulnerable_versions": "<0.2.4"},
		{"id": 1097677, "url": "https://github.com/advisories/GHSA-vh95-rmgr-6w4m", "title": "Prototype Pollution in minimist", "severity": "moderate", "vulnerable_versions": ">=1.0.0 <1.2.3"}},
	"qs":         {{"id": 1113719, "url": "https://github.com/advisories/GHSA-hrpp-h998-j3pp", "title": "qs vulnerable to Prototype Pollution", "severity": "high", "vulnerable_versions": ">=6.5.0 <6.5.3"}},
	"ws":         {{"id": 1098393, "url": "https://github.com/advisories/GHSA-3h5v-q93c-6h6q", "title": "ws affected by a DoS when handling a request with many HTTP headers", "severity": "high", "vulnerable_versions": ">=7.0.0 <7.5.10"}},
	"postcss":    {{"id": 1109574, "url": "https://github.com/advisories/GHSA-7fh5-64p2-3v2j", "title": "PostCSS line return parsing error", "severity": "moderate", "vulnerable_versions": "<8.4.31"}},
	"nth-check":  {{"id": 1095141, "url": "https://github.com/advisories/GHSA-rp65-9cf3-cjxr", "title": "Inefficient Regular Expression Complexity in nth-check", "severity": "high", "vulnerable_versions": "<2.0.1"}},
	"json5":      {{"id": 1096544, "url": "https://github.com/advisories/GHSA-9c47-m6qq-7p4h", "title": "Prototype Pollution in JSON5 via Parse Method", "severity": "high", "vulnerable_versions": "<1.0.2"}},
	"js-yaml":    {{"id": 1112715, "url": "https://github.com/advisories/GHSA-mh29-5h37-fv8m", "title": "js-yaml has prototype pollution in merge", "severity": "moderate", "vulnerable_versions": "<3.14.2"}},
	"express":    {{"id": 1100530, "url": "https://github.com/advisories/GHSA-qw6h-vgh9-j6wx", "title": "express vulnerable to XSS via response.redirect()", "severity": "low", "vulnerable_versions": "<4.20.0"}},
	"typescript": {{"id": 1, "url": "https://github.com/advisories/GHSA-0000-0000-0000", "title": "Of a package for development alone", "severity": "critical", "vulnerable_versions": "*"}},
}

// advisoryRegistry is npm's registry with the endpoint that "npm audit" asks.
func advisoryRegistry(t *testing.T) string {
	upstream := os.Getenv("GANTRY_NPM_REGISTRY")
	if upstream == "" {
		upstream = "https://registry.npmjs.org"
	}
	address, err := url.Parse(upstream)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(address) }}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || !strings.HasSuffix(r.URL.Path, "/-/npm/v1/security/advisories/bulk") {
			proxy.ServeHTTP(w, r)
			return
		}
		asked := map[string][]string{}
		body, _ := io.ReadAll(r.Body)
		// npm compresses what it asks.
		if zipped, err := gzip.NewReader(bytes.NewReader(body)); err == nil {
			body, _ = io.ReadAll(zipped)
		}
		if json.Unmarshal(body, &asked) != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		answer := map[string]any{}
		for name := range asked {
			if known[name] != nil {
				answer[name] = known[name]
			}
		}
		_ = json.NewEncoder(w).Encode(answer)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// npmAudit is what npm itself finds in a lockfile: "package advisory", without what is for development.
func npmAudit(t *testing.T, dir, registry string) []string {
	cmd := exec.Command("npm", "audit", "--omit=dev", "--json", "--registry", registry, "--package-lock-only")
	cmd.Dir = dir
	out, _ := cmd.Output()
	var said struct {
		Vulnerabilities map[string]struct {
			Via []json.RawMessage
		}
	}
	NewWithT(t).Expect(json.Unmarshal(out, &said)).To(Succeed(), string(out))
	list := map[string]bool{}
	for _, v := range said.Vulnerabilities {
		for _, raw := range v.Via {
			var via struct{ Name, URL string }
			if json.Unmarshal(raw, &via) == nil && via.URL != "" {
				list[via.Name+" "+via.URL] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(list))
}

// The image of a container that gantry run has started is the one that is audited, wherever it was taken from.
func TestAuditOfContainers(t *testing.T) {
	t.Parallel()
	registry := advisoryRegistry(t)
	r := newRunner(t, map[string]string{"server.js": "require('http').createServer((q, r) => r.end('up')).listen(process.env.PORT)"})
	r.build()
	name := r.background("audited", "-p", fmt.Sprint(freePort(t)))
	out, errors, code := r.gantry("audit", "run://"+name, "--registry", registry)
	r.Expect(code).To(Equal(2), out+errors)
	r.Expect(out).To(And(HavePrefix("run://"+name+"\n  Looked at    "), ContainSubstring("packages of Debian:12")))
}

// gantry audit finds in an image what npm audit finds in its lockfile, and nothing else.
func TestAuditAndNpmAudit(t *testing.T) {
	t.Parallel()
	registry := advisoryRegistry(t)
	for name, c := range map[string]struct {
		manifest string
		found    int
	}{
		"a few old packages": {`{"scripts": {"start": "node server.js"}, "dependencies": {"lodash": "4.17.11", "minimist": "0.0.8", "qs": "6.5.2", "ws": "7.4.0"}, "devDependencies": {"typescript": "5.9.3"}}`, 5},
		"through others":     {`{"scripts": {"start": "node server.js"}, "dependencies": {"express": "4.16.0", "mkdirp": "0.5.1", "js-yaml": "3.14.1"}}`, 4},
		"none":               {`{"scripts": {"start": "node server.js"}, "dependencies": {"ws": "8.18.3"}, "devDependencies": {"typescript": "5.9.3"}}`, 0},
	} {
		t.Run(name, func(t *testing.T) {
			p := newProject(t, map[string]string{"package.json": c.manifest, "server.js": "require('http').createServer(() => {}).listen(process.env.PORT)"})
			install := exec.Command("npm", "install", "--package-lock-only", "--no-audit", "--no-fund")
			install.Dir = p.dir
			out, err := install.CombinedOutput()
			p.Expect(err).NotTo(HaveOccurred(), string(out))
			p.build()
			stdout, stderr, code := runner{p, gantryTool(t)}.gantry("audit", p.last.Layout, "--registry", registry, "--json", "--sarif", filepath.Join(p.dir, "audit.sarif"))
			var said struct {
				Findings []struct {
					Component struct{ Name, Version string }
					URL       string
					Kind      string
				}
				Packages map[string]int
			}
			p.Expect(json.Unmarshal([]byte(stdout), &said)).To(Succeed(), stdout+stderr)
			ours := map[string]bool{}
			for _, f := range said.Findings {
				p.Expect(f.Kind).To(Equal("advisory"), fmt.Sprint(f))
				ours[f.Component.Name+" "+f.URL] = true
			}
			theirs := npmAudit(t, p.dir, registry)
			p.Expect(slices.Sorted(maps.Keys(ours))).To(Equal(theirs))
			p.Expect(theirs).To(HaveLen(c.found))
			p.Expect(said.Packages["npm"]).To(BeNumerically(">=", 1))
			p.Expect(said.Packages["Debian:12"]).To(BeNumerically(">", 20))
			// Debian's packages were not looked up: that is not clean.
			p.Expect(code).To(Equal(map[bool]int{true: 1, false: 2}[c.found > 0]))
			p.Expect(filepath.Join(p.dir, "audit.sarif")).To(BeAnExistingFile())
		})
	}
}

// Install scripts run for the packages that are named, and for no others; the log says whose. Where that cannot be, the build fails.
func TestAllowedScripts(t *testing.T) {
	t.Parallel()
	p := newProject(t, map[string]string{
		"package.json": `{"scripts": {"start": "node server.js"}, "dependencies": {"esbuild": "0.25.0", "core-js": "3.41.0"}}`,
		"server.js":    "require('http').createServer(() => {}).listen(process.env.PORT)",
	})
	install := exec.Command("npm", "install", "--package-lock-only", "--no-audit", "--no-fund")
	install.Dir = p.dir
	out, err := install.CombinedOutput()
	p.Expect(err).NotTo(HaveOccurred(), string(out))
	// esbuild's script puts the program of the platform in the place of a script.
	compiled := func() bool {
		_, files := p.files(func(name string) bool { return strings.HasSuffix(name, "node_modules/esbuild/bin/esbuild") })
		for _, content := range files {
			return strings.HasPrefix(string(content), "\x7fELF")
		}
		return false
	}
	p.env = map[string]string{"BP_NODE_VERSION": "24"}
	log := p.build()
	p.Expect(log).To(ContainSubstring("Packages    npm rebuild, for the install scripts of core-js, esbuild"))
	p.Expect(compiled()).To(BeTrue())

	p.write("project.toml", "[dev.gantry.node]\nallow-scripts = [\"core-js\", \"sharp\"]\n")
	log = p.build()
	p.Expect(log).To(And(ContainSubstring("Packages    install scripts that do not run, since allow-scripts does not name them: esbuild"),
		ContainSubstring("Packages    allow-scripts names packages that are not there, or have no install scripts: sharp"),
		ContainSubstring("for the install scripts of core-js ("), ContainSubstring("Layer       modules: created (whose install scripts may run is new)")))
	p.Expect(compiled()).To(BeFalse())

	p.write("project.toml", "[dev.gantry.node]\nallow-scripts = false\n")
	log = p.build()
	p.Expect(log).To(And(ContainSubstring("does not name them: core-js, esbuild"), Not(ContainSubstring("npm rebuild"))))

	p.env["BP_NODE_INSTALLER"] = "npm"
	log, err = p.tryBuild()
	p.Expect(err).To(HaveOccurred())
	p.Expect(log).To(And(ContainSubstring("[node/scripts-unsupported]"), ContainSubstring("allowScripts in package.json, from npm 12")))
}

// A new run image under an application: its own layers keep their digests, and what is checked before a start still is.
func TestRebase(t *testing.T) {
	t.Parallel()
	p := newProject(t, map[string]string{
		"server.js":    "require('http').createServer((q, r) => r.end('up')).listen(process.env.PORT)\n",
		"project.toml": "[dev.gantry.config.AUTH_KEY]\nsecret = true\n",
	})
	r := runner{p, gantryTool(t)}
	address := localRegistry(t)
	image, first, second := address+"/team/shop:1", address+"/team/run:1", address+"/team/run:2"
	for tag, packages := range map[string]string{first: "", second: "hello"} {
		words := []string{"base", "base", tag, "--publish"}
		if packages != "" {
			words = append(words, "--packages", packages)
		}
		out, errors, code := r.gantry(words...)
		p.Expect(code).To(BeZero(), out+errors)
	}
	out, errors, code := r.gantry("build", ".", "--cache", p.cache, "--run-image", first, "--publish", image)
	p.Expect(code).To(BeZero(), out+errors)
	layers := func() (own []string, all int) {
		reference, err := name.ParseReference(image, name.Insecure)
		p.Expect(err).NotTo(HaveOccurred())
		pulled, err := remote.Image(reference)
		p.Expect(err).NotTo(HaveOccurred())
		manifest, err := pulled.Manifest()
		p.Expect(err).NotTo(HaveOccurred())
		for _, layer := range manifest.Layers[1:] {
			own = append(own, layer.Digest.String())
		}
		return own, len(manifest.Layers)
	}
	before, count := layers()
	out, errors, code = r.gantry("rebase", image, "--run-image", second, "--force")
	p.Expect(code).To(BeZero(), out+errors)
	p.Expect(out).To(MatchRegexp(`Kept        %d of its %d layers, by their digests`, count-1, count))
	after, _ := layers()
	p.Expect(after[len(after)-len(before)+1:]).To(Equal(before[1:]))
	out, errors, code = r.gantry("run", image)
	p.Expect(code).NotTo(BeZero())
	p.Expect(out + errors).To(ContainSubstring("AUTH_KEY  is not set, and it is required"))
	out, errors, code = r.gantry("run", image, "--", "hello")
	p.Expect(code).To(BeZero(), out+errors)

	out, errors, code = r.gantry("rebase", address+"/team/none:1", "--run-image", second)
	p.Expect(code).NotTo(BeZero())
	p.Expect(out + errors).To(ContainSubstring("[rebase/failed]"))
}

// Install scripts do not get the tokens with which packages were fetched; what belongs to the build they get.
func TestInstallScriptsGetNoTokens(t *testing.T) {
	t.Parallel()
	p := newProject(t, map[string]string{
		"package.json": `{"scripts": {"start": "node server.js", "build": "node -e \"fs.writeFileSync('built.txt', process.env.NPM_TOKEN)\""}, "dependencies": {"esbuild": "0.25.0"}}`,
		"server.js":    "require('http').createServer(() => {}).listen(process.env.PORT)",
		".npmrc":       "//npm.example.com/:_authToken=${NPM_TOKEN}\n//other.example.com/:_password=${OTHER_PASSWORD?}\nfund=${NOT_A_SECRET}\n",
	})
	install := exec.Command("npm", "install", "--package-lock-only", "--no-audit", "--no-fund")
	install.Dir, install.Env = p.dir, append(os.Environ(), "NPM_TOKEN=x", "OTHER_PASSWORD=x", "NOT_A_SECRET=false")
	out, err := install.CombinedOutput()
	p.Expect(err).NotTo(HaveOccurred(), string(out))
	// NODE_OPTIONS has each program of Node.js say which variables it has, in a file next to the packages.
	p.write("spy.cjs", "require('fs').appendFileSync('/tmp/spied', (process.argv[1] ?? '') + ' ' + ['NPM_TOKEN', 'OTHER_PASSWORD', 'NOT_A_SECRET', 'npm_config__auth'].filter(name => process.env[name]).join() + '\\n'); if ((process.argv[1] ?? '').endsWith('install.js')) require('fs').copyFileSync('/tmp/spied', '/workspace/node_modules/esbuild/spied.txt')")
	p.env = map[string]string{"BP_NODE_VERSION": "24", "NPM_TOKEN": "canary-1", "OTHER_PASSWORD": "canary-2", "NOT_A_SECRET": "false", "npm_config__auth": "canary-3", "NODE_OPTIONS": "--require=/workspace/spy.cjs"}
	p.build()
	_, files := p.files(func(name string) bool {
		return strings.HasSuffix(name, "esbuild/spied.txt") || strings.HasSuffix(name, "/workspace/built.txt")
	})
	seen := map[string]string{}
	for name, content := range files {
		seen[filepath.Base(name)] = string(content)
	}
	p.Expect(seen["spied.txt"]).To(MatchRegexp(`(?m)/install\.js NOT_A_SECRET$|install\.js NOT_A_SECRET$`), fmt.Sprint(seen))
	p.Expect(seen["spied.txt"]).NotTo(MatchRegexp(`install\.js .*(NPM_TOKEN|OTHER_PASSWORD|_auth)`))
	p.Expect(seen["built.txt"]).To(Equal("canary-1"))

	// One that needs a token says so, and there is a setting for it.
	p.write("spy.cjs", "if ((process.argv[1] ?? '').endsWith('install.js') && !process.env.NPM_TOKEN) { console.error('401'); process.exit(1) }")
	p.env["BP_NODE_ALLOW_SCRIPTS"] = "esbuild"
	log, err := p.tryBuild()
	p.Expect(err).To(HaveOccurred())
	p.Expect(strings.Join(strings.Fields(log), " ")).To(ContainSubstring("Install scripts do not get NPM_TOKEN, OTHER_PASSWORD, npm_config__auth, with which packages are fetched. If one fetches something itself, BP_NODE_SCRIPT_CREDENTIALS=true gives it to them."))
	p.env["BP_NODE_SCRIPT_CREDENTIALS"] = "true"
	p.build()
}
