package integration

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha512"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/container/launch"
	"github.com/gantry-buildpack/gantry/internal/platform/run"
)

// packageArchive is a package as a file of the application, and the integrity that a lockfile has of it.
func packageArchive(t *testing.T, files map[string]string) (content, integrity string) {
	var out bytes.Buffer
	zipped := gzip.NewWriter(&out)
	writer := tar.NewWriter(zipped)
	for name, text := range files {
		NewWithT(t).Expect(writer.WriteHeader(&tar.Header{Name: "package/" + name, Mode: 0o644, Size: int64(len(text))})).To(Succeed())
		_, err := writer.Write([]byte(text))
		NewWithT(t).Expect(err).NotTo(HaveOccurred())
	}
	NewWithT(t).Expect(writer.Close()).To(Succeed())
	NewWithT(t).Expect(zipped.Close()).To(Succeed())
	sum := sha512.Sum512(out.Bytes())
	return out.String(), "sha512-" + base64.StdEncoding.EncodeToString(sum[:])
}

// Workspaces: links to the application's own folders work at run time, from layers too.
func TestWorkspaces(t *testing.T) {
	t.Parallel()
	p := newProject(t, map[string]string{
		"package.json": `{"name": "mono", "workspaces": ["packages/*"], "scripts": {"start": "node packages/web/server.js"},
			"dependencies": {"is-number": "7.0.0"}}`,
		"packages/lib/package.json": `{"name": "lib", "version": "1.0.0", "dependencies": {"is-number": "6.0.0"}}`,
		"packages/lib/index.js":     `module.exports = require('is-number/package.json').version`,
		"packages/web/package.json": `{"name": "web", "version": "1.0.0", "dependencies": {"lib": "^1.0.0"}}`,
		"packages/web/server.js":    `require('http').createServer((q, r) => r.end(require('lib') + ' ' + require('is-number/package.json').version)).listen(process.env.PORT)`,
	})
	p.lock()
	log := p.build()
	p.Expect(log).To(ContainSubstring("2 installed from the lockfile, 2 fetched"))
	_, body := p.start(runDefault).get("/")
	p.Expect(body).To(Equal("6.0.0 7.0.0"))
	first := p.layers()
	log = p.build()
	p.Expect(log).To(ContainSubstring("Layer       modules: reused"))
	p.Expect(log).NotTo(ContainSubstring("Packages    "), "nothing is installed when nothing has changed")
	p.Expect(p.layers()).To(Equal(first))
	_, body = p.start(runDefault).get("/")
	p.Expect(body).To(Equal("6.0.0 7.0.0"))
}

// Install scripts are run by npm, once; what they made is in the image, and is kept for the next build.
func TestInstallScripts(t *testing.T) {
	t.Parallel()
	content, integrity := packageArchive(t, map[string]string{
		"package.json": `{"name": "native", "version": "1.0.0", "scripts": {"install": "node make.js"}}`,
		"make.js":      `require('fs').writeFileSync('made.js', 'module.exports = ' + JSON.stringify('made by ' + process.env.npm_lifecycle_event))`,
	})
	files := map[string]string{
		"package.json": `{"scripts": {"start": "node server.js", "build": "node -e \"require('fs').writeFileSync('built', require('native/made.js'))\""}, "dependencies": {"native": "file:native.tgz"}}`,
		"server.js":    `require('http').createServer((q, r) => r.end(require('native/made.js') + ' ' + require('fs').readFileSync('built'))).listen(process.env.PORT)`,
		"native.tgz":   content,
		"package-lock.json": fmt.Sprintf(`{"lockfileVersion": 3, "requires": true, "packages": {"": {"dependencies": {"native": "file:native.tgz"}},
			"node_modules/native": {"version": "1.0.0", "resolved": "file:native.tgz", "integrity": %q, "hasInstallScript": true}}}`, integrity),
	}
	for name, built := range map[string]bool{"with a build": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			p := newProject(t, files)
			if !built {
				p.env["BP_NODE_RUN_SCRIPTS"] = ""
				p.write("built", "by hand")
			}
			log := p.build()
			p.Expect(log).To(ContainSubstring("npm rebuild, for the install scripts of native"))
			_, body := p.start(runDefault).get("/")
			p.Expect(body).To(HavePrefix("made by install "))
			first := p.layers()
			p.write("server.js", files["server.js"]+"\n")
			log = p.build()
			p.Expect(log).NotTo(ContainSubstring("npm rebuild"))
			p.Expect(p.layers()["Buildpacks Launcher"]).To(Equal(first["Buildpacks Launcher"]))
			p.Expect(log).To(ContainSubstring("Layer       modules: reused"))
		})
	}
}

