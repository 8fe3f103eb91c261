package pipeline_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/buildpacks/libcnb/v2"
	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/buildpack/command"
	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// A first build makes all layers; the packages for running are those for building, less what only development needs.
func TestFirstBuild(t *testing.T) {
	w := newWorkshop(t)
	w.Expect(w.build()).To(Succeed())
	w.Expect(w.ran).To(Equal([]string{"toys install", "toy build", "toys prune"}))
	w.Expect(w.unpacked).To(Equal(1))
	w.Expect(w.layerNames()).To(Equal([]string{"build-cache", "build-output", "gantry", "modules-cache", "packages-cache", "toolchain", "toolchain-cache", "toy", "toybox"}))
	w.Expect(w.image).To(And(
		HaveKeyWithValue("toybox/toys/robot/toy", "robot"), HaveKeyWithValue("toybox/toys/ball/toy", "ball"), HaveKeyWithValue("toy/bin/toy", "bin/toy"),
		HaveKeyWithValue("gantry/bin/gantry", "the launch program"), Not(HaveKey("toybox/toys/ruler/toy")), Not(HaveKey("toybox/toys/.cache/fast")),
	))
	w.Expect(os.Readlink(filepath.Join(w.app, "toys"))).To(Equal(filepath.Join(w.layers, "toybox/toys")))
	w.Expect(w.log).To(ContainSubstring("  Layer       toybox: created (no cached layer)\n"))
	for _, p := range w.result.Processes {
		if p.Type == "web" {
			w.Expect(p.Command).To(Equal([]string{filepath.Join(w.layers, "gantry/bin/gantry"), "init", "--check", "web", "--", "toy", "serve"}))
		}
	}
}

// What decides about a layer, and what the log says of the cause.
func TestCauses(t *testing.T) {
	for name, c := range map[string]struct {
		change func(w *workshop)
		// log is what the second build prints; ran are its commands.
		log string
		ran []string
	}{
		"nothing": {
			change: func(*workshop) {}, log: "Build       reused: the 1 file it read is unchanged, and it opened no connection", ran: nil,
		},
		"the source": {
			change: func(w *workshop) { w.write(w.source, "main.toy", "sing") }, log: "Layer       toybox: reused (inputs unchanged)", ran: []string{"toy build"},
		},
		"the lockfile": {
			change: func(w *workshop) { w.write(w.source, "toys.lock", "robot ball !ruler car") }, log: "Layer       toybox: created (toys.lock changed)",
			ran: []string{"toys install", "toy build", "toys prune"},
		},
		"what the build writes into packages": {
			change: func(w *workshop) { w.write(w.source, "main.toy", "paint") }, log: "Layer       toybox: created (what the build wrote into the packages changed)",
			ran: []string{"toy build", "toys prune"},
		},
		"the package manager": {
			change: func(w *workshop) { w.plan.Installs[0].Manager.Version = "4.1.0" }, log: "Layer       toybox: created (toys changed from 4.0.0 to 4.1.0)",
			ran: []string{"toys install", "toy build", "toys prune"},
		},
		"the runtime's line": {
			change: func(w *workshop) { w.plan.Toolchains[0].Runtime.ABI = "2" }, log: "Layer       toybox: created (Toy line changed from 1 to 2)",
			ran: []string{"toys install", "toy build", "toys prune"},
		},
		"the runtime's release": {
			change: func(w *workshop) { w.plan.Toolchains[0].Runtime.Release.Version = "1.2.4" }, log: "Layer       toy: created (version changed from 1.2.3 to 1.2.4)",
			ran: []string{"toy build"},
		},
		"the distribution": {
			change: func(w *workshop) { w.distribution = "14" }, log: "Layer       toybox: created (distribution changed from debian 13 to debian 14)",
			ran: []string{"toys install", "toy build", "toys prune"},
		},
		"a file next to the packages": {
			change: func(w *workshop) { w.write(w.source, "rules.toy", "") }, log: "Layer       toybox: created (the names of the application's files next to the packages changed)",
			ran: []string{"toy build", "toys prune"},
		},
		"a variable": {
			change: func(w *workshop) { w.env["TOYS_COLOR"] = "red" }, log: "Layer       toybox: created (the variable TOYS_COLOR is new)",
			ran: []string{"toys install", "toy build", "toys prune"},
		},
		"a variable of the compiler": {
			change: func(w *workshop) { w.env["TOYFLAGS"] = "-O2" }, log: "Layer       toybox: created (the variable TOYFLAGS is new)",
			ran: []string{"toys install", "toy build", "toys prune"},
		},
		"another buildpack": {
			change: func(w *workshop) {
				w.required = []libcnb.BuildpackPlanEntry{{Name: "toy_packages", Metadata: map[string]any{"build": true}}}
			},
			log: "Layer       toybox: created (another buildpack needs them while it builds)", ran: []string{"toys prune"},
		},
		"the launch program": {
			change: func(w *workshop) { w.write(w.buildpack, "bin/gantry", "a new one") }, log: "Layer       gantry: created (Gantry's launch program changed)",
			ran: nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorkshop(t)
			w.Expect(w.build()).To(Succeed())
			c.change(w)
			w.Expect(w.build()).To(Succeed())
			w.Expect(w.log).To(ContainSubstring(c.log))
			w.Expect(w.ran).To(Equal(c.ran), w.log)
		})
	}
}

