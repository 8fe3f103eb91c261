// Command gantry is the one tool on a laptop and in CI: it builds applications and runs them, explains builds, checks deployments against the
// config contract of an image, and looks into running containers.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/gantry-buildpack/gantry/internal/buildpack/buildlog"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// The exit codes, besides those of programs that are run. Commands that judge give the first for a verdict, and the second where there can be
// none.
const (
	exitFailed = 1
	exitUsage  = 2
	// exitInterrupted is as shells give it for SIGINT.
	exitInterrupted = 130
)

// exitCode ends the program with a code of its own; everything has been said.
type exitCode int

func (e exitCode) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// usageError is a command line that is not understood.
type usageError struct {
	command *cobra.Command
	text    string
}

func (e usageError) Error() string { return e.text }

// judges marks commands whose answer is their exit code: a failure is no verdict.
const judges = "judges"

// misused are problems of the command line.
var misused = []string{"target/unknown", "target/option"}

func main() {
	enter()
	ctx, stop := problem.Interruptible()
	code := execute(ctx, newRoot(), os.Args[1:], os.Stderr)
	stop()
	os.Exit(code)
}

// execute carries a command out, and gives the exit code.
func execute(ctx context.Context, root *cobra.Command, arguments []string, stderr io.Writer) int {
	// Cobra would make it later, too late for words that it does not know.
	root.InitDefaultCompletionCmd(arguments...)
	for _, c := range root.Commands() {
		if c.Name() == "completion" {
			withChildren(c)
		}
	}
	root.SetArgs(arguments)
	command, err := root.ExecuteContextC(ctx)
	if code, ok := errors.AsType[exitCode](err); ok {
		return int(code)
	}
	if wrong, ok := errors.AsType[usageError](err); ok {
		_, _ = fmt.Fprintf(stderr, "gantry: %s\n\n%s --help says more.\n", problem.Visible(wrong.text), wrong.command.CommandPath())
		return exitUsage
	}
	if err == nil {
		return 0
	}
	color := false
	if file, ok := stderr.(*os.File); ok {
		color = buildlog.Colored(file)
	}
	p := problem.As(err)
	buildlog.New(stderr, color).Problem(p)
	if command.Annotations[judges] != "" || slices.Contains(misused, p.ID) {
		return exitUsage
	}
	return exitFailed
}

// interruptible ends the program a moment after a signal: what reads files alone has no point at which it could be stopped, and nothing to clear
// away.
func interruptible(ctx context.Context) {
	context.AfterFunc(ctx, func() {
		time.Sleep(time.Second)
		fmt.Fprintln(os.Stderr, "gantry: interrupted")
		os.Exit(exitInterrupted)
	})
}

// The groups in which help lists the commands.
var groups = []*cobra.Group{
	{ID: "build", Title: "Build and run:"},
	{ID: "deploy", Title: "Before a deployment:"},
	{ID: "look", Title: "Look into a running container:"},
	{ID: "show", Title: "Show what was captured:"},
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "gantry",
		Short: "Builds, checks and looks into Node.js and Ruby applications",
		Long: `Builds applications into images without a container engine, checks deployments against what the application declares that it needs, and looks
into running containers.

TARGET is where an application runs: deploy/web, pod/web-5d4f (through kubectl exec), docker://web (through docker exec), or run://web (what
gantry run has started).`,
		Example: `  gantry build .                                 builds the application in this folder
  gantry run . -p 8080:8080                      builds it, and starts it
  gantry explain .                               tells what a build would do, and why
  gantry check --image IMAGE deploy.yaml         compares a deployment with what the image needs
  gantry profile cpu deploy/web --for 30s --open takes a profile of a pod, and shows it`,
		Version:       version(),
		SilenceErrors: true, SilenceUsage: true,
		Args: cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, words []string) error {
			if len(words) > 0 {
				return unknown(c, words[0])
			}
			return c.Help()
		},
	}
	if filepath.Base(os.Args[0]) == "kubectl-gantry" {
		// kubectl calls its plugins by that name: https://kubernetes.io/docs/tasks/extend-kubectl/kubectl-plugins/.
		root.Annotations = map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl gantry"}
	}
	root.AddGroup(groups...)
	for _, list := range [][]*cobra.Command{buildCommands(), deployCommands(), lookCommands(), showCommands(), {versionCommand(), manCommand()}} {
		root.AddCommand(list...)
	}
	cobra.EnableCommandSorting = false
	root.SetUsageFunc(usage)
	root.SetVersionTemplate("gantry {{.Version}}\n")
	root.SetOut(os.Stdout)
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error { return usageError{c, flagMistake(c, err)} })
	root.SetHelpCommand(helpCommand())
	for _, c := range all(root) {
		c.Flags().SortFlags = false
		c.DisableFlagsInUseLine = true
		withChildren(c)
	}
	return root
}

