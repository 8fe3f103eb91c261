package layers

import (
	"strconv"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/buildpack/layer"
	"github.com/gantry-buildpack/gantry/internal/buildpack/session"
	"github.com/gantry-buildpack/gantry/internal/plan"
)

// Layer: "toolchain" holds a runtime and its tools, for building; it is in no image.
// Rebuilt when: never kept; it comes from the archive in "toolchain-cache" when the build needs it.

// Toolchain is that layer; headers: with what packages are compiled against.
func Toolchain(t plan.Toolchain, arch string, headers bool) Spec {
	return Spec{
		Name: t.LayerPrefix + session.ToolchainLayer, Types: buildOnly, Holds: title(t) + " and its tools", Inputs: toolchainInputs(t, arch, headers),
	}
}

// Layer: "toolchain-cache" holds one archive of it.
// Rebuilt when: the releases of the runtime or its tools, or the architecture, change, or when headers are needed for the
// first time.

// ToolchainArchive is the archive's name in its layer.
const ToolchainArchive = "toolchain.tar.zst"

// ToolchainCache is that layer.
func ToolchainCache(t plan.Toolchain, arch string, headers bool) Spec {
	return Spec{
		Name: t.LayerPrefix + "toolchain-cache", Types: cacheOnly, Holds: "one archive of " + title(t) + " and its tools",
		Inputs: toolchainInputs(t, arch, headers), Sometimes: "when a step of the build needs them",
	}
}

func toolchainInputs(t plan.Toolchain, arch string, headers bool) layer.Inputs {
	return layer.Inputs{
		"version": t.Runtime.Release.Version, "architecture": arch, "tools": describe(t.Tools), "headers": strconv.FormatBool(headers),
	}
}

func describe(tools []plan.Tool) string {
	var texts []string
	for _, t := range tools {
		texts = append(texts, t.Release.Name+" "+t.Release.Version)
	}
	return strings.Join(texts, ", ")
}

func title(t plan.Toolchain) string { return t.Runtime.Title + " " + t.Runtime.Release.Version }
