package layers

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gantry-buildpack/gantry/internal/buildpack/layer"
	"github.com/gantry-buildpack/gantry/internal/buildpack/session"
	"github.com/gantry-buildpack/gantry/internal/install/files"
	"github.com/gantry-buildpack/gantry/internal/plan"
)

// Surroundings are what every step of a build may depend on, whatever it is.
func Surroundings(s session.Session) layer.Inputs {
	return layer.Inputs{
		"Gantry": s.Info.Version, "architecture": s.Arch, "the build image": buildImage(s.Distribution), "other buildpacks' layers": otherLayers(s.Layers),
	}
}

// StepInputs are what one step may depend on besides these, the source and the packages. Values that may be secrets are salted, all in one
// digest, so that nobody can look one up.
func StepInputs(s session.Session, step plan.Step, toolchains []plan.Toolchain, salt string) layer.Inputs {
	in := layer.Inputs{
		"the step's command":    layer.Digest(fmt.Append(nil, step.Args, step.Dir, step.Env, step.Input)),
		"the build's variables": variablesOf(s, toolchains, salt), "service bindings": s.BindingsDigest(salt),
	}
	for _, t := range toolchains {
		inputs := toolchainInputs(t, s.Arch, false)
		in[t.Runtime.Title], in["the tools of "+t.Runtime.Title] = inputs["version"], inputs["tools"]
	}
	return in
}

// changing are variables that have another value in each container.
var changing = []string{"HOSTNAME", "PWD", "OLDPWD", "SHLVL", "_", "CNB_BP_PLAN_PATH", "BP_TIMELINE", "BP_BUILD_REUSE"}

// variablesOf sums up what the step sees of variables. The home folder may be one of this build; what is in it comes from service
// bindings.
func variablesOf(s session.Session, toolchains []plan.Toolchain, salt string) string {
	sum := sha256.New()
	_, _ = fmt.Fprintln(sum, salt)
	for _, variable := range s.Environ(toolchains...) {
		if name, _, _ := strings.Cut(variable, "="); !slices.Contains(changing, name) {
			_, _ = fmt.Fprintf(sum, "%s\x00", s.WithoutHome(variable))
		}
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// packageLists are what tells one build image from another, where it has them: the distribution's packages, and the programs that are found
// first.
var packageLists = []string{"/etc/os-release", "/var/lib/dpkg/status", "/lib/apk/db/installed", "/var/lib/rpm/rpmdb.sqlite", "/usr/lib/sysimage/rpm/rpmdb.sqlite"}

func buildImage(distribution string) string {
	sum := sha256.New()
	_, _ = fmt.Fprintln(sum, distribution)
	for _, name := range packageLists {
		if file, err := os.Open(name); err == nil {
			// What cannot be read counts as what was read of it.
			_, _ = io.Copy(sum, file)
			_ = file.Close()
		}
	}
	for _, dir := range []string{"/usr/local/bin", "/usr/bin"} {
		entries, _ := os.ReadDir(dir)
		for _, entry := range entries {
			_, _ = fmt.Fprintln(sum, entry.Name())
			if info, err := entry.Info(); err == nil {
				_, _ = fmt.Fprintln(sum, info.Size())
			}
		}
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// otherLayers sums up what other buildpacks say of their layers.
func otherLayers(own string) string {
	sum := sha256.New()
	// The pattern is right.
	names, _ := filepath.Glob(filepath.Join(filepath.Dir(own), "*", "*.toml"))
	for _, name := range names {
		if filepath.Dir(name) != own && filepath.Base(filepath.Dir(name)) != "config" && filepath.Base(name) != "store.toml" && filepath.Base(name) != "launch.toml" {
			content, _ := files.ContentDigest(name)
			_, _ = fmt.Fprintln(sum, name, content)
		}
	}
	return hex.EncodeToString(sum.Sum(nil))
}
