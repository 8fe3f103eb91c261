package pipeline

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/buildpacks/libcnb/v2"

	"github.com/gantry-buildpack/gantry/internal/buildpack/buildlog"
	"github.com/gantry-buildpack/gantry/internal/buildpack/layer"
	"github.com/gantry-buildpack/gantry/internal/install/fetch"
	"github.com/gantry-buildpack/gantry/internal/install/npm"
	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// Layer: "modules-store" holds the tarballs of the packages, one file each, named by their checksums.
// Rebuilt when: never as a whole; tarballs that the lockfile does not need any more are removed.

const storeLayer = "modules-store"

// direct installs from the lockfile, without the package manager.
type direct struct {
	w     *work
	tree  *npm.Tree
	store libcnb.Layer
	// launched: the tree for running was made along with the one for building.
	launched bool
	before   map[string]state
}

func unsupportedBy(err error) string {
	why, _ := npm.IsUnsupported(err)
	return why
}

// openDirect gives the direct installer, or the reason why the package manager must install.
func (w *work) openDirect(ctx context.Context, in installation) (*direct, string, error) {
	if in.NotDirect != "" {
		return nil, in.NotDirect, nil
	}
	tree, err := w.readTree(in)
	if why := unsupportedBy(err); why != "" {
		return nil, why, nil
	}
	if err != nil {
		return nil, "", err
	}
	w.native = len(tree.Scripts(false))+len(in.Hooks) > 0
	store, _, err := w.reuse(storeLayer, libcnb.LayerTypes{Cache: true}, layer.Inputs{})
	d := &direct{w: w, tree: tree, store: store}
	if err == nil {
		err = tree.Complete(ctx, store.Path, d.describe)
	}
	if why := unsupportedBy(err); why != "" {
		return nil, why, nil
	}
	return d, "", err
}

func (w *work) readTree(in installation) (*npm.Tree, error) {
	config, err := w.npmConfig(in)
	if err != nil {
		return nil, err
	}
	return npm.Read(npm.Project{
		Dir: filepath.Join(w.ctx.ApplicationPath, in.Root), Lockfile: in.Lockfile, Workspaces: in.Workspaces, Config: config,
		Host: npm.Host{
			CPU: npmCPU[w.arch], Libc: libc(),
			Node: w.plan.Runtime.Release.Version, NPM: in.Version,
		},
	})
}

// npmConfig is what variables and .npmrc files say.
func (w *work) npmConfig(in installation) (npm.Config, error) {
	values := w.variables()
	var files []string
	for _, file := range []string{npm.UserConfig(values), filepath.Join(w.ctx.ApplicationPath, in.Root, ".npmrc")} {
		text, err := os.ReadFile(file)
		if err != nil && !os.IsNotExist(err) {
			return npm.Config{}, problem.Disk("read .npmrc", err)
		}
		files = append(files, string(text))
	}
	return npm.ReadConfig(files, values)
}

// npmCPU are npm's words for architectures.
var npmCPU = map[string]string{"amd64": "x64", "arm64": "arm64"}

// libc tells the C library as npm does, from the text of ldd: npm-install-checks' current-env.
func libc() string {
	text, err := os.ReadFile("/usr/bin/ldd")
	switch {
	case err == nil && strings.Contains(string(text), "musl"):
		return "musl"
	case err == nil && strings.Contains(string(text), "GNU C Library"):
		return "glibc"
	}
	if found, _ := filepath.Glob("/lib/ld-musl-*"); len(found) > 0 {
		return "musl"
	}
	return "glibc"
}

func (d *direct) forBuild(ctx context.Context, in installation, launch *libcnb.Layer) ([]plan.Command, error) {
	targets := []npm.Target{{Dir: d.app(in)}}
	if launch != nil {
		d.launched = true
		targets = append(targets, d.target(in, launch.Path))
	}
	err := together(ctx, d.w.needToolchain, func(ctx context.Context) error { return d.install(ctx, targets...) })
	if err != nil {
		return nil, err
	}
	if d.before, err = in.trees.snapshot(); err != nil {
		return nil, err
	}
	if err := d.installScripts(ctx, in, false); err != nil {
		return nil, err
	}
	return append(append([]plan.Command{}, in.Hooks...), d.w.plan.Scripts...), nil
}

// install makes trees out of the store and the registry.
func (d *direct) install(ctx context.Context, targets ...npm.Target) error {
	end := d.w.Report.Step("Packages", "installing from the lockfile")
	done, err := d.tree.Install(ctx, d.store.Path, d.download, targets...)
	if err == nil {
		err = d.tree.Prune(d.store.Path)
	}
	if err != nil {
		end("")
		return err
	}
	d.w.put(d.store)
	from := "all from the cache"
	if done.Fetched > 0 {
		from = fmt.Sprintf("%d fetched, %s", done.Fetched, buildlog.Size(done.Bytes))
	}
	end(fmt.Sprintf("%d installed from the lockfile, %s", done.Packages, from))
	return nil
}

