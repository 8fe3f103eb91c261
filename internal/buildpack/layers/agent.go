package layers

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"

	"github.com/gantry-buildpack/gantry/internal/buildpack/command"
	"github.com/gantry-buildpack/gantry/internal/buildpack/layer"
	"github.com/gantry-buildpack/gantry/internal/buildpack/session"
	"github.com/gantry-buildpack/gantry/internal/install/archive"
	"github.com/gantry-buildpack/gantry/internal/install/files"
	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// Layer: "agent" holds what lets people look into the application's processes, where the runtime brings nothing for it.
// Rebuilt when: its files, the runtime's version, the architecture, the distribution, or whether there is a C compiler,
// change.

// Agent is that layer. Without a compiler, or when compiling fails, the part that is compiled is left out: that does not
// keep an application from being built.
type Agent struct {
	Session   session.Session
	Toolchain plan.Toolchain
	// Prepare makes the toolchain.
	Prepare func(ctx context.Context) error
}

// Spec gives what decides the content.
func (a Agent) Spec() Spec {
	inputs := layer.Inputs{
		"version": a.Toolchain.Runtime.Release.Version, "architecture": a.Session.Arch, "distribution": a.Session.Distribution,
		"a C compiler": strconv.FormatBool(hasCompiler()),
	}
	for _, texts := range []map[string]string{a.Toolchain.Agent.Files, a.Toolchain.Agent.Sources} {
		for name, content := range texts {
			inputs["file "+name] = layer.Digest([]byte(content))
		}
	}
	return Spec{Name: a.Toolchain.LayerPrefix + "agent", Types: launchOnly, Holds: "what lets people look into its processes", Inputs: inputs}
}

func hasCompiler() bool {
	_, err := exec.LookPath("cc")
	return err == nil
}

// Fill writes the files, and compiles the sources.
func (a Agent) Fill(ctx context.Context, dir string) error {
	if err := files.WriteTexts(dir, a.Toolchain.Agent.Files); err != nil {
		return err
	}
	if !hasCompiler() {
		a.Session.Log.Warning("The build image has no C compiler (cc): profiles of the running application cannot be taken (gantry profile).")
		return nil
	}
	if err := a.Prepare(ctx); err != nil {
		return err
	}
	sources, err := os.MkdirTemp("", "gantry-agent-")
	if err != nil {
		return problem.Disk("make a folder for the agent", err)
	}
	defer func() { _ = archive.RemoveAll(sources) }()
	if err := files.WriteTexts(sources, a.Toolchain.Agent.Sources); err != nil {
		return err
	}
	// What the compiler prints is of no use unless it fails.
	var output bytes.Buffer
	runner := command.Runner{Dir: sources, Env: a.Session.Environ(a.Toolchain), Output: &output}
	if failed := runner.Run(ctx, a.Toolchain.Agent.Compile); failed != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		a.Session.Log.Warning("What takes profiles of the running application (gantry profile) could not be compiled, and is left out: " + problem.As(failed).Why)
		return nil
	}
	compiled := a.Toolchain.Agent.Compiled
	return files.Copy(filepath.Join(sources, compiled), filepath.Join(dir, compiled), 0o755)
}
