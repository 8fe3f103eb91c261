package pipeline

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/buildpacks/libcnb/v2"

	"github.com/gantry-buildpack/gantry/internal/buildpack/layer"
	"github.com/gantry-buildpack/gantry/internal/container/crash"
	"github.com/gantry-buildpack/gantry/internal/container/launch"
	"github.com/gantry-buildpack/gantry/internal/contract"
	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// Layer: "gantry" holds the program that starts and watches the application, what that must know of it, its checks before
// each process, and the launch environment.
// Rebuilt when: the program, the config contract, the process types, the runtime's version or the launch environment
// change.

// gantryTool is the launch program, relative to the buildpack.
const gantryTool = "bin/gantry"

// staticServer is the web server for static files, likewise; it is in the image only where a process runs it.
const staticServer = "bin/static"

func (w *work) servesFiles() bool {
	return slices.ContainsFunc(w.plan.Processes, func(p plan.Process) bool { return p.Args[0] == plan.StaticServer })
}

func (w *work) gantryLayer() error {
	source := filepath.Join(w.ctx.Buildpack.Path, gantryTool)
	digest, err := fileDigest(source)
	if err != nil {
		return fmt.Errorf("read the launch program: %w", err)
	}
	facts, err := json.Marshal(w.image())
	if err != nil {
		return fmt.Errorf("write %s: %w", launch.ImageFile, err)
	}
	inputs := layer.Inputs{"gantry": digest, "the config contract, the processes or the runtime": layer.Digest(facts)}
	for name, value := range w.plan.LaunchEnv {
		inputs["launch variable "+name] = value
	}
	for name, value := range w.plan.LaunchOptions {
		inputs["launch options "+name] = value
	}
	if len(w.plan.LaunchPath) > 0 {
		inputs["launch path"] = strings.Join(w.plan.LaunchPath, string(os.PathListSeparator))
	}
	files := map[string]string{}
	for name, content := range w.plan.Files {
		files[name] = w.inImage(content)
		inputs["file "+name] = layer.Digest([]byte(files[name]))
	}
	if w.servesFiles() {
		if inputs["web server for static files"], err = fileDigest(filepath.Join(w.ctx.Buildpack.Path, staticServer)); err != nil {
			return fmt.Errorf("read the web server: %w", err)
		}
	}
	l, cause, err := w.reuse("gantry", launchOnly, inputs)
	if err != nil {
		return err
	}
	if cause != "" {
		if err := w.fillGantry(l.Path, source, facts, files); err != nil {
			return err
		}
		for name, value := range w.plan.LaunchEnv {
			l.LaunchEnvironment.Default(name, w.inImage(value))
		}
		for name, value := range w.plan.LaunchOptions {
			l.LaunchEnvironment.Append(name, " ", w.inImage(value))
		}
		if dirs := w.launchPaths(); len(dirs) > 0 {
			l.LaunchEnvironment.Prepend("PATH", string(os.PathListSeparator), strings.Join(dirs, string(os.PathListSeparator)))
		}
	}
	w.tell("gantry", cause)
	w.put(l)
	if declared := w.contract; !declared.Empty() {
		text, err := json.Marshal(declared)
		if err != nil {
			return fmt.Errorf("write the contract: %w", err)
		}
		w.result.Labels = append(w.result.Labels, libcnb.Label{Key: contract.Label, Value: string(text)})
	}
	return nil
}

// labels adds the labels of the plan, and what was decided.
func (w *work) labels() {
	add := func(key, value string) {
		w.result.Labels = append(w.result.Labels, libcnb.Label{Key: key, Value: value})
	}
	for _, key := range slices.Sorted(maps.Keys(w.plan.Labels)) {
		add(key, w.plan.Labels[key])
	}
	r := w.plan.Runtime
	if w.atLaunch() {
		add("io.gantry.runtime", r.Release.Name+"@"+r.Release.Version)
	}
	if d := w.plan.Dependencies; d != nil {
		add("io.gantry.package-manager", d.Manager+"@"+d.Version)
	}
	if text, err := json.Marshal(w.plan.Decisions); err == nil {
		add("io.gantry.decisions", string(text))
	}
}

