package npm_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	"golang.org/x/tools/txtar"

	"github.com/gantry-buildpack/gantry/internal/install/npm"
)

// write makes an application of a txtar archive.
func write(t testing.TB, archive string) string {
	dir := t.TempDir()
	for _, f := range txtar.Parse([]byte(archive)).Files {
		file := filepath.Join(dir, f.Name)
		NewWithT(t).Expect(os.MkdirAll(filepath.Dir(file), 0o755)).To(Succeed())
		NewWithT(t).Expect(os.WriteFile(file, f.Data, 0o644)).To(Succeed())
	}
	return dir
}

// simple is an application with the package a, and its lockfile.
func simple(t *testing.T, r *registry, npmrc string) string {
	integrity := r.packuments["a"]["versions"].(map[string]any)["1.0.0"].(map[string]any)["dist"].(map[string]any)["integrity"]
	return write(t, app(`{"dependencies": {"a": "1"}}`, "-- .npmrc --", npmrc, "-- package-lock.json --", fmt.Sprintf(
		`{"lockfileVersion": 3, "packages": {"": {"dependencies": {"a": "1"}}, "node_modules/a": {"version": "1.0.0", "integrity": %q}}}`, integrity)))
}

func packageA() []pack { return []pack{{manifest: `{"name":"a","version":"1.0.0"}`}} }

// What is left to npm, and the reason that the log gives.
func TestReasonsToLeaveATreeToNPM(t *testing.T) {
	const manifest = `{"dependencies": {"a": "^1.0.0"}}`
	entry := func(fields string) string {
		return `{"lockfileVersion": 3, "packages": {"": {"dependencies": {"a": "^1.0.0"}}, "node_modules/a": {` + fields + `}}}`
	}
	const sum = `"integrity": "sha512-bEr9qmDLTyWXE+a6QCaST55LBLPBdV/gF5Dqjd5ZwgFNb3rxNBhtVfhsYD4v2lQITUQdpfDl8qYYVJoayq60+A=="`
	for name, c := range map[string]struct{ manifest, lock, npmrc, why string }{
		"a git dependency":             {manifest: manifest, lock: entry(`"version": "1.0.0", "resolved": "git+ssh://git@host/a.git#0123"`), npmrc: "", why: "a comes from neither a registry nor an archive"},
		"an unknown integrity":         {manifest: manifest, lock: entry(`"version": "1.0.0", "integrity": "md5-xx"`), npmrc: "", why: `the integrity "md5-xx" is not understood`},
		"another version":              {manifest: `{"dependencies": {"a": "^2.0.0"}}`, lock: entry(`"version": "1.0.0", ` + sum), npmrc: "", why: "the lockfile has a 1.0.0, and package.json wants ^2.0.0"},
		"one more dependency":          {manifest: `{"dependencies": {"a": "1", "b": "1"}}`, lock: entry(`"version": "1.0.0", ` + sum), npmrc: "", why: "the lockfile lacks b, which package.json wants"},
		"a tag":                        {manifest: `{"dependencies": {"a": "next"}}`, lock: entry(`"version": "1.0.0", ` + sum), npmrc: "", why: "the specification a@next is not a version range"},
		"another package manager":      {manifest: `{"dependencies": {"a": "1"}, "devEngines": {"packageManager": {"name": "yarn"}}}`, lock: entry(`"version": "1.0.0", ` + sum), npmrc: "", why: "package.json has devEngines.packageManager, which does not fit"},
		"another runtime":              {manifest: `{"dependencies": {"a": "1"}, "devEngines": {"runtime": [{"name": "node", "version": "<4"}, {"name": "bun"}]}}`, lock: entry(`"version": "1.0.0", ` + sum), npmrc: "", why: "package.json has devEngines.runtime, which does not fit"},
		"an engine of another kind":    {manifest: `{"dependencies": {"a": "1"}, "devEngines": {"os": {"name": "linux"}}}`, lock: entry(`"version": "1.0.0", ` + sum), npmrc: "", why: "package.json has devEngines.os, which does not fit"},
		"scripts denied to a command":  {manifest: `{"dependencies": {"a": "1"}, "allowScripts": {"b": true, "a@1.0.0": false}}`, lock: entry(`"version": "1.0.0", "bin": {"a": "a.js"}, ` + sum), npmrc: "", why: "package.json denies the scripts of a, which has commands"},
		"scripts denied to an address": {manifest: `{"dependencies": {"a": "1"}, "allowScripts": {"github:a/b": false}}`, lock: entry(`"version": "1.0.0", ` + sum), npmrc: "", why: "package.json denies the scripts of github:a/b"},
		"an old lockfile":              {manifest: manifest, lock: `{"lockfileVersion": 1, "dependencies": {}}`, npmrc: "", why: "package-lock.json has a format other than 2 and 3"},
		"a lockfile of a package":      {manifest: manifest, lock: entry(`"version": "1.0.0", "hasShrinkwrap": true, ` + sum), npmrc: "", why: "a has a lockfile of its own"},
		"an escape":                    {manifest: manifest, lock: `{"lockfileVersion": 3, "packages": {"node_modules/../../a": {"version": "1.0.0"}}}`, npmrc: "", why: `"node_modules/../../a" is not a package's folder`},
		"a link out":                   {manifest: manifest, lock: `{"lockfileVersion": 3, "packages": {"node_modules/a": {"resolved": "../a", "link": true}}}`, npmrc: "", why: "node_modules/a is a link that leaves the application"},
		"another platform":             {manifest: manifest, lock: entry(`"version": "1.0.0", "os": ["win32"], ` + sum), npmrc: "", why: "a is not made for this platform"},
		"a setting of npm":             {manifest: manifest, lock: entry(`"version": "1.0.0", ` + sum), npmrc: "install-strategy=nested", why: "npm's setting install-strategy is given"},
		"client certificates":          {manifest: manifest, lock: entry(`"version": "1.0.0", ` + sum), npmrc: "//host/:certfile=x.pem", why: "npm's configuration has client certificates"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := write(t, app(c.manifest, "-- .npmrc --", c.npmrc, "-- package-lock.json --", c.lock))
			_, err := read(dir, "", "11.17.0")
			why, unsupported := npm.IsUnsupported(err)
			NewWithT(t).Expect(unsupported).To(BeTrue(), "%v", err)
			NewWithT(t).Expect(why).To(Equal(c.why))
		})
	}
}