// A toolchain is downloaded once, whatever uses it, and never for an unchanged application: also where a step comes before
// packages are installed, whose scripts may need headers.
func TestToolchainIsDownloadedOnce(t *testing.T) {
	before := func(w *workshop) {
		w.plan.Build.Before = plan.Steps([]plan.Command{{Title: "toy prebuild", Args: []string{"toy"}}}, "toy")
	}
	for name, change := range map[string]func(w *workshop){
		"a step":                 func(*workshop) {},
		"a step before packages": before,
		"only packages":          func(w *workshop) { w.plan.Build.Steps = nil },
		"only steps":             func(w *workshop) { w.plan.Installs = nil },
		"steps that always run":  func(w *workshop) { w.plan.Build.Reuse = plan.ReuseNever },
		"both":                   func(w *workshop) { before(w); w.plan.Build.Reuse = plan.ReuseNever },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorkshop(t)
			change(w)
			w.Expect(w.build()).To(Succeed())
			w.Expect(w.unpacked).To(Equal(1), w.log)
			for range 2 {
				w.Expect(w.build()).To(Succeed())
				w.Expect(w.unpacked).To(Equal(0), w.log)
			}
		})
	}
}

// What the build does not use of a toolchain is not downloaded.
func TestRuntimeAlone(t *testing.T) {
	w := newWorkshop(t)
	w.plan.Installs, w.plan.Build = nil, plan.Build{}
	w.Expect(w.build()).To(Succeed())
	w.Expect(w.layerNames()).To(Equal([]string{"gantry", "toy"}))
	w.Expect(w.image).To(And(HaveKey("toy/bin/toy"), Not(HaveKey("toy/lib/toys/toys"))))
	w.Expect(w.build()).To(Succeed())
	w.Expect(w.unpacked).To(BeZero())
}

