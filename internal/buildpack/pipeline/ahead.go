package pipeline

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"

	"github.com/gantry-buildpack/gantry/internal/buildpack/buildlog"
	"github.com/gantry-buildpack/gantry/internal/install/fetch"
	"github.com/gantry-buildpack/gantry/internal/install/npm"
	"github.com/gantry-buildpack/gantry/internal/install/pnpm"
	"github.com/gantry-buildpack/gantry/internal/install/prefetch"
	"github.com/gantry-buildpack/gantry/internal/install/yarn"
	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/problem"
	"github.com/gantry-buildpack/gantry/internal/source/lockfile"
)

// ahead does what a package manager would do slower.
type ahead struct {
	w      *work
	config npm.Config
	// manager, its store and its lockfile are for telling what is done.
	manager, store, lockfile string
	packages                 []prefetch.Package
	// prune removes what is not needed any more from what is kept; nil for nothing.
	prune func(s prefetch.Store) error
}

// openAhead gives nil where everything is left to the package manager.
func (w *work) openAhead(in installation) (a *ahead, err error) {
	a = &ahead{w: w, lockfile: in.Lockfile}
	switch in.Prefetch {
	case plan.YarnCache:
		a.manager, a.store = "Yarn", "Yarn's cache"
		err = a.yarn(in)
	case plan.PNPMStore3:
		err = a.pnpm(in, pnpm.V3)
	case plan.PNPMStore10:
		err = a.pnpm(in, pnpm.V10)
	}
	if err != nil || len(a.packages) == 0 {
		return nil, err
	}
	return a, nil
}

func (a *ahead) yarn(in installation) error {
	text, err := os.ReadFile(filepath.Join(a.w.ctx.ApplicationPath, in.Root, in.Lockfile))
	if err != nil {
		return problem.Disk("read "+in.Lockfile, err)
	}
	if yarn.IsBerry(text) {
		a.locators(text)
		return nil
	}
	return a.archives(in, text)
}

// archives are those of Yarn 1. Only what is not for development is needed where nothing is built.
func (a *ahead) archives(in installation, text []byte) (err error) {
	a.config, err = a.w.npmConfig(in)
	if unsupportedBy(err) != "" {
		return nil
	}
	all, others := yarn.Archives(text)
	for _, p := range all {
		if in.builds || slices.Contains(in.AtLaunch, p.Key) {
			a.packages = append(a.packages, p)
		}
	}
	if !others {
		a.prune = func(s prefetch.Store) error { return yarn.Prune(all, s) }
	}
	return err
}

// registryServer is the setting of later Yarns that Gantry's own setting for the registry sets; with any other of its kind,
// or a configuration that the user gives the build, packages are left to Yarn.
const (
	registryServer = "YARN_NPM_REGISTRY_SERVER"
	yarnRegistry   = "https://registry.yarnpkg.com"
)

var ownRegistry = regexp.MustCompile(`^YARN_(?:NPM|HTTP|CA|NETWORK|UNSAFE|COMPRESSION|CHECKSUM|ENABLE_NETWORK|ENABLE_MIRROR|ENABLE_STRICT)`)

// locators are the packages of later Yarns, those for this platform.
func (a *ahead) locators(text []byte) {
	values := a.w.variables()
	for name := range values {
		if ownRegistry.MatchString(name) && name != registryServer {
			return
		}
	}
	if _, err := os.Stat(filepath.Join(values["HOME"], ".yarnrc.yml")); err == nil {
		return
	}
	a.prune = func(s prefetch.Store) error { return yarn.PruneArchives(text, s) }
	on := lockfile.Platform{OS: "linux", CPU: npmCPU[a.w.arch], Libc: libc()}
	for _, l := range yarn.Locators(text, cmp.Or(values[registryServer], yarnRegistry), on) {
		a.packages = append(a.packages, l)
	}
}

// pnpm are the packages of a registry.
func (a *ahead) pnpm(in installation, layout pnpm.Layout) (err error) {
	a.manager, a.store = "pnpm", "pnpm's store"
	a.config, err = a.w.npmConfig(in)
	if unsupportedBy(err) != "" {
		return nil
	}
	all, others := pnpm.Packages(in.Packages, layout, a.config.Tarball)
	for _, p := range all {
		if in.builds || slices.ContainsFunc(p.Keys, func(key string) bool { return slices.Contains(in.AtLaunch, key) }) {
			a.packages = append(a.packages, p)
		}
	}
	if !others {
		a.prune = func(s prefetch.Store) error { return pnpm.Prune(all, layout, s) }
	}
	return err
}

// fill gives the package manager its packages.
func (a *ahead) fill(ctx context.Context, s prefetch.Store) error {
	if a.prune != nil {
		if err := a.prune(s); err != nil {
			return err
		}
	}
	client := a.w.registry()
	// The package manager tries again, and says what is wrong.
	client.Tries = 1
	download := func(ctx context.Context, url, checksum, path string) (int64, error) {
		size, _, err := client.Save(ctx, fetch.File{URL: url, Checksum: checksum, Authorization: a.config.Authorization(url)}, path)
		return size, err
	}
	end := a.w.Report.Step("Packages", "filling "+a.store+" from "+a.lockfile)
	done, err := prefetch.Fill(ctx, a.packages, s, download)
	if err != nil {
		end("")
		return err
	}
	from := "all from the cache"
	if done.Fetched > 0 {
		from = fmt.Sprintf("%d fetched, %s", done.Fetched, buildlog.Size(done.Bytes))
	}
	if done.Left > 0 {
		from += fmt.Sprintf(", %d left to %s", done.Left, a.manager)
	}
	end(fmt.Sprintf("%d in %s, %s", len(a.packages)-done.Left, a.store, from))
	return nil
}
