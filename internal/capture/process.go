// Package capture takes profiles, snapshots and reports from the application's processes while they run: the program
// "gantry" in every image. Nothing stays open: SIGUSR1 has Node.js open its inspector on the loopback address
// (https://nodejs.org/api/debugger.html#inspector-integration-for-nodejs), and when the capture is taken it is closed
// again. In a process of Ruby the script of package agent answers, at a socket of the user's own.
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

// Runtime is what a process is one of.
type Runtime string

// The runtimes that can be looked into.
const (
	Node Runtime = "Node.js"
	Ruby Runtime = "Ruby"
)

// runtimeOf tells by a program's name which runtime it is, e.g. ruby3.3; empty for none.
func runtimeOf(program string) Runtime {
	switch strings.TrimRight(program, "0123456789.") {
	case "node":
		return Node
	case "ruby":
		return Ruby
	}
	return ""
}

// Process is one running process of a runtime.
type Process struct {
	PID     int
	Runtime Runtime
	// Command is its command line, in one line.
	Command string
	// Memory is its resident set, in bytes.
	Memory int64
	// Running is how long it has been.
	Running time.Duration
}

// proc is where the kernel shows processes: proc(5).
const proc = "/proc"

// ticks is USER_HZ, in which /proc counts: always 100 on Linux.
const ticks = 100

// Processes gives the processes of the runtimes that can be seen, by their numbers.
func Processes(runtimes ...Runtime) []Process {
	var list []Process
	files, _ := filepath.Glob(proc + "/[0-9]*/exe")
	for _, file := range files {
		program, err := os.Readlink(file)
		name := filepath.Base(strings.TrimSuffix(program, " (deleted)"))
		at := slices.Index(runtimes, runtimeOf(name))
		if err != nil || at < 0 {
			continue
		}
		dir := filepath.Dir(file)
		pid, err := strconv.Atoi(filepath.Base(dir))
		if err != nil {
			continue
		}
		list = append(list, Process{PID: pid, Runtime: runtimes[at], Command: commandLine(dir), Memory: resident(dir), Running: running(dir)})
	}
	slices.SortFunc(list, func(a, b Process) int { return a.PID - b.PID })
	return list
}

func commandLine(dir string) string {
	text, _ := os.ReadFile(dir + "/cmdline")
	words := strings.Split(strings.TrimRight(string(text), "\x00"), "\x00")
	if len(words) == 1 {
		// A title that the process has given itself.
		return strings.TrimSpace(words[0])
	}
	words[0] = filepath.Base(words[0])
	return strings.TrimSpace(strings.Join(words, " "))
}

func resident(dir string) int64 {
	text, _ := os.ReadFile(dir + "/statm")
	fields := strings.Fields(string(text))
	if len(fields) < 2 {
		return 0
	}
	pages, _ := strconv.ParseInt(fields[1], 10, 64)
	return pages * int64(os.Getpagesize())
}

func running(dir string) time.Duration {
	stat, _ := os.ReadFile(dir + "/stat")
	up, _ := os.ReadFile(proc + "/uptime")
	// The second field is the program's name in parentheses, and may hold anything.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	const startTime = 22 - 3
	if len(fields) <= startTime {
		return 0
	}
	started, _ := strconv.ParseFloat(fields[startTime], 64)
	var seconds float64
	_, _ = fmt.Sscan(string(up), &seconds)
	return time.Duration((seconds - started/ticks) * float64(time.Second)).Truncate(time.Second)
}

