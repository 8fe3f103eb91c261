package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"github.com/secure-systems-lab/go-securesystemslib/dsse"
	"github.com/secure-systems-lab/go-securesystemslib/encrypted"
)

const sums = "98ea6e4f216f2fb4b69fff9b3a44842c38686ca685f3f55dc48c5d3fb1107be4  gantry-0.2.0-linux-amd64.tar.gz\n"

// Whoever has the public key can verify the checksums and the statement, whichever tool made the key.
func TestSigned(t *testing.T) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	sec1, err := x509.MarshalECPrivateKey(private)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	secret, err := encrypted.Encrypt(pkcs8, []byte("a password"))
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	for name, block := range map[string]*pem.Block{
		"openssl genpkey":          {Type: "PRIVATE KEY", Bytes: pkcs8},
		"openssl ecparam":          {Type: "EC PRIVATE KEY", Bytes: sec1},
		"cosign generate-key-pair": {Type: "ENCRYPTED SIGSTORE PRIVATE KEY", Bytes: secret},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			dir := t.TempDir()
			t.Setenv("COSIGN_PASSWORD", "a password")
			keyFile := filepath.Join(dir, "key.pem")
			g.Expect(os.WriteFile(keyFile, pem.EncodeToMemory(block), 0o600)).To(Succeed())
			g.Expect(os.WriteFile(filepath.Join(dir, "SHA256SUMS"), []byte(sums), 0o644)).To(Succeed())
			public, err := write(dir, origin{version: "0.2.0", commit: "0123abcd", finished: time.Unix(0, 0).UTC()}, keyFile)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(public).To(HavePrefix("-----BEGIN PUBLIC KEY-----\n"))

			encoded, err := os.ReadFile(filepath.Join(dir, "SHA256SUMS.sig"))
			g.Expect(err).NotTo(HaveOccurred())
			signature, err := base64.StdEncoding.DecodeString(string(encoded[:len(encoded)-1]))
			g.Expect(err).NotTo(HaveOccurred())
			digest := sha256.Sum256([]byte(sums))
			g.Expect(ecdsa.VerifyASN1(&private.PublicKey, digest[:], signature)).To(BeTrue())

			text, err := os.ReadFile(filepath.Join(dir, "provenance.intoto.jsonl"))
			g.Expect(err).NotTo(HaveOccurred())
			var envelope dsse.Envelope
			g.Expect(json.Unmarshal(text, &envelope)).To(Succeed())
			payload, err := envelope.DecodeB64Payload()
			g.Expect(err).NotTo(HaveOccurred())
			signature, err = base64.StdEncoding.DecodeString(envelope.Signatures[0].Sig)
			g.Expect(err).NotTo(HaveOccurred())
			digest = sha256.Sum256(dsse.PAE(envelope.PayloadType, payload))
			g.Expect(ecdsa.VerifyASN1(&private.PublicKey, digest[:], signature)).To(BeTrue())
			g.Expect(string(payload)).To(And(
				ContainSubstring(`"_type":"https://in-toto.io/Statement/v1"`), ContainSubstring(`"predicateType":"https://slsa.dev/provenance/v1"`),
				ContainSubstring(`"subject":[{"name":"gantry-0.2.0-linux-amd64.tar.gz","digest":{"sha256":"98ea6e4f216f2fb4b69fff9b3a44842c38686ca685f3f55dc48c5d3fb1107be4"}}]`),
				ContainSubstring(`{"gitCommit":"0123abcd"}`)))
		})
	}
}

func TestRefused(t *testing.T) {
	for name, c := range map[string]struct{ sums, key, says string }{
		"no sums":         {"", "", "SHA256SUMS lists no file"},
		"a damaged line":  {"98ea  file\n", "", `SHA256SUMS: "98ea  file\n" is not a checksum and a name`},
		"no key":          {sums, "text", "it holds no private key in PEM"},
		"an RSA-like key": {sums, "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----\n", "take a key of the curve P-256"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			dir := t.TempDir()
			g.Expect(os.WriteFile(filepath.Join(dir, "SHA256SUMS"), []byte(c.sums), 0o644)).To(Succeed())
			key := ""
			if c.key != "" {
				key = filepath.Join(dir, "key.pem")
				g.Expect(os.WriteFile(key, []byte(c.key), 0o600)).To(Succeed())
			}
			_, err := write(dir, origin{version: "0.2.0"}, key)
			g.Expect(err).To(MatchError(ContainSubstring(c.says)))
			g.Expect(filepath.Join(dir, "provenance.json")).NotTo(BeAnExistingFile())
		})
	}
}
