package layers

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/gantry-buildpack/gantry/internal/buildpack/layer"
	"github.com/gantry-buildpack/gantry/internal/buildpack/session"
	"github.com/gantry-buildpack/gantry/internal/install/files"
	"github.com/gantry-buildpack/gantry/internal/install/toolchain"
	"github.com/gantry-buildpack/gantry/internal/plan"
)

// Layer: the runtime's name ("node") holds the files of the runtime that the running application needs.
// Rebuilt when: the release, the architecture or the list of those files changes.

// Unpacker puts the files of a toolchain on disk.
type Unpacker interface {
	Unpack(ctx context.Context, t plan.Toolchain, dir string, tools []plan.Tool, wanted func(name string) bool) error
	UnpackTools(ctx context.Context, t plan.Toolchain, dir string, tools []plan.Tool, wanted func(name string) bool) error
}

// Runtime is that layer. From is the folder of the toolchain, where the build has it; empty to download what is needed.
type Runtime struct {
	Session   session.Session
	Toolchain plan.Toolchain
	From      string
	Unpacker  Unpacker
}

// Spec gives what decides the content.
func (r Runtime) Spec() Spec { return RuntimeSpec(r.Toolchain, r.Session.Arch) }

// keptInput is the name of the input that says which files are kept, and what of them.
const keptInput = "the files that are kept"

// RuntimeSpec is that of a toolchain's runtime.
func RuntimeSpec(t plan.Toolchain, arch string) Spec {
	f := t.Runtime.Files
	kept := fmt.Append(nil, f.Launch, f.NotAtLaunch, f.Overridden, t.Runtime.Libraries, "without symbol tables")
	inputs := layer.Inputs{"version": t.Runtime.Release.Version, "architecture": arch, keptInput: layer.Digest(kept)}
	if tools := t.ToolsAtLaunch(); len(tools) > 0 {
		inputs["tools"] = describe(tools)
	}
	return Spec{Name: t.Runtime.Release.Name, Types: launchOnly, Holds: title(t), Inputs: inputs}
}

// Fill copies the files from the toolchain, or downloads them, and what they need of the build image.
func (r Runtime) Fill(ctx context.Context, dir string) error {
	runtime := r.Toolchain.Runtime
	if err := r.place(ctx, dir); err != nil {
		return err
	}
	if err := toolchain.Omit(dir, runtime.Files); err != nil {
		return err
	}
	own := Libraries{Session: r.Session, Toolchain: r.Toolchain, ToolchainDir: r.From}
	if len(runtime.Libraries) > 0 {
		if err := own.OfRuntime(dir); err != nil {
			return err
		}
	}
	if len(runtime.Essential) > 0 {
		return own.Record(dir, ownerInRuntime(runtime))
	}
	return nil
}

func (r Runtime) place(ctx context.Context, dir string) error {
	launch, tools := r.Toolchain.Runtime.Files.Launch, r.Toolchain.ToolsAtLaunch()
	wanted := func(name string) bool { return toolchain.IsAmong(launch, name) }
	switch {
	case r.From != "":
		for _, name := range launch {
			if err := files.LinkTree(filepath.Join(r.From, name), filepath.Join(dir, name)); err != nil {
				return err
			}
		}
		return nil
	case slices.ContainsFunc(r.Toolchain.Runtime.Programs, func(name string) bool { return slices.Contains(launch, name) }):
		return r.Unpacker.Unpack(ctx, r.Toolchain, dir, tools, wanted)
	default:
		// One of the tools is all that runs.
		return r.Unpacker.UnpackTools(ctx, r.Toolchain, dir, tools, wanted)
	}
}