// A checksum that no file can have is an error at once.
func TestMalformedIntegrity(t *testing.T) {
	for name, integrity := range map[string]string{"too short": "sha512-AAAA", "no base64": "sha512-!!!", "cut off": "sha1-2jmj7l5rSw0yVb", "empty": "sha384-"} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			dir := write(t, app(`{"dependencies": {"a": "1"}}`, "-- package-lock.json --",
				`{"lockfileVersion": 3, "packages": {"": {"dependencies": {"a": "1"}}, "node_modules/a": {"version": "1.0.0", "resolved": "https://registry.npmjs.org/a/-/a-1.0.0.tgz", "integrity": "`+integrity+`"}}}`))
			_, err := read(dir, "", "11.17.0")
			g.Expect(err).To(MatchError(`package-lock.json: the lockfile pins a 1.0.0 with a checksum that no file can have: the integrity "` + integrity + `" is too short, too long, or no base64 [node/integrity-malformed]`))
		})
	}
}

// A lockfile without checksums is completed with those that the registry publishes, once; where it tells none, npm installs.
func TestComplete(t *testing.T) {
	r := newRegistry(t, []pack{{manifest: `{"name":"a","version":"1.0.0"}`}, {manifest: `{"name":"@s/b","version":"2.0.0"}`, sha1: true}})
	lock := func(more string) string {
		return write(t, app(`{"dependencies": {"a": "1", "@s/b": "2"}}`, "-- package-lock.json --", `{"lockfileVersion": 3, "packages": {
			"": {"dependencies": {"a": "1", "@s/b": "2"}}, "node_modules/a": {"version": "1.0.0"`+more+`}, "node_modules/@s/b": {"version": "2.0.0"}}}`))
	}
	g, store := NewWithT(t), filepath.Join(t.TempDir(), "store")
	address := strings.Replace(r.URL, "://", "://me:canary-5d1f@", 1)
	for range 2 {
		dir := lock("")
		tree, err := read(dir, address, "11.17.0")
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(tree.Complete(t.Context(), store, describe)).To(Equal([]string{"@s/b", "a"}))
		_, err = tree.Install(t.Context(), store, download, npm.Target{Dir: dir})
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(filepath.Join(dir, "node_modules/@s/b/package.json")).To(BeAnExistingFile())
		g.Expect(tree.Prune(store)).To(Succeed())
		kept, err := os.ReadFile(filepath.Join(store, "published.json"))
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(string(kept)).NotTo(ContainSubstring("canary-5d1f"), "the cache has no credentials")
		// The second time, the store knows.
		r.Close()
	}
	tree, err := read(lock(`, "resolved": "https://elsewhere.example/a.tgz"`), r.URL, "11.17.0")
	g.Expect(err).NotTo(HaveOccurred())
	_, err = tree.Complete(t.Context(), store, describe)
	why, unsupported := npm.IsUnsupported(err)
	g.Expect(unsupported).To(BeTrue())
	g.Expect(why).To(Equal("a has no integrity in the lockfile, and the registry tells none"))
}

