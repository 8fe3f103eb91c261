package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// cost is what a process and its children took, by the operating system's own account.
type cost struct {
	Wall, CPU float64
	// Memory is the peak of the largest process, in MB.
	Memory float64
}

// command is something to measure.
type command struct {
	dir  string
	env  []string
	args []string
}

func (c command) run(ctx context.Context) (cost, error) {
	cmd := exec.CommandContext(ctx, c.args[0], c.args[1:]...)
	cmd.Dir = c.dir
	cmd.Env = append(os.Environ(), c.env...)
	start := time.Now()
	out, err := cmd.CombinedOutput()
	took := time.Since(start).Seconds()
	if err != nil {
		return cost{}, fmt.Errorf("%s: %w\n%s", strings.Join(c.args, " "), err, out)
	}
	return account(cmd.ProcessState, took), nil
}

// firstWord runs a program, and gives the seconds until it wrote something.
func (c command) firstWord(ctx context.Context) (float64, error) {
	cmd := exec.CommandContext(ctx, c.args[0], c.args[1:]...)
	cmd.Env = append(os.Environ(), c.env...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return 0, err
	}
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	_, err = out.Read(make([]byte, 1))
	took := time.Since(start).Seconds()
	if err := errors.Join(err, cmd.Wait()); err != nil {
		return 0, fmt.Errorf("%s: %w", strings.Join(c.args, " "), err)
	}
	return took, nil
}

func account(state *os.ProcessState, wall float64) cost {
	usage, _ := state.SysUsage().(*syscall.Rusage)
	return cost{wall, state.UserTime().Seconds() + state.SystemTime().Seconds(), float64(usage.Maxrss) / 1024}
}

// costMark stands in front of the figures that a wrapped program prints into the build's log.
const costMark = "bench-cost "

// wrapped is what this program does under the name of bin/build: it runs the real one, and prints what that cost. (What
// detection prints is not shown by the lifecycle.)
func wrapped(args []string) bool {
	name := filepath.Base(args[0])
	if name != "build" {
		return false
	}
	self, err := os.Executable()
	if err != nil {
		os.Exit(1)
	}
	cmd := exec.Command(filepath.Join(filepath.Dir(self), "real-"+name), args[1:]...)
	cmd.Stdout, cmd.Stderr, cmd.Env = os.Stdout, os.Stderr, os.Environ()
	start := time.Now()
	err = cmd.Run()
	if cmd.ProcessState == nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	text, _ := json.Marshal(account(cmd.ProcessState, time.Since(start).Seconds()))
	fmt.Printf("%s%s %s\n", costMark, name, text)
	os.Exit(cmd.ProcessState.ExitCode())
	return true
}

// costOf finds the figures of a phase in a build's log.
func costOf(log, phase string) (c cost, err error) {
	_, rest, found := strings.Cut(log, costMark+phase+" ")
	if !found {
		return c, fmt.Errorf("the log has no cost of %s:\n%s", phase, log)
	}
	line, _, _ := strings.Cut(rest, "\n")
	return c, json.Unmarshal([]byte(line), &c)
}

// alternate measures two things in turn, A B A B, after nothing else: each run starts from what prepare makes.
func alternate(runs int, gantry, rival func(run int) (cost, error)) (ours, theirs []cost, err error) {
	for i := range runs {
		c, err := gantry(i)
		if err != nil {
			return nil, nil, err
		}
		ours = append(ours, c)
		if rival == nil {
			continue
		}
		if c, err = rival(i); err != nil {
			return nil, nil, err
		}
		theirs = append(theirs, c)
	}
	return ours, theirs, nil
}

func walls(list []cost) (out []float64) {
	for _, c := range list {
		out = append(out, c.Wall)
	}
	return out
}

func cpus(list []cost) (out []float64) {
	for _, c := range list {
		out = append(out, c.CPU)
	}
	return out
}

func memories(list []cost) (out []float64) {
	for _, c := range list {
		out = append(out, c.Memory)
	}
	return out
}
