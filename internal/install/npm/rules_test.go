package npm_test

import (
	"archive/tar"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
)

// rule is an application and the packages that it installs from; each is there for one of npm's rules.
type rule struct {
	app       string
	packs     []pack
	tarballs  map[string][]file
	lockWith  []string
	afterLock []func(t *testing.T, app string)
	slow      string
}

func app(manifest string, more ...string) string {
	return "-- package.json --\n" + manifest + "\n" + strings.Join(more, "\n")
}

func edit(name, from, to string) func(*testing.T, string) {
	return func(t *testing.T, app string) {
		file := filepath.Join(app, name)
		text, err := os.ReadFile(file)
		NewWithT(t).Expect(err).NotTo(HaveOccurred())
		NewWithT(t).Expect(string(text)).To(ContainSubstring(from))
		NewWithT(t).Expect(os.WriteFile(file, []byte(strings.ReplaceAll(string(text), from, to)), 0o644)).To(Succeed())
	}
}

// late makes an application with more packages than are unpacked at a time, all of them slow, and behind them one with
// a package below it that another place needs, too.
func late(a1, a2 pack) rule {
	r := rule{packs: []pack{a1, a2, {manifest: `{"name":"zed","version":"1.0.0","dependencies":{"a":"1"}}`}}, slow: "-slow.tgz"}
	wanted := `"a": "2", "aa": "npm:a@1.0.0", "zed": "1"`
	for i := range 30 {
		name := fmt.Sprintf("c%02d", i)
		r.packs = append(r.packs, pack{manifest: fmt.Sprintf(`{"name":%q,"version":"1.0.0-slow"}`, name)})
		wanted += fmt.Sprintf(`, %q: "1.0.0-slow"`, name)
	}
	r.app = app(`{"dependencies": {` + wanted + `}}`)
	return r
}

