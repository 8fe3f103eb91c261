package npm

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/gantry-buildpack/gantry/internal/problem"
)

// downloads and unpackings are how many packages are fetched and unpacked at a time: enough to hide the network's latency,
// and the disk's.
const (
	downloads  = 64
	unpackings = 24
)

// Project is an application whose packages are to be installed.
type Project struct {
	// Dir is the application's folder.
	Dir string
	// Lockfile is the lockfile's name in it.
	Lockfile string
	// Workspaces are the folders of its workspaces, relative to Dir.
	Workspaces []string
	Config     Config
	Host       Host
}

// Tree is what a lockfile says is to be installed.
type Tree struct {
	project   Project
	lock      *lock
	manifests map[string]manifest
	nodes     []*node
	// trees are what is written for building, and without development dependencies (true).
	trees map[bool]prepared
}

// Read makes the tree of an application. An error for which IsUnsupported holds means that npm must install it.
func Read(p Project) (*Tree, error) {
	lockText, err := os.ReadFile(filepath.Join(p.Dir, p.Lockfile))
	if err != nil {
		return nil, problem.Unreadable("read "+p.Lockfile, err)
	}
	l, err := parseLock(p.Lockfile, lockText)
	if err != nil {
		return nil, err
	}
	t := &Tree{project: p, lock: l, manifests: map[string]manifest{}, trees: map[bool]prepared{}}
	for _, folder := range t.localFolders() {
		if t.manifests[folder], err = readManifest(p.Dir, folder); err != nil {
			return nil, err
		}
	}
	if _, t.nodes, err = buildTree(l, t.manifests, p.Workspaces, p.Config.legacyPeers(), p.Host); err != nil {
		return nil, err
	}
	if err := t.checkEngines(); err != nil {
		return nil, err
	}
	if err := t.checkPolicies(); err != nil {
		return nil, err
	}
	// Whatever cannot be made is found before anything is fetched.
	for _, omitDev := range []bool{false, true} {
		if t.trees[omitDev], err = t.prepare(omitDev); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// checkEngines leaves to npm what npm's setting engine-strict refuses: its own words are the best.
func (t *Tree) checkEngines() error {
	if t.project.Config.values["engine-strict"] != "true" {
		return nil
	}
	for _, n := range append([]*node{{entry: t.lock.packages[""]}}, selected(t.nodes, false)...) {
		if n.entry != nil && !t.project.Host.hasEngines(n.entry) {
			return unsupported("npm's setting engine-strict is given, and %s is for another Node.js or npm", nameOf(n.key))
		}
	}
	return nil
}

// localFolders are the application's own, and those of the workspaces and "file:" dependencies that links lead to.
func (t *Tree) localFolders() []string {
	folders := map[string]bool{"": true}
	for _, folder := range t.project.Workspaces {
		folders[folder] = true
	}
	for _, e := range t.lock.packages {
		if !e.Link {
			continue
		}
		if _, err := os.Stat(filepath.Join(t.project.Dir, e.Resolved, "package.json")); err == nil {
			folders[e.Resolved] = true
		}
	}
	return slices.Sorted(maps.Keys(folders))
}

// Script is a package that has install scripts: its own name, and its folder as "npm rebuild" takes it.
type Script struct{ Name, Folder string }

// Scripts gives the packages that have install scripts. An alias has the name of the package that it stands for.
func (t *Tree) Scripts(omitDev bool) []Script {
	var list []Script
	for _, n := range selected(t.nodes, omitDev) {
		if n.HasInstallScript && inModules(n.key) {
			name := n.Name
			if name == "" {
				name = n.key[strings.LastIndex(n.key, "node_modules/")+len("node_modules/"):]
			}
			list = append(list, Script{name, "./" + n.key})
		}
	}
	return list
}

// OptionalScripts reports whether an optional package has install scripts.
func (t *Tree) OptionalScripts() bool {
	return slices.ContainsFunc(selected(t.nodes, false), func(n *node) bool { return n.HasInstallScript && n.isOptional })
}

// Folders gives the folder of every package that is installed.
func (t *Tree) Folders(omitDev bool) []string {
	var folders []string
	for _, n := range selected(t.nodes, omitDev) {
		if inModules(n.key) {
			folders = append(folders, n.key)
		}
	}
	return folders
}

// Target is a folder in which the tree is made.
type Target struct {
	Dir     string
	OmitDev bool
	// App is where the application will be found from Dir, when that is not the application's own folder: links to
	// workspaces lead there.
	App string
}

// Result says what an installation did.
type Result struct {
	Packages, Fetched int
	// Bytes is how much was fetched.
	Bytes int64
}

// Install makes the tree in every target, from a store of tarballs; what is not in the store is downloaded into it. Complete
// comes before it.
func (t *Tree) Install(ctx context.Context, store string, download Download, targets ...Target) (Result, error) {
	if err := os.MkdirAll(store, 0o755); err != nil {
		return Result{}, problem.Disk("make the store of packages", err)
	}
	trees := make([]prepared, len(targets))
	jobs := map[string]*job{}
	var order []*job
	packages := map[string]bool{}
	for i, target := range targets {
		trees[i] = t.trees[target.OmitDev]
		for _, n := range trees[i].tarballs() {
			packages[n.key] = true
			j := jobs[n.Integrity]
			if j == nil {
				j = &job{tree: t, node: n, source: t.source(n)}
				jobs[n.Integrity] = j
				order = append(order, j)
			}
			j.folders = append(j.folders, filepath.Join(target.Dir, n.key))
		}
	}
	var fetched, bytes atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(downloads)
	// Folders are made while the first packages are on their way.
	folders := sync.OnceValue(func() error {
		for i, target := range targets {
			if err := trees[i].spread(target.Dir); err != nil {
				return err
			}
		}
		return nil
	})
	group.Go(folders)
	unpacking := make(chan struct{}, unpackings)
	for _, j := range order {
		group.Go(func() error {
			file, size, err := j.fetch(ctx, store, download)
			if err != nil {
				return err
			}
			if err := folders(); err != nil {
				return err
			}
			unpacking <- struct{}{}
			defer func() { <-unpacking }()
			err = j.unpack(file)
			if size > 0 {
				fetched.Add(1)
				bytes.Add(size)
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return Result{}, err
	}
	for i, target := range targets {
		if err := trees[i].finish(target); err != nil {
			return Result{}, err
		}
	}
	return Result{len(packages), int(fetched.Load()), bytes.Load()}, nil
}

// Prune removes what no package of the tree needs from a store.
func (t *Tree) Prune(store string) error {
	needed := map[string]bool{}
	for _, n := range selected(t.nodes, false) {
		if n.Integrity != "" {
			name, err := storeName(n.Integrity)
			if err != nil {
				return err
			}
			needed[name] = true
		}
	}
	entries, err := os.ReadDir(store)
	if err != nil {
		return problem.Unreadable("read the store of packages", err)
	}
	for _, e := range entries {
		if !needed[e.Name()] && e.Name() != publishedFile && e.Name() != signedFile {
			if err := os.RemoveAll(filepath.Join(store, e.Name())); err != nil {
				return problem.Disk("prune the store of packages", err)
			}
		}
	}
	return nil
}

// Sources gives the addresses of all tarballs, in the order of the packages' folders.
func (t *Tree) Sources() []string {
	var list []string
	for _, n := range (prepared{installed: selected(t.nodes, false)}).tarballs() {
		list = append(list, t.source(n).URL)
	}
	return list
}
