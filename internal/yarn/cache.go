package yarn

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/gantry-buildpack/gantry/internal/archive"
	"github.com/gantry-buildpack/gantry/internal/fetch"
	"github.com/gantry-buildpack/gantry/internal/pattern"
	"github.com/gantry-buildpack/gantry/internal/problem"
	"github.com/gantry-buildpack/gantry/internal/tarball"
)

// downloads and unpackings are how many packages are fetched and unpacked at a time.
const (
	downloads  = 64
	unpackings = 24
)

// metadataFile is the one that tells Yarn that a package is whole: METADATA_FILENAME of src/constants.js.
const metadataFile = ".yarn-metadata.json"

// Download saves an archive under a path, when its bytes have the checksum that is expected (Subresource Integrity; empty for
// none).
type Download func(ctx context.Context, url, checksum, path string) (size int64, err error)

// Package is one that Yarn's cache can be given.
type Package interface {
	// address is where it is downloaded from.
	address() string
	// fetch sees to it that what the cache is filled from is there; size is that of the download, 0 when it was there.
	fetch(ctx context.Context, s Store, download Download) (size int64, err error)
	// fill puts the package into the cache, or leaves no trace there.
	fill(s Store) error
}

// Store is what Yarn keeps.
type Store struct {
	// Kept is what it keeps from one build to the next: the offline mirror of Yarn 1, the global folder of later ones.
	Kept string
	// Cache is the cache of Yarn 1.
	Cache string
}

// Result says what was done.
type Result struct {
	// Fetched is how many archives were downloaded, and Bytes how much that was.
	Fetched int
	Bytes   int64
	// Left is how many packages are left to Yarn.
	Left int
}

// Fill puts packages into Yarn's cache. A download that fails is the last from its host: Yarn knows how to say what is wrong.
func Fill(ctx context.Context, list []Package, s Store, download Download) (Result, error) {
	var fetched, size, filled atomic.Int64
	var failed sync.Map
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(downloads)
	unpacking := make(chan struct{}, unpackings)
	for _, p := range list {
		host := hostOf(p.address())
		if _, known := failed.Load(host); known {
			continue
		}
		group.Go(func() error {
			n, err := p.fetch(ctx, s, download)
			if err != nil {
				failed.Store(host, true)
				return ctx.Err()
			}
			if n > 0 {
				fetched.Add(1)
				size.Add(n)
			}
			unpacking <- struct{}{}
			defer func() { <-unpacking }()
			if err = p.fill(s); err == nil {
				filled.Add(1)
			}
			if disk, ok := errors.AsType[*problem.Problem](err); ok && strings.HasPrefix(disk.ID, "disk/") {
				return err
			}
			return ctx.Err()
		})
	}
	err := group.Wait()
	return Result{Fetched: int(fetched.Load()), Bytes: size.Load(), Left: len(list) - int(filled.Load())}, err
}

func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	return u.Host
}

// encrypted are hosts that Yarn asks by https alone: REGEX_REGISTRY_ENFORCED_HTTPS of src/registries/npm-registry.js.
var encrypted = pattern.Lazy(`^http://((?:[^/]+\.)?(?:yarnpkg\.com|npmjs\.(?:org|com))/)`)

func (a Archive) address() string { return encrypted().ReplaceAllString(a.URL, "https://$1") }

func (a Archive) fetch(ctx context.Context, s Store, download Download) (int64, error) {
	file := filepath.Join(s.Kept, a.mirrored())
	if fetch.Verify(file, a.checksum()) == nil {
		return 0, nil
	}
	return download(ctx, a.address(), a.checksum(), file)
}

// fill unpacks the archive; a package that it cannot make as Yarn would is taken away again.
func (a Archive) fill(s Store) error {
	folder := filepath.Join(s.Cache, a.folder())
	err := a.unpack(filepath.Join(s.Kept, a.mirrored()), folder)
	if err != nil {
		_ = archive.RemoveAll(folder)
	}
	return err
}

func (a Archive) unpack(file, folder string) error {
	in, err := os.Open(file)
	if err != nil {
		return problem.Disk("read the packages that Yarn keeps", err)
	}
	defer func() { _ = in.Close() }()
	// Nothing else makes files in the folder, so that it can have a place of its own on the disk.
	if err := archive.Spread(folder); err != nil {
		return problem.Disk("make "+a.Name, err)
	}
	if err := tarball.Unpack(in, tarball.Yarn1, folder); err != nil {
		return err
	}
	if err := makeExecutable(folder); err != nil {
		return err
	}
	text, err := json.Marshal(map[string]any{
		"artifacts": []string{}, "registry": "npm", "hash": a.SHA1,
		"remote": map[string]string{
			"type": "tarball", "resolved": a.URL + "#" + a.SHA1, "reference": a.URL, "hash": a.SHA1, "integrity": a.Integrity,
			"cacheIntegrity": a.Integrity, "registry": "npm", "packageName": a.Name,
		},
	})
	if err == nil {
		err = os.WriteFile(filepath.Join(folder, metadataFile), text, 0o644)
	}
	if err != nil {
		return problem.Disk("make "+a.Name, err)
	}
	return nil
}

// makeExecutable does what Yarn does with the commands of a package: src/fetchers/base-fetcher.js.
func makeExecutable(folder string) error {
	text, err := os.ReadFile(filepath.Join(folder, "package.json"))
	if err != nil {
		return err
	}
	var m struct {
		Bin         json.RawMessage   `json:"bin"`
		Directories struct{ Bin any } `json:"directories"`
	}
	if err := json.Unmarshal(text, &m); err != nil || m.Directories.Bin != nil {
		return tarball.ErrUnusual
	}
	commands, one := map[string]string{}, ""
	if len(m.Bin) > 0 && json.Unmarshal(m.Bin, &commands) != nil {
		if json.Unmarshal(m.Bin, &one) != nil {
			return tarball.ErrUnusual
		}
		commands[""] = one
	}
	for _, name := range commands {
		if !filepath.IsLocal(name) {
			return tarball.ErrUnusual
		}
		err := os.Chmod(filepath.Join(folder, strings.TrimSuffix(name, "/")), 0o755)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return problem.Disk("make "+name+" executable", err)
		}
	}
	return nil
}

// Prune removes from what Yarn 1 keeps the archives that a lockfile does not name any more.
func Prune(list []Archive, s Store) error {
	needed := map[string]bool{}
	for _, a := range list {
		needed[a.mirrored()] = true
	}
	return prune(s.Kept, func(name string) bool { return needed[name] })
}

func prune(folder string, needed func(name string) bool) error {
	entries, err := os.ReadDir(folder)
	if err != nil && !os.IsNotExist(err) {
		return problem.Disk("read the packages that Yarn keeps", err)
	}
	for _, e := range entries {
		if !needed(e.Name()) {
			if err := os.RemoveAll(filepath.Join(folder, e.Name())); err != nil {
				return problem.Disk("prune the packages that Yarn keeps", err)
			}
		}
	}
	return nil
}
