package integration

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	. "github.com/onsi/gomega"
)

const reused = "and it opened no connection"

// tool is a build tool with a small application; edit changes what its step reads, and aside what it does not.
type tool struct {
	manifest string
	files    map[string]string
	edit     [3]string
	aside    string
	// add is a file that only a pattern finds.
	add, added string
}

// What each tool reads is seen: an edit of it runs the step again, as do a new file and another variable, and nothing else does.
func TestToolsAreReused(t *testing.T) {
	t.Parallel()
	const server = "server.js"
	for name, c := range map[string]tool{
		"TypeScript": {
			manifest: `{"scripts": {"start": "node dist/main.js", "build": "tsc"}, "devDependencies": {"typescript": "5.9.3"}}`,
			files:    map[string]string{"tsconfig.json": `{"compilerOptions": {"outDir": "dist", "rootDir": "src", "types": []}}`, "src/main.ts": "import {x} from './x'; console.log(x)", "src/x.ts": "export const x = 1"},
			edit:     [3]string{"src/x.ts", "= 1", "= 2"}, aside: "README.md", add: "src/more.ts",
		},
		"webpack": {
			manifest: `{"scripts": {"start": "node dist/main.js", "build": "webpack --mode production --target node"}, "devDependencies": {"webpack": "5.103.0", "webpack-cli": "6.0.1"}}`,
			files:    map[string]string{"src/index.js": "import {x} from './x.js'; console.log(x)", "src/x.js": "export const x = 1", "src/other.js": "not imported"},
			edit:     [3]string{"src/x.js", "= 1", "= 2"}, aside: "src/other.js", add: "src/more.js",
		},
		"esbuild": {
			manifest: `{"scripts": {"start": "node dist/main.js", "build": "esbuild src/index.js --bundle --outfile=dist/main.js"}, "devDependencies": {"esbuild": "0.27.0"}}`,
			files:    map[string]string{"src/index.js": "import {x} from './x.js'; console.log(x)", "src/x.js": "export const x = 1", "src/other.js": "not imported"},
			edit:     [3]string{"src/x.js", "= 1", "= 2"}, aside: "src/other.js", add: "tsconfig.json", added: "{}",
		},
		"Sass": {
			manifest: `{"scripts": {"start": "node server.js", "build": "sass src:dist"}, "devDependencies": {"sass": "1.94.0"}}`,
			files:    map[string]string{server: "// nothing", "src/index.scss": "@use 'x';\na { b: x.$c; }\n", "src/_x.scss": "$c: 1px;\n"},
			edit:     [3]string{"src/_x.scss", "1px", "2px"}, aside: server, add: "src/more.scss",
		},
		"Tailwind": {
			manifest: `{"scripts": {"start": "node server.js", "build": "tailwindcss -i src/in.css -o dist/out.css"}, "devDependencies": {"tailwindcss": "4.1.17", "@tailwindcss/cli": "4.1.17"}}`,
			files:    map[string]string{server: "// nothing", "src/in.css": "@import 'tailwindcss' source('./pages');\n", "src/pages/a.html": "<p class=\"mt-4\">", "docs/b.html": "<p class=\"mt-8\">"},
			edit:     [3]string{"src/pages/a.html", "mt-4", "mt-5"}, aside: "docs/b.html", add: "src/pages/c.html",
		},
		"PostCSS": {
			manifest: `{"scripts": {"start": "node server.js", "build": "postcss src/*.css -d dist"}, "devDependencies": {"postcss": "8.5.6", "postcss-cli": "11.0.1", "autoprefixer": "10.4.22"}}`,
			files:    map[string]string{server: "// nothing", "postcss.config.js": "module.exports = {plugins: [require('autoprefixer')]}", "src/in.css": "a { user-select: none }"},
			edit:     [3]string{"postcss.config.js", "autoprefixer')", "autoprefixer')({cascade: false})"}, aside: server, add: "src/more.css",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newProject(t, map[string]string{"package.json": c.manifest, "README.md": "read me"})
			for file, text := range c.files {
				p.write(file, text)
			}
			p.lock()
			p.reuse(c)
		})
	}
}

// reuse builds an application with a tool again and again.
func (p *project) reuse(c tool) {
	p.Expect(p.build()).NotTo(ContainSubstring(reused))
	p.write(c.aside, "edited")
	p.Expect(p.build()).To(ContainSubstring(reused), "what it does not read")
	p.edit(c.edit[0], c.edit[1], c.edit[2])
	p.Expect(p.build()).To(ContainSubstring(c.edit[0] + " changed"))
	p.write(c.add, c.added)
	p.Expect(p.build()).To(ContainSubstring(c.add + " is new"))
	before := p.layers()
	p.env["BP_BUILD_REUSE"] = "never"
	p.Expect(p.build()).NotTo(ContainSubstring("it made another"), "the same output each time")
	p.Expect(p.layers()).To(Equal(before))
}

