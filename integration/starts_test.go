package integration

import (
	"bytes"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/buildpack/buildlog"
	"github.com/gantry-buildpack/gantry/internal/platform/localbuild"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// What scripts make among the packages belongs to the application, and a package finds the application from its own place, with every
// package manager: in the first image, and where the layer of the packages is reused.
func TestMadeAmongPackages(t *testing.T) {
	t.Parallel()
	for name, make := range map[string]func(t *testing.T) *project{
		"npm": func(t *testing.T) *project {
			p := newProject(t, map[string]string{"package.json": `{"name": "app", "version": "1.0.0", "scripts": {"build": "node build.js", "start": "node server.js"}, "dependencies": {"is-odd": "3.0.1"}}`})
			p.lock()
			return p
		},
		"npm without a lockfile": func(t *testing.T) *project {
			return newProject(t, map[string]string{"package.json": `{"name": "app", "version": "1.0.0", "scripts": {"build": "node build.js", "start": "node server.js"}, "dependencies": {"is-odd": "3.0.1"}, "devDependencies": {"is-number": "7.0.0"}}`})
		},
		"Yarn 1": func(t *testing.T) *project { return copyApp(t, "managers/yarn") },
		"Yarn 4": func(t *testing.T) *project { return copyApp(t, "managers/yarn-node-modules") },
		"pnpm":   func(t *testing.T) *project { return copyApp(t, "managers/pnpm") },
		"Bun":    func(t *testing.T) *project { return copyApp(t, "managers/bun") },
	} {
		t.Run(name, func(t *testing.T) {
			p := make(t)
			p.edit("package.json", `"scripts": {`, `"scripts": {"postinstall": "ln -snf ../src node_modules/~ && mkdir -p node_modules/@generated/client && echo 'module.exports = 42' > node_modules/@generated/client/index.js",`)
			p.write("build.js", `require('fs').writeFileSync('node_modules/made.js', 'module.exports = 43')`)
			p.write("src/linked.js", `module.exports = 'linked'`)
			p.write("conf/found.json", `"found"`)
			p.write("server.js", `const fs = require('fs'), path = require('path')
let dir = path.dirname(fs.realpathSync(require.resolve('is-odd')))
while (path.basename(dir) !== 'node_modules' || dir.includes('.pnpm')) dir = path.dirname(dir)
const answer = () => [require('~/linked'), require('@generated/client'), require('made'), JSON.parse(fs.readFileSync(path.join(dir, '../conf/found.json')))].join(' ')
require('http').createServer((q, r) => r.end(answer())).listen(process.env.PORT)`)
			for range 2 {
				p.build()
				c := p.start(runDefault)
				_, body := c.get("/")
				p.Expect(body).To(Equal("linked 42 43 found"))
			}
		})
	}
}

// An installation of no packages runs the application's scripts, too.
func TestScriptsWithoutPackages(t *testing.T) {
	t.Parallel()
	for name, manager := range map[string]string{"npm": "", "Yarn 1": `, "packageManager": "yarn@1.22.22"`, "pnpm": `, "packageManager": "pnpm@10.34.9"`} {
		t.Run(name, func(t *testing.T) {
			p := newProject(t, map[string]string{
				"package.json": `{"name": "app", "version": "1.0.0", "scripts": {"postinstall": "echo 'module.exports = 7' > made.js", "start": "node server.js"}` + manager + `}`,
				"server.js":    `require('http').createServer((q, r) => r.end(String(require('./made')))).listen(process.env.PORT)`,
			})
			p.build()
			_, body := p.start(runDefault).get("/")
			p.Expect(body).To(Equal("7"))
		})
	}
}

// What cannot start fails the build, with the reason: the first time, and when nothing but the source has changed.
func TestGreenMeansItStarts(t *testing.T) {
	t.Parallel()
	p := newProject(t, map[string]string{
		"package.json": `{"name": "app", "version": "1.0.0", "scripts": {"build": "mkdir -p dist && cp main.js dist/", "start": "node dist/main.js"}, "dependencies": {"is-odd": "3.0.1"}, "devDependencies": {"is-negative": "2.1.0"}}`,
		"main.js":      "const odd = require('is-odd')\nrequire('http').createServer((q, r) => r.end(String(odd(3)))).listen(process.env.PORT)\n",
	})
	p.lock()
	p.build()
	_, body := p.start(runDefault).get("/")
	p.Expect(body).To(Equal("true"))
	p.edit("main.js", "const odd", "const negative = require('is-negative')\nconst odd")
	log, err := p.tryBuild()
	p.Expect(err).To(HaveOccurred())
	p.Expect(log).To(ContainSubstring(`Failed: process web cannot find is-negative  [build/import-missing]
  where  dist/main.js:1
`))
	p.write("project.toml", "[dev.gantry.node]\nkeep-dev = [\"is-negative\"]\n")
	p.build()
	p.Expect(p.start(runDefault)).NotTo(BeNil())
	p.edit("package.json", "node dist/main.js", "nothing-here dist/main.js")
	log, err = p.tryBuild()
	p.Expect(err).To(HaveOccurred())
	p.Expect(log).To(ContainSubstring("Failed: there is no program nothing-here in the image  [build/program-missing]"))
}

// With --verify, an image that does not start is not written, and the build says why.
func TestVerifiedStart(t *testing.T) {
	t.Parallel()
	p := newProject(t, map[string]string{
		"package.json": `{"name": "app", "version": "1.0.0", "scripts": {"start": "node server.js"}}`,
		"server.js":    `if (!process.env.SECRET_KEY) throw new Error('no key'); require('http').createServer((q, r) => r.end('ok')).listen(process.env.PORT)`,
	})
	output := filepath.Join(t.TempDir(), "image.tar")
	verified := func(env map[string]string) (string, error) {
		var out bytes.Buffer
		o := p.options()
		o.Verify, o.RunEnv, o.Output = true, env, output
		_, err := localbuild.Build(t.Context(), o, buildlog.New(&out, false), &out, &out)
		return out.String(), err
	}
	_, err := verified(nil)
	p.Expect(err).To(MatchError(MatchRegexp(`^the image was built, and does not start: its default process ended with exit code 1 after [\d.]+m?s; its last lines are shown \[localbuild/does-not-start\]`)))
	p.Expect(problem.As(err).Output).To(ContainSubstring("Error: no key"))
	p.Expect(output).NotTo(BeAnExistingFile())
	log, err := verified(map[string]string{"SECRET_KEY": "x"})
	p.Expect(err).NotTo(HaveOccurred())
	p.Expect(log).To(MatchRegexp(`Verify +the image starts, and listens at PORT`))
	p.Expect(output).To(BeAnExistingFile())
}

// What people bring along from other platforms has its effect in the image.
func TestConventionsOfOtherPlatforms(t *testing.T) {
	t.Parallel()
	p := newProject(t, map[string]string{
		"package.json": `{"name":"shop","version":"1.0.0","scripts":{"build":"mkdir -p dist && cp src/a.js dist/ && test ! -e drafts","heroku-cleanup":"rm -r src"}}`,
		"src/a.js":     "console.log(process.env.LEVEL, process.env.WORDS, require('fs').readdirSync('.').filter(n => n != 'node_modules').join(' '))",
		".slugignore":  "drafts/\n*.psd\n", "drafts/a": "", "logo.psd": "", "docs/a.md": "", "README.md": "",
	})
	p.env = map[string]string{
		"GOOGLE_ENTRYPOINT": "node dist/a.js", "BPE_LEVEL": "debug", "BPE_APPEND_WORDS": "b", "BPE_DELIM_WORDS": ":", "BP_EXCLUDE_FILES": "docs:*.md",
		"BP_IMAGE_LABELS": `team="the shop"`, "BP_OCI_REF_NAME": "v1", "NODE_MODULES_CACHE": "false",
	}
	log := p.build()
	p.Expect(log).To(ContainSubstring("NODE_MODULES_CACHE (of Heroku) has no effect"))
	config, err := p.last.Image.ConfigFile()
	p.Expect(err).NotTo(HaveOccurred())
	p.Expect(config.Config.Labels).To(And(HaveKeyWithValue("team", "the shop"), HaveKeyWithValue("org.opencontainers.image.ref.name", "v1")))
	r := runner{p, gantryTool(t)}
	out, errors, code := r.gantry("run", p.last.Layout, "-e", "WORDS=a")
	p.Expect(code).To(Equal(0), errors)
	p.Expect(out).To(Equal("debug a:b .slugignore dist package.json\n"))

	// What is left out may not be what starts.
	p.env["BP_EXCLUDE_FILES"] = "dist"
	log, err = p.tryBuild()
	p.Expect(err).To(HaveOccurred())
	p.Expect(log).To(ContainSubstring("dist/a.js"))
}

// A folder of HTML is an application: served as the files of other platforms say, with what its pages may know of the container.
func TestFolderOfFiles(t *testing.T) {
	t.Parallel()
	script := strings.Repeat("console.log('again and again');\n", 500)
	p := newProject(t, map[string]string{
		"public/index.html": "<h1>the site</h1>", "public/app.js": script, "public/404.html": "<h1>nothing</h1>", "public/_redirects": "/old/* /new/:splat 302\n/de / 302 Country=de\n",
		"netlify.toml": "[build]\npublish = \"public\"\n[[headers]]\nfor = \"/*\"\n[headers.values]\nX-Frame-Options = \"DENY\"\n",
		"project.toml": "[dev.gantry.static]\nconfig = \"config.json\"\nforce-https = true\n[dev.gantry.config.API_URL]\ntype = \"url\"\n[dev.gantry.config.API_KEY]\nsecret = true\n[dev.gantry.config.LEVEL]\ndefault = \"info\"\n",
		"README.md":    "not served",
	})
	log := p.build()
	p.Expect(log).To(And(ContainSubstring("static files in public"), ContainSubstring(`_redirects:2: the condition "Country=de" is not known here`), ContainSubstring("1 file, 16 kB to ")))
	before := p.layers()
	log = p.build()
	p.Expect(p.layers()).To(Equal(before))
	p.Expect(log).To(ContainSubstring("Layer       gantry: reused"))

	r := runner{p, gantryTool(t)}
	port := freePort(t)
	r.background("site", "-p", fmt.Sprint(port), "-e", "API_URL=https://api.example", "-e", "API_KEY=s3cret")
	address := fmt.Sprintf("http://127.0.0.1:%d", port)
	p.Expect(r.ask(address + "/")).To(Equal("<h1>the site</h1>"))
	p.Expect(r.ask(address + "/config.json")).To(Equal(`{"API_URL":"https://api.example","LEVEL":"info"}`))
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	get := func(path string, headers ...string) *http.Response {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address+path, nil)
		p.Expect(err).NotTo(HaveOccurred())
		for _, h := range headers {
			name, value, _ := strings.Cut(h, ": ")
			request.Header.Set(name, value)
		}
		response, err := client.Do(request)
		p.Expect(err).NotTo(HaveOccurred())
		p.Expect(response.Body.Close()).To(Succeed())
		return response
	}
	packed := get("/app.js", "Accept-Encoding: gzip, br")
	p.Expect(packed.Header).To(And(HaveKeyWithValue("Content-Encoding", []string{"br"}), HaveKeyWithValue("Vary", []string{"Accept-Encoding"}), HaveKeyWithValue("X-Frame-Options", []string{"DENY"})))
	p.Expect(packed.ContentLength).To(BeNumerically("<", 200))
	p.Expect(get("/old/a").Header.Get("Location")).To(Equal("/new/a"))
	p.Expect(get("/nothing").StatusCode).To(Equal(404))
	p.Expect(get("/README.md").StatusCode).To(Equal(404))
	p.Expect(get("/", "X-Forwarded-Proto: http").StatusCode).To(Equal(301))
}

// A web server for files needs no shell: gantry build takes the run image without one, and says so.
func TestSmallestRunImage(t *testing.T) {
	t.Parallel()
	p := newProject(t, map[string]string{"index.html": "<h1>small</h1>"})
	r := runner{p, gantryTool(t)}
	out, errors, code := r.gantry("build", p.dir, "--cache", p.cache)
	p.Expect(code).To(Equal(0), errors)
	p.Expect(out).To(ContainSubstring("tiny: a web server for files needs no shell; --run-image base has one"))
	out, errors, code = r.gantry("build", p.dir, "--cache", p.cache, "--run-image", "base")
	p.Expect(code).To(Equal(0), errors)
	p.Expect(out).NotTo(ContainSubstring("tiny:"))
}