// Failures of a registry, word for word; credentials are sent to the host that they are for, and never shown.
func TestRegistryFaultsWordForWord(t *testing.T) {
	r := newRegistry(t, packageA())
	host := strings.TrimPrefix(r.URL, "http://")
	install := func(npmrc string) error {
		dir := simple(t, r, npmrc)
		tree, err := read(dir, r.URL, "11.17.0")
		NewWithT(t).Expect(err).NotTo(HaveOccurred())
		_, err = tree.Install(t.Context(), filepath.Join(dir, "store"), download, npm.Target{Dir: dir})
		return err
	}
	g := NewWithT(t)
	r.token = "Bearer canary"
	g.Expect(install("")).To(MatchError(
		".npmrc: the registry refuses a 1.0.0: it answered 401 Unauthorized for " + r.URL + "/a/-/a-1.0.0.tgz [node/registry-unauthorized]"))
	t.Setenv("NPM_TOKEN", "canary")
	g.Expect(install("//" + host + "/:_authToken=wrong")).NotTo(MatchError(ContainSubstring("wrong")))
	g.Expect(install("//elsewhere.example/:_authToken=canary")).To(HaveOccurred())
	g.Expect(install("//" + host + "/:_authToken=canary")).To(Succeed())
	r.token = "Basic dXNlcjpwYXNz"
	g.Expect(install("//" + host + "/:username=user\n//" + host + "/:_password=cGFzcw==")).To(Succeed())
	r.token = ""
	content := r.tarballs["/a/-/a-1.0.0.tgz"]
	r.tarballs["/a/-/a-1.0.0.tgz"] = []byte("other bytes")
	g.Expect(install("")).To(MatchError(And(
		HavePrefix("package-lock.json: a 1.0.0 is not the package that the lockfile pins: "), HaveSuffix(" [node/package-integrity]"))))
	delete(r.tarballs, "/a/-/a-1.0.0.tgz")
	g.Expect(install("")).To(MatchError(
		"package-lock.json: a 1.0.0 is not in the registry: it answered 404 Not Found, for " + r.URL + "/a/-/a-1.0.0.tgz [node/package-not-found]"))
	r.tarballs["/a/-/a-1.0.0.tgz"] = content
	g.Expect(install("")).To(Succeed())
}

// A store is used again; what is damaged in it is fetched again, and what no lockfile needs any more is removed.
func TestStore(t *testing.T) {
	g := NewWithT(t)
	r := newRegistry(t, packageA())
	store := t.TempDir()
	install := func() npm.Result {
		dir := simple(t, r, "")
		tree, err := read(dir, r.URL, "11.17.0")
		g.Expect(err).NotTo(HaveOccurred())
		result, err := tree.Install(t.Context(), store, download, npm.Target{Dir: dir})
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(tree.Prune(store)).To(Succeed())
		g.Expect(os.ReadFile(filepath.Join(dir, "node_modules/a/package.json"))).To(ContainSubstring(`"a"`))
		return result
	}
	g.Expect(install().Fetched).To(Equal(1))
	g.Expect(os.WriteFile(filepath.Join(store, "left-over.tgz"), nil, 0o644)).To(Succeed())
	g.Expect(install().Fetched).To(Equal(0))
	entries, err := os.ReadDir(store)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(entries).To(HaveLen(1))
	file := filepath.Join(store, entries[0].Name())
	content, err := os.ReadFile(file)
	g.Expect(err).NotTo(HaveOccurred())
	for _, damage := range [][]byte{nil, content[:len(content)/2], append(content[:len(content)-1:len(content)-1], 'x')} {
		g.Expect(os.WriteFile(file, damage, 0o644)).To(Succeed())
		g.Expect(install().Fetched).To(Equal(1))
	}
}

