// Package command executes other programs: their output is shown while it comes, and kept for the error when they fail.
package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/problem"
	"github.com/gantry-buildpack/gantry/internal/problem/redact"
)

// keptOutput is how much of a program's output is looked at when it fails, in bytes.
const keptOutput = 64 << 10

// running counts the programs that are being waited for.
var running atomic.Int64

// Runner executes programs in a folder.
type Runner struct {
	Dir string
	// Env is the whole environment, as NAME=value.
	Env []string
	// Output receives what programs print, both streams in the order in which they are written.
	Output io.Writer
	// Warn receives the warnings that the output reveals; nil to drop them.
	Warn func(text string)
	// Start starts a program; nil for its own method.
	Start func(cmd *exec.Cmd) error
}

// Run executes a command. When ctx ends, the program and all that it has started are asked to stop, then stopped.
func (r Runner) Run(ctx context.Context, command plan.Command) error {
	kept := &tail{limit: keptOutput}
	program, err := lookPath(command.Args[0], r.Env)
	if err != nil {
		return &problem.Problem{
			ID:    "run/not-found",
			Title: command.Title + " could not be started",
			Why:   err.Error(),
			Err:   err,
		}
	}
	cmd := exec.CommandContext(ctx, program, command.Args[1:]...)
	cmd.Dir, cmd.Env = r.Dir, r.Env
	if command.Input != "" {
		cmd.Stdin = strings.NewReader(command.Input)
	}
	cmd.Stdout = io.MultiWriter(r.Output, kept)
	cmd.Stderr = cmd.Stdout
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second
	running.Add(1)
	if r.Start == nil {
		r.Start = (*exec.Cmd).Start
	}
	if err = r.Start(cmd); err == nil {
		err = cmd.Wait()
	}
	if cmd.Process != nil {
		// What the program left behind must not outlive it: it could write into a tree that is being packed.
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	}
	if running.Add(-1) == 0 {
		endOrphans()
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return failure(command, redact.Addresses(kept.String()), err)
	}
	for _, warning := range command.Warnings {
		if parts := quoted(redact.Addresses(kept.String()), warning.Quote); len(parts) > 0 && r.Warn != nil {
			r.Warn(warning.Title + ": " + strings.Join(parts, "; ") + ". " + warning.Hint)
		}
	}
	return nil
}

// failure names what is known of a failed command: the first of its known failures that its output shows.
func failure(command plan.Command, output string, err error) error {
	p := &problem.Problem{
		ID:    "run/failed",
		Title: command.Title + " failed",
		Why:   err.Error(),
		Hints: []string{"The output above says why. Run the same command in a clean clone to see it on your machine."},
		Err:   err,
	}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() >= 0 {
		p.Why = fmt.Sprintf("it ended with exit code %d", exit.ExitCode())
	} else if ok {
		p.Why = "it was ended by a signal: " + strings.TrimPrefix(exit.Error(), "signal: ")
		p.Hints = []string{"When the signal is \"killed\", the build ran out of memory: give it more."}
	}
	// Some programs break lines anywhere.
	folded := strings.Join(strings.Fields(output), " ")
	for _, known := range command.Failures {
		if strings.Contains(folded, known.Shows) && (known.Shows != "" || known.Quote.MatchString(output)) {
			p.ID, p.Title, p.Hints = known.ID, known.Title, known.Hints
			p.Where = problem.Position{File: known.Where}
			p.Why = strings.Join(quoted(output, known.Quote), "; ")
			break
		}
	}
	return p
}

// maxQuoted is how many lines of output an error repeats.
const maxQuoted = 5

// quoted gives what a pattern's first group matches, each once and on one line: some programs break lines anywhere.
func quoted(output string, pattern *regexp.Regexp) []string {
	if pattern == nil {
		return nil
	}
	var parts []string
	for _, match := range pattern.FindAllStringSubmatch(output, -1) {
		if part := strings.Join(strings.Fields(match[1]), " "); !slices.Contains(parts, part) {
			parts = append(parts, part)
		}
	}
	if more := len(parts) - maxQuoted; more > 0 {
		parts = append(parts[:maxQuoted], fmt.Sprintf("and %d more", more))
	}
	return parts
}

// lookPath finds a program on the PATH of an environment other than this process's own.
func lookPath(name string, env []string) (string, error) {
	if strings.Contains(name, "/") {
		return name, nil
	}
	for _, variable := range env {
		list, isPath := strings.CutPrefix(variable, "PATH=")
		if !isPath {
			continue
		}
		for dir := range strings.SplitSeq(list, string(os.PathListSeparator)) {
			if found, err := exec.LookPath(dir + "/" + name); err == nil {
				return found, nil
			}
		}
	}
	return "", fmt.Errorf("there is no program %s on PATH", name)
}

// tail keeps the last bytes that were written to it.
type tail struct {
	kept  []byte
	limit int
}

func (t *tail) Write(p []byte) (int, error) {
	t.kept = append(t.kept, p...)
	if extra := len(t.kept) - t.limit; extra > 0 {
		t.kept = t.kept[extra:]
	}
	return len(p), nil
}

// String starts with a whole line.
func (t *tail) String() string {
	text := string(t.kept)
	if len(t.kept) == t.limit {
		_, text, _ = strings.Cut(text, "\n")
	}
	return text
}
