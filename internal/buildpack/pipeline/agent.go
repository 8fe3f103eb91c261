package pipeline

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"

	"github.com/gantry-buildpack/gantry/internal/buildpack/command"
	"github.com/gantry-buildpack/gantry/internal/buildpack/layer"
	"github.com/gantry-buildpack/gantry/internal/install/archive"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// Layer: "agent" holds what lets people look into the application's processes, where the runtime brings nothing for it.
// Rebuilt when: its files, the runtime's version, the architecture, the distribution, or whether there is a C compiler,
// change.

// agentLayer makes the layer. Without a compiler, or when compiling fails, the part that is compiled is not there: an
// application is not kept from being built by that.
func (w *work) agentLayer(ctx context.Context) error {
	a := w.plan.Agent
	if a == nil {
		return nil
	}
	_, missing := exec.LookPath("cc")
	inputs := layer.Inputs{
		"version": w.plan.Runtime.Release.Version, "architecture": w.arch, "distribution": w.ctx.TargetDistro.Name + " " + w.ctx.TargetDistro.Version,
		"a C compiler": strconv.FormatBool(missing == nil),
	}
	for name, content := range a.Files {
		inputs["file "+name] = layer.Digest([]byte(content))
	}
	for name, content := range a.Sources {
		inputs["file "+name] = layer.Digest([]byte(content))
	}
	l, cause, err := w.reuse("agent", launchOnly, inputs)
	if err != nil {
		return err
	}
	if cause != "" {
		if err := writeTexts(l.Path, a.Files); err != nil {
			return err
		}
		if missing == nil {
			err = w.compileAgent(ctx, l.Path)
		} else {
			w.Report.Warning("The build image has no C compiler (cc): profiles of the running application cannot be taken (gantry profile).")
		}
		if err != nil {
			return err
		}
	}
	w.tell("agent", cause)
	w.put(l)
	return nil
}

func (w *work) compileAgent(ctx context.Context, dir string) error {
	w.native = true
	if err := w.needToolchain(ctx); err != nil {
		return err
	}
	sources, err := os.MkdirTemp("", "gantry-agent-")
	if err != nil {
		return problem.Disk("make a folder for the agent", err)
	}
	defer func() { _ = archive.RemoveAll(sources) }()
	if err := writeTexts(sources, w.plan.Agent.Sources); err != nil {
		return err
	}
	// What the compiler says is of no use unless it fails.
	var said bytes.Buffer
	runner := command.Runner{Dir: sources, Env: w.environ(), Output: &said}
	if failed := runner.Run(ctx, w.plan.Agent.Compile); failed != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		w.Report.Warning("What takes profiles of the running application (gantry profile) could not be compiled, and is left out: " + problem.As(failed).Why)
		return nil
	}
	return copyFile(filepath.Join(sources, w.plan.Agent.Compiled), filepath.Join(dir, w.plan.Agent.Compiled), 0o755)
}

// writeTexts writes small files into a folder.
func writeTexts(dir string, files map[string]string) error {
	for name, content := range files {
		file := filepath.Join(dir, name)
		err := os.MkdirAll(filepath.Dir(file), 0o755)
		if err == nil {
			err = os.WriteFile(file, []byte(content), 0o644)
		}
		if err != nil {
			return problem.Disk("write "+name, err)
		}
	}
	return nil
}