// npm's configuration: the registry of a scope, variables, quotes, and who wins.
func TestConfigWhereTarballsComeFrom(t *testing.T) {
	const sum = `"integrity": "sha512-bEr9qmDLTyWXE+a6QCaST55LBLPBdV/gF5Dqjd5ZwgFNb3rxNBhtVfhsYD4v2lQITUQdpfDl8qYYVJoayq60+A=="`
	for name, c := range map[string]struct{ key, resolved, npmrc, want string }{
		"npm's own":                  {key: "node_modules/a", resolved: "", npmrc: "", want: "https://registry.npmjs.org/a/-/a-1.0.0.tgz"},
		"another":                    {key: "node_modules/a", resolved: "", npmrc: "registry = https://r.example/npm/", want: "https://r.example/npm/a/-/a-1.0.0.tgz"},
		"of a scope":                 {key: "node_modules/@s/a", resolved: "", npmrc: "@s:registry=\"https://s.example\"", want: "https://s.example/@s/a/-/a-1.0.0.tgz"},
		"by a variable":              {key: "node_modules/a", resolved: "", npmrc: "registry=${WHERE}/x", want: "https://v.example/x/a/-/a-1.0.0.tgz"},
		"a lockfile with npm's":      {key: "node_modules/a", resolved: "https://registry.npmjs.org/a/-/a-1.0.0.tgz", npmrc: "registry=https://r.example/npm", want: "https://r.example/npm/a/-/a-1.0.0.tgz"},
		"a lockfile with another":    {key: "node_modules/a", resolved: "https://other.example/a.tgz", npmrc: "registry=https://r.example/npm", want: "https://other.example/a.tgz"},
		"comments and empty lines":   {key: "node_modules/a", resolved: "", npmrc: "; x\n\n# y\nregistry=https://r.example # z", want: "https://r.example/a/-/a-1.0.0.tgz"},
		"the last of two counts":     {key: "node_modules/a", resolved: "", npmrc: "registry=https://1.example\nregistry=https://2.example", want: "https://2.example/a/-/a-1.0.0.tgz"},
		"a variable with a fallback": {key: "node_modules/a", resolved: "", npmrc: "registry=${NOT_SET-https://f.example}", want: "https://f.example/a/-/a-1.0.0.tgz"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			package_ := strings.TrimPrefix(c.key, "node_modules/")
			dir := write(t, app(fmt.Sprintf(`{"dependencies": {%q: "1"}}`, package_), "-- package-lock.json --", fmt.Sprintf(
				`{"lockfileVersion": 3, "packages": {"": {}, %q: {"version": "1.0.0", "resolved": %q, %s}}}`, c.key, c.resolved, sum)))
			config, err := npm.ReadConfig([]string{c.npmrc}, map[string]string{"WHERE": "https://v.example"})
			g.Expect(err).NotTo(HaveOccurred())
			tree, err := npm.Read(npm.Project{Dir: dir, Lockfile: "package-lock.json", Config: config, Host: host("11.17.0")})
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(tree.Sources()).To(Equal([]string{c.want}))
		})
	}
}

func FuzzLockfile(f *testing.F) {
	for _, name := range []string{"../../../samples/express/package-lock.json"} {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(`{"dependencies": {"express": "5"}}`, string(text))
	}
	f.Add(`{"workspaces": ["w"], "overrides": {"a": {".": "1", "b": "$c"}}}`, `{"lockfileVersion":3,"packages":{"":{},"w":{},"node_modules/w":{"link":true,"resolved":"w"},"node_modules/a/node_modules/b":{"inBundle":true,"bin":{"x":"../y"}}}}`)
	f.Add(`{}`, `{"lockfileVersion":2,"packages":{"node_modules/a":{"version":"1","integrity":"sha512-","engines":["x"],"os":"!linux","bundleDependencies":["a"],"peerDependenciesMeta":{"a":{"optional":true}}}}}`)
	f.Fuzz(func(t *testing.T, manifest, lock string) {
		dir := t.TempDir()
		_ = os.WriteFile(filepath.Join(dir, "package.json"), []byte(manifest), 0o644)
		_ = os.WriteFile(filepath.Join(dir, "package-lock.json"), []byte(lock), 0o644)
		tree, err := npm.Read(npm.Project{Dir: dir, Lockfile: "package-lock.json", Workspaces: []string{"w"}, Host: npm.Host{CPU: "x64", NPM: "11.17.0", Node: "24.0.0"}})
		if err != nil {
			return
		}
		for _, folder := range tree.Folders(false) {
			if !filepath.IsLocal(folder) || !strings.Contains(folder, "node_modules/") {
				t.Fatalf("a package would be written to %q", folder)
			}
		}
	})
}

func FuzzConfig(f *testing.F) {
	f.Add("registry=https://x\n//x/:_authToken=${T}\n@s:registry='y'\n[section]\n;c\n#d\na[]=b")
	f.Fuzz(func(_ *testing.T, text string) {
		_, _ = npm.ReadConfig([]string{text}, map[string]string{"npm_config_registry": text})
	})
}
