package npm

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/gantry-buildpack/gantry/internal/install/fetch"
	"github.com/gantry-buildpack/gantry/internal/install/signature"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// signedFile keeps, in a store, the checksums whose signatures were verified, by package and version.
const signedFile = "signed.json"

// Signatures checks that the npm registry has signed the checksum of each package of the lockfile:
// https://docs.npmjs.com/about-registry-signatures. It gives the names of packages from elsewhere, which npm cannot sign: other
// registries of scopes, addresses. A package of the registry without a signature, or with a wrong one, is an error.
func (t *Tree) Signatures(ctx context.Context, store string, keys signature.Keys, describe Describe) (elsewhere []string, err error) {
	file := filepath.Join(store, signedFile)
	before, now := map[string]string{}, map[string]string{}
	if text, err := os.ReadFile(file); err == nil && json.Unmarshal(text, &before) != nil {
		before = map[string]string{}
	}
	var mutex sync.Mutex
	var unsigned []string
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(downloads)
	for _, n := range (prepared{installed: selected(t.nodes, false)}).tarballs() {
		place := t.project.Config.url(n)
		if !strings.HasPrefix(place, t.project.Config.registry("")+"/"+n.packageName()+"/-/") {
			elsewhere = append(elsewhere, n.title())
			continue
		}
		key, was := withoutCredentials(place), before[withoutCredentials(place)]
		group.Go(func() error {
			sum := n.Integrity
			if was != sum || sum == "" {
				signed, err := t.signed(ctx, n, place, keys, describe)
				if err != nil {
					return err
				}
				if !signed {
					mutex.Lock()
					defer mutex.Unlock()
					unsigned = append(unsigned, n.title()+" "+n.Version)
					return nil
				}
			}
			mutex.Lock()
			defer mutex.Unlock()
			now[key] = sum
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return elsewhere, err
	}
	if len(unsigned) > 0 {
		slices.Sort(unsigned)
		return elsewhere, t.unsigned(slices.Compact(unsigned))
	}
	text, err := json.MarshalIndent(now, "", "  ")
	if err == nil {
		err = os.WriteFile(file, text, 0o644)
	}
	if err != nil {
		return elsewhere, problem.Disk("keep what was verified", err)
	}
	slices.Sort(elsewhere)
	return slices.Compact(elsewhere), nil
}

// signed asks the registry for the signatures of a package's version, and reports whether one is good for the lockfile's checksum.
func (t *Tree) signed(ctx context.Context, n *node, place string, keys signature.Keys, describe Describe) (bool, error) {
	var version struct {
		Dist struct {
			Integrity, Shasum string
			Signatures        []signature.Signature
		}
	}
	address, _, _ := strings.Cut(place, "/-/")
	address += "/" + n.Version
	text, err := describe(ctx, fetch.File{URL: address, Authorization: t.project.Config.Authorization(address)})
	if err != nil {
		return false, t.explain(n, err)
	}
	if err := json.Unmarshal(text, &version); err != nil {
		return false, fmt.Errorf("read what the registry says of %s %s: %w", n.title(), n.Version, err)
	}
	if !matches(n.Integrity, version.Dist.Integrity, version.Dist.Shasum) {
		return false, t.badSignature(n, "the registry has another checksum than the lockfile")
	}
	signed, err := keys.Verify(n.packageName(), n.Version, version.Dist.Integrity, version.Dist.Signatures)
	if err != nil {
		return false, t.badSignature(n, "the registry, or what is between you and it, gives another signature than registry.npmjs.org")
	}
	return signed, nil
}

// matches reports whether a lockfile's integrity is what a registry publishes, or, as old lockfiles have it, its SHA-1.
func matches(pinned, integrity, shasum string) bool {
	digest, err := hex.DecodeString(shasum)
	old := "sha1-" + base64.StdEncoding.EncodeToString(digest)
	words := strings.Fields(pinned)
	return slices.Contains(words, integrity) || err == nil && len(digest) > 0 && slices.Equal(words, []string{old})
}

func (t *Tree) badSignature(n *node, why string) error {
	return &problem.Problem{
		ID:    "node/package-bad-signature",
		Title: fmt.Sprintf("%s %s is not what registry.npmjs.org has signed", n.title(), n.Version),
		Where: problem.Position{File: t.project.Lockfile},
		Why:   why,
		Hints: []string{"Do not go on. Find out where the package comes from: `npm view " + n.packageName() + "@" + n.Version + " dist`."},
	}
}

func (t *Tree) unsigned(names []string) error {
	return &problem.Problem{
		ID:    "node/package-unsigned",
		Title: fmt.Sprintf("%s of the npm registry without a signature", problem.Count(len(names), "package")),
		Where: problem.Position{File: t.project.Lockfile},
		Why:   problem.Some(names) + ": some mirrors do not hand signatures on",
		Hints: []string{"Use a registry that does; or set BP_NPM_VERIFY=pinned, which wants checksums alone."},
	}
}

// Unpinned is the error of packages without a checksum in the lockfile, where these are not wanted.
func (t *Tree) Unpinned(names []string) error {
	return &problem.Problem{
		ID:    "node/package-unpinned",
		Title: fmt.Sprintf("%s without a checksum in the lockfile", problem.Count(len(names), "package")),
		Where: problem.Position{File: t.project.Lockfile},
		Why:   problem.Some(names) + ": BP_NPM_VERIFY wants all of them pinned",
		Hints: []string{"Remove node_modules and the lockfile, run `npm install`, and commit the lockfile: npm writes the checksums that the registry publishes."},
	}
}
