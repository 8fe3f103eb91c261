package integration

import (
	"strconv"
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/platform/localbuild"
	"github.com/gantry-buildpack/gantry/internal/platform/run"
)

// Next.js' standalone server: alone in the image, on all addresses, with what the build keeps to be faster.
func TestNextStandalone(t *testing.T) {
	t.Parallel()
	p := copyApp(t, "frameworks/next")
	log := p.build()
	p.Expect(log).To(ContainSubstring(`HOSTNAME=0.0.0.0 node .next/standalone/server.js  Next.js, output: "standalone" in next.config`))
	c := p.start(run.Options{Env: map[string]string{"WHO": "Gantry"}})
	_, body := c.get("/")
	p.Expect(body).To(ContainSubstring("Rendered by Gantry"))
	_, body = c.get("/robots.txt")
	p.Expect(body).To(ContainSubstring("User-agent"))
	names, _ := p.files(func(string) bool { return false })
	p.Expect(names).NotTo(ContainElement(ContainSubstring("/.next/cache")))
	p.Expect(names).NotTo(ContainElement(HaveSuffix("/workspace/app/page.jsx")), "the image holds the server alone")

	p.edit("app/page.jsx", "Rendered by", "Made by")
	p.Expect(p.build()).To(ContainSubstring("Build       restored the caches of the build's tools"))
}

// A single-page application: no Node.js in the image, and every page is the start page.
func TestVite(t *testing.T) {
	t.Parallel()
	p := copyApp(t, "frameworks/vite")
	log := p.build()
	p.Expect(log).To(ContainSubstring("static files in dist  Vite, files to serve"))
	c := p.start(runDefault)
	_, body := c.get("/")
	p.Expect(body).To(ContainSubstring("<title>A single page</title>"))
	names, _ := p.files(func(string) bool { return false })
	p.Expect(names).NotTo(ContainElement(HaveSuffix("/bin/node")))
	p.Expect(names).NotTo(ContainElement(ContainSubstring("node_modules")))
	p.Expect(names).To(ContainElement(ContainSubstring("/workspace/dist/assets/index-")))
	code, _ := c.stop()
	p.Expect(code).To(Equal(0))
	first := p.layers()
	p.build()
	p.Expect(p.layers()).To(Equal(first))
}

// What the framework's build should have made is not there.
func TestOutputMissing(t *testing.T) {
	t.Parallel()
	p := newProject(t, map[string]string{"package.json": `{"scripts": {"build": "true"}}`, "project.toml": "[dev.gantry.static]\ndir = \"site\"\n"})
	log, err := p.tryBuild()
	p.Expect(err).To(HaveOccurred())
	p.Expect(log).To(ContainSubstring("Failed: the build has not made site  [build/output-missing]"))
}

// What a process runs is there when the build is done: a build fails without what web runs, and warns of others.
func TestEntryMissing(t *testing.T) {
	t.Parallel()
	p := newProject(t, map[string]string{
		"package.json": `{"scripts": {"build": "mkdir -p build && echo > build/main.js", "start": "node dist/main"}}`,
		"Procfile":     "worker: node dist/worker.js\n",
	})
	log, err := p.tryBuild()
	p.Expect(err).To(HaveOccurred())
	p.Expect(log).To(ContainSubstring("Warning: There is no dist/worker.js: process worker runs it (node dist/worker.js), and neither the"))
	p.Expect(log).To(ContainSubstring(`Failed: there is no dist/main  [build/entry-missing]
  where  dist/main
  why    process web runs it (node dist/main), and neither the source nor the build has it
  do     Check where the build script writes to, and that it runs at all: the decisions above name the
         scripts that do.
  or     Or correct what starts the application.
`))
	p.write("package.json", `{"scripts": {"build": "mkdir -p dist && echo > dist/main.js", "start": "node dist/main"}}`)
	p.build()
}

// A client that nobody has generated is told of before the application meets it.
func TestPrismaNotGenerated(t *testing.T) {
	t.Parallel()
	p := newProject(t, map[string]string{
		"package.json":         `{"scripts": {"start": "node server.js"}, "dependencies": {"@prisma/client": "file:client"}}`,
		"server.js":            "",
		"prisma/schema.prisma": "generator client {\n  provider = \"prisma-client-js\"\n}\n",
		"client/package.json":  `{"name": "@prisma/client", "version": "6.0.0"}`,
	})
	p.lock()
	const warning = "Warning: Prisma's client is not generated: what uses it will fail. Let the build script do that:"
	p.Expect(p.build()).To(ContainSubstring(warning))
	p.edit("package.json", `"start"`, `"build": "mkdir -p node_modules/.prisma/client && echo > node_modules/.prisma/client/index.js", "start"`)
	p.Expect(p.build()).NotTo(ContainSubstring(warning))
}

// Bindings: the package managers find what they hold, and it is nowhere else.
func TestBindings(t *testing.T) {
	t.Parallel()
	const canary = "canary-77ab01"
	p := newProject(t, map[string]string{
		"package.json": `{"scripts": {"start": "node server.js", "build": "node -e \"const h=process.env.HOME,f=require('fs');f.writeFileSync('seen',['.npmrc','.yarnrc.yml','.bunfig.toml'].map(n=>f.readFileSync(h+'/'+n,'utf8').length).join())\""}, "dependencies": {"is-number": "7.0.0"}}`,
		"server.js":    `require('http').createServer((q, r) => r.end(require('fs').readFileSync('seen'))).listen(process.env.PORT)`,
		".pnpmrc":      "//registry.example/:_authToken=" + canary + "\n",
		".yarnrc.yml":  "npmAuthToken: \"" + canary + "\"\n",
		"bunfig.toml":  "[install]\nregistry = { url = \"https://registry.example\", token = \"" + canary + "\" }\n",
	})
	p.lock()
	bindings := newProject(t, nil)
	contents := map[string]string{"npmrc/.npmrc": "//registry.example/:_authToken=" + canary, "yarnrc/.yarnrc.yml": "npmAuthToken: " + canary, "bunfig/.bunfig.toml": "# " + canary}
	want := []string{}
	for _, kind := range []string{"npmrc", "yarnrc", "bunfig"} {
		for name, text := range contents {
			if strings.HasPrefix(name, kind+"/") {
				bindings.write(kind+"/type", kind)
				bindings.write(name, text+"\n")
				want = append(want, strconv.Itoa(len(text)+1))
			}
		}
		p.volumes = append(p.volumes, localbuild.Volume{Source: bindings.dir + "/" + kind, Target: "/platform/bindings/" + kind})
	}
	p.Expect(p.build()).NotTo(ContainSubstring(canary))
	_, body := p.start(runDefault).get("/")
	p.Expect(body).To(Equal(strings.Join(want, ",")))
	p.expectNowhere(canary)
}
