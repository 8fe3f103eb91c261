// Package pipeline carries out a plan: it makes or reuses layers, runs the application's build, and tells the lifecycle
// what came of it. It knows layers and order; it knows no language.
package pipeline

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/buildpacks/libcnb/v2"
	"golang.org/x/sync/errgroup"

	"github.com/gantry-buildpack/gantry/internal/buildpack/buildlog"
	"github.com/gantry-buildpack/gantry/internal/buildpack/cnb"
	"github.com/gantry-buildpack/gantry/internal/buildpack/layer"
	"github.com/gantry-buildpack/gantry/internal/contract"
	"github.com/gantry-buildpack/gantry/internal/install/archive"
	"github.com/gantry-buildpack/gantry/internal/install/fetch"
	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/plan/resolve"
	"github.com/gantry-buildpack/gantry/internal/problem"
	"github.com/gantry-buildpack/gantry/internal/source/app"
)

// Builder builds applications.
type Builder struct {
	// Environ is the process's environment.
	Environ []string
	Report  *buildlog.Report
}

// work is one build while it happens.
type work struct {
	Builder
	ctx  libcnb.BuildContext
	plan plan.Plan
	// contract is what the application needs at run time.
	contract contract.Contract
	arch     string
	client   *fetch.Client
	result   libcnb.BuildResult
	// home is the home folder of the build's programs; certificates the file of those that they trust, where the user has
	// given some.
	home, certificates string
	// toolchain is the folder with the runtime and its tools for building; empty until it is made.
	toolchain string
	// native: packages may have to be compiled; toolchainNative: the toolchain has what that needs.
	native, toolchainNative bool
	// runtimeMade: the runtime's layer is in the result.
	runtimeMade bool
	// tasks are under way beside the steps of the build.
	tasks errgroup.Group
	// path are folders with programs of another language, for steps that need them.
	path []string
	// provided is the build of the plan that provides another language; nil without one.
	provided *work
	// beside: this is the build of another language's plan; guest are that one's steps, while packages are there for them.
	beside bool
	guest  func() error
	// mu guards result.
	mu sync.Mutex
}

// Build is the build phase.
func (b Builder) Build(ctx context.Context, cnb libcnb.BuildContext) (libcnb.BuildResult, error) {
	start := time.Now()
	b.Report.Title("Gantry " + cnb.Buildpack.Info.Version)
	w := &work{Builder: b, ctx: cnb, arch: cnb.TargetInfo.Arch, result: libcnb.NewBuildResult()}
	if w.arch == "" {
		w.arch = runtime.GOARCH
	}
	err := w.do(ctx)
	if failed := w.tasks.Wait(); err == nil {
		err = failed
	}
	if errors.Is(err, context.Canceled) {
		err = &problem.Problem{
			ID:    "build/interrupted",
			Title: "the build was interrupted",
			Why:   "it was asked to stop",
			Hints: []string{"Nothing of it was kept; build again."},
			Err:   err,
		}
	}
	if err != nil {
		return libcnb.BuildResult{}, err
	}
	b.Report.Done(time.Since(start))
	return w.result, nil
}

func (w *work) do(ctx context.Context) error {
	if err := w.makePlan(); err != nil {
		return err
	}
	for _, warning := range w.plan.Warnings {
		w.Report.Warning(warning)
	}
	w.Report.Decisions(w.plan.Decisions)
	if err := w.makeClient(); err != nil {
		return err
	}
	removeHome, err := w.makeHome()
	if err != nil {
		return err
	}
	defer func() { _ = removeHome() }()
	if err := w.gantryLayer(); err != nil {
		return err
	}
	if err := w.dependencies(ctx); err != nil {
		return err
	}
	if err := w.providedAtLaunch(ctx); err != nil {
		return err
	}
	if w.requiredForBuild() {
		if err := w.needToolchain(ctx); err != nil {
			return err
		}
	}
	// Last, because what the steps above needed of the runtime may already be on disk.
	if err := w.runtimeLayer(ctx); err != nil {
		return err
	}
	if err := w.agentLayer(ctx); err != nil {
		return err
	}
	w.processes(filepath.Join(w.ctx.Layers.Path, "gantry", gantryTool))
	w.labels()
	w.slices()
	if err := w.billOfMaterials(); err != nil {
		return err
	}
	if w.provided != nil {
		w.take(w.provided)
	}
	return w.reduce()
}

// requiredForBuild reports whether another buildpack needs something of this one while it builds: it says so in its
// requirement, as Paketo's do. Without names, it may be anything.
func (w *work) requiredForBuild(names ...string) bool {
	return slices.ContainsFunc(w.ctx.Plan.Entries, func(e libcnb.BuildpackPlanEntry) bool {
		return e.Metadata["build"] == true && (len(names) == 0 || slices.Contains(names, e.Name))
	})
}

