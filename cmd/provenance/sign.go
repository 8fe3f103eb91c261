package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"os"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"
	"github.com/secure-systems-lab/go-securesystemslib/encrypted"
)

// key signs as cosign does: ECDSA over SHA-256, in ASN.1.
type key struct{ private *ecdsa.PrivateKey }

// Sign signs the SHA-256 of data.
func (k key) Sign(_ context.Context, data []byte) ([]byte, error) {
	sum := sha256.Sum256(data)
	return ecdsa.SignASN1(rand.Reader, k.private, sum[:])
}

// KeyID is empty, as cosign's: who verifies has the public key.
func (key) KeyID() (string, error) { return "", nil }

// public is the key's public half in PEM.
func (k key) public() (string, error) {
	der, err := x509.MarshalPKIXPublicKey(&k.private.PublicKey)
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})), err
}

// readKey reads a private key of the curve P-256, P-384 or P-521 in PEM: as "openssl ecparam -genkey" or "openssl genpkey" writes it, or, with its
// password, as "cosign generate-key-pair" does.
func readKey(file, password string) (key, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return key{}, err
	}
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		der := block.Bytes
		switch block.Type {
		case "ENCRYPTED SIGSTORE PRIVATE KEY", "ENCRYPTED COSIGN PRIVATE KEY":
			if der, err = encrypted.Decrypt(der, []byte(password)); err != nil {
				return key{}, fmt.Errorf("decrypt it with COSIGN_PASSWORD: %w", err)
			}
		case "EC PRIVATE KEY":
			private, err := x509.ParseECPrivateKey(der)
			return key{private}, err
		case "PRIVATE KEY":
		default:
			continue
		}
		parsed, err := x509.ParsePKCS8PrivateKey(der)
		if err != nil {
			return key{}, err
		}
		private, ok := parsed.(*ecdsa.PrivateKey)
		if !ok {
			return key{}, fmt.Errorf("it is a %T: take a key of the curve P-256", parsed)
		}
		return key{private}, nil
	}
	return key{}, errors.New("it holds no private key in PEM")
}

// signBlob signs as "cosign sign-blob" does.
func signBlob(ctx context.Context, signer key, blob []byte) ([]byte, error) {
	signature, err := signer.Sign(ctx, blob)
	return []byte(base64.StdEncoding.EncodeToString(signature) + "\n"), err
}

// signStatement puts a statement into a signed envelope: https://github.com/secure-systems-lab/dsse.
func signStatement(ctx context.Context, signer key, statement []byte) ([]byte, error) {
	sealer, err := dsse.NewEnvelopeSigner(signer)
	if err != nil {
		return nil, err
	}
	envelope, err := sealer.SignPayload(ctx, "application/vnd.in-toto+json", statement)
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(envelope)
	return append(text, '\n'), err
}