// all gives a command and those below it.
func all(c *cobra.Command) []*cobra.Command {
	list := []*cobra.Command{c}
	for _, child := range c.Commands() {
		list = append(list, all(child)...)
	}
	return list
}

// withChildren has a command that only has others below it tell of them, or say which is meant.
func withChildren(c *cobra.Command) {
	if !c.HasSubCommands() || c.RunE != nil || c.Run != nil {
		return
	}
	c.Args = cobra.ArbitraryArgs
	c.RunE = func(c *cobra.Command, words []string) error {
		if len(words) > 0 {
			return unknown(c, words[0])
		}
		return c.Help()
	}
}

// unknown tells that there is no such command, and which one is likely meant.
func unknown(c *cobra.Command, word string) error {
	var names []string
	for _, child := range c.Commands() {
		if child.IsAvailableCommand() {
			names = append(append(names, child.Name()), child.Aliases...)
		}
	}
	return usageError{c, fmt.Sprintf("there is no command %s %s%s", c.CommandPath(), word, meant(word, names, ""))}
}

// meant names the word that is nearest, if one is near.
func meant(word string, names []string, prefix string) string {
	best := problem.Nearest(word, names)
	if best == "" {
		return ""
	}
	return "; did you mean " + prefix + best + "?"
}

// flagMistake names the flag that is likely meant.
func flagMistake(c *cobra.Command, err error) string {
	text := err.Error()
	if invalid, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		return fmt.Sprintf("--%s is %q, which is no %s", invalid.GetFlag().Name, invalid.GetValue(), valueKinds[invalid.GetFlag().Value.Type()])
	}
	name, found := strings.CutPrefix(text, "unknown flag: --")
	if !found {
		return text
	}
	var names []string
	c.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	return fmt.Sprintf("there is no option --%s of %s%s", name, c.CommandPath(), meant(name, names, "--"))
}

// valueKinds are what the values of options are, by their types.
var valueKinds = map[string]string{"bool": "true or false", "int": "whole number", "float64": "number", "duration": "time such as 30s or 5m"}

// arguments bounds how many words a command takes; what says which.
func arguments(least, most int, what string) cobra.PositionalArgs {
	return func(c *cobra.Command, words []string) error {
		switch {
		case len(words) < least:
			return usageError{c, fmt.Sprintf("%s needs %s", c.CommandPath(), what)}
		case most >= 0 && len(words) > most:
			return usageError{c, fmt.Sprintf("%s takes %s, and %q is one word too many", c.CommandPath(), what, words[most])}
		}
		return nil
	}
}

// variables reads NAME=VALUE, or NAME for one of this shell.
func variables(list []string) map[string]string {
	values := map[string]string{}
	for _, item := range list {
		name, value, found := strings.Cut(item, "=")
		if !found {
			var set bool
			if value, set = os.LookupEnv(name); !set {
				continue
			}
		}
		values[name] = value
	}
	return values
}

// named refuses variables that have no name, or one with white space.
func named(c *cobra.Command, list []string) error {
	for _, item := range list {
		if name, _, _ := strings.Cut(item, "="); name == "" || strings.ContainsAny(name, " \t\n") {
			// What stands there may be a part of a secret.
			return usageError{c, "a variable is NAME=VALUE, or NAME, and one of those that are given has no such name"}
		}
	}
	return nil
}

// quoted writes a path so that a shell takes it as one word.
func quoted(path string) string {
	if path != "" && !strings.ContainsFunc(path, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-:@+,=~", r))
	}) {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}

// isFolder refuses what is no folder of an application.
func isFolder(dir string) error {
	info, err := os.Stat(dir)
	if dir != "" && err == nil && info.IsDir() {
		return nil
	}
	return &problem.Problem{ID: "localbuild/no-app", Title: dir + " is not a folder", Hints: []string{"Give the folder that holds the application."}, Err: err}
}

// oneOf refuses a value that is none of a list.
func oneOf(c *cobra.Command, flag, value string, list []string) error {
	if slices.Contains(list, value) {
		return nil
	}
	return usageError{c, fmt.Sprintf("--%s is %q, and can be %s%s", flag, value, strings.Join(list, ", "), meant(value, list, ""))}
}
