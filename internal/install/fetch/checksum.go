package fetch

import (
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// checksum is an algorithm and the digest that is expected.
type checksum struct {
	new    func() hash.Hash
	digest []byte
}

// algorithms are those of Subresource Integrity, the strongest first; sha224, which Corepack wrote; and sha1, which old
// packages have no such file next to them.
var algorithms = []struct {
	name string
	new  func() hash.Hash
}{{"sha512", sha512.New}, {"sha384", sha512.New384}, {"sha256", sha256.New}, {"sha224", sha256.New224}, {"sha1", sha1.New}}

// newChecksum reads "sha256:" and hex digits, or Subresource Integrity, of which the strongest digest counts.
func newChecksum(text string) (checksum, error) {
	if digits, ok := strings.CutPrefix(text, "sha256:"); ok {
		digest, err := hex.DecodeString(digits)
		if err == nil && len(digest) == sha256.Size {
			return checksum{sha256.New, digest}, nil
		}
	}
	for _, algorithm := range algorithms {
		for word := range strings.FieldsSeq(text) {
			encoded, ok := strings.CutPrefix(word, algorithm.name+"-")
			if !ok {
				continue
			}
			encoded, _, _ = strings.Cut(encoded, "?")
			digest, err := base64.StdEncoding.DecodeString(encoded)
			if err == nil && len(digest) == algorithm.new().Size() {
				return checksum{algorithm.new, digest}, nil
			}
		}
	}
	return checksum{}, fmt.Errorf("%q is not a checksum", text)
}

// Malformed reports whether a checksum names an algorithm of Subresource Integrity, with a digest that it cannot give. No file has it.
func Malformed(text string) bool {
	_, err := newChecksum(text)
	for _, algorithm := range algorithms {
		for word := range strings.FieldsSeq(text) {
			if err != nil && strings.HasPrefix(word, algorithm.name+"-") {
				return true
			}
		}
	}
	return false
}

func (c checksum) hex() string { return hex.EncodeToString(c.digest) }

// Verifier gives a hash, and the digest in hex digits that a file of the given checksum must come to.
func Verifier(text string) (sum hash.Hash, digest string, err error) {
	c, err := newChecksum(text)
	if err != nil {
		return nil, "", err
	}
	return c.new(), c.hex(), nil
}

// Verify compares a file with a checksum of either form.
func Verify(file, text string) error {
	c, err := newChecksum(text)
	if err != nil {
		return err
	}
	in, err := os.Open(file)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	sum := c.new()
	if _, err := io.Copy(sum, in); err != nil {
		return err
	}
	if hex.EncodeToString(sum.Sum(nil)) != c.hex() {
		return errors.New(filepath.Base(file) + " is damaged")
	}
	return nil
}
