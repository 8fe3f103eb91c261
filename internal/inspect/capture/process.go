// Package capture takes profiles, snapshots and reports from the application's processes while they run: the program
// "gantry" in every image. Nothing stays open: SIGUSR1 has Node.js open its inspector on the loopback address
// (https://nodejs.org/api/debugger.html#inspector-integration-for-nodejs), at a port that the kernel chooses, and when the
// capture is taken it is closed again. In a process of Ruby the script of package agent answers, at a socket of the user's
// own.
package capture

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gantry-buildpack/gantry/internal/problem"
	"github.com/gantry-buildpack/gantry/internal/problem/redact"
)

// Runtime is what a process is one of.
type Runtime string

// The runtimes that are known. Processes of Bun are listed, and cannot be looked into: it has another inspector.
const (
	Node Runtime = "Node.js"
	Ruby Runtime = "Ruby"
	Bun  Runtime = "Bun"
)

// runtimeOf tells by a program's name which runtime it is, e.g. ruby3.3; empty for none.
func runtimeOf(program string) Runtime {
	switch strings.TrimRight(program, "0123456789.") {
	case "node":
		return Node
	case "ruby":
		return Ruby
	case "bun":
		return Bun
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
	words := splitWords(text)
	if len(words) == 1 {
		// A title that the process has given itself.
		return strings.TrimSpace(words[0])
	}
	words[0] = filepath.Base(words[0])
	return strings.TrimSpace(strings.Join(words, " "))
}

func splitWords(text []byte) []string {
	return strings.Split(strings.TrimRight(string(text), "\x00"), "\x00")
}

// words are those of the process's command line.
func (p Process) words() []string {
	text, _ := os.ReadFile(fmt.Sprintf("%s/%d/cmdline", proc, p.PID))
	return splitWords(text)
}

// Shown is the command line for people: data at a terminal, without credentials.
func (p Process) Shown() string { return problem.Visible(redact.Credentials(p.Command)) }

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
	up, _ := os.ReadFile(proc + "/uptime")
	fields := stat(dir + "/stat")
	if len(fields) <= statStart {
		return 0
	}
	started, _ := strconv.ParseFloat(fields[statStart], 64)
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
			Hints: []string{"`gantry ps` lists those that run here."},
		}
	}
	switch len(list) {
	case 1:
		return list[0], nil
	case 0:
		others := Processes(Node, Ruby, Bun)
		if len(others) > 0 && others[0].Runtime == Bun {
			return Process{}, &problem.Problem{
				ID:    "capture/bun",
				Title: command + " looks into " + what + ", and what runs here is Bun",
				Why:   "Bun has an inspector of its own, which cannot be opened in a process that runs",
				Hints: []string{"`gantry ps`, `gantry doctor` and `gantry crash` work. Start the application with `bun --inspect` to debug it."},
			}
		}
		if len(others) > 0 {
			return Process{}, &problem.Problem{
				ID:    "capture/other-runtime",
				Title: fmt.Sprintf("%s looks into %s, and what runs here is %s", command, what, others[0].Runtime),
				Hints: []string{"`gantry` without arguments lists the commands for each."},
			}
		}
		return Process{}, &problem.Problem{
			ID:    "capture/no-process",
			Title: "no process of " + what + " is running here",
			Hints: []string{"Run this in the application's container, as the application's user: kubectl exec POD -- gantry ps",
				"An image that serves static files runs neither: `gantry doctor` says what it is made of."},
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

// Root is the process's root folder, as it is seen from here: proc(5). A container for debugging has another one.
func (p Process) Root() string { return fmt.Sprintf("%s/%d/root", proc, p.PID) }

// Environ gives the variables that the process was started with, NAME=VALUE; none where they cannot be read.
func (p Process) Environ() []string {
	text, _ := os.ReadFile(fmt.Sprintf("%s/%d/environ", proc, p.PID))
	return splitWords(text)
}

// InAnotherContainer gives a process of the application that sees other files than this program, as it is in a container for
// debugging; found is false when there is none, or when one sees the same files.
func InAnotherContainer() (other Process, found bool) {
	own, err := os.Readlink(proc + "/self/ns/mnt")
	if err != nil {
		return Process{}, false
	}
	for _, p := range Processes(Node, Ruby, Bun) {
		switch mounts, err := os.Readlink(fmt.Sprintf("%s/%d/ns/mnt", proc, p.PID)); {
		case err != nil:
		case mounts == own:
			return Process{}, false
		case !found:
			other, found = p, true
		}
	}
	return other, found
}

// version is the runtime's version, from the file that the build left next to the script that Node.js loads first; empty
// when the process was started past the launcher.
func (p Process) version() string {
	for _, option := range p.options() {
		script, found := strings.CutPrefix(option, "--require=")
		if !found || filepath.Base(script) != "watch.cjs" {
			continue
		}
		var image struct {
			Runtime, Version string
			OtherRuntimes    map[string]string `json:"other-runtimes"`
		}
		text, err := os.ReadFile(p.Root() + filepath.Dir(script) + "/launch.json")
		if err != nil || json.Unmarshal(text, &image) != nil {
			return ""
		}
		if image.Runtime == "node" {
			return image.Version
		}
		return image.OtherRuntimes["node"]
	}
	return ""
}

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
