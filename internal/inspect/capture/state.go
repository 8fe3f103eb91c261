package capture

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gantry-buildpack/gantry/internal/problem"
)

// stat gives the fields of /proc/PID/stat behind the program's name, which is in parentheses and may hold anything: the
// state, then the parent's number; nil when there is no such process.
func stat(file string) []string {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil
	}
	return strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
}

// The fields' places, counted from the state, which is the third of all: proc(5).
const (
	statState  = 0
	statParent = 4 - 3
	statUser   = 14 - 3
	statSystem = 15 - 3
	statStart  = 22 - 3
)

func (p Process) stat() []string { return stat(fmt.Sprintf("%s/%d/stat", proc, p.PID)) }

// state is the kernel's letter for what a process does: R runs, S sleeps, D waits for a device, T is stopped; 0 for none.
func (p Process) state() byte {
	if fields := p.stat(); len(fields) > statState {
		return fields[statState][0]
	}
	return 0
}

// born tells a process from a later one with the same number; empty when there is none.
func (p Process) born() string {
	if fields := p.stat(); len(fields) > statStart {
		return fields[statStart]
	}
	return ""
}

// mainThread is the processor time that the main thread has used, in ticks, and its state.
func (p Process) mainThread() (ticks int64, state byte) {
	fields := stat(fmt.Sprintf("%s/%d/task/%d/stat", proc, p.PID, p.PID))
	if len(fields) <= statStart {
		return 0, 0
	}
	user, _ := strconv.ParseInt(fields[statUser], 10, 64)
	system, _ := strconv.ParseInt(fields[statSystem], 10, 64)
	return user + system, fields[statState][0]
}

// schedule gives the time, in nanoseconds, that the main thread has run, and that it has waited for a processor: the
// kernel's Documentation/scheduler/sched-stats.rst. ok is false where the kernel does not count it.
func (p Process) schedule() (ran, waited int64, ok bool) {
	text, err := os.ReadFile(fmt.Sprintf("%s/%d/task/%d/schedstat", proc, p.PID, p.PID))
	if err != nil {
		return 0, 0, false
	}
	n, _ := fmt.Sscan(string(text), &ran, &waited)
	return ran, waited, n == 2 && ran > 0
}

// looking is how long a process is watched to see what it does.
const looking = 250 * time.Millisecond

// Activity is what a main thread did for a moment: Used is the share of a processor that it had, Wanted the share that it
// would have had if no other process had been in its way, and State the kernel's letter for what it did last.
type Activity struct {
	Used, Wanted float64
	State        byte
}

// Watch watches the main thread of a process for a moment.
func (p Process) Watch() Activity {
	ticksBefore, _ := p.mainThread()
	ranBefore, waitedBefore, counted := p.schedule()
	start := time.Now()
	const looks = 10
	runnable := 0
	for range looks {
		time.Sleep(looking / looks)
		if _, state := p.mainThread(); state == 'R' {
			runnable++
		}
	}
	ticksAfter, state := p.mainThread()
	took := time.Since(start)
	a := Activity{Used: float64(ticksAfter-ticksBefore) / ticks / took.Seconds(), State: state}
	a.Wanted = a.Used
	if ran, waited, ok := p.schedule(); ok && counted {
		a.Used = float64(ran-ranBefore) / float64(took.Nanoseconds())
		a.Wanted = a.Used + float64(waited-waitedBefore)/float64(took.Nanoseconds())
	}
	// A virtual machine whose host is busy gives a thread less, and counts no waiting: it is still runnable at each look.
	a.Wanted = max(a.Wanted, float64(runnable)/looks)
	return a
}

// busy is the share of a processor from which on a thread that wants it does nothing else.
const busy = 0.8

// Stuck says what keeps the main thread of a process from going on, as far as the kernel shows it; empty when nothing does.
func (p Process) Stuck() string {
	if blocked, ok := p.blocked().(*problem.Problem); ok {
		return blocked.Why
	}
	return ""
}

// blocked is the cause, as far as the kernel shows it, why a process does not answer; nil when nothing stands out.
func (p Process) blocked() error {
	activity := p.Watch()
	state := activity.State
	child := p.child()
	blocked := func(id, why string, hints ...string) error {
		return &problem.Problem{ID: id, Title: fmt.Sprintf("process %d does not answer", p.PID), Why: why, Hints: hints}
	}
	switch {
	case state == 0:
		return blocked("capture/ended", "it has ended", "`gantry crash list` says how, if it did not mean to.")
	case state == 'T' || state == 't':
		return p.stopped()
	case state == 'D':
		where := "a device or a file system"
		if text, err := os.ReadFile(fmt.Sprintf("%s/%d/wchan", proc, p.PID)); err == nil && len(text) > 1 {
			where += " (" + string(text) + ")"
		}
		return blocked("capture/blocked-kernel", "its main thread waits for "+where, "See the health of the volumes that it uses.")
	case activity.Wanted >= busy:
		return blocked("capture/blocked-native", "its main thread has been busy in native code, which cannot be interrupted: a native module, zlib, crypto, JSON of a large document",
			"`gantry ps` shows how long it takes the processor; try again when it has gone on.")
	case child.PID != 0:
		return blocked("capture/blocked-child", fmt.Sprintf("its main thread waits for a child process, %d (%s): execSync, spawnSync and the like block the event loop", child.PID, child.Command),
			"Use the asynchronous functions of child_process.", fmt.Sprintf("`kill %d` ends the child.", child.PID))
	}
	return nil
}

func (p Process) stopped() error {
	return &problem.Problem{
		ID:    "capture/stopped",
		Title: fmt.Sprintf("process %d is stopped", p.PID),
		Why:   "a signal (SIGSTOP, SIGTSTP) or a debugger of the system holds it",
		Hints: []string{fmt.Sprintf("`kill -CONT %d` lets it go on.", p.PID)},
	}
}

// child gives the first child of a process that is not one of Node.js itself; PID is 0 when there is none.
func (p Process) child() Process {
	files, _ := filepath.Glob(proc + "/[0-9]*/stat")
	for _, file := range files {
		fields := stat(file)
		if len(fields) <= statParent || fields[statParent] != strconv.Itoa(p.PID) {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err == nil {
			return Process{PID: pid, Command: commandLine(filepath.Dir(file))}
		}
	}
	return Process{}
}

// Prepared reports whether the script was loaded that notes which signals the application handles itself. A child process
// with an environment of its own may lack it. On a read-only file system without a folder for temporary files the script has
// nowhere to note it; such a process counts as one without a handler.
func Prepared(p Process) bool {
	loaded := slices.ContainsFunc(p.options(), func(option string) bool {
		script, found := strings.CutPrefix(option, "--require=")
		return found && filepath.Base(script) == "watch.cjs"
	})
	dir, err := p.Variable("GANTRY_REPORTS")
	if err != nil || !loaded || dir == "" {
		return err == nil && loaded
	}
	info, err := os.Lstat(p.Root() + dir)
	return err == nil && info.IsDir()
}

// keepsSignal reports whether the application has a handler of its own for SIGUSR1: the script that Gantry has Node.js load
// first (internal/container/crash/watch.cjs) notes it.
func (p Process) keepsSignal() bool {
	dir, err := p.Variable("GANTRY_REPORTS")
	if err != nil || dir == "" {
		return false
	}
	inner := lastField(fmt.Sprintf("%s/%d/status", proc, p.PID), "NSpid:")
	info, err := os.Lstat(fmt.Sprintf("%s%s/sigusr1-%s.json", p.Root(), dir, inner))
	return err == nil && info.Mode().IsRegular()
}