// An archive in the cache that is damaged heals: the build makes it again, and the next one uses it.
func TestDamagedCaches(t *testing.T) {
	for name, c := range map[string]struct {
		archive  string
		ran      []string
		unpacked int
	}{
		"the toolchain":     {archive: "toolchain-cache/toolchain.tar.zst", ran: []string{"toy build"}, unpacked: 1},
		"the packages":      {archive: "modules-cache/modules.tar.zst", ran: []string{"toys install", "toy build"}},
		"what was fetched":  {archive: "packages-cache/packages.tar.zst", ran: []string{"toy build"}},
		"the tools' caches": {archive: "build-cache/cache.tar.zst", ran: []string{"toy build"}},
		"the records":       {archive: "build-output/records.json", ran: []string{"toy build"}},
	} {
		t.Run(name, func(t *testing.T) {
			for damage, content := range map[string]string{"empty": "", "of another form": "not an archive", "cut off": "\x28\xb5\x2f\xfd\x04\x00"} {
				w := newWorkshop(t)
				w.plan.Build.Reuse = plan.ReuseNever
				w.Expect(w.build()).To(Succeed())
				clean := w.image
				w.write(w.layers, c.archive, content)
				w.Expect(w.build()).To(Succeed(), damage)
				w.Expect(w.ran).To(Equal(c.ran), damage+"\n"+w.log)
				w.Expect(w.unpacked).To(Equal(c.unpacked), damage)
				w.Expect(w.image).To(Equal(clean), damage)
				w.Expect(w.read(w.app, "")).To(HaveKeyWithValue("built/main", "PLAY"))
				w.Expect(w.build()).To(Succeed())
				w.Expect(w.unpacked).To(BeZero())
				w.Expect(w.image).To(Equal(clean), damage)
			}
		})
	}
}

// Where a package manager must install although there is a lockfile that Gantry reads, the log says why.
func TestFallsBackToTheManager(t *testing.T) {
	for name, c := range map[string]struct{ notDirect, lockfile, why string }{
		"the plan says so":                  {notDirect: "the setting asks for it", why: "the setting asks for it"},
		"the lockfile is of another format": {lockfile: `{"lockfileVersion": 1}`, why: "package-lock.json has a format other than 2 and 3"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorkshop(t)
			w.plan.Installs[0].Lockfile = plan.Lockfile{Name: "package-lock.json", NotDirect: c.notDirect, Direct: &plan.DirectInstall{}}
			w.write(w.source, "package.json", "{}")
			w.write(w.source, "package-lock.json", c.lockfile)
			w.Expect(w.build()).To(Succeed())
			w.Expect(w.log).To(ContainSubstring("Packages    toys installs them itself: " + c.why))
			w.Expect(w.ran).To(Equal([]string{"toys install", "toy build", "toys prune"}))
		})
	}
}

// An installation from the lockfile that turns out to be the package manager's only when it is under way.
func TestFallsBackToTheManagerLate(t *testing.T) {
	for name, steps := range map[string]int{"with a build": 1, "without": 0} {
		t.Run(name, func(t *testing.T) {
			w := newWorkshop(t)
			w.plan.Installs[0].Lockfile = plan.Lockfile{Name: "package-lock.json", Direct: &plan.DirectInstall{}}
			w.plan.Build.Steps = w.plan.Build.Steps[:steps]
			w.write(w.source, "package.json", `{"optionalDependencies": {"a": "file:a.tgz"}}`)
			w.write(w.source, "package-lock.json", `{"lockfileVersion": 3, "packages": {"": {"optionalDependencies": {"a": "file:a.tgz"}},
				"node_modules/a": {"version": "1.0.0", "resolved": "file:a.tgz", "integrity": "sha512-z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg==", "optional": true}}}`)
			w.Expect(w.build()).To(Succeed(), w.log)
			w.Expect(w.log).To(ContainSubstring("Packages    toys installs them itself: the optional package a"))
			w.Expect(w.image).To(HaveKeyWithValue("toybox/toys/robot/toy", "robot"))
			w.Expect(w.image).NotTo(HaveKey("toybox/toys/ruler/toy"))
			// What the package manager has fetched is there the next time, and after a build that needed none of it.
			w.Expect(w.build()).To(Succeed())
			w.Expect(w.layerNames()).To(ContainElement("packages-cache"))
		})
	}
}

