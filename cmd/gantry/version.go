package main

import (
	"fmt"
	"os"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
	"github.com/spf13/pflag"

	gantry "github.com/gantry-buildpack/gantry"
	"github.com/gantry-buildpack/gantry/internal/problem"
	"github.com/gantry-buildpack/gantry/internal/source/settings"
)

// commit is that of the source, where the compiler was told: scripts/build.sh.
var commit string

// version is that of buildpack.toml, with the commit.
func version() string {
	number, _ := settings.Version(gantry.BuildpackTOML)
	revision := commit
	if info, ok := debug.ReadBuildInfo(); ok && revision == "" {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				revision = s.Value[:min(12, len(s.Value))]
			}
		}
	}
	if revision == "" {
		return number
	}
	return fmt.Sprintf("%s (%s)", number, revision)
}

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version, with the commit", Args: arguments(0, 0, "no words"),
		Run: func(c *cobra.Command, _ []string) { _, _ = fmt.Fprintln(c.OutOrStdout(), "gantry", version()) },
	}
}

// forAnyMachine has the defaults of options say nothing of this machine: pages that are made anywhere are the same.
func forAnyMachine(c *cobra.Command) {
	c.Flags().VisitAll(func(f *pflag.Flag) {
		switch f.Name {
		case "home":
			f.DefValue = "~/.cache/gantry"
		case "arch":
			f.DefValue = "that of this machine"
		}
	})
	for _, child := range c.Commands() {
		forAnyMachine(child)
	}
}

// manCommand writes man pages: packages of distributions hold them.
func manCommand() *cobra.Command {
	return &cobra.Command{
		Use: "man FOLDER", Short: "Write man pages of all commands into a folder", Args: arguments(1, 1, "one FOLDER"),
		RunE: func(c *cobra.Command, words []string) error {
			if err := os.Mkdir(words[0], 0o755); err != nil && !os.IsExist(err) {
				return problem.Disk("make "+words[0], err)
			}
			root := c.Root()
			root.DisableAutoGenTag = true
			forAnyMachine(root)
			header := &doc.GenManHeader{Title: "GANTRY", Section: "1", Source: "Gantry " + strings.Fields(version())[0], Manual: "Gantry"}
			if err := doc.GenManTree(root, header, words[0]); err != nil {
				return problem.Disk("write man pages", err)
			}
			return nil
		},
	}
}