// choose gives the process to look at: the one that is named, or the only one of the runtimes that a command is for.
func choose(command string, pid int, runtimes []Runtime) (Process, error) {
	list := Processes(runtimes...)
	what := names(runtimes)
	if pid != 0 {
		if i := slices.IndexFunc(list, func(p Process) bool { return p.PID == pid }); i >= 0 {
			return list[i], nil
		}
		return Process{}, &problem.Problem{
			ID:    "capture/no-such-process",
			Title: fmt.Sprintf("there is no process %d of %s", pid, what),
			Hints: []string{"`gantry ps` lists those that there are."},
		}
	}
	switch len(list) {
	case 1:
		return list[0], nil
	case 0:
		if others := Processes(Node, Ruby); len(others) > 0 {
			return Process{}, &problem.Problem{
				ID:    "capture/other-runtime",
				Title: fmt.Sprintf("%s looks into %s, and what runs here is %s", command, what, others[0].Runtime),
				Hints: []string{"`gantry` without arguments lists the commands for each."},
			}
		}
		return Process{}, &problem.Problem{
			ID:    "capture/no-process",
			Title: "no process of " + what + " is running here",
			Hints: []string{"Run this in the application's container, as the application's user: kubectl exec POD -- gantry ps"},
		}
	}
	var pids []string
	for _, p := range list {
		pids = append(pids, strconv.Itoa(p.PID))
	}
	return Process{}, &problem.Problem{
		ID:    "capture/several-processes",
		Title: "several processes of " + what + " are running",
		Why:   "their numbers are " + strings.Join(pids, ", "),
		Hints: []string{"Choose one with --pid " + pids[len(pids)-1] + ", or take them all with --all."},
	}
}

func names(runtimes []Runtime) string {
	var list []string
	for _, r := range runtimes {
		list = append(list, string(r))
	}
	return strings.Join(list, " or ")
}

// root is the process's root folder, as it is seen from here: proc(5). A container for debugging has another one.
func (p Process) root() string { return fmt.Sprintf("%s/%d/root", proc, p.PID) }

// folder is the process's working folder.
func (p Process) folder() string {
	dir, _ := os.Readlink(fmt.Sprintf("%s/%d/cwd", proc, p.PID))
	return dir
}

// Variable gives the value of a variable that the process was started with.
func (p Process) Variable(name string) (string, error) {
	text, err := os.ReadFile(fmt.Sprintf("%s/%d/environ", proc, p.PID))
	for variable := range strings.SplitSeq(string(text), "\x00") {
		if value, found := strings.CutPrefix(variable, name+"="); found {
			return value, nil
		}
	}
	return "", err
}

// handles reports whether a process has a handler for a signal.
func (p Process) handles(signal int) bool {
	text, _ := os.ReadFile(fmt.Sprintf("%s/%d/status", proc, p.PID))
	for line := range strings.Lines(string(text)) {
		if digits, ok := strings.CutPrefix(line, "SigCgt:"); ok {
			caught, err := strconv.ParseUint(strings.TrimSpace(digits), 16, 64)
			return err == nil && caught&(1<<(signal-1)) != 0
		}
	}
	return false
}

// ports gives the ports of the loopback address on which a process listens.
func (p Process) ports() []int {
	dir := fmt.Sprintf("%s/%d", proc, p.PID)
	own := map[string]bool{}
	files, _ := filepath.Glob(dir + "/fd/*")
	for _, file := range files {
		if target, err := os.Readlink(file); err == nil && strings.HasPrefix(target, "socket:[") {
			own[strings.TrimSuffix(strings.TrimPrefix(target, "socket:["), "]")] = true
		}
	}
	text, _ := os.ReadFile(dir + "/net/tcp")
	var list []int
	for line := range strings.Lines(string(text)) {
		const listening, local, state, inode = "0A", 1, 3, 9
		fields := strings.Fields(line)
		if len(fields) <= inode || fields[state] != listening || !own[fields[inode]] {
			continue
		}
		address, digits, _ := strings.Cut(fields[local], ":")
		port, err := strconv.ParseUint(digits, 16, 16)
		// 127.0.0.1 and 0.0.0.0, as a little-endian machine writes them.
		if err == nil && (address == "0100007F" || address == "00000000") {
			list = append(list, int(port))
		}
	}
	return list
}
