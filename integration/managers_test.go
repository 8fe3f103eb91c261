package integration

import (
	"archive/tar"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/buildpack/buildlog"
	"github.com/gantry-buildpack/gantry/internal/platform/localbuild"
	"github.com/gantry-buildpack/gantry/internal/platform/run"
)

// copyApp makes a project of an application in testdata.
func copyApp(t *testing.T, dir string) *project {
	p := newProject(t, nil)
	out, err := exec.Command("cp", "-R", "testdata/"+dir+"/.", p.dir).CombinedOutput()
	p.Expect(err).NotTo(HaveOccurred(), string(out))
	return p
}

// files gives the names of all files that Gantry put into the image, and the content of those that are asked for.
func (p *project) files(wanted func(name string) bool) (names []string, content map[string][]byte) {
	content = map[string][]byte{}
	p.entries(func(header *tar.Header, in io.Reader) (err error) {
		names = append(names, header.Name)
		if wanted(header.Name) {
			content[header.Name], err = io.ReadAll(in)
		}
		return err
	})
	return names, content
}

// contents gives the image's layers above the run image's, not compressed, in their order.
func (p *project) contents() (all []io.Reader) {
	base, _, err := localbuild.RunImage(p.t.Context(), "", homeFolder(), buildlog.New(io.Discard, false))
	p.Expect(err).NotTo(HaveOccurred())
	below, err := base.Layers()
	p.Expect(err).NotTo(HaveOccurred())
	layers, err := p.last.Image.Layers()
	p.Expect(err).NotTo(HaveOccurred())
	for _, layer := range layers[len(below):] {
		compressed, err := layer.Compressed()
		p.Expect(err).NotTo(HaveOccurred())
		p.t.Cleanup(func() { _ = compressed.Close() })
		stream, err := gzip.NewReader(compressed)
		p.Expect(err).NotTo(HaveOccurred())
		all = append(all, stream)
	}
	return all
}

// entries visits everything in these layers.
func (p *project) entries(visit func(header *tar.Header, in io.Reader) error) {
	for _, stream := range p.contents() {
		reader := tar.NewReader(stream)
		for {
			header, err := reader.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			p.Expect(err).NotTo(HaveOccurred())
			p.Expect(visit(header, reader)).To(Succeed(), header.Name)
		}
	}
}

// inBill gives the npm packages that the image's bill of materials names, and inTree those that are in its layers.
func (p *project) inBill() (inBill, inTree []string) {
	isManifest := func(name string) bool {
		dir := path.Dir(name)
		parent := path.Base(path.Dir(dir))
		return path.Base(name) == "package.json" && strings.Contains(name, "/modules/") && (parent == "node_modules" || strings.HasPrefix(parent, "@"))
	}
	_, content := p.files(func(name string) bool {
		return isManifest(name) || strings.HasSuffix(name, "/launch/gantry_app/sbom.cdx.json")
	})
	seen := map[string]bool{}
	for name, text := range content {
		if !isManifest(name) {
			var bill struct {
				Components []struct{ Purl string }
			}
			p.Expect(json.Unmarshal(text, &bill)).To(Succeed())
			for _, c := range bill.Components {
				if purl, ok := strings.CutPrefix(c.Purl, "pkg:npm/"); ok && !seen["bill "+purl] {
					seen["bill "+purl] = true
					inBill = append(inBill, strings.ReplaceAll(purl, "%40", "@"))
				}
			}
			continue
		}
		var manifest struct{ Name, Version string }
		p.Expect(json.Unmarshal(text, &manifest)).To(Succeed())
		if id := manifest.Name + "@" + manifest.Version; !seen[id] {
			seen[id] = true
			inTree = append(inTree, id)
		}
	}
	return inBill, inTree
}

