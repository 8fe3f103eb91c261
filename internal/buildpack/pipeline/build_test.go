package pipeline_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/BurntSushi/toml"
	"github.com/buildpacks/libcnb/v2"
	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/buildpack/buildlog"
	"github.com/gantry-buildpack/gantry/internal/buildpack/command"
	"github.com/gantry-buildpack/gantry/internal/buildpack/observe"
	"github.com/gantry-buildpack/gantry/internal/buildpack/pipeline"
	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/plan/resolve"
	"github.com/gantry-buildpack/gantry/internal/source/app"
)

// toyPlan is for a language with a toolchain, a package manager that installs what "toys.lock" names, and a build step.
func toyPlan() plan.Plan {
	return plan.Plan{
		Toolchains: []plan.Toolchain{{
			Language: "toy", Env: map[string]string{"TOY_HOME": plan.ToolchainDir}, Path: []string{"toys/bin"},
			Runtime: plan.Runtime{
				Title: "Toy", ABI: "1", Release: plan.Release{Name: "toy", Version: "1.2.3"}, Programs: []string{"bin/toy"},
				Files: plan.RuntimeFiles{Launch: []string{"bin/toy"}, Headers: []string{"include"}, NotForBuild: []string{"doc"}},
			},
			Tools: []plan.Tool{{Release: plan.Release{Name: "toys", Version: "4.0.0"}, Dir: "lib/toys", Bin: map[string]string{"toys": "toys"}}},
		}},
		Installs: []plan.Install{{
			Language: "toy", Manager: plan.Manager{Name: "toys", Version: "4.0.0"}, Layer: "toybox", Provides: "toy_packages", Lockfile: plan.Lockfile{Name: "toys.lock"},
			Commands: plan.InstallCommands{
				All:        plan.Command{Title: "toys install", Args: []string{"toys", "install", "--store", plan.StoreDir}},
				OnlyLaunch: plan.Command{Title: "toys install --production", Args: []string{"toys", "install", "--store", plan.StoreDir, "--production"}},
				Prune:      plan.Command{Title: "toys prune", Args: []string{"toys", "prune"}},
			},
			Inputs: plan.InstallInputs{Files: []string{"toys.lock"}, Variables: []string{"TOYS_*"}, Flags: []string{"TOYFLAGS"}},
			Trees:  plan.Trees{Dirs: []string{"toys"}, Scratch: []string{".cache"}, Beside: true},
			List:   plan.PackageList{Type: "generic"},
		}},
		Build: plan.Build{
			Steps: plan.Steps([]plan.Command{{Title: "toy build", Args: []string{"toy", "build"}}}, "toy"), Caches: []string{"toys/.cache"}, CacheLimit: 1 << 20,
		},
		Image: plan.Image{Processes: []plan.Process{{Type: "web", Default: true, Args: []string{"toy", "serve"}}}},
	}
}

// workshop builds an application again and again, as the lifecycle would.
type workshop struct {
	*WithT
	source, layers, buildpack string
	plan                      plan.Plan
	env                       map[string]string
	distribution              string
	required                  []libcnb.BuildpackPlanEntry
	// run replaces the toy's programs.
	run func(ctx context.Context, r command.Runner, c plan.Command) error

	mu sync.Mutex
	// ran are the titles of the commands of the last build, unpacked how often it got a toolchain; log is what it printed.
	ran      []string
	unpacked int
	log      string
	// image is what the last build has put into launch layers: the content of files, by their names.
	image map[string]string
	// app is the application's folder of the last build.
	app    string
	result libcnb.BuildResult
}

func newWorkshop(t *testing.T) *workshop {
	w := &workshop{
		WithT: NewWithT(t), source: t.TempDir(), layers: t.TempDir(), buildpack: t.TempDir(), plan: toyPlan(), env: map[string]string{}, distribution: "13",
		image: map[string]string{},
	}
	w.write(w.buildpack, "bin/gantry", "the launch program")
	w.write(w.source, "toys.lock", "robot ball !ruler")
	w.write(w.source, "main.toy", "play")
	return w
}

func (w *workshop) write(dir, name, text string) {
	file := filepath.Join(dir, name)
	w.Expect(os.MkdirAll(filepath.Dir(file), 0o755)).To(Succeed())
	w.Expect(os.WriteFile(file, []byte(text), 0o644)).To(Succeed())
}

// Unpack is the download of a toolchain.
func (w *workshop) Unpack(_ context.Context, _ plan.Toolchain, dir string, _ []plan.Tool, wanted func(string) bool) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.unpacked++
	for _, name := range []string{"bin/toy", "lib/toys/toys", "include/toy.h", "doc/toy.txt"} {
		if wanted(name) {
			w.write(dir, name, name)
		}
	}
	return nil
}

// UnpackTools is the download of tools alone.
func (w *workshop) UnpackTools(ctx context.Context, t plan.Toolchain, dir string, tools []plan.Tool, wanted func(string) bool) error {
	return w.Unpack(ctx, t, dir, tools, wanted)
}

