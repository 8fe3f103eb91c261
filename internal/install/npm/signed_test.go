package npm_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/install/npm"
	"github.com/gantry-buildpack/gantry/internal/install/signature"
)

// Each package of the registry needs a good signature; what was verified is not asked for again.
func TestSignatures(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	keys := signature.Keys{"mine": &key.PublicKey}
	sign := func(g *WithT, text string) []any {
		digest := sha256.Sum256([]byte(text))
		sig, err := ecdsa.SignASN1(rand.Reader, key, digest[:])
		g.Expect(err).NotTo(HaveOccurred())
		return []any{map[string]any{"keyid": "mine", "sig": base64.StdEncoding.EncodeToString(sig)}}
	}
	for name, c := range map[string]struct {
		// change changes what the registry publishes of the package a.
		change func(g *WithT, dist map[string]any)
		lock   string
		want   string
	}{
		"signed":      {},
		"not signed":  {change: func(_ *WithT, dist map[string]any) { delete(dist, "signatures") }, want: "package-lock.json: 1 package of the npm registry without a signature: a 1.0.0: some mirrors do not hand signatures on [node/package-unsigned]"},
		"another key": {change: func(_ *WithT, dist map[string]any) { dist["signatures"].([]any)[0].(map[string]any)["keyid"] = "other" }, want: "package-lock.json: 1 package of the npm registry without a signature: a 1.0.0: some mirrors do not hand signatures on [node/package-unsigned]"},
		"wrong": {change: func(g *WithT, dist map[string]any) {
			dist["signatures"] = sign(g, "a@1.0.1:"+dist["integrity"].(string))
		}, want: "package-lock.json: a 1.0.0 is not what registry.npmjs.org has signed: the registry, or what is between you and it, gives another signature than registry.npmjs.org [node/package-bad-signature]"},
		"other contents": {lock: "sha512-" + base64.StdEncoding.EncodeToString(make([]byte, 64)), want: "package-lock.json: a 1.0.0 is not what registry.npmjs.org has signed: the registry has another checksum than the lockfile [node/package-bad-signature]"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			r := newRegistry(t, packageA())
			dist := r.packuments["a"]["versions"].(map[string]any)["1.0.0"].(map[string]any)["dist"].(map[string]any)
			integrity := dist["integrity"].(string)
			dist["signatures"] = sign(g, "a@1.0.0:"+integrity)
			if c.change != nil {
				c.change(g, dist)
			}
			if c.lock != "" {
				integrity = c.lock
			}
			dir := write(t, app(`{"dependencies": {"a": "1"}}`, "-- package-lock.json --", fmt.Sprintf(`{"lockfileVersion": 3, "packages": {
				"": {"dependencies": {"a": "1"}}, "node_modules/a": {"version": "1.0.0", "integrity": %q}}}`, integrity)))
			store := filepath.Join(dir, "store")
			g.Expect(os.MkdirAll(store, 0o755)).To(Succeed())
			check := func() error {
				tree, err := read(dir, r.URL, "11.17.0")
				g.Expect(err).NotTo(HaveOccurred())
				elsewhere, err := tree.Signatures(t.Context(), store, keys, npm.Describe(describe))
				g.Expect(elsewhere).To(BeEmpty())
				return err
			}
			if c.want != "" {
				g.Expect(check()).To(MatchError(c.want))
				return
			}
			g.Expect(check()).To(Succeed())
			r.Close()
			g.Expect(check()).To(Succeed())
		})
	}
}

// What another registry gives cannot be signed by npm.
func TestPackagesFromElsewhere(t *testing.T) {
	g := NewWithT(t)
	dir := write(t, app(`{"dependencies": {"@s/b": "1"}}`, "-- package-lock.json --", `{"lockfileVersion": 3, "packages": {
		"": {"dependencies": {"@s/b": "1"}}, "node_modules/@s/b": {"version": "1.0.0", "resolved": "https://private.example/@s/b/-/b-1.0.0.tgz", "integrity": "sha1-AAAAAAAAAAAAAAAAAAAAAAAAAAA="}}}`))
	tree, err := read(dir, "https://registry.example", "11.17.0")
	g.Expect(err).NotTo(HaveOccurred())
	elsewhere, err := tree.Signatures(t.Context(), dir, nil, describe)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(elsewhere).To(Equal([]string{"@s/b"}))
}