func rules() map[string]rule {
	a1, a2 := pack{manifest: `{"name":"a","version":"1.0.0"}`}, pack{manifest: `{"name":"a","version":"2.0.0","license":"MIT"}`}
	b := pack{manifest: `{"name":"b","version":"1.2.3","dependencies":{"a":"^1.0.0"}}`}
	return map[string]rule{
		"nested versions": {
			app:   app(`{"name": "x", "version": "0.1.0", "dependencies": {"a": "2", "b": "~1.2"}}`),
			packs: []pack{a1, a2, b},
		},
		"a lockfile that lacks checksums": {
			app:   app(`{"dependencies": {"a": "1", "b": "1"}}`),
			packs: []pack{a1, b},
			afterLock: []func(*testing.T, string){func(t *testing.T, app string) {
				file := filepath.Join(app, "package-lock.json")
				text, err := os.ReadFile(file)
				NewWithT(t).Expect(err).NotTo(HaveOccurred())
				without := regexp.MustCompile(`"integrity": "[^"]*",?|"resolved": "[^"]*",`).ReplaceAllString(string(text), "")
				without = regexp.MustCompile(`,\s*}`).ReplaceAllString(without, "}")
				NewWithT(t).Expect(without).NotTo(ContainSubstring("sha512"))
				NewWithT(t).Expect(os.WriteFile(file, []byte(without), 0o644)).To(Succeed())
			}},
		},
		// The lockfile has chosen the versions already.
		"a setting for choosing versions": {
			app:   app(`{"dependencies": {"a": "1"}}`),
			packs: []pack{a1},
			afterLock: []func(*testing.T, string){func(t *testing.T, app string) {
				NewWithT(t).Expect(os.WriteFile(filepath.Join(app, ".npmrc"), []byte("min-release-age=7\n"), 0o644)).To(Succeed())
			}},
		},
		"engines for development, and scripts that are allowed and denied": {
			app: app(`{"dependencies": {"loud": "1", "quiet": "1"}, "allowScripts": {"loud@1.0.0": true, "quiet": false},
				"devEngines": {"runtime": [{"name": "bun"}, {"name": "node", "version": ">=16"}], "packageManager": {"name": "npm"}}}`),
			packs: []pack{
				{manifest: `{"name":"loud","version":"1.0.0","bin":"run.js"}`, files: []file{{name: "package/run.js", content: "1"}}},
				{manifest: `{"name":"quiet","version":"1.0.0"}`},
			},
		},
		"tags": {
			app:   app(`{"dependencies": {"a": "latest", "b": "latest"}}`),
			packs: []pack{a1, a2, b},
		},
		// A package whose turn came late once took away what had been unpacked below it.
		"a package that arrives after those below it": late(a1, a2),
		"dev, optional, peer and their overlaps": {
			app: app(`{"dependencies": {"p": "1", "l": "1"}, "devDependencies": {"d": "1", "both": "1"}, "optionalDependencies": {"o": "1", "other-os": "1"}}`),
			packs: []pack{a1,
				{manifest: `{"name":"d","version":"1.0.0","dependencies":{"shared":"1","dev-only":"1"}}`},
				{manifest: `{"name":"o","version":"1.0.0","dependencies":{"shared":"1","both":"1"}}`},
				{manifest: `{"name":"p","version":"1.0.0","peerDependencies":{"q":"1"},"peerDependenciesMeta":{"l":{"optional":true}}}`},
				{manifest: `{"name":"q","version":"1.0.0","dependencies":{"a":"1"}}`},
				{manifest: `{"name":"l","version":"1.0.0","peerDependencies":{"a":"*","never":"*"},"peerDependenciesMeta":{"never":{"optional":true}}}`},
				{manifest: `{"name":"shared","version":"1.0.0","dependencies":{"deep":"1"}}`},
				{manifest: `{"name":"deep","version":"1.0.0"}`},
				{manifest: `{"name":"both","version":"1.0.0"}`},
				{manifest: `{"name":"dev-only","version":"1.0.0","peerDependencies":{"never":"*","deep":"1"},"peerDependenciesMeta":{"never":{"optional":true}}}`},
				{manifest: `{"name":"never","version":"1.0.0"}`},
				{manifest: `{"name":"other-os","version":"1.0.0","os":["win32"],"dependencies":{"only-there":"1"}}`},
				{manifest: `{"name":"only-there","version":"1.0.0"}`},
			},
		},
		"os, cpu, libc and engines": {
			app: app(`{"optionalDependencies": {"musl": "1", "glibc": "1", "not-linux": "1", "arm": "1", "x64": "1", "any": "1", "old": "1", "parent": "1"}}`),
			packs: []pack{
				{manifest: `{"name":"musl","version":"1.0.0","os":["linux"],"libc":["musl"]}`},
				{manifest: `{"name":"glibc","version":"1.0.0","os":["linux"],"libc":["glibc"],"bin":"x.js"}`, files: []file{{name: "package/x.js", content: "#!/usr/bin/env node\n"}}},
				{manifest: `{"name":"not-linux","version":"1.0.0","os":["!linux"]}`},
				{manifest: `{"name":"arm","version":"1.0.0","cpu":["arm64"]}`},
				{manifest: `{"name":"x64","version":"1.0.0","cpu":["x64","arm64"],"os":["!win32"]}`},
				{manifest: `{"name":"any","version":"1.0.0","os":["any"]}`},
				{manifest: `{"name":"old","version":"1.0.0","engines":{"node":"<4"}}`},
				{manifest: `{"name":"parent","version":"1.0.0","dependencies":{"child":"1"}}`},
				{manifest: `{"name":"child","version":"1.0.0","cpu":["mips"]}`},
			},
		},
		"files, modes, links and names": {
			app: app(`{"dependencies": {"odd": "1"}}`),
			packs: []pack{{manifest: `{"name":"odd","version":"1.0.0","bin":{"crlf":"bin/crlf.js","missing":"nowhere.js","../up":"./bin/plain.js"}}`, files: []file{
				{name: "package/bin/crlf.js", content: "#!/usr/bin/env node\r\nconsole.log(1)\r\n"},
				{name: "package/bin/plain.js", content: "#!/usr/bin/env node\n", mode: 0o600},
				{name: "package/.gitignore", content: "x"},
				{name: "package/sub/.gitignore", content: "y"},
				{name: "package/sub/.npmignore", content: "z"},
				{name: "package/private", content: "p", mode: 0o400},
				{name: "package/run", content: "r", mode: 0o711},
				{name: "package/twice", content: "first", mode: 0o755},
				{name: "package/twice", content: "second", mode: 0o644},
				{name: "package/link", content: "run", kind: tar.TypeSymlink},
				{name: "package/hard", content: "package/run", kind: tar.TypeLink},
				{name: "package/empty/", kind: tar.TypeDir, mode: 0o755},
				{name: "elsewhere/other.js", content: "1"},
				{name: "package/../../../escape.js", content: "bad"},
				{name: "package/a/../b.js", content: "bad"},
				{name: "package/.hidden/x", content: "h"},
				{name: "package/empty.js"},
			}}},
		},
		"zeros behind the archive, as old packages have": {
			app: app(`{"dependencies": {"a": "1", "b": "1", "padded": "1"}}`),
			packs: []pack{a1, b,
				{manifest: `{"name":"padded","version":"1.0.0"}`, files: []file{{name: "package/x.js", content: "1"}}, behind: make([]byte, 3000)},
			},
		},
		"commands that two packages claim": {
			app: app(`{"dependencies": {"zed": "1", "abc": "1", "@s/tool": "1", "b": "*"}}`),
			packs: []pack{b, a1,
				{manifest: `{"name":"zed","version":"1.0.0","bin":{"same":"z.js"}}`, files: []file{{name: "package/z.js", content: "z"}}},
				{manifest: `{"name":"abc","version":"1.0.0","bin":{"same":"a.js"}}`, files: []file{{name: "package/a.js", content: "a"}}},
				{manifest: `{"name":"@s/tool","version":"1.0.0","bin":"./t.js"}`, files: []file{{name: "package/t.js", content: "t"}}},
			},
		},
		"aliases": {
			app:   app(`{"dependencies": {"old-a": "npm:a@1", "a": "2", "@x/b": "npm:b@^1"}}`),
			packs: []pack{a1, a2, b},
		},
		"overrides": {
			app:   app(`{"dependencies": {"b": "1", "a": "2"}, "overrides": {"a": "$a"}}`),
			packs: []pack{a1, a2, b},
		},
		"overrides below a package": {
			app:   app(`{"dependencies": {"b": "1", "c": "1.0.0"}, "overrides": {"b": {"a": "2.0.0"}, "c@1": {".": "1.0.0", "a": "1.0.0"}}}`),
			packs: []pack{a1, a2, b, {manifest: `{"name":"c","version":"1.0.0","dependencies":{"a":"*"}}`}},
		},
		"bundled packages": {
			app: app(`{"dependencies": {"bundler": "1", "a": "2"}}`),
			packs: []pack{a1, a2, {manifest: `{"name":"bundler","version":"1.0.0","dependencies":{"a":"1","in":"1"},"bundleDependencies":["in","a"]}`, files: []file{
				{name: "package/node_modules/in/package.json", content: `{"name":"in","version":"1.0.0","bin":{"in":"in.js"},"license":"MIT"}`},
				{name: "package/node_modules/in/in.js", content: "#!/usr/bin/env node\n"},
				{name: "package/node_modules/a/package.json", content: `{"name":"a","version":"1.0.0"}`},
			}}, {manifest: `{"name":"in","version":"1.0.0","bin":{"in":"in.js"},"license":"MIT"}`}},
		},
		"workspaces": {
			app: app(`{"name": "mono", "workspaces": ["packages/*"], "devDependencies": {"a": "1"}}`,
				"-- packages/web/package.json --", `{"name": "@mono/web", "version": "1.0.0", "dependencies": {"lib": "^2.0.0", "b": "1"}, "devDependencies": {"zed": "1"}, "bin": {"web": "cli.js"}}`,
				"-- packages/web/cli.js --", "#!/usr/bin/env node",
				"-- packages/lib/package.json --", `{"name": "lib", "version": "2.0.1", "license": "MIT", "dependencies": {"a": "2"}, "peerDependencies": {"b": "*"}}`),
			packs:     []pack{a1, a2, b, {manifest: `{"name":"zed","version":"1.0.0","dependencies":{"dz":"1"}}`}, {manifest: `{"name":"dz","version":"1.0.0"}`}},
			afterLock: []func(*testing.T, string){edit("packages/lib/package.json", "2.0.1", "2.0.2")},
		},
		"folders and archives of the application": {
			app: app(`{"dependencies": {"near": "file:libs/near", "packed": "file:libs/packed.tgz"}, "devDependencies": {"for-dev": "file:./libs/for-dev"}}`,
				"-- libs/near/package.json --", `{"name": "near", "version": "0.0.1", "dependencies": {"a": "1"}}`,
				"-- libs/for-dev/package.json --", `{"name": "for-dev", "version": "0.0.1", "dependencies": {"b": "1"}}`),
			packs:    []pack{a1, b},
			tarballs: map[string][]file{"libs/packed.tgz": {{name: "package/package.json", content: `{"name":"packed","version":"3.0.0"}`}, {name: "package/i.js", content: "1"}}},
		},
		"no addresses in the lockfile": {
			app:      app(`{"dependencies": {"b": "1", "@s/tool": "1", "alias": "npm:a@1"}}`),
			packs:    []pack{a1, b, {manifest: `{"name":"@s/tool","version":"1.0.0"}`}},
			lockWith: []string{"--omit-lockfile-registry-resolved"},
		},
		"the older format of lockfiles": {
			app:      app("{\n\t\"name\": \"x\",\n\t\"dependencies\": {\"b\": \"1\", \"a\": \"2\"}\n}"),
			packs:    []pack{a1, a2, b},
			lockWith: []string{"--lockfile-version=2"},
		},
		"peers left alone": {
			app: app(`{"dependencies": {"p": "1", "a": "1"}}`, "-- .npmrc --", "legacy-peer-deps=true"),
			packs: []pack{a1, a2,
				{manifest: `{"name":"p","version":"1.0.0","peerDependencies":{"a":"^2.0.0","absent":"1"}}`},
			},
		},
		"an old package without sha512": {
			app:   app(`{"dependencies": {"a": "1"}}`),
			packs: []pack{{manifest: a1.manifest, sha1: true}},
		},
		"flags that an older npm wrote": {
			app:       app(`{"dependencies": {"b": "1"}, "devDependencies": {"a": "1"}}`),
			packs:     []pack{a1, b},
			afterLock: []func(*testing.T, string){edit("package-lock.json", `"version": "1.0.0",`, `"version": "1.0.0", "dev": true, "peer": true,`)},
		},
	}
}