// toys are the programs of the language: the package manager makes a folder for each package, less those for development (!)
// in production; the build writes into one of them, into its cache, and next to the source.
func (w *workshop) toys(ctx context.Context, r command.Runner, c plan.Command) error {
	w.mu.Lock()
	w.ran = append(w.ran, c.Title)
	w.mu.Unlock()
	if w.run != nil {
		if err := w.run(ctx, r, c); err != nil {
			return err
		}
	}
	switch c.Title {
	case "toys install", "toys install --production":
		w.write(c.Args[3], "archive", "of all toys")
		lock, err := os.ReadFile(filepath.Join(r.Dir, "toys.lock"))
		w.Expect(err).NotTo(HaveOccurred())
		for name := range strings.FieldsSeq(string(lock)) {
			if base := strings.TrimPrefix(name, "!"); base == name || c.Title == "toys install" {
				w.write(r.Dir, "toys/"+base+"/toy", base)
			}
		}
	case "toys prune":
		return os.RemoveAll(filepath.Join(r.Dir, "toys/ruler"))
	case "toy build":
		source, err := os.ReadFile(filepath.Join(r.Dir, "main.toy"))
		w.Expect(err).NotTo(HaveOccurred())
		w.write(r.Dir, "built/main", strings.ToUpper(string(source)))
		w.write(r.Dir, "toys/.cache/fast", "faster")
		if strings.Contains(string(source), "paint") {
			w.write(r.Dir, "toys/ball/toy", "painted")
		}
	}
	return nil
}

// build builds once. The lifecycle keeps the metadata of launch layers and the whole of caches, and gives a new copy of the source.
func (w *workshop) build() error {
	w.ran, w.unpacked = nil, 0
	w.app = filepath.Join(w.layers, "..", "app")
	w.Expect(os.RemoveAll(w.app)).To(Succeed())
	w.Expect(os.CopyFS(w.app, os.DirFS(w.source))).To(Succeed())
	var out bytes.Buffer
	b := pipeline.Builder{
		Environ: []string{"HOME=" + w.source, "PATH=/bin", "TMPDIR=" + filepath.Join(w.layers, "../tmp")}, Log: buildlog.New(&out, false), Run: w.toys, Unpacker: w,
		Traffic: func() (observe.Traffic, error) { return observe.Traffic{}, nil },
		Resolve: func(app.App, resolve.Given, resolve.Target, time.Time) (resolve.Resolved, error) {
			return resolve.Resolved{Plan: w.plan}, nil
		},
	}
	result, err := b.Build(context.Background(), libcnb.BuildContext{
		ApplicationPath: w.app, Layers: libcnb.Layers{Path: w.layers}, Buildpack: libcnb.Buildpack{Path: w.buildpack, Info: libcnb.BuildpackInfo{Version: "0"}},
		Platform: libcnb.Platform{Environment: w.env}, Plan: libcnb.BuildpackPlan{Entries: w.required},
		TargetInfo: libcnb.TargetInfo{Arch: "amd64"}, TargetDistro: libcnb.TargetDistro{Name: "debian", Version: w.distribution},
	})
	w.log = out.String()
	if err == nil {
		w.result = result
		w.export(result)
	}
	return err
}

// export does what the lifecycle does with layers at the end of a build.
func (w *workshop) export(result libcnb.BuildResult) {
	last := w.image
	w.image = map[string]string{}
	kept := map[string]bool{}
	for _, l := range result.Layers {
		kept[l.Name] = true
		dir := filepath.Join(w.layers, l.Name)
		if l.Launch {
			if files := w.read(dir, l.Name+"/"); len(files) > 0 {
				for name, content := range files {
					w.image[name] = content
				}
			} else {
				for name, content := range last {
					if strings.HasPrefix(name, l.Name+"/") {
						w.image[name] = content
					}
				}
			}
		}
		if !l.Cache {
			w.Expect(os.RemoveAll(dir)).To(Succeed())
		}
		var text bytes.Buffer
		w.Expect(toml.NewEncoder(&text).Encode(l)).To(Succeed())
		w.write(w.layers, l.Name+".toml", text.String())
	}
	entries, err := os.ReadDir(w.layers)
	w.Expect(err).NotTo(HaveOccurred())
	for _, entry := range entries {
		if !kept[strings.TrimSuffix(entry.Name(), ".toml")] {
			w.Expect(os.RemoveAll(filepath.Join(w.layers, entry.Name()))).To(Succeed())
		}
	}
}

// appFolder is the folder of the application, which is another one in each test.
var appFolder = regexp.MustCompile(`.*/app\b`)

// read gives the files and links below a folder, by their names behind a prefix.
func (w *workshop) read(dir, prefix string) map[string]string {
	files := map[string]string{}
	if _, err := os.Stat(dir); err != nil {
		return files
	}
	w.Expect(filepath.WalkDir(dir, func(file string, entry os.DirEntry, err error) error {
		name, _ := filepath.Rel(dir, file)
		if target, linkErr := os.Readlink(file); linkErr == nil {
			files[prefix+name] = "-> " + appFolder.ReplaceAllString(target, "app")
		}
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(file)
		files[prefix+name] = string(content)
		return err
	})).To(Succeed())
	return files
}

// keepReady has the platform keep a folder for what is unpacked.
func (w *workshop) keepReady() (dir string) {
	dir = filepath.Join(w.layers, "../ready")
	w.Expect(os.MkdirAll(dir, 0o755)).To(Succeed())
	w.env["GANTRY_READY"] = dir
	return dir
}

func (w *workshop) layerNames() (names []string) {
	for _, l := range w.result.Layers {
		names = append(names, l.Name)
	}
	slices.Sort(names)
	return names
}
