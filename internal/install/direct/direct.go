// Package direct installs packages from a lockfile without the package manager, which only runs their install scripts. What
// it cannot do as the package manager would, it leaves to that: see Unsupported.
package direct

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gantry-buildpack/gantry/internal/install/fetch"
	"github.com/gantry-buildpack/gantry/internal/install/files"
	"github.com/gantry-buildpack/gantry/internal/install/npm"
	"github.com/gantry-buildpack/gantry/internal/install/prune"
	"github.com/gantry-buildpack/gantry/internal/install/signature"
	"github.com/gantry-buildpack/gantry/internal/install/trees"
	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/problem"
	"github.com/gantry-buildpack/gantry/internal/source/lockfile"
)

// Host is what packages are installed for, and by.
type Host struct {
	// App is the application's folder.
	App string
	// Variables are those of the build.
	Variables map[string]string
	// Arch is an architecture as Go names it, Libc a C library as npm does, Runtime the version of Node.js.
	Arch, Libc, Runtime string
	// Client fetches packages.
	Client *fetch.Client
	// Keys are those of the npm registry's signatures; nil for the ones that are known.
	Keys signature.Keys
}

// Lockfile is one that packages are installed from.
type Lockfile struct {
	tree   *npm.Tree
	in     plan.Install
	app    string
	client *fetch.Client
	// credentials are the names of variables with which the registry is talked to.
	credentials []string
	// Unpinned are the packages that have no checksum in the lockfile, Elsewhere, where signatures are wanted, those that do not come
	// from the npm registry.
	Unpinned, Elsewhere []string
}

// Unsupported gives the reason why the package manager must install, if that is what an error says.
func Unsupported(err error) (why string, ok bool) { return npm.IsUnsupported(err) }

// Read reads the lockfile of an installation. store is the folder of the packages' archives. The error may be Unsupported.
func Read(ctx context.Context, in plan.Install, h Host, store string) (Lockfile, error) {
	texts, err := npmrcs(in, h)
	if err != nil {
		return Lockfile{}, err
	}
	config, err := npm.ReadConfig(texts, h.Variables)
	if err != nil {
		return Lockfile{}, err
	}
	tree, err := npm.Read(npm.Project{
		Dir: filepath.Join(h.App, in.Root), Lockfile: in.Lockfile.Name, Workspaces: in.Trees.Workspaces, Config: config,
		Host: npm.Host{CPU: lockfile.CPU(h.Arch), Libc: h.Libc, Node: h.Runtime, NPM: in.Manager.Version},
	})
	if err != nil {
		return Lockfile{}, err
	}
	l := Lockfile{tree: tree, in: in, app: h.App, client: h.Client, credentials: npm.Credentials(texts, h.Variables)}
	describe := func(ctx context.Context, file fetch.File) ([]byte, error) { return l.client.Text(ctx, file) }
	if l.Unpinned, err = tree.Complete(ctx, store, describe); err != nil || in.Lockfile.Verify == "" {
		return l, err
	}
	if len(l.Unpinned) > 0 {
		return l, tree.Unpinned(l.Unpinned)
	}
	if in.Lockfile.Verify == plan.Signed {
		keys := h.Keys
		if keys == nil {
			if keys, err = signature.NPM(time.Now()); err != nil {
				return l, err
			}
		}
		l.Elsewhere, err = tree.Signatures(ctx, store, keys, describe)
	}
	return l, err
}

// Config is what variables and .npmrc files say of registries.
func Config(in plan.Install, h Host) (npm.Config, error) {
	texts, err := npmrcs(in, h)
	if err != nil {
		return npm.Config{}, err
	}
	return npm.ReadConfig(texts, h.Variables)
}

// npmrcs are the user's .npmrc and that of the application.
func npmrcs(in plan.Install, h Host) (texts []string, err error) {
	for _, file := range []string{npm.UserConfig(h.Variables), filepath.Join(h.App, in.Root, ".npmrc")} {
		text, err := os.ReadFile(file)
		if err != nil && !os.IsNotExist(err) {
			return nil, problem.Unreadable("read .npmrc", err)
		}
		texts = append(texts, string(text))
	}
	return texts, nil
}

// HasScripts reports whether packages have install scripts: those for building, or those for running only.
func (l Lockfile) HasScripts(launch bool) bool { return len(l.scripts(launch)) > 0 }

// WithScripts gives the folders of the packages whose install scripts run: those for building, or those for running only.
func (l Lockfile) WithScripts(launch bool) []string { return folders(l.scripts(launch)) }

// scripts are the packages whose install scripts run.
func (l Lockfile) scripts(launch bool) []npm.Script {
	return slices.DeleteFunc(l.tree.Scripts(launch && l.omitsDevelopment()), func(s npm.Script) bool { return !l.allows(s.Name) })
}

func (l Lockfile) allows(name string) bool {
	policy := l.in.Lockfile.Scripts
	return policy == nil || slices.Contains(policy.Allowed, name)
}

