//go:build !linux

package main

import (
	"runtime"

	"github.com/spf13/cobra"

	"github.com/gantry-buildpack/gantry/internal/problem"
)

// enter does nothing: there are no sandboxes here.
func enter() {}

// buildCommands are those that work everywhere, and those that need Linux, which say so.
func buildCommands() []*cobra.Command {
	return []*cobra.Command{
		needsLinux("build APP_DIR", "Build an application into an OCI image, without a container engine"), needsLinux("run IMAGE|APP_DIR", "Start an image without a container engine"),
		needsLinux("dev APP_DIR", "Build and start an application again whenever its source changes"),
		explainCommand(), initCommand(), schemaCommand(),
	}
}

func needsLinux(use, short string) *cobra.Command {
	c := &cobra.Command{Use: use, Short: short + " (on Linux)", GroupID: "build", DisableFlagParsing: true}
	c.RunE = func(c *cobra.Command, words []string) error {
		if len(words) > 0 && (words[0] == "--help" || words[0] == "-h") {
			return c.Help()
		}
		return onLinux("gantry " + c.Name())
	}
	return c
}

func onLinux(what string) error {
	return &problem.Problem{
		ID: "gantry/linux", Title: what + " works on Linux", Why: "it uses Linux' namespaces, and this is " + runtime.GOOS,
		Hints: []string{"Build with pack and the buildpack, which use Docker: pack build my-app --builder BUILDER --buildpack gantry.cnb"},
	}
}

func localProcess(string) (pid int, env []string, err error) { return 0, nil, onLinux("run://") }

func containerImage(string) (string, error) { return "", onLinux("run://") }

func keptImage(app string) (string, error) { return "", onLinux("the image of the folder " + app) }

func endedCrashes(string) (dir string, ended bool) { return "", false }

func listContainers(c *cobra.Command) error { return noTarget("ps") }
