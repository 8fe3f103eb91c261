// Package signature verifies the signatures of the npm registry: https://docs.npmjs.com/about-registry-signatures.
package signature

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"
)

// list is what https://registry.npmjs.org/-/npm/v1/keys gives. It is kept here, because a mirror that could exchange packages could
// exchange its keys as well.
//
//go:embed keys.json
var list []byte

// Keys are public keys, by the ids that signatures name.
type Keys map[string]*ecdsa.PublicKey

// NPM gives the keys of registry.npmjs.org that have not expired.
func NPM(now time.Time) (Keys, error) { return Read(list, now) }

// Read reads a list of keys, without those that have expired.
func Read(text []byte, now time.Time) (Keys, error) {
	var document struct {
		Keys []struct {
			Expires    *time.Time
			KeyID, Key string
		}
	}
	if err := json.Unmarshal(text, &document); err != nil {
		return nil, fmt.Errorf("read the registry's keys: %w", err)
	}
	keys := Keys{}
	for _, k := range document.Keys {
		if k.Expires != nil && k.Expires.Before(now) {
			continue
		}
		der, err := base64.StdEncoding.DecodeString(k.Key)
		if err != nil {
			return nil, fmt.Errorf("read the registry's key %s: %w", k.KeyID, err)
		}
		public, err := x509.ParsePKIXPublicKey(der)
		if err != nil {
			return nil, fmt.Errorf("read the registry's key %s: %w", k.KeyID, err)
		}
		// Keys of other kinds may come; a signature by one counts for nothing here.
		if key, ok := public.(*ecdsa.PublicKey); ok {
			keys[k.KeyID] = key
		}
	}
	return keys, nil
}

// Signature is one of those that the registry gives with a version of a package; Sig is base64.
type Signature struct{ KeyID, Sig string }

// Verify reports whether the integrity of a package's version is signed by one of the keys. A signature that is wrong is an error;
// one by another key counts for nothing.
func (k Keys) Verify(name, version, integrity string, signatures []Signature) (signed bool, err error) {
	digest := sha256.Sum256([]byte(name + "@" + version + ":" + integrity))
	for _, s := range signatures {
		key := k[s.KeyID]
		if key == nil {
			continue
		}
		sig, err := base64.StdEncoding.DecodeString(s.Sig)
		if err != nil || !ecdsa.VerifyASN1(key, digest[:], sig) {
			return false, fmt.Errorf("the signature of %s %s is wrong", name, version)
		}
		signed = true
	}
	return signed, nil
}
