// Command provenance states where a release's files come from, and signs that: scripts/release.sh.
//
//	provenance DIR VERSION COMMIT [KEY]
//
// DIR holds SHA256SUMS. It writes DIR/provenance.json, a statement of SLSA's provenance; with KEY, a private key in PEM, also SHA256SUMS.sig and
// provenance.intoto.jsonl, which "cosign verify-blob" and "cosign verify-blob-attestation" read, and prints the public key.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

func main() {
	if len(os.Args) != 4 && len(os.Args) != 5 {
		fmt.Fprintln(os.Stderr, "usage: provenance DIR VERSION COMMIT [KEY]")
		os.Exit(2)
	}
	key := ""
	if len(os.Args) == 5 {
		key = os.Args[4]
	}
	public, err := write(os.Args[1], origin{version: os.Args[2], commit: os.Args[3], finished: time.Now().UTC()}, key)
	if err != nil {
		fmt.Fprintln(os.Stderr, "provenance:", err)
		os.Exit(1)
	}
	fmt.Print(public)
}

// write writes the statement about the files that SHA256SUMS lists, and with a key the signatures. It returns the key's public half, in PEM.
func write(dir string, from origin, keyFile string) (string, error) {
	sums, err := os.ReadFile(filepath.Join(dir, "SHA256SUMS"))
	if err != nil {
		return "", err
	}
	subjects, err := parseSums(string(sums))
	if err != nil {
		return "", err
	}
	statement, err := from.statement(subjects)
	if err != nil {
		return "", err
	}
	public := ""
	files := map[string][]byte{"provenance.json": append(statement, '\n')}
	if keyFile != "" {
		signer, err := readKey(keyFile, os.Getenv("COSIGN_PASSWORD"))
		if err != nil {
			return "", fmt.Errorf("read the key %s: %w", keyFile, err)
		}
		ctx := context.Background()
		signature, blobErr := signBlob(ctx, signer, sums)
		envelope, attestationErr := signStatement(ctx, signer, statement)
		if err := errors.Join(blobErr, attestationErr); err != nil {
			return "", fmt.Errorf("sign: %w", err)
		}
		if public, err = signer.public(); err != nil {
			return "", err
		}
		files["SHA256SUMS.sig"], files["provenance.intoto.jsonl"] = signature, envelope
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			return "", err
		}
	}
	return public, nil
}
