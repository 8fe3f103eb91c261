package lockfile_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/source/lockfile"
)

var linux = lockfile.Platform{OS: "linux", CPU: "x64", Libc: "glibc"}

// wanted reads the package.json files of an application of the integration tests.
func wanted(t *testing.T, dir string) []lockfile.Wanted {
	g := NewWithT(t)
	files, err := filepath.Glob(filepath.Join(dir, "*/*/package.json"))
	g.Expect(err).NotTo(HaveOccurred())
	var own []lockfile.Wanted
	for _, file := range append([]string{filepath.Join(dir, "package.json")}, files...) {
		text, err := os.ReadFile(file)
		g.Expect(err).NotTo(HaveOccurred())
		var m struct {
			Name                          string
			Dependencies, DevDependencies map[string]string
		}
		g.Expect(json.Unmarshal(text, &m)).To(Succeed())
		folder, err := filepath.Rel(dir, filepath.Dir(file))
		g.Expect(err).NotTo(HaveOccurred())
		own = append(own, lockfile.Wanted{Dir: strings.TrimPrefix(folder, "."), Name: m.Name, Dependencies: m.Dependencies, Dev: m.DevDependencies})
	}
	return own
}

func ids(g lockfile.Graph, keys []string) []string {
	var list []string
	for _, key := range keys {
		p := g.Packages[key]
		list = append(list, p.Name+"@"+p.Version)
	}
	return list
}

// Every manager's lockfile of the same application names the same packages.
func TestManagersAgree(t *testing.T) {
	for dir, name := range map[string]string{
		"yarn": "yarn.lock", "yarn-node-modules": "yarn.lock", "pnpm": "pnpm-lock.yaml", "bun": "bun.lock",
		"workspace-npm": "package-lock.json", "workspace-yarn": "yarn.lock", "workspace-yarn-node-modules": "yarn.lock",
		"workspace-pnpm": "pnpm-lock.yaml", "workspace-bun": "bun.lock",
	} {
		t.Run(dir, func(t *testing.T) {
			g := NewWithT(t)
			folder := filepath.Join("../../../integration/testdata/managers", dir)
			text, err := os.ReadFile(filepath.Join(folder, name))
			g.Expect(err).NotTo(HaveOccurred())
			graph := lockfile.Read(name, text, wanted(t, folder), linux)
			root := ""
			if strings.HasPrefix(dir, "workspace") {
				root = "apps/web"
			}
			g.Expect(ids(graph, graph.Needed([]string{root}, false))).To(ConsistOf("is-odd@3.0.1", "is-number@6.0.0"))
			g.Expect(ids(graph, graph.Needed([]string{root}, true))).To(ConsistOf("is-odd@3.0.1", "is-number@6.0.0", "is-number@7.0.0"))
			if root == "" {
				g.Expect(ids(graph, graph.Direct([]string{""}))).To(ConsistOf("is-odd@3.0.1"))
			}
			if !strings.HasSuffix(dir, "yarn-node-modules") {
				for key, p := range graph.Packages {
					g.Expect(p.Integrity).To(HavePrefix("sha"), key)
				}
			}
		})
	}
}