// Denied gives the names of the packages whose install scripts the settings keep from running, and Unknown those that the settings allow and that have none.
func (l Lockfile) Denied() (denied, unknown []string) {
	if l.in.Lockfile.Scripts == nil {
		return nil, nil
	}
	all := names(l.tree.Scripts(false))
	denied = slices.DeleteFunc(slices.Clone(all), l.allows)
	unknown = slices.DeleteFunc(slices.Clone(l.in.Lockfile.Scripts.Allowed), func(name string) bool { return slices.Contains(all, name) })
	return denied, unknown
}

func folders(list []npm.Script) (all []string) {
	for _, s := range list {
		all = append(all, s.Folder)
	}
	return all
}

// names gives each name once, in their order.
func names(list []npm.Script) (all []string) {
	for _, s := range list {
		all = append(all, s.Name)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// RunScripts is the command that runs the install scripts.
func (l Lockfile) RunScripts(launch bool) plan.Command {
	list := l.scripts(launch)
	c := l.in.Lockfile.Direct.RunScripts
	c.Title += ", for the install scripts of " + problem.Some(names(list))
	c.Args = slices.Concat(c.Args, folders(list))
	// Everything is fetched: packages' scripts need no token of the registry, unless the settings say so.
	if !l.in.Lockfile.Direct.Credentials {
		c.Without = l.credentials
	}
	return c
}

// ScriptFailed gives the error of install scripts that have failed: the package manager may know how to go on.
func (l Lockfile) ScriptFailed(err error) error {
	if l.tree.OptionalScripts() {
		// npm ci removes an optional package whose script fails, with all that only it needs.
		return npm.Unsupported{Why: "an install script failed, and optional packages have some"}
	}
	return err
}

// Target is a tree to make.
type Target struct {
	// Layer is the folder of the layer that the tree for running is put into; empty for the application's own folder.
	Layer string
	// Launch: without development dependencies.
	Launch bool
}

// Result says what was installed.
type Result = npm.Result

// Install makes trees out of a store of archives and the registry, and removes from the store what is not needed any more.
func (l Lockfile) Install(ctx context.Context, store string, targets ...Target) (Result, error) {
	var places []npm.Target
	for _, t := range targets {
		place := npm.Target{Dir: l.root(), OmitDev: t.Launch && l.omitsDevelopment()}
		if t.Layer != "" {
			place.Dir, place.App = filepath.Join(t.Layer, l.in.Root), l.root()
		}
		places = append(places, place)
	}
	done, err := l.tree.Install(ctx, store, l.download, places...)
	if err == nil {
		err = l.tree.Prune(store)
	}
	return done, err
}

func (l Lockfile) download(ctx context.Context, file fetch.File, path string) (int64, error) {
	size, _, err := l.client.Save(ctx, file, path)
	return size, err
}

// root is the folder of the lockfile.
func (l Lockfile) root() string { return filepath.Join(l.app, l.in.Root) }

// omitsDevelopment reports whether the tree for running is made without development dependencies. Where the application is
// started with one, what is not needed is removed from the whole tree.
func (l Lockfile) omitsDevelopment() bool {
	return l.in.Launch.Production == nil || len(l.in.Launch.Production.Also) == 0
}

// AtLaunch leaves of changes in the packages those in packages that the running application has, or next to all packages.
func (l Lockfile) AtLaunch(c files.Changes) files.Changes {
	kept, dropped := map[string]bool{}, map[string]bool{}
	for _, folder := range l.tree.Folders(l.omitsDevelopment()) {
		kept[folder] = true
	}
	for _, folder := range l.tree.Folders(false) {
		dropped[filepath.Join(l.in.Root, folder)] = !kept[folder]
	}
	notForLaunch := func(name string) bool {
		if strings.HasSuffix(name, "/.package-lock.json") || filepath.Base(filepath.Dir(name)) == ".bin" {
			return true
		}
		for dir := filepath.Dir(name); dir != "."; dir = filepath.Dir(dir) {
			if dropped[dir] {
				return true
			}
		}
		return false
	}
	return files.Changes{Written: slices.DeleteFunc(c.Written, notForLaunch), Gone: slices.DeleteFunc(c.Gone, notForLaunch)}
}

// Prune removes from the tree for running, in a layer, what the application does not need, and gives the trees in it.
func (l Lockfile) Prune(layer string) ([]string, error) {
	if err := Prune(l.in, l.app, layer); err != nil {
		return nil, err
	}
	return trees.Trees{App: layer, Dirs: l.in.Trees.Dirs}.Find()
}

// Prune removes packages that the running application does not need from the trees in a folder.
func Prune(in plan.Install, app, base string) error {
	if in.Launch.Production == nil {
		return nil
	}
	all := []string{in.Root}
	for _, dir := range in.Trees.Workspaces {
		all = append(all, filepath.Join(in.Root, dir))
	}
	return prune.Tree{App: app, Base: base, Dirs: in.Trees.Dirs, Roots: in.Launch.Production.Roots, Also: in.Launch.Production.Also, All: all}.Prune()
}
