package main

import (
	"bytes"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/clearsign"
	. "github.com/onsi/gomega"
)

// The keys of the releasers are those that the names of their files say, and none has ended.
func TestReleaseKeys(t *testing.T) {
	g := NewWithT(t)
	n, err := openNodejsOrg("", "")
	g.Expect(err).NotTo(HaveOccurred())
	var fingerprints []string
	for _, key := range n.keys {
		fingerprints = append(fingerprints, strings.ToUpper(hex.EncodeToString(key.PrimaryKey.Fingerprint))+".asc")
	}
	files, err := releaseKeys.ReadDir("nodejs-keys")
	g.Expect(err).NotTo(HaveOccurred())
	var names []string
	for _, file := range files {
		names = append(names, file.Name())
	}
	g.Expect(fingerprints).To(ConsistOf(names))
	g.Expect(names).To(HaveLen(9))
}

const (
	x64   = "1111111111111111111111111111111111111111111111111111111111111111"
	arm64 = "2222222222222222222222222222222222222222222222222222222222222222"
)

// place is a nodejs.org, whose checksums a key signs; keys is the folder with it.
func place(t *testing.T, change func(signed string) string) (url, keys string) {
	g := NewWithT(t)
	key, err := openpgp.NewEntity("Releaser", "", "releaser@example.com", nil)
	g.Expect(err).NotTo(HaveOccurred())
	keys = t.TempDir()
	var public bytes.Buffer
	w, err := armor.Encode(&public, openpgp.PublicKeyType, nil)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(key.Serialize(w)).To(Succeed())
	g.Expect(w.Close()).To(Succeed())
	g.Expect(os.WriteFile(filepath.Join(keys, "releaser.asc"), public.Bytes(), 0o644)).To(Succeed())

	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		version, isSums := strings.CutSuffix(strings.TrimPrefix(r.URL.Path, "/v"), "/SHASUMS256.txt.asc")
		switch {
		case r.URL.Path == "/index.json":
			_, _ = w.Write([]byte(`[{"version": "v99.0.0", "files": ["linux-x64"]}, {"version": "v24.9.0", "files": ["linux-arm64", "linux-x64", "osx-x64-tar"]},
				{"version": "v24.1.0", "files": ["linux-arm64", "linux-x64"]}, {"version": "v24.0.0", "files": ["win-x64-zip"]}]`))
		case isSums:
			var signed bytes.Buffer
			plain, err := clearsign.Encode(&signed, key.PrivateKey, nil)
			g.Expect(err).NotTo(HaveOccurred())
			name := "node-v" + version + "-linux-"
			_, err = plain.Write([]byte(arm64 + "  " + name + "arm64.tar.gz\n" + arm64 + "  " + name + "arm64.tar.xz\n" + x64 + "  " + name + "x64.tar.gz\n"))
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(plain.Close()).To(Succeed())
			_, _ = w.Write([]byte(change(signed.String())))
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL, keys
}

// What nodejs.org has is pinned by its checksums when a releaser has signed them, and what was pinned stays.
func TestOfficialReleases(t *testing.T) {
	before := inventory{
		Lines: map[string]line{"24": {}},
		Node:  []node{{Version: "24.10.0", AMD64: pin{Integrity: "sha512-a"}}, {Version: "24.1.0", AMD64: pin{SHA256: "pinned"}}},
	}
	same := func(signed string) string { return signed }
	for name, c := range map[string]struct {
		change    func(string) string
		otherKeys bool
		want      string
	}{
		"signed":     {change: same},
		"by another": {change: same, otherKeys: true, want: "the signature of the checksums of Node.js 24."},
		"changed":    {change: func(signed string) string { return strings.Replace(signed, "1111", "1112", 1) }, want: "the signature of the checksums of Node.js 24."},
		"not signed": {change: func(string) string { return x64 + "  node-v24.9.0-linux-x64.tar.gz\n" }, want: "the checksums of Node.js 24."},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			url, keys := place(t, c.change)
			if c.otherKeys {
				keys = ""
			}
			n, err := openNodejsOrg(url, keys)
			g.Expect(err).NotTo(HaveOccurred())
			published, err := n.published(t.Context())
			g.Expect(err).NotTo(HaveOccurred())
			after, added, err := before.withOfficial(t.Context(), n, published)
			if c.want != "" {
				g.Expect(err).To(MatchError(HavePrefix(c.want)))
				return
			}
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(added).To(Equal([]string{"Node.js 24.9.0"}))
			g.Expect(after.Node).To(Equal([]node{
				{Version: "24.10.0", AMD64: pin{Integrity: "sha512-a"}},
				{Version: "24.9.0", AMD64: pin{SHA256: x64}, ARM64: pin{SHA256: arm64}},
				{Version: "24.1.0", AMD64: pin{SHA256: "pinned"}, ARM64: pin{SHA256: arm64}},
			}))
		})
	}
}

// The lists of Ruby give newer builds, and the ends of lines.
func TestRubies(t *testing.T) {
	g := NewWithT(t)
	i := inventory{Rubies: map[string]rubyLine{"3.4": {"2028-03-31"}, "3.3": {"2027-03-31"}}, Ruby: []ruby{{Version: "3.4.9", Build: "3.4.9-1", AMD64: pin{SHA256: x64}}}}
	i, err := i.withBranches([]byte("- name: 4.9\n  eol_date: 2040-01-01\n- name: 3.4\n  eol_date:\n  expected_eol_date: 2028-04-30\n- name: 3.3\n  eol_date: TBD\n"))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(i.Rubies).To(Equal(map[string]rubyLine{"3.4": {"2028-04-30"}, "3.3": {"2027-03-31"}}))
	i, added, err := i.withPortable([]byte(`[
		{"tag_name": "3.4.10-1", "assets": [{"name": "ruby-3.4.10.arm64_linux.tar.gz", "digest": "sha256:` + arm64 + `"}, {"name": "ruby-3.4.10.x86_64_linux.tar.gz", "digest": "sha256:` + x64 + `"}]},
		{"tag_name": "3.4.9-2", "assets": [{"name": "ruby-3.4.9.x86_64_linux.tar.gz", "digest": "sha256:` + arm64 + `"}]},
		{"tag_name": "3.3.12-1", "assets": [{"name": "ruby-3.3.12.x86_64_linux.tar.gz"}]},
		{"tag_name": "3.4.11-1", "prerelease": true, "assets": [{"name": "ruby-3.4.11.x86_64_linux.tar.gz", "digest": "sha256:` + x64 + `"}]},
		{"tag_name": "9.9.9-1", "assets": [{"name": "ruby-9.9.9.x86_64_linux.tar.gz", "digest": "sha256:` + x64 + `"}]}]`))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(added).To(Equal([]string{"Ruby 3.4.10"}))
	g.Expect(i.Ruby).To(Equal([]ruby{{"3.4.10", "3.4.10-1", pin{SHA256: x64}, pin{SHA256: arm64}}, {Version: "3.4.9", Build: "3.4.9-1", AMD64: pin{SHA256: x64}}}))
}
