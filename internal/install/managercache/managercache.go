// Package managercache fills what a package manager keeps of packages before it starts: it would do the same, slower.
package managercache

import (
	"cmp"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"slices"

	"github.com/gantry-buildpack/gantry/internal/install/direct"
	"github.com/gantry-buildpack/gantry/internal/install/fetch"
	"github.com/gantry-buildpack/gantry/internal/install/npm"
	"github.com/gantry-buildpack/gantry/internal/install/pnpm"
	"github.com/gantry-buildpack/gantry/internal/install/prefetch"
	"github.com/gantry-buildpack/gantry/internal/install/yarn"
	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/problem"
	"github.com/gantry-buildpack/gantry/internal/source/lockfile"
)

// Cache is what a package manager keeps, and the packages that belong in it.
type Cache struct {
	// Manager and Name are its names for people: "pnpm", "pnpm's store".
	Manager, Name string
	packages      []prefetch.Package
	// prune removes what is not needed any more; nil for nothing.
	prune  func(s prefetch.Store) error
	config npm.Config
	client *fetch.Client
}

// Packages is how many there are; none where everything is left to the package manager.
func (c Cache) Packages() int { return len(c.packages) }

// Open finds the packages of an installation; all those for building, or those for running only.
func Open(in plan.Install, h direct.Host, building bool) (c Cache, err error) {
	switch in.Lockfile.Prefetch {
	case plan.YarnCache:
		c, err = openYarn(in, h, building)
		c.Manager, c.Name = "Yarn", "Yarn's cache"
	case plan.PNPMStore3:
		c, err = openPNPM(in, h, building, pnpm.V3)
	case plan.PNPMStore10:
		c, err = openPNPM(in, h, building, pnpm.V10)
	}
	c.client = h.Client
	return c, err
}

func openYarn(in plan.Install, h direct.Host, building bool) (Cache, error) {
	text, err := os.ReadFile(filepath.Join(h.App, in.Root, in.Lockfile.Name))
	if err != nil {
		return Cache{}, problem.Unreadable("read "+in.Lockfile.Name, err)
	}
	if yarn.IsBerry(text) {
		return locators(text, h), nil
	}
	return archives(in, h, building, text)
}

// config gives the settings of registries; ok is false where the package manager alone understands them.
func config(in plan.Install, h direct.Host) (c npm.Config, ok bool, err error) {
	c, err = direct.Config(in, h)
	if _, unsupported := direct.Unsupported(err); unsupported {
		return c, false, nil
	}
	return c, err == nil, err
}

// archives are those of Yarn 1.
func archives(in plan.Install, h direct.Host, building bool, text []byte) (c Cache, err error) {
	var ok bool
	if c.config, ok, err = config(in, h); !ok {
		return Cache{}, err
	}
	all, others := yarn.Archives(text)
	for _, p := range all {
		if building || slices.Contains(in.List.AtLaunch, p.Key) {
			c.packages = append(c.packages, p)
		}
	}
	if !others {
		c.prune = func(s prefetch.Store) error { return yarn.Prune(all, s) }
	}
	return c, nil
}

// registryServer is the setting of later Yarns that Gantry's own setting for the registry sets; with any other of its kind,
// or a configuration that the user gives the build, packages are left to Yarn.
const (
	registryServer = "YARN_NPM_REGISTRY_SERVER"
	yarnRegistry   = "https://registry.yarnpkg.com"
)

var ownRegistry = regexp.MustCompile(`^YARN_(?:NPM|HTTP|CA|NETWORK|UNSAFE|COMPRESSION|CHECKSUM|ENABLE_NETWORK|ENABLE_MIRROR|ENABLE_STRICT)`)

// locators are the packages of later Yarns, those for this platform.
func locators(text []byte, h direct.Host) (c Cache) {
	for name := range h.Variables {
		if ownRegistry.MatchString(name) && name != registryServer {
			return c
		}
	}
	if _, err := os.Stat(filepath.Join(h.Variables["HOME"], ".yarnrc.yml")); err == nil {
		return c
	}
	c.prune = func(s prefetch.Store) error { return yarn.PruneArchives(text, s) }
	for _, l := range yarn.Locators(text, cmp.Or(h.Variables[registryServer], yarnRegistry), lockfile.Linux(h.Arch, h.Libc)) {
		c.packages = append(c.packages, l)
	}
	return c
}

func openPNPM(in plan.Install, h direct.Host, building bool, layout pnpm.Layout) (c Cache, err error) {
	c = Cache{Manager: "pnpm", Name: "pnpm's store"}
	var ok bool
	if c.config, ok, err = config(in, h); !ok {
		return c, err
	}
	all, others := pnpm.Packages(in.List.Packages, layout, c.config.Tarball)
	for _, p := range all {
		if building || slices.ContainsFunc(p.Keys, func(key string) bool { return slices.Contains(in.List.AtLaunch, key) }) {
			c.packages = append(c.packages, p)
		}
	}
	if !others {
		c.prune = func(s prefetch.Store) error { return pnpm.Prune(all, layout, s) }
	}
	return c, nil
}

// Fill puts the packages where the package manager looks for them.
func (c Cache) Fill(ctx context.Context, s prefetch.Store) (prefetch.Result, error) {
	if c.prune != nil {
		if err := c.prune(s); err != nil {
			return prefetch.Result{}, err
		}
	}
	client := *c.client
	// The package manager tries again, and says what is wrong.
	client.Tries = 1
	return prefetch.Fill(ctx, c.packages, s, func(ctx context.Context, url, checksum, path string) (int64, error) {
		size, _, err := client.Save(ctx, fetch.File{URL: url, Checksum: checksum, Authorization: c.config.Authorization(url)}, path)
		return size, err
	})
}
