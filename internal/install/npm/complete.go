package npm

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/gantry-buildpack/gantry/internal/install/fetch"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// publishedFile keeps, in a store, the checksums that a registry has published, by package and version.
const publishedFile = "published.json"

// Describe gets a small file of a registry.
type Describe func(ctx context.Context, file fetch.File) ([]byte, error)

// Complete adds what a lockfile sometimes lacks, since npm has left it out (https://github.com/npm/cli/issues/4263): the
// checksums of packages. They are those that the registry publishes; what it has once said is kept in the store. npm itself
// would install such packages unchecked. It gives the names of these packages.
func (t *Tree) Complete(ctx context.Context, store string, describe Describe) (unpinned []string, err error) {
	var lacking []*node
	for _, n := range (prepared{installed: selected(t.nodes, false)}).tarballs() {
		if n.Integrity == "" {
			lacking = append(lacking, n)
		}
	}
	if len(lacking) == 0 {
		return nil, nil
	}
	for _, n := range lacking {
		unpinned = append(unpinned, n.title())
	}
	slices.Sort(unpinned)
	unpinned = slices.Compact(unpinned)
	file := filepath.Join(store, publishedFile)
	before, now := map[string]string{}, map[string]string{}
	if text, err := os.ReadFile(file); err == nil && json.Unmarshal(text, &before) != nil {
		before = map[string]string{}
	}
	var mutex sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(downloads)
	for _, n := range lacking {
		place := t.project.Config.url(n)
		key := withoutCredentials(place)
		sum := before[key]
		group.Go(func() error {
			if _, err := storeName(sum); err != nil {
				if sum = t.published(ctx, n, place, describe); sum == "" {
					return unsupported("%s has no integrity in the lockfile, and the registry tells none", n.title())
				}
			}
			mutex.Lock()
			defer mutex.Unlock()
			n.Integrity, now[key] = sum, sum
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return unpinned, err
	}
	text, err := json.MarshalIndent(now, "", "  ")
	if err == nil {
		err = os.MkdirAll(store, 0o755)
	}
	if err == nil {
		err = os.WriteFile(file, text, 0o644)
	}
	if err != nil {
		return unpinned, problem.Disk("keep the checksums of packages", err)
	}
	return unpinned, nil
}

// withoutCredentials takes the credentials out of an address: a registry may be set with some.
func withoutCredentials(place string) string {
	u, err := url.Parse(place)
	if err != nil {
		return ""
	}
	u.User = nil
	// What stands behind the path may be a token.
	u.RawQuery, u.Fragment = "", ""
	return u.String()
}

// published asks the registry for the checksum of a package's archive; empty where it does not tell.
// https://github.com/npm/registry/blob/main/docs/REGISTRY-API.md#getpackageversion.
func (t *Tree) published(ctx context.Context, n *node, place string, describe Describe) string {
	name, _, found := strings.Cut(place, "/-/")
	if !found {
		return ""
	}
	var version struct {
		Dist struct{ Integrity, Shasum string }
	}
	place = name + "/" + n.Version
	text, err := describe(ctx, fetch.File{URL: place, Authorization: t.project.Config.Authorization(place)})
	if err != nil || json.Unmarshal(text, &version) != nil {
		return ""
	}
	if digest, err := hex.DecodeString(version.Dist.Shasum); version.Dist.Integrity == "" && err == nil && len(digest) > 0 {
		return "sha1-" + base64.StdEncoding.EncodeToString(digest)
	}
	return version.Dist.Integrity
}
