package launch

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/gantry-buildpack/gantry/internal/container/agent"
	"github.com/gantry-buildpack/gantry/internal/container/crash"
	"github.com/gantry-buildpack/gantry/internal/problem/redact"
)

// reportsVariable names the folder in which a runtime writes how it ended, for Init to collect.
const reportsVariable = "GANTRY_REPORTS"

// reportsFolder is that folder's name, in the one for temporary files.
const reportsFolder = "gantry-reports"

// makeReports makes that folder, or accepts one that only this user can enter.
func makeReports() (string, error) {
	dir := filepath.Join(os.TempDir(), reportsFolder)
	return dir, agent.Private(dir)
}

// crashReporter is what Init does about a program that crashes.
type crashReporter struct {
	collector *crash.Collector
	machine   Machine
	kills     int
	command   []string
}

func newCrashReporter(program int, command []string, environ []string, image Image, log io.Writer) *crashReporter {
	values := Variables(environ)
	r := &crashReporter{machine: Host(), command: command}
	r.kills = r.machine.OOMKills()
	r.collector = &crash.Collector{
		Program: program, Reports: values[reportsVariable], Store: crash.Open(values), Log: log,
		Redactor: func() redact.Redactor { return image.Redactor(environ) },
		Limit:    func() int64 { return MemoryLimit("/") },
		Kills:    r.machine.OOMKills,
	}
	r.collector.Watch()
	return r
}

// Redactor takes out of text what an environment, and the service bindings that it leads to, hold of secrets.
func (i Image) Redactor(environ []string) redact.Redactor {
	var declared []string
	for _, v := range i.Contract.Variables {
		if v.Secret {
			declared = append(declared, v.Name)
		}
	}
	return redact.NewRedactor(environ, declared, bindingSecrets(Variables(environ)["SERVICE_BINDING_ROOT"]))
}

// publicKeys are the keys of a service binding whose values are no secrets:
// https://servicebinding.io/spec/core/1.1.0/#well-known-secret-entries.
var publicKeys = []string{"type", "provider", "host", "port", "database", "username"}

func bindingSecrets(root string) (values []string) {
	if root == "" {
		return nil
	}
	files, _ := filepath.Glob(filepath.Join(root, "*", "*"))
	for _, file := range files {
		if slices.Contains(publicKeys, filepath.Base(file)) {
			continue
		}
		if value, err := readValue(file); err == nil {
			values = append(values, value)
		}
	}
	return values
}

// ended keeps what is known of a program's end, and leaves the summary where Kubernetes shows it, unless the end was an
// ordinary one. output is what the program wrote last to its standard error, where that is known.
func (r *crashReporter) ended(pid int, status syscall.WaitStatus, output, termination string) {
	r.collector.Collect()
	if status.Exited() && status.ExitStatus() == 0 {
		return
	}
	switch {
	case status.Exited() && status.ExitStatus() == nodeHandlerFailed && filepath.Base(r.command[0]) == "node":
		r.collector.Killed(pid, strings.Join(r.command, " "), crash.Exception, "the application ended, since its own handler for exceptions failed (exit code 7)", output)
	case !status.Signaled():
	case status.Signal() == syscall.SIGKILL:
		if limit := MemoryLimit("/"); r.machine.OOMKills() > r.kills {
			message := fmt.Sprintf("the kernel ended the application: the container's memory of %d MiB was used up", limit/mebibyte)
			r.collector.Killed(pid, strings.Join(r.command, " "), crash.ContainerLimit, message, "")
		}
	case isFault(status.Signal()):
		r.collector.Killed(pid, strings.Join(r.command, " "), crash.Signal, fmt.Sprintf("the application ended by signal %d (%s)", status.Signal(), status.Signal()), output)
	}
	// A worker that crashed long ago, and was replaced, is not why the application has ended.
	if last := r.collector.Last(); last != nil && (last.PID == pid || time.Since(last.Time) < recent) {
		terminate(termination, last.Summary())
	}
}

// orphanEnded keeps what is known of a process that the application has started, and that nobody waited for.
func (r *crashReporter) orphanEnded(pid int, status syscall.WaitStatus) {
	if status.Signaled() && isFault(status.Signal()) {
		message := fmt.Sprintf("a process that the application has left behind, %d, ended by signal %d (%s)", pid, status.Signal(), status.Signal())
		r.collector.Killed(pid, "", crash.Signal, message, "")
	}
}

// nodeHandlerFailed is the exit code of Node.js when a handler for uncaught exceptions throws:
// https://nodejs.org/api/process.html#exit-codes.
const nodeHandlerFailed = 7

// recent is how long before the application's end one of its processes may have crashed to be the cause.
const recent = 10 * time.Second

// isFault tells the signals of a program's own faults from those that others send to end it.
func isFault(signal syscall.Signal) bool {
	switch signal {
	case syscall.SIGABRT, syscall.SIGBUS, syscall.SIGFPE, syscall.SIGILL, syscall.SIGSEGV, syscall.SIGSYS, syscall.SIGTRAP:
		return true
	}
	return false
}

// terminationLog is the file that Kubernetes shows of a container that has ended; it is written when it is there:
// https://kubernetes.io/docs/tasks/debug/debug-application/determine-reason-pod-failure/.
const terminationLog = "/dev/termination-log"

// maxTermination is how much of the file Kubernetes keeps, in bytes.
const maxTermination = 4096

// terminate leaves a message in that file.
func terminate(file, text string) {
	if info, err := os.Stat(file); err != nil || !info.Mode().IsRegular() {
		return
	}
	if len(text) > maxTermination {
		text = text[:maxTermination-4] + "...\n"
	}
	// Where it cannot be written, the log still has it.
	_ = os.WriteFile(file, []byte(text), 0o644)
}
