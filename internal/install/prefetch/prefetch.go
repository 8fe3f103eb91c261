// Package prefetch gives a package manager what its lockfile names before it starts, where it looks first: many packages at
// a time, over few connections. What it does not find there it gets itself; so whatever is out of the ordinary is left to it.
package prefetch

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/gantry-buildpack/gantry/internal/problem"
)

// downloads and unpackings are how many packages are fetched and unpacked at a time.
const (
	downloads  = 64
	unpackings = 24
)

// Download saves an archive under a path, when its bytes have the checksum that is expected (Subresource Integrity; empty for
// none).
type Download func(ctx context.Context, url, checksum, path string) (size int64, err error)

// Package is one that a package manager can be given.
type Package interface {
	// Address is where it is downloaded from.
	Address() string
	// Fetch sees to it that what Fill needs is there; size is that of the download, 0 when it was there.
	Fetch(ctx context.Context, s Store, download Download) (size int64, err error)
	// Fill puts the package where the package manager looks for it, or leaves nothing there that would be taken for it.
	Fill(s Store) error
}

// Store is what a package manager keeps.
type Store struct {
	// Kept is what it keeps from one build to the next: the offline mirror of Yarn 1, the global folder of later ones, the
	// store of pnpm.
	Kept string
	// Scratch is for this build alone: the cache of Yarn 1.
	Scratch string
}

// Result says what was done.
type Result struct {
	// Fetched is how many archives were downloaded, and Bytes how much that was.
	Fetched int
	Bytes   int64
	// Left is how many packages are left to the package manager.
	Left int
}

// Fill puts packages into a store. A download that fails is the last from its host: the package manager knows how to say what
// is wrong.
func Fill(ctx context.Context, list []Package, s Store, download Download) (Result, error) {
	var fetched, size, filled atomic.Int64
	var failed sync.Map
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(downloads)
	unpacking := make(chan struct{}, unpackings)
	for _, p := range list {
		host := hostOf(p.Address())
		if _, known := failed.Load(host); known {
			continue
		}
		group.Go(func() error {
			n, err := p.Fetch(ctx, s, download)
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
			if err = p.Fill(s); err == nil {
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