// A native module that was linked with a library which the run image lacks: the build says so, and nothing is started that
// would fail at the first line that needs it.
func TestNativeModuleWithoutItsLibrary(t *testing.T) {
	t.Parallel()
	content, integrity := packageArchive(t, map[string]string{
		"package.json": `{"name": "@example/db", "version": "1.0.0", "scripts": {"install": "sh make.sh"}}`,
		"make.sh": `set -e
mkdir -p build/Release prebuilds/linux-x64
echo 'int gone() { return 1; }' > gone.c
echo 'int gone(); int f() { return gone(); }' > f.c
cc -shared -fPIC -o libgone.so -Wl,-soname,libgone.so.7 gone.c
cc -shared -fPIC -o build/Release/db.node f.c -L. -lgone
cp build/Release/db.node prebuilds/linux-x64/other.node
rm libgone.so gone.c f.c
`,
	})
	p := newProject(t, map[string]string{
		"package.json": `{"scripts": {"start": "node server.js"}, "dependencies": {"@example/db": "file:db.tgz"}}`,
		"server.js":    `require('http').createServer((q, r) => r.end('up')).listen(process.env.PORT)`,
		"db.tgz":       content,
		"package-lock.json": fmt.Sprintf(`{"lockfileVersion": 3, "requires": true, "packages": {"": {"dependencies": {"@example/db": "file:db.tgz"}},
			"node_modules/@example/db": {"version": "1.0.0", "resolved": "file:db.tgz", "integrity": %q, "hasInstallScript": true}}}`, integrity),
	})
	log := strings.Join(strings.Fields(p.build()), " ")
	p.Expect(log).To(ContainSubstring("Warning: @example/db: libgone.so.7 is not in the build image. The run image must have it, or packages in project.toml " +
		"(on Debian and Ubuntu it is likely the package libgone7). Without it, the application does not start."))
	c := p.start(runDefault)
	code, err := c.Wait()
	p.Expect(err).NotTo(HaveOccurred())
	p.Expect(code).To(Equal(launch.Refused))
	p.Expect(c.out.String()).To(ContainSubstring("\n  libgone.so.7  is needed by @example/db; on Debian and Ubuntu it is likely the package libgone7\n"))
	_, body := p.start(run.Options{Env: map[string]string{"BPL_LIBRARY_CHECK": "warn"}}).get("/")
	p.Expect(body).To(Equal("up"))
}

// A package that turns out to be compiled only when it is there: npm starts again from nothing, and the image is whole.
func TestLeftToNPMOnTheWay(t *testing.T) {
	t.Parallel()
	p := newProject(t, map[string]string{
		"package.json":       `{"scripts": {"start": "node server.js"}, "dependencies": {"addon": "file:addon"}}`,
		"server.js":          `require('http').createServer((q, r) => r.end(require('addon'))).listen(process.env.PORT)`,
		"addon/package.json": `{"name": "addon", "version": "1.0.0"}`,
		"addon/index.js":     `module.exports = 'added'`,
	})
	p.lock()
	p.write("addon/binding.gyp", `{"targets": [{"target_name": "nothing", "type": "none"}]}`)
	log := p.build()
	p.Expect(log).To(ContainSubstring("npm installs them itself: addon has a binding.gyp that the lockfile does not know of"))
	_, body := p.start(runDefault).get("/")
	p.Expect(body).To(Equal("added"))
}