// Without the steps that wrote into them, the packages are those of a clean build.
func TestStepsThatAreGone(t *testing.T) {
	w := newWorkshop(t)
	w.write(w.source, "main.toy", "paint")
	w.Expect(w.build()).To(Succeed())
	w.Expect(w.image).To(HaveKeyWithValue("toybox/toys/ball/toy", "painted"))
	w.plan.Build.Steps = nil
	w.Expect(w.build()).To(Succeed())
	w.Expect(w.image).To(HaveKeyWithValue("toybox/toys/ball/toy", "ball"), w.log)
}

// What steps before the installation write is there again where they need not run.
func TestReusedStepsBeforeTheInstallation(t *testing.T) {
	w := newWorkshop(t)
	w.plan.Build.Before = plan.Steps([]plan.Command{{Title: "toy prebuild", Args: []string{"toy"}}}, "toy")
	w.run = func(_ context.Context, r command.Runner, step plan.Command) error {
		if step.Title == "toy prebuild" {
			w.write(r.Dir, "generated.toy", "before")
		}
		return nil
	}
	for range 2 {
		w.Expect(w.build()).To(Succeed())
		w.Expect(w.read(w.app, "")).To(HaveKeyWithValue("generated.toy", "before"))
	}
	w.Expect(w.ran).To(BeEmpty())
}

// Metadata that cannot be read counts as none; nothing is written elsewhere.
func TestUnreadableMetadata(t *testing.T) {
	w := newWorkshop(t)
	w.Expect(w.build()).To(Succeed())
	clean, names := w.image, w.layerNames()
	for _, name := range names {
		w.write(w.layers, name+".toml", "not = [TOML")
	}
	w.Expect(w.build()).To(Succeed())
	w.Expect(w.image).To(Equal(clean))
	w.Expect(w.layerNames()).To(Equal(names))
	w.Expect(w.read(w.app, "")).To(And(HaveLen(4), HaveKey("built/main")), "source and output alone")
}

// Where the platform keeps a folder for it, packages and toolchains wait unpacked; what was changed meanwhile is unpacked again.
func TestReady(t *testing.T) {
	for name, c := range map[string]struct {
		damage func(w *workshop, dir string)
		waited bool
	}{
		"as they were left": {damage: func(*workshop, string) {}, waited: true},
		"a package changed": {damage: func(w *workshop, dir string) { w.write(dir, "packages-toy/toys/robot/toy", "evil!") }},
		"a package gone": {damage: func(w *workshop, dir string) {
			w.Expect(os.RemoveAll(filepath.Join(dir, "packages-toy/toys/robot"))).To(Succeed())
		}},
		"a file more": {damage: func(w *workshop, dir string) { w.write(dir, "packages-toy/toys/robot/more", "") }},
		"no note": {damage: func(w *workshop, dir string) {
			w.Expect(os.Remove(filepath.Join(dir, "waiting.json"))).To(Succeed())
		}},
		"another note": {damage: func(w *workshop, dir string) { w.write(dir, "waiting.json", "{}") }},
		"all gone":     {damage: func(w *workshop, dir string) { w.Expect(os.RemoveAll(dir)).To(Succeed()) }},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorkshop(t)
			dir := w.keepReady()
			w.plan.Build.Reuse = plan.ReuseNever
			const waited = "Packages    unpacked since the last build (inputs unchanged)"
			w.Expect(w.build()).To(Succeed())
			clean := w.image
			// The first build has moved the packages into their layer.
			w.Expect(w.build()).To(Succeed())
			w.Expect(w.log).NotTo(ContainSubstring(waited))
			c.damage(w, dir)
			w.Expect(w.build()).To(Succeed())
			if c.waited {
				w.Expect(w.log).To(ContainSubstring(waited))
			} else {
				w.Expect(w.log).To(ContainSubstring("Packages    restored from the cache (inputs unchanged)"))
			}
			w.Expect(w.ran).To(Equal([]string{"toy build"}))
			w.Expect(w.image).To(Equal(clean))
			w.Expect(w.read(w.app, "")).To(HaveKeyWithValue("built/main", "PLAY"))
			w.write(w.source, "toys.lock", "robot car")
			w.Expect(w.build()).To(Succeed())
			w.Expect(w.log).NotTo(ContainSubstring(waited))
			w.Expect(w.image).To(And(HaveKey("toybox/toys/car/toy"), Not(HaveKey("toybox/toys/ball/toy"))))
		})
	}
}

