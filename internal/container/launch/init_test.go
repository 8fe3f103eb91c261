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
	if launch.IsExecD(os.Args[0]) {
		os.Exit(launch.ExecD(os.NewFile(launch.ExecDOutput, "exec.d"), os.Environ(), os.Stderr))
	}
	if len(os.Args) > 1 && os.Args[1] == "init" {
		os.Exit(launch.Init(os.Args[2:], os.Environ(), os.Stderr))
	}
	if len(os.Args) > 1 && os.Args[1] == "listen" {
		listen(os.Args[2:])
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
		"complete":          {arguments: []string{"--check", "web"}, environ: []string{"DATABASE_URL=postgres://h"}, code: 0, output: "postgres://h info\n"},
		"of the process":    {arguments: []string{"--check", "web", "--env", "LEVEL=debug"}, environ: []string{"DATABASE_URL=postgres://h"}, code: 0, output: "postgres://h debug\n"},
		"wrong, of its own": {arguments: []string{"--check", "web", "--env", "LEVEL=loud"}, environ: []string{"DATABASE_URL=postgres://h"}, code: launch.Refused, output: "gantry: the configuration is not complete; process web does not start\n"},
		"not complete":      {arguments: []string{"--check", "web"}, environ: nil, code: launch.Refused, output: "gantry: the configuration is not complete; process web does not start\n"},
		"switched off":      {arguments: []string{"--check", "web"}, environ: []string{"BPL_CONFIG_CHECK=off"}, code: 0, output: " info\n"},
		"no process type":   {arguments: nil, environ: nil, code: 0, output: " \n"},
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

// Before a custom command the launcher runs the program under the name of exec.d, and sets what it prints. Whatever is wrong, the command
// starts: it may be a shell in which somebody looks for that fault.
func TestExecD(t *testing.T) {
	layer := t.TempDir()
	program, err := os.ReadFile(os.Args[0])
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	tool := filepath.Join(layer, launch.ExecDName)
	for _, dir := range []string{"bin", "exec.d"} {
		NewWithT(t).Expect(os.Mkdir(filepath.Join(layer, dir), 0o755)).To(Succeed())
	}
	NewWithT(t).Expect(os.WriteFile(filepath.Join(layer, "bin", "gantry"), program, 0o755)).To(Succeed())
	NewWithT(t).Expect(os.Symlink("../bin/gantry", tool)).To(Succeed())
	const declared = `{"contract": {"variables": [{"name": "LEVEL", "default": "in\"fo"}, {"name": "NAME", "required": true, "renamed-from": ["OLD"]}]}}`
	for name, c := range map[string]struct{ parent, file, script, want string }{
		"a custom command": {parent: "launcher", file: declared, script: "3>&1", want: "LEVEL = \"in\\\"fo\"\nNAME = \"x\"\ncode 0\n"},
		"a process type":   {parent: "/cnb/process/web", file: declared, script: "3>&1", want: "code 0\n"},
		"a damaged file":   {parent: "launcher", file: "{", script: "3>&1", want: "gantry: no defaults, older names, files or bindings are set for this command: read launch.json: unexpected end of JSON input\ncode 0\n"},
		"nobody reads":     {parent: "launcher", file: declared, script: "3>&-", want: "gantry: no defaults, older names, files or bindings are set for this command: write exec.d: bad file descriptor\ncode 0\n"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			g.Expect(os.WriteFile(filepath.Join(layer, launch.ImageFile), []byte(c.file), 0o644)).To(Succeed())
			cmd := exec.Command("sh", "-c", tool+" 2>&1 "+c.script+"; echo code $?")
			cmd.Args[0], cmd.Env = c.parent, []string{"OLD=x", "PATH=" + os.Getenv("PATH")}
			out, err := cmd.Output()
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(string(out)).To(Equal(c.want))
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
		{arguments: []string{"--", "sh", "-c", "exit 7"}, code: 7, output: ""},
		{arguments: []string{"--", "sh", "-c", "kill -9 $$"}, code: 128 + 9, output: ""},
		{arguments: []string{"--env", "A=b c", "--", "sh", "-c", `echo "$A"`}, code: 0, output: "b c\n"},
		{arguments: []string{"--", script, "without a first line"}, code: 4, output: "without a first line\n"},
		{arguments: []string{"--", "no-such-program"}, code: 127, output: "gantry: no-such-program cannot be started: executable file not found in $PATH\n"},
		{arguments: []string{"--", "/"}, code: 127, output: "gantry: / cannot be started: is a directory\n"},
		{arguments: []string{"--wrong"}, code: 126, output: "gantry: usage: gantry init [--check TYPE] [--group] [--stop INT|QUIT] [--reload] [--env NAME=VALUE]... -- PROGRAM [ARGUMENT...]\n"},
		{arguments: []string{"--stop", "KILL", "--", "true"}, code: 126, output: "gantry: usage: gantry init [--check TYPE] [--group] [--stop INT|QUIT] [--reload] [--env NAME=VALUE]... -- PROGRAM [ARGUMENT...]\n"},
		{arguments: []string{"--"}, code: 126, output: "gantry: usage: gantry init [--check TYPE] [--group] [--stop INT|QUIT] [--reload] [--env NAME=VALUE]... -- PROGRAM [ARGUMENT...]\n"},
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
		"a program with a handler":    {arguments: []string{"--", "sh", "-c", `trap "exit 5" TERM; echo ready; while :; do sleep 0.05; done`}, signal: syscall.SIGTERM, code: 5},
		"a program without a handler": {arguments: []string{"--", "sh", "-c", "echo ready; exec sleep 30"}, signal: syscall.SIGTERM, code: 128 + 15},
		"SIGUSR1 too":                 {arguments: []string{"--", "sh", "-c", `trap "exit 6" USR1; echo ready; while :; do sleep 0.05; done`}, signal: syscall.SIGUSR1, code: 6},
		"another signal to stop":      {arguments: []string{"--stop", "QUIT", "--", "sh", "-c", "trap 'exit 4' QUIT; trap 'exit 5' TERM; echo ready; while true; do sleep 0.1; done"}, signal: syscall.SIGTERM, code: 4},
		"and no other instead of it":  {arguments: []string{"--stop", "QUIT", "--", "sh", "-c", "trap 'exit 4' INT; echo ready; while true; do sleep 0.1; done"}, signal: syscall.SIGINT, code: 4},
		"a group behind a shell":      {arguments: []string{"--group", "--", "sh", "-c", "echo ready; sleep 30; exit 3"}, signal: syscall.SIGTERM, code: 128 + 15},
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

// For development: a change of a file starts the program again; one that ends by itself waits for the next; SIGTERM ends all.
func TestReload(t *testing.T) {
	g := NewWithT(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "text")
	g.Expect(os.WriteFile(file, []byte("one"), 0o644)).To(Succeed())
	cmd := exec.Command(os.Args[0], "init", "--reload", "--", "sh", "-c", "cat text; echo; if [ $(cat text) = bad ]; then exit 3; fi; exec sleep 60")
	cmd.Dir = dir
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	g.Expect(err).NotTo(HaveOccurred())
	cmd.Stdout, cmd.Stderr = log, log
	g.Expect(cmd.Start()).To(Succeed())
	said := func() string {
		text, _ := os.ReadFile(log.Name())
		return string(text)
	}
	g.Eventually(said).WithTimeout(5 * time.Second).Should(HaveSuffix("(BP_LIVE_RELOAD_ENABLED)\none\n"))
	g.Expect(os.WriteFile(file, []byte("two"), 0o644)).To(Succeed())
	g.Eventually(said).WithTimeout(5 * time.Second).Should(HaveSuffix("one\ngantry: text changed: the application is started again\ntwo\n"))
	g.Expect(os.WriteFile(file, []byte("bad"), 0o644)).To(Succeed())
	g.Eventually(said).WithTimeout(5 * time.Second).Should(HaveSuffix("bad\ngantry: the application ended with exit code 3; the next change of a file starts it again\n"))
	g.Expect(os.WriteFile(file, []byte("three"), 0o644)).To(Succeed())
	g.Eventually(said).WithTimeout(5 * time.Second).Should(HaveSuffix("gantry: text changed\nthree\n"))
	g.Expect(cmd.Process.Signal(syscall.SIGTERM)).To(Succeed())
	_ = cmd.Wait()
	g.Expect(cmd.ProcessState.ExitCode()).To(Equal(143))
}