// An application with a binding.gyp of its own is compiled, as npm does it; again where its packages come from the cache.
func TestApplicationWithAddon(t *testing.T) {
	t.Parallel()
	p := newProject(t, map[string]string{
		"package.json": `{"scripts": {"start": "node server.js"}, "dependencies": {"is-number": "7.0.0"}}`,
		"server.js":    `require('http').createServer((q, r) => r.end(require('fs').readFileSync('build/made'))).listen(process.env.PORT)`,
		"binding.gyp":  `{"targets": [{"target_name": "made", "type": "none", "actions": [{"action_name": "make", "inputs": [], "outputs": ["build/made"], "action": ["sh", "-c", "echo made > build/made"]}]}]}`,
	})
	p.lock()
	for range 2 {
		p.build()
		_, body := p.start(runDefault).get("/")
		p.Expect(body).To(Equal("made\n"))
	}
}

// pnpm compiles a package against the headers of the very Node.js that runs it; what it does not compile is told of.
func TestNativeModuleOfPNPM(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"10.34.9", "11.1.2", "11.28.11", "12.21.0"} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			p := newProject(t, map[string]string{
				"package.json": `{"packageManager": "pnpm@` + version + `", "scripts": {"start": "node server.js"}, "dependencies": {"addon": "file:addon"}}`,
				"server.js":    `require('http').createServer((q, r) => r.end(String(require('addon').seven()))).listen(process.env.PORT)`,
				"pnpm-lock.yaml": "lockfileVersion: '9.0'\nsettings:\n  autoInstallPeers: true\n  excludeLinksFromLockfile: false\nimporters:\n  .:\n    dependencies:\n      addon:\n" +
					"        specifier: file:addon\n        version: file:addon\npackages:\n  addon@file:addon:\n    resolution: {directory: addon, type: directory}\nsnapshots:\n  addon@file:addon: {}\n",
				"pnpm-workspace.yaml": "packages: []\ndangerouslyAllowAllBuilds: true\n",
				"addon/package.json":  `{"name": "addon", "version": "1.0.0", "main": "build/Release/addon.node", "scripts": {"install": "node-gyp rebuild"}}`,
				"addon/binding.gyp":   `{"targets": [{"target_name": "addon", "sources": ["addon.c"]}]}`,
				"addon/addon.c": `#include <node_api.h>
static napi_value Seven(napi_env env, napi_callback_info info) { napi_value v; napi_create_int32(env, 7, &v); return v; }
static napi_value Init(napi_env env, napi_value exports) {
  napi_value f; napi_create_function(env, "seven", NAPI_AUTO_LENGTH, Seven, NULL, &f); napi_set_named_property(env, exports, "seven", f); return exports;
}
NAPI_MODULE(NODE_GYP_MODULE_NAME, Init)
`,
			})
			log := p.build()
			p.Expect(log).NotTo(ContainSubstring("gyp http GET"), "the headers are those of the toolchain")
			_, body := p.start(runDefault).get("/")
			p.Expect(body).To(Equal("7"))
			if version[:2] != "10" {
				// Later ones end with an error.
				return
			}
			p.edit("pnpm-workspace.yaml", "dangerouslyAllowAllBuilds: true\n", "")
			p.edit("addon/package.json", "1.0.0", "1.0.1")
			log = strings.Join(strings.Fields(p.build()), " ")
			p.Expect(log).To(ContainSubstring("Warning: pnpm has not run install scripts that nobody approved: addon@file:addon. " +
				"What they compile or fetch is not there: run `pnpm approve-builds`, and commit what it writes."))
		})
	}
}