// Frameworks whose sites are files: only what a page is made of counts.
func TestFrameworksAreReused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]tool{
		"frameworks/vite": {edit: [3]string{"index.html", "A single page", "Another page"}, aside: "README.md", add: "public/robots.txt"},
		"frameworks/next": {edit: [3]string{"app/page.jsx", "Rendered by", "Made by"}, aside: "README.md", add: "app/more/page.txt"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := copyApp(t, name)
			p.write("README.md", "read me")
			p.Expect(p.build()).NotTo(ContainSubstring(reused))
			first := p.layers()
			p.write(c.aside, "edited")
			log := p.build()
			p.Expect(log).To(And(ContainSubstring(reused), Not(ContainSubstring("runs again"))))
			if name == "frameworks/vite" {
				p.Expect(p.layers()).To(Equal(first))
			}
			p.edit(c.edit[0], c.edit[1], c.edit[2])
			p.Expect(p.build()).To(ContainSubstring(c.edit[0] + " changed"))
			p.write(c.add, "")
			p.Expect(p.build()).To(ContainSubstring(c.add + " is new"))
		})
	}
}

// A script that fetches runs in each build, though the image is the same; one that runs beside it does not.
func TestConnectionsAreSeen(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(server.Close)
	p := newProject(t, map[string]string{
		"package.json": `{"scripts": {"start": "node server.js", "prepare": "echo prepared > prepared", "build": "node fetch.js"}, "dependencies": {"is-number": "7.0.0"}}`,
		"server.js":    "// nothing",
		"fetch.js":     "require('http').get('" + server.URL + "', r => { r.resume(); require('fs').writeFileSync('fetched', '') })",
	})
	p.lock()
	p.Expect(p.build()).To(ContainSubstring("Build       npm run build runs in each build: it opened a connection"))
	log := p.build()
	p.Expect(log).To(ContainSubstring("Build       npm run prepare reused: the 1 file it read is unchanged, and it opened no connection"))
	p.Expect(log).To(ContainSubstring("Build       npm run build runs again: it opened a connection\n"))
	p.write("fetch.js", "require('fs').writeFileSync('fetched', '')")
	p.build()
	p.Expect(p.build()).To(ContainSubstring("npm run build reused: "))
}

// What a package manager leaves in a developer's folder is none of the source.
func TestLeftoversOfManagers(t *testing.T) {
	t.Parallel()
	p := copyApp(t, "managers/yarn-node-modules")
	p.write(".yarn/install-state.gz", "of another machine")
	p.build()
	p.Expect(p.build()).To(ContainSubstring(reused))
	p.Expect(os.RemoveAll(filepath.Join(p.dir, ".yarn/install-state.gz"))).To(Succeed())
	p.Expect(p.build()).To(ContainSubstring(reused))
}

// A cache that is brought to another machine serves there: nothing is fetched, and no script runs.
func TestCacheOfAnotherMachine(t *testing.T) {
	t.Parallel()
	p := newProject(t, map[string]string{
		"package.json": `{"scripts": {"start": "node server.js", "build": "cat text > built"}, "dependencies": {"is-number": "7.0.0"}}`,
		"server.js":    "", "text": "one",
	})
	p.lock()
	p.forgetful = true
	p.build()
	first := p.layers()
	p.Expect(filepath.Join(p.cache, "ready")).NotTo(BeADirectory())
	moved := t.TempDir()
	out, err := exec.Command("cp", "-R", p.cache+"/.", moved).CombinedOutput()
	p.Expect(err).NotTo(HaveOccurred(), string(out))
	p.cache = moved
	log := p.build()
	p.Expect(log).To(And(ContainSubstring(reused), Not(ContainSubstring("Download")), ContainSubstring("modules: reused")))
	p.Expect(p.layers()).To(Equal(first))
}

// Prisma's client is written into the packages: without the step they have it nevertheless.
func TestWritesIntoPackagesAreReused(t *testing.T) {
	t.Parallel()
	p := newProject(t, map[string]string{
		"package.json": `{"scripts": {"start": "node server.js", "build": "node generate.js"}, "dependencies": {"is-number": "7.0.0"}}`,
		"server.js":    `require('http').createServer((q, r) => r.end(require('.client'))).listen(process.env.PORT)`,
		"generate.js":  "const fs = require('fs'); fs.mkdirSync('node_modules/.client', {recursive: true}); fs.writeFileSync('node_modules/.client/index.js', 'module.exports = ' + JSON.stringify(fs.readFileSync('schema', 'utf8')))",
		"schema":       "one",
	})
	p.lock()
	answer := func() string {
		_, body := p.start(runDefault).get("/")
		return body
	}
	p.build()
	p.Expect(answer()).To(Equal("one"))
	log := p.build()
	p.Expect(log).To(And(ContainSubstring(reused), ContainSubstring("modules: reused")))
	p.Expect(answer()).To(Equal("one"))
	p.write("schema", "two")
	p.build()
	p.Expect(answer()).To(Equal("two"))
	p.write("schema", "one")
	p.build()
	p.Expect(answer()).To(Equal("one"))
	// The image is another one's, which the records know nothing of.
	p.Expect(os.RemoveAll(filepath.Join(p.cache, "image"))).To(Succeed())
	log = p.build()
	p.Expect(log).To(And(ContainSubstring(reused), ContainSubstring("modules: created")))
	p.Expect(answer()).To(Equal("one"))
}