// A program of the build that puts something into the folder has not made the next build's packages.
func TestReadyIsNobodyElses(t *testing.T) {
	w := newWorkshop(t)
	dir := w.keepReady()
	w.plan.Build.Reuse = plan.ReuseNever
	for range 3 {
		w.Expect(w.build()).To(Succeed())
	}
	clean := w.image
	notes, err := os.ReadFile(filepath.Join(dir, "waiting.json"))
	w.Expect(err).NotTo(HaveOccurred())
	w.run = func(_ context.Context, r command.Runner, step plan.Command) error {
		if step.Title == "toy build" {
			w.write(r.Dir, "toys/robot/toy", "evil")
			w.write(dir, "packages-toy/toys/robot/toy", "evil")
			w.write(dir, "waiting.json", string(notes))
		}
		return nil
	}
	w.Expect(w.build()).To(Succeed())
	w.run = nil
	w.Expect(w.build()).To(Succeed())
	w.Expect(w.log).NotTo(ContainSubstring("unpacked since the last build"))
	w.Expect(w.image).To(Equal(clean))
}

// Packages of another language that only steps use are not installed where no step does.
func TestPackagesThatNothingUses(t *testing.T) {
	w := newWorkshop(t)
	second, install := w.plan.Toolchains[0], w.plan.Installs[0]
	second.Language, second.LayerPrefix, second.Runtime.Release.Name = "doll", "doll-", "doll"
	install.Language, install.Layer, install.Trees.Dirs, install.Launch.None = "doll", "dollhouse", []string{"dolls"}, true
	install.Commands.All.Title, install.Commands.Hooks = "dolls install", []plan.Command{{Title: "dolls hook", Args: []string{"doll"}}}
	w.plan.Toolchains, w.plan.Installs = append(w.plan.Toolchains, second), append(w.plan.Installs, install)
	w.write(w.source, "dolls/committed", "in the source")
	w.Expect(w.build()).To(Succeed())
	w.Expect(w.ran).To(Equal([]string{"toys install", "toy build", "toys prune"}))
	w.Expect(w.read(w.app, "")).To(HaveKey("dolls/committed"))
}

// A step that fails, or is interrupted, ends the build; nothing of it is kept, and the next build succeeds.
func TestFailures(t *testing.T) {
	broken := &problem.Problem{ID: "run/failed", Title: "toy build failed"}
	for name, c := range map[string]struct {
		title string
		err   error
		id    string
	}{
		"a step":             {title: "toy build", err: broken, id: "run/failed"},
		"the installation":   {title: "toys install", err: broken, id: "run/failed"},
		"an interrupted one": {title: "toys install", err: context.Canceled, id: "build/interrupted"},
		"the last command":   {title: "toys prune", err: context.Canceled, id: "build/interrupted"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorkshop(t)
			w.run = func(_ context.Context, _ command.Runner, step plan.Command) error {
				if step.Title == c.title {
					return c.err
				}
				return nil
			}
			err := w.build()
			w.Expect(problem.As(err).ID).To(Equal(c.id))
			w.Expect(errors.Is(err, c.err)).To(BeTrue())
			w.run = nil
			w.Expect(w.build()).To(Succeed())
			w.Expect(w.image).To(HaveKey("toybox/toys/robot/toy"))
			entries, _ := filepath.Glob(filepath.Join(w.app, ".gantry-*"))
			w.Expect(entries).To(BeEmpty())
		})
	}
}

