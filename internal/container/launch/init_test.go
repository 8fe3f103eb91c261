package launch_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/gantry-buildpack/gantry/internal/container/launch"
)

// The test program becomes "gantry init" when it is called so: signals and children belong to a whole process.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "init" {
		os.Exit(launch.Init(os.Args[2:], os.Environ(), os.Stderr))
	}
	os.Exit(m.Run())
}

func run(arguments ...string) (code int, output string) {
	var out bytes.Buffer
	cmd := exec.Command(os.Args[0], append([]string{"init"}, arguments...)...)
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode(), out.String()
	}
	return 0, out.String()
}

// A process type starts only where its configuration is complete, with what the contract sets; a program without a type starts
// whatever that is.
func TestInitChecks(t *testing.T) {
	layer := t.TempDir()
	program, err := os.ReadFile(os.Args[0])
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	tool := filepath.Join(layer, "bin", "gantry")
	NewWithT(t).Expect(os.Mkdir(filepath.Dir(tool), 0o755)).To(Succeed())
	NewWithT(t).Expect(os.WriteFile(tool, program, 0o755)).To(Succeed())
	NewWithT(t).Expect(os.WriteFile(filepath.Join(layer, launch.ImageFile), []byte(`{"contract": {"variables": [
		{"name": "DATABASE_URL", "type": "url", "required": true}, {"name": "LEVEL", "values": ["info", "debug"], "default": "info"}]}}`), 0o644)).To(Succeed())
	for name, c := range map[string]struct {
		arguments, environ []string
		code               int
		output             string
	}{
		"complete":          {[]string{"--check", "web"}, []string{"DATABASE_URL=postgres://h"}, 0, "postgres://h info\n"},
		"of the process":    {[]string{"--check", "web", "--env", "LEVEL=debug"}, []string{"DATABASE_URL=postgres://h"}, 0, "postgres://h debug\n"},
		"wrong, of its own": {[]string{"--check", "web", "--env", "LEVEL=loud"}, []string{"DATABASE_URL=postgres://h"}, launch.Refused, "gantry: the configuration is not complete; process web does not start\n"},
		"not complete":      {[]string{"--check", "web"}, nil, launch.Refused, "gantry: the configuration is not complete; process web does not start\n"},
		"switched off":      {[]string{"--check", "web"}, []string{"BPL_CONFIG_CHECK=off"}, 0, " \n"},
		"no process type":   {nil, nil, 0, " \n"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			var out bytes.Buffer
			cmd := exec.Command(tool, slices.Concat([]string{"init"}, c.arguments, []string{"--", "sh", "-c", `echo "$DATABASE_URL $LEVEL"`})...)
			cmd.Env = append(c.environ, "PATH="+os.Getenv("PATH"))
			cmd.Stdout, cmd.Stderr = &out, &out
			_ = cmd.Run()
			g.Expect(cmd.ProcessState.ExitCode()).To(Equal(c.code), out.String())
			g.Expect(out.String()).To(HavePrefix(c.output))
		})
	}
}

func TestExitCodes(t *testing.T) {
	script := filepath.Join(t.TempDir(), "start.sh")
	NewWithT(t).Expect(os.WriteFile(script, []byte("echo $1\nexit 4\n"), 0o755)).To(Succeed())
	for _, c := range []struct {
		arguments []string
		code      int
		output    string
	}{
		{[]string{"--", "sh", "-c", "exit 7"}, 7, ""},
		{[]string{"--", "sh", "-c", "kill -9 $$"}, 128 + 9, ""},
		{[]string{"--env", "A=b c", "--", "sh", "-c", `echo "$A"`}, 0, "b c\n"},
		{[]string{"--", script, "without a first line"}, 4, "without a first line\n"},
		{[]string{"--", "no-such-program"}, 127, "gantry: no-such-program cannot be started: executable file not found in $PATH\n"},
		{[]string{"--", "/"}, 127, "gantry: / cannot be started: is a directory\n"},
		{[]string{"--wrong"}, 126, "gantry: usage: gantry init [--check TYPE] [--group] [--stop INT|QUIT] [--env NAME=VALUE]... -- PROGRAM [ARGUMENT...]\n"},
		{[]string{"--stop", "KILL", "--", "true"}, 126, "gantry: usage: gantry init [--check TYPE] [--group] [--stop INT|QUIT] [--env NAME=VALUE]... -- PROGRAM [ARGUMENT...]\n"},
		{[]string{"--"}, 126, "gantry: usage: gantry init [--check TYPE] [--group] [--stop INT|QUIT] [--env NAME=VALUE]... -- PROGRAM [ARGUMENT...]\n"},
	} {
		t.Run(strings.Join(c.arguments, " "), func(t *testing.T) {
			code, output := run(c.arguments...)
			NewWithT(t).Expect(output).To(Equal(c.output))
			NewWithT(t).Expect(code).To(Equal(c.code))
		})
	}
}

// Signals reach the program, and its own exit code is the end of it.
func TestSignalsAreForwarded(t *testing.T) {
	for name, c := range map[string]struct {
		arguments []string
		signal    syscall.Signal
		code      int
	}{
		"a program with a handler":    {[]string{"--", "sh", "-c", `trap "exit 5" TERM; echo ready; while :; do sleep 0.05; done`}, syscall.SIGTERM, 5},
		"a program without a handler": {[]string{"--", "sh", "-c", "echo ready; exec sleep 30"}, syscall.SIGTERM, 128 + 15},
		"SIGUSR1 too":                 {[]string{"--", "sh", "-c", `trap "exit 6" USR1; echo ready; while :; do sleep 0.05; done`}, syscall.SIGUSR1, 6},
		"another signal to stop":      {[]string{"--stop", "QUIT", "--", "sh", "-c", "trap 'exit 4' QUIT; trap 'exit 5' TERM; echo ready; while true; do sleep 0.1; done"}, syscall.SIGTERM, 4},
		"and no other instead of it":  {[]string{"--stop", "QUIT", "--", "sh", "-c", "trap 'exit 4' INT; echo ready; while true; do sleep 0.1; done"}, syscall.SIGINT, 4},
		"a group behind a shell":      {[]string{"--group", "--", "sh", "-c", "echo ready; sleep 30; exit 3"}, syscall.SIGTERM, 128 + 15},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			cmd := exec.Command(os.Args[0], append([]string{"init"}, c.arguments...)...)
			out, err := cmd.StdoutPipe()
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(cmd.Start()).To(Succeed())
			g.Expect(bufio.NewReader(out).ReadString('\n')).To(Equal("ready\n"))
			g.Expect(cmd.Process.Signal(c.signal)).To(Succeed())
			ended := make(chan error, 1)
			go func() { _, _ = io.Copy(io.Discard, out); ended <- cmd.Wait() }()
			select {
			case <-ended:
			case <-time.After(10 * time.Second):
				_ = cmd.Process.Kill()
				t.Fatal("the signal did not end the program")
			}
			g.Expect(cmd.ProcessState.ExitCode()).To(Equal(c.code))
		})
	}
}