// Every package manager: the build has the development packages, the image none of them; an unchanged rebuild installs
// nothing and makes no layer; the bill of materials names what is installed.
func TestPackageManagers(t *testing.T) {
	t.Parallel()
	for name, title := range map[string]string{
		"yarn": "Yarn 1.22.", "yarn-node-modules": "Yarn 4.13.", "yarn-pnp": "Yarn 4.13.", "pnpm": "pnpm 10.", "pnpm-11": "pnpm 11.15.1", "pnpm-12": "pnpm 12.21.0", "bun": "Bun 1.3.",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := copyApp(t, "managers/"+name)
			log := p.build()
			p.Expect(log).To(ContainSubstring("packages  " + title))
			if strings.HasPrefix(name, "yarn") {
				p.Expect(log).To(ContainSubstring("3 in Yarn's cache, 3 fetched"))
			}
			if name == "pnpm" {
				p.Expect(log).To(ContainSubstring("3 in pnpm's store, 3 fetched"))
			}
			_, left := p.files(func(name string) bool { return strings.Contains(name, "gantry-packages") })
			p.Expect(left).To(BeEmpty())
			answer := func() string {
				_, body := p.start(runDefault).get("/")
				return body
			}
			p.Expect(answer()).To(Equal("true none 7.0.0"))
			if name != "yarn-pnp" {
				inBill, inTree := p.inBill()
				p.Expect(inTree).To(ConsistOf("is-odd@3.0.1", "is-number@6.0.0"))
				p.Expect(inBill).To(ConsistOf(inTree))
			}
			first := p.layers()

			p.Expect(p.build()).To(ContainSubstring(reused))
			p.Expect(p.layers()).To(Equal(first))
			p.env["BP_BUILD_REUSE"] = "never"
			log = p.build()
			p.Expect(log).To(ContainSubstring("Packages    restored from the cache (inputs unchanged)"))
			p.Expect(log).NotTo(ContainSubstring("Download"))
			p.Expect(log).NotTo(ContainSubstring("modules: made"), "nothing but a note of the package manager's own changed")
			p.Expect(p.layers()).To(Equal(first))
			p.Expect(answer()).To(Equal("true none 7.0.0"))
		})
	}
}

// ES modules find packages in Yarn's archives, without a word in the log; and the newest Node.js finds the library that small run
// images do not have.
func TestModulesWithPlugAndPlay(t *testing.T) {
	t.Parallel()
	p := copyApp(t, "managers/yarn-pnp")
	p.env["BP_NODE_VERSION"] = "26"
	p.edit("package.json", `"private": true,`, `"private": true, "type": "module",`)
	p.write("build.js", "")
	p.write("server.js", `import http from 'node:http'
import { Worker } from 'node:worker_threads'
import odd from 'is-odd'
new Worker("require('node:worker_threads').parentPort.postMessage(require('is-odd')(3))", { eval: true }).on('message', answer =>
  http.createServer((q, r) => r.end(odd(3) + ' ' + answer)).listen(process.env.PORT))
`)
	p.build()
	c := p.start(runDefault)
	_, body := c.get("/")
	p.Expect(body).To(Equal("true true"))
	p.Expect(c.out.String()).To(BeEmpty())
	_, brought := p.files(func(name string) bool { return strings.HasSuffix(name, "/libatomic.so.1") })
	p.Expect(brought).To(HaveLen(1))
}

// Programs of packages start out of Yarn's archives without Yarn, which would want to write into the application's folder.
func TestProgramsWithPlugAndPlay(t *testing.T) {
	t.Parallel()
	p := newProject(t, map[string]string{
		"package.json":        `{"private": true, "packageManager": "yarn@4.13.0", "scripts": {"start": "common --first"}, "dependencies": {"common": "file:./common", "modern": "file:./modern"}}`,
		"Procfile":            "modern: modern --second\n",
		"common/package.json": `{"name": "common", "version": "1.0.0", "bin": "main.js"}`,
		"common/main.js":      `if (require.main === module) require('http').createServer((q, r) => r.end('common ' + process.argv[2])).listen(process.env.PORT)`,
		"modern/package.json": `{"name": "modern", "version": "1.0.0", "type": "module", "bin": {"modern": "./bin/main.js"}}`,
		"modern/bin/main.js":  `import http from 'node:http'; http.createServer((q, r) => r.end('modern ' + process.argv[2])).listen(process.env.PORT)`,
	})
	p.build()
	names, _ := p.files(func(string) bool { return false })
	p.Expect(names).NotTo(ContainElement(ContainSubstring("/yarn/bin/yarn.js")))
	for process, answer := range map[string]string{"web": "common --first", "modern": "modern --second"} {
		c := p.start(run.Options{Process: process})
		_, body := c.get("/")
		p.Expect(body).To(Equal(answer))
		code, _ := c.stop()
		p.Expect(code).To(Equal(143))
	}
}

