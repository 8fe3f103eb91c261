package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// registry is an npm registry, with the keys that it signs packages with:
// https://docs.npmjs.com/about-registry-signatures.
type registry struct {
	url  string
	keys map[string]*ecdsa.PublicKey
	// unsigned: packages without a signature are taken.
	unsigned bool
}

type signature struct{ KeyID, Sig string }

// published is a version of a package.
type published struct {
	Version string
	Dist    struct {
		Integrity  string
		Signatures []signature
	}
	Deprecated any
}

func openRegistry(ctx context.Context, url string, unsigned bool) (registry, error) {
	r := registry{url: strings.TrimRight(url, "/"), keys: map[string]*ecdsa.PublicKey{}, unsigned: unsigned}
	text, err := get(ctx, r.url+"/-/npm/v1/keys")
	if err != nil && unsigned {
		return r, nil
	}
	if err != nil {
		return r, fmt.Errorf("read the registry's keys: %w", err)
	}
	var list struct {
		Keys []struct {
			Expires *time.Time
			KeyID   string
			Key     string
		}
	}
	if err := json.Unmarshal(text, &list); err != nil {
		return r, fmt.Errorf("read the registry's keys: %w", err)
	}
	for _, k := range list.Keys {
		der, err := base64.StdEncoding.DecodeString(k.Key)
		if err != nil {
			return r, fmt.Errorf("read the registry's key %s: %w", k.KeyID, err)
		}
		public, err := x509.ParsePKIXPublicKey(der)
		if err != nil {
			return r, fmt.Errorf("read the registry's key %s: %w", k.KeyID, err)
		}
		if key, ok := public.(*ecdsa.PublicKey); ok {
			r.keys[k.KeyID] = key
		}
	}
	return r, nil
}

// versions gives the versions of a package that are not deprecated, each with a signature that was verified.
func (r registry) versions(ctx context.Context, name string) (map[string]string, error) {
	text, err := get(ctx, r.url+"/"+name)
	if err != nil {
		return nil, err
	}
	var document struct{ Versions map[string]published }
	if err := json.Unmarshal(text, &document); err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	integrities := map[string]string{}
	for version, p := range document.Versions {
		if p.Deprecated == nil && strings.HasPrefix(p.Dist.Integrity, "sha512-") {
			integrities[version] = p.Dist.Integrity
		}
	}
	return integrities, r.verify(name, document.Versions, integrities)
}

// verify checks the signatures of the versions that are to be taken.
func (r registry) verify(name string, versions map[string]published, wanted map[string]string) error {
	for version, integrity := range wanted {
		signed := false
		for _, s := range versions[version].Dist.Signatures {
			key := r.keys[s.KeyID]
			sig, err := base64.StdEncoding.DecodeString(s.Sig)
			if key == nil || err != nil {
				continue
			}
			digest := sha256.Sum256([]byte(name + "@" + version + ":" + integrity))
			if !ecdsa.VerifyASN1(key, digest[:], sig) {
				return fmt.Errorf("the signature of %s %s is wrong", name, version)
			}
			signed = true
		}
		if !signed {
			// Versions from before the registry signed, and what a mirror does not hand on.
			if !r.unsigned {
				delete(wanted, version)
			}
		}
	}
	return nil
}