// registry gives a client for packages. Mirrors of buildpacks' downloads do not hold them; they have their registry's
// setting.
func (w *work) registry() *fetch.Client {
	client := *w.client
	client.Mirrors, client.Offline = fetch.Mirrors{}, ""
	return &client
}

func (d *direct) download(ctx context.Context, file fetch.File, path string) (int64, error) {
	size, _, err := d.w.registry().Save(ctx, file, path)
	return size, err
}

func (d *direct) describe(ctx context.Context, file fetch.File) ([]byte, error) {
	return d.w.registry().Text(ctx, file)
}

func (d *direct) changed(in installation) (string, error) {
	names, gone, err := d.changes(in)
	if err != nil {
		return "", err
	}
	return in.trees.digest(names, gone)
}

// changes are what has been written into packages that the image has, or beside all packages.
func (d *direct) changes(in installation) (names, gone []string, err error) {
	names, gone, err = in.trees.changes(d.before)
	if err != nil {
		return nil, nil, err
	}
	all, kept := d.tree.Folders(false), map[string]bool{}
	for _, folder := range d.tree.Folders(withoutDevelopment(in)) {
		kept[folder] = true
	}
	dropped := map[string]bool{}
	for _, folder := range all {
		dropped[filepath.Join(in.Root, folder)] = !kept[folder]
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
	return slices.DeleteFunc(names, notForLaunch), slices.DeleteFunc(gone, notForLaunch), nil
}

func (d *direct) forLaunch(ctx context.Context, in installation, launch libcnb.Layer) ([]string, error) {
	links, err := d.place(ctx, in, launch.Path)
	if err == nil && len(d.tree.Scripts(withoutDevelopment(in))) > 0 {
		err = d.w.packageLibraries(in, launch.Path)
	}
	return links, err
}

// place puts the tree for running into its layer.
func (d *direct) place(ctx context.Context, in installation, layer string) ([]string, error) {
	if in.builds {
		return d.afterBuild(ctx, in, layer)
	}
	if len(d.tree.Scripts(withoutDevelopment(in))) == 0 {
		// Nothing is run: the packages go where they stay, while the runtime is on its way.
		runtime := d.w.runtimeLayer
		if d.w.requiredForBuild() {
			runtime = d.w.needToolchain
		}
		err := together(ctx, runtime, func(ctx context.Context) error {
			return d.install(ctx, d.target(in, layer))
		})
		return d.links(in, layer, err)
	}
	err := together(ctx, d.w.needToolchain, func(ctx context.Context) error {
		return d.install(ctx, npm.Target{Dir: d.app(in), OmitDev: withoutDevelopment(in)})
	})
	if err == nil {
		err = d.installScripts(ctx, in, withoutDevelopment(in))
	}
	if err == nil && in.Production != nil {
		err = d.w.prune(ctx, in)
	}
	if err != nil {
		return nil, err
	}
	return in.trees.moveTo(layer)
}

// afterBuild adds to the tree for running what was written into the one for building.
func (d *direct) afterBuild(ctx context.Context, in installation, layer string) ([]string, error) {
	if !d.launched {
		if err := d.install(ctx, d.target(in, layer)); err != nil {
			return nil, err
		}
	}
	names, gone, err := d.changes(in)
	if err != nil {
		return nil, err
	}
	for _, name := range gone {
		if err := os.RemoveAll(filepath.Join(layer, name)); err != nil {
			return nil, err
		}
	}
	for _, name := range names {
		target := filepath.Join(layer, name)
		if err := os.RemoveAll(target); err != nil {
			return nil, err
		}
		if err := copyTree(filepath.Join(d.w.ctx.ApplicationPath, name), target); err != nil {
			return nil, err
		}
	}
	return d.links(in, layer, nil)
}

// app is the folder of the lockfile.
func (d *direct) app(in installation) string { return filepath.Join(d.w.ctx.ApplicationPath, in.Root) }

// target is the tree for running, in a layer.
func (d *direct) target(in installation, layer string) npm.Target {
	return npm.Target{Dir: filepath.Join(layer, in.Root), OmitDev: withoutDevelopment(in), App: d.app(in)}
}

// withoutDevelopment reports whether the tree for running is made without development dependencies. Where the application is
// started with one, what is not needed is taken out of the whole tree.
func withoutDevelopment(in installation) bool {
	return in.Production == nil || len(in.Production.Also) == 0
}

// links gives the places where the application needs links to a layer's trees.
func (d *direct) links(in installation, layer string, err error) ([]string, error) {
	if err != nil {
		return nil, err
	}
	if in.Production != nil {
		if err := in.production(d.w.ctx.ApplicationPath, layer).Prune(); err != nil {
			return nil, err
		}
	}
	return trees{app: layer, dirs: in.Dirs}.find()
}