// image is what the program in the image must know.
func (w *work) image() launch.Image {
	i := launch.Image{
		Contract: w.contract, Runtime: w.plan.Runtime.Release.Name, Version: w.plan.Runtime.Release.Version, DrainTimeout: w.plan.DrainTimeout,
		Buildpack: w.ctx.Buildpack.Info.Version,
	}
	if !w.atLaunch() {
		i.Runtime, i.Version = "", ""
	}
	if other := w.plan.Provides; other != nil && len(other.Runtime.Launch) > 0 {
		i.Beside = map[string]string{other.Runtime.Release.Name: other.Runtime.Release.Version}
	}
	for _, p := range w.plan.Processes {
		i.Processes = append(i.Processes, p.Type)
	}
	return i
}

// fillGantry writes the layer.
func (w *work) fillGantry(dir, program string, facts []byte, files map[string]string) error {
	if err := copyFile(program, filepath.Join(dir, gantryTool), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, launch.ImageFile), facts, 0o644); err != nil {
		return problem.Disk("write "+launch.ImageFile, err)
	}
	if w.servesFiles() {
		if err := copyFile(filepath.Join(w.ctx.Buildpack.Path, staticServer), filepath.Join(dir, staticServer), 0o755); err != nil {
			return err
		}
	}
	if w.plan.DrainTimeout != "" {
		if err := os.WriteFile(filepath.Join(dir, launch.DrainFile), []byte(launch.DrainScript), 0o644); err != nil {
			return problem.Disk("write "+launch.DrainFile, err)
		}
	}
	if i := w.image(); i.Runtime == "node" || i.Beside["node"] != "" {
		if err := os.WriteFile(filepath.Join(dir, crash.WatchFile), []byte(crash.WatchScript), 0o644); err != nil {
			return problem.Disk("write "+crash.WatchFile, err)
		}
	}
	if err := writeTexts(filepath.Join(dir, filesDir), files); err != nil {
		return err
	}
	return nil
}

// processes starts every process through the launch program, which is the container's first process: it checks the
// configuration, forwards signals, reaps what nobody waits for, and ends with the application's own exit code. A debug shell
// and Gantry's own process types do not pass through it, and start whatever the configuration is.
func (w *work) processes(gantry string) {
	for _, p := range w.plan.Processes {
		command := []string{gantry, "init", "--check", p.Type}
		if p.Group {
			command = append(command, "--group")
		}
		if p.Stop != "" {
			command = append(command, "--stop", p.Stop)
		}
		for _, name := range slices.Sorted(maps.Keys(p.Env)) {
			command = append(command, "--env", name+"="+p.Env[name])
		}
		args := slices.Clone(p.Args)
		if args[0] == plan.StaticServer {
			args[0] = filepath.Join(filepath.Dir(gantry), "static")
		}
		for i := range args {
			args[i] = w.inImage(args[i])
		}
		process := libcnb.Process{Type: p.Type, Command: append(append(command, "--"), args...), Default: p.Default}
		if p.Dir != "" {
			process.WorkingDirectory = filepath.Join(w.ctx.ApplicationPath, p.Dir)
		}
		w.result.Processes = append(w.result.Processes, process)
	}
	// A process type is a command in the image, also for "kubectl exec", which does not pass through the launcher.
	// It is told the revision here, and not in its layer, which would be another one with each commit.
	tool := []string{gantry}
	if revision := w.plan.Labels["org.opencontainers.image.revision"]; revision != "" {
		tool = append(tool, launch.RevisionFlag+revision)
	}
	for kind, command := range map[string][]string{"gantry": tool, "preflight": {gantry, "preflight"}} {
		if !slices.ContainsFunc(w.result.Processes, func(p libcnb.Process) bool { return p.Type == kind }) {
			w.result.Processes = append(w.result.Processes, libcnb.Process{Type: kind, Command: command})
		}
	}
	slices.SortStableFunc(w.result.Processes, func(a, b libcnb.Process) int { return strings.Compare(a.Type, b.Type) })
}

// slices gives each group of the application's files that changes at its own times a layer of its own, if it is there.
func (w *work) slices() {
	for _, group := range w.plan.Slices {
		there := slices.DeleteFunc(slices.Clone(group), func(name string) bool {
			_, err := os.Stat(filepath.Join(w.ctx.ApplicationPath, name))
			return err != nil
		})
		if len(there) > 0 {
			w.result.Slices = append(w.result.Slices, libcnb.Slice{Paths: there})
		}
	}
}
