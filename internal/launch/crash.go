package launch

import (
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"github.com/gantry-buildpack/gantry/internal/crash"
)

// reportsVariable names the folder in which a runtime leaves word of its end, for Init to collect.
const reportsVariable = "GANTRY_REPORTS"

// reportsFolder is that folder's name, in the one for temporary files.
const reportsFolder = "gantry-reports"

// afterlife is what Init does about a program that crashes.
type afterlife struct {
	collector *crash.Collector
	machine   Machine
	kills     int
	command   string
}

func newAfterlife(command string, environ []string, image Image, log io.Writer) *afterlife {
	values := variables(environ)
	a := &afterlife{machine: Host(), command: command}
	a.kills = a.machine.OOMKills()
	a.collector = &crash.Collector{
		Reports: values[reportsVariable], Store: crash.Open(values), Environ: environ, Log: log,
		Secrets: image.secrets, Limit: func() int64 { return MemoryLimit("/") },
	}
	a.collector.Watch()
	return a
}

// secrets are the names of the variables that the contract calls secret.
func (i Image) secrets() (names []string) {
	for _, v := range i.Contract.Variables {
		if v.Secret {
			names = append(names, v.Name)
		}
	}
	return names
}

// ended keeps what is known of a program's end, and leaves the summary where Kubernetes shows it, unless the end was an
// ordinary one.
func (a *afterlife) ended(pid int, status syscall.WaitStatus, termination string) {
	if status.Exited() && status.ExitStatus() == 0 {
		return
	}
	switch {
	case !status.Signaled():
		a.collector.Collect()
	case status.Signal() == syscall.SIGKILL:
		if limit := MemoryLimit("/"); a.machine.OOMKills() > a.kills {
			message := fmt.Sprintf("the kernel ended the application: the container's memory of %d MiB was used up", limit/mebibyte)
			a.collector.Killed(pid, a.command, crash.ContainerLimit, message)
		}
	case isFault(status.Signal()):
		a.collector.Killed(pid, a.command, crash.Signal, fmt.Sprintf("the application ended by signal %d (%s)", status.Signal(), status.Signal()))
	}
	// A worker that crashed long ago, and was replaced, is not why the application has ended.
	if last := a.collector.Last(); last != nil && (last.PID == pid || time.Since(last.Time) < recent) {
		terminate(termination, last.Summary())
	}
}

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
	// Where it cannot be written, the log has it all the same.
	_ = os.WriteFile(file, []byte(text), 0o644)
}
