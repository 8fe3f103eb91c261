// Package launch is what happens inside a container between the launcher and the application. It imports as little as
// possible: it is part of every container start.
package launch

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/gantry-buildpack/gantry/internal/problem"
)

// Exit codes of a program that could not be started, as shells give them: POSIX, Shell Command Language, 2.8.2.
const (
	notExecutable = 126
	notFound      = 127
	bySignal      = 128
)

// Init runs a program as its only child: every signal is forwarded to it, processes that nobody waits for are reaped,
// and its exit code is returned (128 and the signal's number when a signal ended it).
//
// A process with the number 1 ignores signals that it has no handler for, and inherits the orphans of the container.
// Init takes that place, so that the program is an ordinary process. The arguments are:
//
//	[--check TYPE] [--group] [--stop INT|QUIT] [--reload] [--env NAME=VALUE]... -- PROGRAM [ARGUMENT...]
//
// With --check, the program is one of that process type, and starts only where its configuration is complete; it is sized for
// the container's limits. A custom command has no type: so a debug shell starts anyway. With --group, signals go to the
// program's whole process group, for a shell that does not forward them.
// With --stop, the program gets that signal in place of SIGTERM, which it takes for an order to drop its work. With --reload, it is started again when a
// file of the working directory changes; when it ends by itself, that waits for the next change.
func Init(arguments, environ []string, stderr io.Writer) int {
	order, err := parse(arguments, environ)
	if err != nil {
		return fail(stderr, notExecutable, err)
	}
	tool, err := os.Executable()
	if err != nil {
		return fail(stderr, notExecutable, err)
	}
	image, err := ReadImage(tool)
	if err != nil {
		return fail(stderr, Refused, err)
	}
	check := Check{Image: image, Process: order.check, Args: order.args, Environ: order.env, Machine: Host(), Log: stderr, Termination: terminationLog, Layer: layerOf(tool), Looks: Looks}
	if order.check != "" {
		set, ok := check.Run()
		if !ok {
			return Refused
		}
		for _, name := range slices.Sorted(maps.Keys(set)) {
			order.env = withVariable(order.env, name+"="+set[name])
		}
	}
	program, err := exec.LookPath(order.args[0])
	if err != nil {
		return fail(stderr, notFound, fmt.Errorf("%s cannot be started: %w", order.args[0], unwrap(err)))
	}
	delay, err := drainDelay(environ)
	if err != nil {
		return fail(stderr, notExecutable, err)
	}
	signals := make(chan os.Signal, 64)
	signal.Notify(signals, common...)
	l := life{order: order, program: program, image: image, delay: delay, signals: signals, stderr: stderr}
	if order.reload {
		return l.reload(check)
	}
	return l.run(func() {
		if order.check != "" {
			check.Environ = order.env
			check.Remark()
			go check.WatchPorts()
		}
	}, nil).code
}

// common are the signals that may come at once. The Go runtime takes the thousandth part of a second to listen to all the
// others: they follow when the program has started.
var common = []os.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGCHLD}

// drainDelay is how long SIGTERM is held back: BPL_DRAIN_DELAY, as in time.ParseDuration.
func drainDelay(environ []string) (time.Duration, error) {
	for _, variable := range environ {
		if text, ok := strings.CutPrefix(variable, "BPL_DRAIN_DELAY="); ok && text != "" {
			delay, err := time.ParseDuration(text)
			if err != nil || delay < 0 {
				return 0, fmt.Errorf("BPL_DRAIN_DELAY is %q, which is no time such as 5s", text)
			}
			return delay, nil
		}
	}
	return 0, nil
}

// stops are the signals that end a program when its work is done, by their names.
var stops = map[string]syscall.Signal{"INT": syscall.SIGINT, "QUIT": syscall.SIGQUIT}

// order is what Init was asked to run.
type order struct {
	check string
	group bool
	// reload: it is started again when a file changes.
	reload bool
	stop   syscall.Signal
	env    []string
	args   []string
}

func parse(arguments, environ []string) (order, error) {
	o := order{env: environ, stop: syscall.SIGTERM}
	for i := 0; i < len(arguments); i++ {
		switch {
		case arguments[i] == "--check" && i+1 < len(arguments):
			i++
			o.check = arguments[i]
		case arguments[i] == "--group":
			o.group = true
		case arguments[i] == "--reload":
			o.reload = true
		case arguments[i] == "--stop" && i+1 < len(arguments) && stops[arguments[i+1]] != 0:
			i++
			o.stop = stops[arguments[i]]
		case arguments[i] == "--env" && i+1 < len(arguments):
			i++
			o.env = withVariable(o.env, arguments[i])
		case arguments[i] == "--" && i+1 < len(arguments):
			o.args = arguments[i+1:]
			return o, nil
		default:
			return o, errors.New("usage: gantry init [--check TYPE] [--group] [--stop INT|QUIT] [--reload] [--env NAME=VALUE]... -- PROGRAM [ARGUMENT...]")
		}
	}
	return o, errors.New("there is no program to run behind --")
}

func withVariable(environ []string, variable string) []string {
	name, _, _ := strings.Cut(variable, "=")
	changed := make([]string, 0, len(environ)+1)
	for _, other := range environ {
		if !strings.HasPrefix(other, name+"=") {
			changed = append(changed, other)
		}
	}
	return append(changed, variable)
}

// start gives the program a process group of its own; on a terminal, the one in the foreground, so that Ctrl-C reaches
// it once and not a second time through this process.
func start(program string, o order, tail *stderrTail) (int, error) {
	files := []uintptr{0, 1, 2}
	if tail != nil {
		files[2] = tail.write.Fd()
	}
	how := &syscall.ProcAttr{
		Env:   o.env,
		Files: files,
		Sys:   &syscall.SysProcAttr{Setpgid: true, Foreground: terminal(os.Stdin), Ctty: 0},
	}
	pid, err := syscall.ForkExec(program, o.args, how)
	if errors.Is(err, syscall.ENOEXEC) {
		// A script that does not say what runs it is run by a shell: execvp in POSIX.1-2024.
		pid, err = syscall.ForkExec("/bin/sh", append([]string{"sh", program}, o.args[1:]...), how)
	}
	if tail != nil && err == nil {
		// Only the program, and what it starts, write.
		_ = tail.write.Close()
		go tail.copyTo(os.Stderr)
	}
	return pid, err
}

// reap collects every child that has ended; status is that of the program, once it is among them. Of the others, orphan is
// told.
func reap(program int, orphan func(pid int, status syscall.WaitStatus)) (status syscall.WaitStatus, ended bool) {
	for {
		var each syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &each, syscall.WNOHANG, nil)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err != nil || pid <= 0 {
			return status, ended
		}
		if pid == program && !each.Stopped() {
			status, ended = each, true
		} else if pid != program {
			orphan(pid, each)
		}
	}
}

func exitCode(status syscall.WaitStatus) int {
	if status.Signaled() {
		return bySignal + int(status.Signal())
	}
	return status.ExitStatus()
}

func unwrap(err error) error {
	if found, ok := errors.AsType[*exec.Error](err); ok {
		return found.Err
	}
	return err
}

func fail(stderr io.Writer, code int, err error) int {
	_, _ = fmt.Fprintf(stderr, "gantry: %s\n", problem.Visible(err.Error()))
	return code
}