// One application of several: what it needs of the others is built and in the image, everything else is not.
func TestOneOfSeveral(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"npm", "yarn", "yarn-node-modules", "pnpm", "bun"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := copyApp(t, "managers/workspace-"+name)
			_, err := p.tryBuild()
			p.Expect(err).To(HaveOccurred(), "nothing says which one to build")
			p.env["BP_NODE_PROJECT_PATH"] = "apps/web"
			log := p.build()
			p.Expect(log).To(MatchRegexp(`build +\S+ run build \(in packages/lib\) +needed by apps/web`))
			_, body := p.start(runDefault).get("/")
			p.Expect(body).To(Equal("true none 7.0.0"))
			names, texts := p.files(func(name string) bool { return strings.HasSuffix(name, "/env.launch/PATH.prepend") })
			p.Expect(slices.Collect(maps.Values(texts))).To(ConsistOf(BeEquivalentTo("/workspace/apps/web/node_modules/.bin:/workspace/node_modules/.bin")))
			p.Expect(names).To(ContainElement(HaveSuffix("/workspace/packages/lib/dist/index.js")))
			p.Expect(names).NotTo(ContainElement(ContainSubstring("/workspace/apps/api/")))
			p.Expect(names).NotTo(ContainElement(ContainSubstring("/is-even")))
			first := p.layers()

			log = p.build()
			p.Expect(log).To(ContainSubstring("Layer       modules: reused (inputs unchanged)"))
			p.Expect(p.layers()).To(Equal(first))
		})
	}
}

// A lockfile that does not fit package.json fails, in the same words for every manager, with what the manager says.
func TestLockfileOutOfDate(t *testing.T) {
	t.Parallel()
	for name, why := range map[string]string{
		"yarn":              "",
		"yarn-node-modules": `-"is-odd@npm:3.0.1"; +"is-odd@npm:3.0.0"`,
		"pnpm":              `Cannot install with "frozen-lockfile" because pnpm-lock.yaml is not up to date with`,
		"bun":               "",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := copyApp(t, "managers/"+name)
			p.edit("package.json", `"is-odd": "3.0.1"`, `"is-odd": "3.0.0"`)
			log, err := p.tryBuild()
			p.Expect(err).To(HaveOccurred())
			p.Expect(log).To(MatchRegexp(`Failed: \S+ does not fit package.json  \[node/lockfile-out-of-sync\]\n  where  (yarn.lock|pnpm-lock.yaml|bun.lock)\n`))
			if why != "" {
				p.Expect(log).To(ContainSubstring("  why    " + why))
			}
		})
	}
}

// Bun as the runtime: the image holds it, and no Node.js.
func TestBunAsRuntime(t *testing.T) {
	t.Parallel()
	p := newProject(t, map[string]string{
		"package.json": `{"packageManager": "bun@1.3.14", "scripts": {"start": "bun run server.ts"}}`,
		"server.ts":    "const port: number = Number(process.env.PORT)\nBun.serve({ port, fetch: () => new Response('served by Bun ' + Bun.version) })\n",
	})
	p.build()
	_, body := p.start(runDefault).get("/")
	p.Expect(body).To(Equal("served by Bun 1.3.14"))
	names, _ := p.files(func(string) bool { return false })
	p.Expect(names).NotTo(ContainElement(HaveSuffix("/bin/node")))
}