// Two languages: both are installed before the steps run, which see the programs of both.
func TestTwoLanguages(t *testing.T) {
	w := newWorkshop(t)
	doll := toyPlan()
	second, install := doll.Toolchains[0], doll.Installs[0]
	second.Language, second.LayerPrefix, second.Runtime.Release.Name, second.Path = "doll", "doll-", "doll", []string{"dolls/bin"}
	second.Env = map[string]string{"TOY_HOME": "not this one", "DOLL": "1"}
	install.Language, install.Layer, install.Trees.Dirs = "doll", "dollhouse", []string{"dolls"}
	w.plan.Toolchains = append(w.plan.Toolchains, second)
	w.plan.Installs = append(w.plan.Installs, install)
	w.plan.Build.Steps[0].Toolchains = []string{"toy", "doll"}
	var environ []string
	w.run = func(_ context.Context, r command.Runner, step plan.Command) error {
		if step.Title == "toy build" {
			environ = r.Env
			for _, dir := range []string{"toys/robot"} {
				w.Expect(filepath.Join(r.Dir, dir)).To(BeADirectory())
			}
		}
		return nil
	}
	w.Expect(w.build()).To(Succeed())
	w.Expect(w.ran).To(Equal([]string{"toys install", "toys install", "toy build", "toys prune", "toys prune"}))
	path := func(parts ...string) string { return filepath.Join(append([]string{w.layers}, parts...)...) }
	w.Expect(environ).To(ContainElements(
		"PATH="+filepath.Join(w.app, "toys/bin")+":"+path("toolchain/bin")+":"+filepath.Join(w.app, "dolls/bin")+":"+path("doll-toolchain/bin")+":/bin",
		"TOY_HOME="+path("toolchain"), "DOLL=1",
	))
	w.Expect(w.layerNames()).To(ContainElements("toybox", "dollhouse", "toy", "doll", "doll-toolchain-cache"))
}

// Whatever was changed before: what is reused is what a build without a cache makes.
func TestReusedIsWhatACleanBuildMakes(t *testing.T) {
	changes := []func(w *workshop, n int){
		func(w *workshop, n int) { w.write(w.source, "main.toy", []string{"play", "paint", "sing"}[n%3]) },
		func(w *workshop, n int) {
			w.write(w.source, "toys.lock", []string{"robot", "robot ball", "ball !ruler"}[n%3])
		},
		func(w *workshop, n int) {
			w.plan.Build.Reuse = []plan.Reuse{plan.ReuseAuto, plan.ReuseNever, plan.ReuseAlways}[n%3]
		},
		func(w *workshop, n int) { w.write(w.source, []string{"more", "conf/file", "main.toy~"}[n%3], "") },
		func(w *workshop, n int) { w.distribution = []string{"13", "14"}[n%2] },
		func(w *workshop, n int) {
			w.plan.Toolchains[0].Runtime.Release.Version = []string{"1.2.3", "1.2.4"}[n%2]
		},
		func(w *workshop, n int) {
			w.plan.Build.Before = nil
			if n%2 == 0 {
				w.plan.Build.Before = plan.Steps([]plan.Command{{Title: "toy prebuild", Args: []string{"toy"}}}, "toy")
			}
		},
		func(w *workshop, n int) {
			w.plan.Build.Steps = toyPlan().Build.Steps[:n%2]
		},
	}
	for seed := range uint64(6) {
		r := rand.New(rand.NewPCG(seed, 1))
		w := newWorkshop(t)
		if seed%2 == 1 {
			w.keepReady()
		}
		for range 8 {
			changes[r.IntN(len(changes))](w, r.IntN(6))
			w.Expect(w.build()).To(Succeed())
			clean := newWorkshop(t)
			clean.source, clean.plan, clean.distribution = w.source, w.plan, w.distribution
			clean.Expect(clean.build()).To(Succeed())
			w.Expect(w.image).To(Equal(clean.image), "seed %d\n%s", seed, w.log)
			built := func(w *workshop) map[string]string {
				files := w.read(w.app, "")
				delete(files, "toys")
				return files
			}
			w.Expect(built(w)).To(Equal(built(clean)), "seed %d\n%s", seed, w.log)
		}
	}
}