// reduce takes out of the application what the image must not have, or does not need.
func (w *work) reduce() error {
	w.lookForSigns()
	if err := w.checkEntries(); err != nil {
		return err
	}
	for _, name := range w.plan.NotInImage {
		if err := archive.RemoveAll(filepath.Join(w.ctx.ApplicationPath, name)); err != nil {
			return problem.Disk("remove "+name, err)
		}
		// A folder that was made for it alone goes, too: where nothing was made, it is not there.
		for dir := filepath.Dir(name); dir != "." && syscall.Rmdir(filepath.Join(w.ctx.ApplicationPath, dir)) == nil; dir = filepath.Dir(dir) {
		}
	}
	for _, name := range w.plan.Folders {
		if err := os.MkdirAll(filepath.Join(w.ctx.ApplicationPath, name), 0o755); err != nil {
			return problem.Disk("make "+name, err)
		}
	}
	if len(w.plan.Only) == 0 {
		return nil
	}
	for _, name := range w.plan.Only {
		if _, err := os.Stat(filepath.Join(w.ctx.ApplicationPath, name)); err != nil {
			return &problem.Problem{
				ID:    "build/output-missing",
				Title: "the build has not made " + name,
				Where: problem.Position{File: name},
				Why:   "the image is to hold it, and nothing else of the application",
				Hints: []string{"Check which folder the build script writes to; BP_STATIC_DIR names another for files to serve."},
			}
		}
	}
	return keepOnly(w.ctx.ApplicationPath, "", w.plan.Only)
}

// keepOnly removes all from a folder but the given files and folders.
func keepOnly(app, dir string, only []string) error {
	entries, err := os.ReadDir(filepath.Join(app, dir))
	if err != nil {
		return problem.Disk("read the application", err)
	}
	for _, entry := range entries {
		name := filepath.Join(dir, entry.Name())
		leads := slices.ContainsFunc(only, func(kept string) bool { return strings.HasPrefix(kept, name+"/") })
		switch {
		case slices.Contains(only, name) || slices.Contains(only, "."):
		case leads:
			err = keepOnly(app, name, only)
		default:
			err = archive.RemoveAll(filepath.Join(app, name))
		}
		if err != nil {
			return problem.Disk("remove "+name, err)
		}
	}
	return nil
}

func (w *work) makePlan() error {
	source := app.Open(w.ctx.ApplicationPath)
	made, err := resolve.Decide(source, cnb.Lookup(w.ctx.Platform.Environment, w.Environ), w.arch, time.Now())
	if err != nil {
		return err
	}
	w.plan, w.contract = made.Plan, made.Contract
	return nil
}

func (w *work) makeClient() error {
	environ := w.Environ
	for name, value := range w.ctx.Platform.Environment {
		environ = append(environ, name+"="+value)
	}
	var bindings []fetch.Binding
	for _, binding := range w.ctx.Platform.Bindings {
		bindings = append(bindings, fetch.Binding{Name: binding.Name, Type: binding.Type, Secret: binding.Secret})
	}
	mirrors, err := fetch.ReadMirrors(environ, bindings)
	if err != nil {
		return err
	}
	w.client = fetch.NewClient("gantry/" + w.ctx.Buildpack.Info.Version)
	w.client.Mirrors = mirrors
	w.client.Offline = w.ctx.Buildpack.Path + "/dependencies"
	w.client.Retrying = func(_, why string, wait time.Duration) {
		w.Report.Line("", fmt.Sprintf("%s; trying again in %.0f s", why, max(1, wait.Seconds())))
	}
	return nil
}

// reuse decides about a layer: when its inputs are those of the last build it can be added to the result as it was, and
// nothing of it needs to be on disk. Otherwise the layer is fresh, and the cause says why.
func (w *work) reuse(name string, types libcnb.LayerTypes, inputs layer.Inputs) (l libcnb.Layer, cause string, err error) {
	// Metadata of an earlier build that cannot be read is as good as none.
	l, _ = w.ctx.Layers.Layer(w.layerName(name))
	if cause = inputs.Cause(l.Metadata); cause != "" {
		l, err = w.fresh(name, types, inputs)
		return l, cause, err
	}
	l.LayerTypes = types
	return l, "", nil
}

// layerName gives the name of a layer as the plan's language has it.
func (w *work) layerName(name string) string {
	switch {
	case name == "gantry" || name == w.plan.Runtime.Release.Name:
		return name
	case name == modulesLayer && w.plan.Dependencies != nil && w.plan.Dependencies.Layer != "":
		return w.plan.Dependencies.Layer
	}
	return w.plan.LayerPrefix + name
}

// fresh gives a layer with nothing in it.
func (w *work) fresh(name string, types libcnb.LayerTypes, inputs layer.Inputs) (libcnb.Layer, error) {
	name = w.layerName(name)
	file := filepath.Join(w.ctx.Layers.Path, name)
	if err := os.Remove(file + ".toml"); err != nil && !os.IsNotExist(err) {
		return libcnb.Layer{}, problem.Disk("make the layer "+name, err)
	}
	l, err := w.ctx.Layers.Layer(name)
	if err == nil {
		l, err = l.Reset()
	}
	if err != nil {
		return l, problem.Disk("make the layer "+name, err)
	}
	l.LayerTypes, l.Metadata = types, inputs.Metadata()
	return l, nil
}

// put puts a layer into the result, in place of one of the same name.
func (w *work) put(l libcnb.Layer) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if i := slices.IndexFunc(w.result.Layers, func(other libcnb.Layer) bool { return other.Name == l.Name }); i >= 0 {
		w.result.Layers[i] = l
		return
	}
	w.result.Layers = append(w.result.Layers, l)
}

// later starts something that must be done by the end of the build.
func (w *work) later(task func() error) { w.tasks.Go(task) }

// tell says in the log what became of a launch layer.
func (w *work) tell(name, cause string) {
	if cause == "" {
		w.Report.Line("Layer", name+": reused, nothing it depends on has changed")
		return
	}
	w.Report.Line("Layer", name+": made, "+cause)
}

// launchOnly marks what the running application needs: its content is never restored, and an unchanged layer is taken
// over from the last image without being made.
var launchOnly = libcnb.LayerTypes{Launch: true}