// What is not known to come out like npm's is left to npm, and the log says why.
func TestLeftToNPM(t *testing.T) {
	t.Parallel()
	p := newProject(t, map[string]string{
		"package.json": `{"scripts": {"start": "node server.js"}, "dependencies": {"is-number": "7.0.0"}}`,
		"server.js":    `require('http').createServer((q, r) => r.end(String(require('is-number')(5)))).listen(process.env.PORT)`,
		".npmrc":       "install-strategy=nested\n",
	})
	p.lock()
	log := p.build()
	p.Expect(log).To(ContainSubstring("Packages    npm installs them itself: npm's setting install-strategy is given"))
	_, body := p.start(runDefault).get("/")
	p.Expect(body).To(Equal("true"))
}

// Packages that only the build needs are left to npm for the same reasons.
func TestStaticSiteWithoutLockfile(t *testing.T) {
	t.Parallel()
	p := newProject(t, map[string]string{
		"package.json": `{"scripts": {"build": "node build.js"}, "devDependencies": {"is-number": "7.0.0"}}`,
		"build.js":     `require('fs').mkdirSync('out'); require('fs').writeFileSync('out/index.html', String(require('is-number')(5)))`,
	})
	p.env["BP_STATIC_DIR"] = "out"
	p.Expect(p.build()).To(ContainSubstring("Packages    npm installs them itself: there is no lockfile"))
	_, body := p.start(runDefault).get("/")
	p.Expect(body).To(Equal("true"))
}

// A build whose scripts are said to be pure is not run again while what they read is the same, though they ask somebody.
func TestPureBuild(t *testing.T) {
	t.Parallel()
	p := newProject(t, map[string]string{
		"package.json": `{"scripts": {"start": "node out/server.js", "build": "node build.js"}, "dependencies": {"is-number": "7.0.0"}}`,
		"project.toml": "[dev.gantry.node]\npure-build = true\n",
		"text":         "first",
		"gone":         "",
		"build.js": `const fs = require('fs'); fs.mkdirSync('out'); fs.rmSync('gone')
			require('net').connect(1, '127.0.0.1').on('error', () => {})
			const text = fs.readFileSync('text') + ' ' + process.env.FLAVOUR
			fs.writeFileSync('out/server.js', "require('http').createServer((q, r) => r.end(require('is-number')(5) + ' " + text + " ' + require('fs').existsSync('gone'))).listen(process.env.PORT)")`,
	})
	p.lock()
	p.env["FLAVOUR"] = "plain"
	const again = "are unchanged (BP_BUILD_REUSE=always)"
	p.Expect(p.build()).NotTo(ContainSubstring(again))
	first := p.layers()
	answer := func() string {
		_, body := p.start(runDefault).get("/")
		return body
	}
	p.Expect(answer()).To(Equal("true first plain false"))

	log := p.build()
	p.Expect(log).To(ContainSubstring(again))
	p.Expect(log).NotTo(ContainSubstring("npm run build ("))
	p.Expect(p.layers()).To(Equal(first))
	p.Expect(answer()).To(Equal("true first plain false"))

	p.env["FLAVOUR"] = "sweet"
	p.Expect(p.build()).NotTo(ContainSubstring(again))
	p.Expect(answer()).To(Equal("true first sweet false"))

	p.write("text", "second")
	p.Expect(p.build()).NotTo(ContainSubstring(again))
	p.Expect(p.build()).To(ContainSubstring(again))
	p.Expect(answer()).To(Equal("true second sweet false"))
}

// Static files and what a build makes are layers of their own: an edit of the source exports neither.
func TestSlices(t *testing.T) {
	t.Parallel()
	p := newProject(t, map[string]string{
		"server.js":          `require('http').createServer((q, r) => r.end(require('fs').readFileSync('public/page'))).listen(process.env.PORT)`,
		"public/page":        "a page",
		"dist/generated.bin": "output",
	})
	log := p.build()
	p.Expect(log).To(ContainSubstring("Added 3/3 app layer(s)"))
	p.write("server.js", "// edited\n"+`require('http').createServer((q, r) => r.end(require('fs').readFileSync('public/page'))).listen(process.env.PORT)`)
	log = p.build()
	p.Expect(log).To(ContainSubstring("Added 1/3 app layer(s)"))
	_, body := p.start(runDefault).get("/")
	p.Expect(body).To(Equal("a page"))
}