// Aliases, scopes, peers, and packages for other platforms.
func TestForms(t *testing.T) {
	own := []lockfile.Wanted{{Name: "app", Dependencies: map[string]string{"alias": "npm:@s/real@^1", "native": "1"}, Optional: map[string]string{"other": "1"}}}
	for name, c := range map[string]struct{ file, text string }{
		"npm": {file: "package-lock.json", text: `{"lockfileVersion": 3, "packages": {"": {},
			"node_modules/alias": {"name": "@s/real", "version": "1.0.0", "license": "MIT", "peerDependencies": {"peer": "1"}},
			"node_modules/native": {"version": "1.0.0", "os": ["linux", "darwin"], "cpu": "!arm64"},
			"node_modules/other": {"version": "1.0.0", "os": ["darwin"]}, "node_modules/peer": {"version": "1.0.0", "libc": ["glibc"]}}}`},
		"yarn 1": {file: "yarn.lock", text: "# yarn lockfile v1\n\n\"alias@npm:@s/real@^1\":\n  version \"1.0.0\"\n  dependencies:\n    peer \"1\"\n\nnative@1:\n  version \"1.0.0\"\n\npeer@1, peer@^1.0.0:\n  version \"1.0.0\"\n"},
		"yarn 4": {file: "yarn.lock", text: `__metadata: {version: 8}
"alias@npm:@s/real@^1":
  version: 1.0.0
  resolution: "@s/real@npm:1.0.0"
  dependencies: {peer: "npm:1"}
"native@npm:1": {version: 1.0.0, resolution: "native@npm:1.0.0", conditions: os=linux & cpu=x64 & libc=glibc}
"other@npm:1": {version: 1.0.0, resolution: "other@npm:1.0.0", conditions: os=darwin}
"peer@npm:1": {version: 1.0.0, resolution: "peer@npm:1.0.0"}
"app@workspace:.": {version: 0.0.0-use.local, resolution: "app@workspace:.", linkType: soft}
`},
		"pnpm 9": {file: "pnpm-lock.yaml", text: `importers: {.: {dependencies: {alias: {version: '@s/real@1.0.0(peer@1.0.0)'}, native: {version: 1.0.0}}, optionalDependencies: {other: {version: 1.0.0}}}}
packages: {'@s/real@1.0.0': {}, native@1.0.0: {os: [linux], cpu: [x64], libc: [glibc]}, other@1.0.0: {os: [darwin]}, peer@1.0.0: {}}
snapshots: {'@s/real@1.0.0(peer@1.0.0)': {dependencies: {peer: 1.0.0}}, native@1.0.0: {}, other@1.0.0: {}, peer@1.0.0: {}}
`},
		"pnpm 6": {file: "pnpm-lock.yaml", text: `lockfileVersion: '6.0'
dependencies: {alias: {version: /@s/real@1.0.0}, native: {version: 1.0.0}}
optionalDependencies: {other: {version: 1.0.0}}
packages: {/@s/real@1.0.0: {dependencies: {peer: 1.0.0}}, /native@1.0.0: {os: [linux]}, /other@1.0.0: {os: [darwin]}, /peer@1.0.0: {}}
`},
		"bun": {file: "bun.lock", text: `{"packages": {"alias": ["@s/real@1.0.0", "", {"peerDependencies": {"peer": "1"}}, "sha512-a"],
			"native": ["native@1.0.0", "", {"os": ["linux"], "cpu": "x64"}, "sha512-b"], "other": ["other@1.0.0", "", {"os": "darwin"}, "sha512-c"], "peer": ["peer@1.0.0", "", {}, "sha512-d"],}}`},
	} {
		t.Run(name, func(t *testing.T) {
			graph := lockfile.Read(c.file, []byte(c.text), own, linux)
			NewWithT(t).Expect(ids(graph, graph.Needed([]string{""}, false))).To(ConsistOf("@s/real@1.0.0", "native@1.0.0", "peer@1.0.0"))
		})
	}
}

func FuzzRead(f *testing.F) {
	for _, seed := range []string{`{"packages":{"node_modules/a":{"version":"1","os":"x"}}}`, "a@1:\n  version \"1\"\n    b \"c\"\n", "importers: {.: {}}\npackages: {a: 1}", `{"packages":{"a/b":["@s/c@1","",{},"sha512-"],"d":[]}}`, "\"a\": {resolution: 1}"} {
		for _, name := range []string{"package-lock.json", "yarn.lock", "pnpm-lock.yaml", "bun.lock"} {
			f.Add(name, []byte(seed))
			f.Add(name, []byte("# yarn lockfile v1\n"+seed))
		}
	}
	f.Fuzz(func(_ *testing.T, name string, text []byte) {
		graph := lockfile.Read(name, text, []lockfile.Wanted{{Name: "a", Dependencies: map[string]string{"a": "1", "@s/c": "1"}}}, linux)
		graph.Needed([]string{""}, true)
	})
}

// What a package allows is read as npm-install-checks reads it: a package that is not installed is in no bill of materials.
func TestAllows(t *testing.T) {
	for _, c := range []struct {
		list   []string
		linux  bool
		reason string
	}{
		{list: nil, linux: true, reason: "nothing is said"},
		{list: []string{"any"}, linux: true, reason: "any"},
		{list: []string{"linux"}, linux: true, reason: "it is named"},
		{list: []string{"darwin", "linux"}, linux: true, reason: "it is among those that are named"},
		{list: []string{"darwin"}, linux: false, reason: "another one is named"},
		{list: []string{"!win32"}, linux: true, reason: "only another one is forbidden"},
		{list: []string{"!linux"}, linux: false, reason: "it is forbidden"},
		{list: []string{"!win32", "darwin"}, linux: false, reason: "another one is named, next to what is forbidden"},
		{list: []string{"!win32", "linux"}, linux: true, reason: "it is named, next to what is forbidden"},
		{list: []string{"linux", "!linux"}, linux: false, reason: "it is forbidden as well"},
	} {
		NewWithT(t).Expect(lockfile.Allows(c.list, "linux")).To(Equal(c.linux), c.reason)
	}
}
