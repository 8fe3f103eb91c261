package build

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/buildpacks/libcnb/v2"

	"github.com/gantry-buildpack/gantry/internal/layer"
)

// Layer: "gantry" holds the program that starts and watches the application, and the launch environment.
// Rebuilt when: that program or the launch environment changes.

// gantryTool is the launch program, relative to the buildpack.
const gantryTool = "bin/gantry"

func (w *work) gantryLayer() error {
	source := filepath.Join(w.ctx.Buildpack.Path, gantryTool)
	digest, err := fileDigest(source)
	if err != nil {
		return fmt.Errorf("read the launch program: %w", err)
	}
	inputs := layer.Inputs{"gantry": digest}
	for name, value := range w.plan.LaunchEnv {
		inputs["launch variable "+name] = value
	}
	for i, dir := range w.plan.LaunchPath {
		inputs[fmt.Sprintf("launch path %d", i+1)] = dir
	}
	l, cause, err := w.reuse("gantry", launchOnly, inputs)
	if err != nil {
		return err
	}
	if cause != "" {
		if err := copyFile(source, filepath.Join(l.Path, gantryTool), 0o755); err != nil {
			return err
		}
		for name, value := range w.plan.LaunchEnv {
			l.LaunchEnvironment.Default(name, value)
		}
		for _, dir := range w.plan.LaunchPath {
			l.LaunchEnvironment.Prepend("PATH", string(os.PathListSeparator), filepath.Join(w.ctx.ApplicationPath, dir))
		}
	}
	w.tell("gantry", cause)
	w.put(l)
	return nil
}

// processes starts every process through the launch program, which is the container's first process: it forwards
// signals, reaps what nobody waits for, and ends with the application's own exit code.
func (w *work) processes() {
	for _, p := range w.plan.Processes {
		command := []string{"gantry", "init"}
		if p.Group {
			command = append(command, "--group")
		}
		for _, name := range slices.Sorted(maps.Keys(p.Env)) {
			command = append(command, "--env", name+"="+p.Env[name])
		}
		w.result.Processes = append(w.result.Processes, libcnb.Process{
			Type: p.Type, Command: append(append(command, "--"), p.Args...), Default: p.Default,
		})
	}
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
