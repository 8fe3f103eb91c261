package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/gantry-buildpack/gantry/internal/install/signature"
)

// registry is an npm registry, with the keys that it signs packages with:
// https://docs.npmjs.com/about-registry-signatures.
type registry struct {
	url  string
	keys signature.Keys
	// unsigned: packages without a signature are taken.
	unsigned bool
}

// published is a version of a package.
type published struct {
	Version string
	Dist    struct {
		Integrity  string
		Signatures []signature.Signature
	}
	Deprecated any
}

func openRegistry(ctx context.Context, url string, unsigned bool) (registry, error) {
	r := registry{url: strings.TrimRight(url, "/"), unsigned: unsigned}
	text, err := get(ctx, r.url+"/-/npm/v1/keys")
	if err != nil && unsigned {
		return r, nil
	}
	if err != nil {
		return r, fmt.Errorf("read the registry's keys: %w", err)
	}
	r.keys, err = signature.Read(text, time.Now())
	return r, err
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
		signed, err := r.keys.Verify(name, version, integrity, versions[version].Dist.Signatures)
		if err != nil {
			return err
		}
		// Versions from before the registry signed, and what a mirror does not hand on.
		if !signed && !r.unsigned {
			delete(wanted, version)
		}
	}
	return nil
}