// A development dependency that the start script runs is kept, with all that it needs, and no other.
func TestStartedByADevelopmentDependency(t *testing.T) {
	t.Parallel()
	content, _ := packageArchive(t, map[string]string{
		"package.json": `{"name": "runner", "version": "1.0.0", "bin": "runner.js", "dependencies": {"is-odd": "3.0.1"}}`,
		"runner.js":    "#!/usr/bin/env node\nglobalThis.odd = require('is-odd'); require(require('path').resolve(process.argv[2]))",
	})
	p := newProject(t, map[string]string{
		"package.json": `{"scripts": {"start": "runner server.js"}, "devDependencies": {"runner": "file:runner.tgz", "is-even": "1.0.0"}}`,
		"server.js":    `require('http').createServer((q, r) => { let even = 'gone'; try { even = require.resolve('is-even') } catch {} r.end(odd(3) + ' ' + even) }).listen(process.env.PORT)`,
		"runner.tgz":   content,
	})
	p.lock()
	log := p.build()
	p.Expect(log).To(ContainSubstring("The application is started with runner, a development dependency: it is kept in the image."))
	p.Expect(log).To(ContainSubstring("installed from the lockfile"))
	_, body := p.start(runDefault).get("/")
	p.Expect(body).To(Equal("true gone"))
	p.edit("package.json", `"start"`, `"build": "echo > node_modules/runner/built", "start"`)
	p.Expect(p.build()).To(ContainSubstring("installed from the lockfile"))
	_, body = p.start(runDefault).get("/")
	p.Expect(body).To(Equal("true gone"))
	names, _ := p.files(func(string) bool { return false })
	p.Expect(names).To(ContainElement(HaveSuffix("/node_modules/runner/built")))
	p.Expect(names).NotTo(ContainElement(ContainSubstring("/node_modules/is-even/")))
}

// Heroku's hooks: before packages are installed, in place of build, and at the end; what the tools keep is there again.
func TestHooksAndCaches(t *testing.T) {
	t.Parallel()
	const note = `node -e \"require('fs').appendFileSync('notes', '%s ')\"`
	scripts := ""
	for _, name := range []string{"heroku-prebuild", "heroku-build", "build", "heroku-postbuild"} {
		scripts += fmt.Sprintf(`"%s": "`+note+`", `, name, name)
	}
	p := newProject(t, map[string]string{
		"package.json": `{"scripts": {` + scripts + `"start": "node server.js"}, "dependencies": {"is-number": "7.0.0", "npm": "file:npm"}}`,
		"server.js":    `require('http').createServer((q, r) => r.end(require('fs').readFileSync('notes'))).listen(process.env.PORT)`,
		// A package's program of that name is not the package manager.
		"npm/package.json": `{"name": "npm", "version": "1.0.0", "bin": {"npm": "fail.js"}}`,
		"npm/fail.js":      "#!/usr/bin/env node\nprocess.exit(3)\n",
	})
	p.edit("package.json", `"heroku-build": "node`, `"heroku-build": "mkdir -p node_modules/.cache && date >> node_modules/.cache/runs && wc -l < node_modules/.cache/runs >> notes && node`)
	p.lock()
	p.build()
	answer := func() string {
		_, body := p.start(runDefault).get("/")
		return body
	}
	p.Expect(answer()).To(Equal("heroku-prebuild 1\nheroku-build heroku-postbuild "))
	p.build()
	p.Expect(answer()).To(Equal("heroku-prebuild 2\nheroku-build heroku-postbuild "))
	names, _ := p.files(func(string) bool { return false })
	p.Expect(names).NotTo(ContainElement(ContainSubstring("/.cache")))
}
