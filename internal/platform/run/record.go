package run

import (
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/gantry-buildpack/gantry/internal/problem"
)

// Record is what is noted of a container that was started, for those who look for it from elsewhere.
type Record struct {
	Name  string `json:"name"`
	Image string `json:"image"`
	// Source is where the image was taken from: a reference, or the path of a layout or tarball.
	Source string `json:"source,omitempty"`
	// PID is its first process, as this machine numbers it; 0 before it has started. Born tells it from a later one of that number.
	PID  int    `json:"pid"`
	Born string `json:"born"`
	// Keeper is the program that waits for it.
	Keeper     int       `json:"keeper"`
	KeeperBorn string    `json:"keeper-born"`
	Started    time.Time `json:"started"`
	// Ports are the published ones: HOST:CONTAINER.
	Ports []string `json:"ports,omitempty"`
	// Log is the file of its output; empty where it writes to a terminal.
	Log string `json:"log,omitempty"`
	// Env are the image's own variables, NAME=VALUE: what is started in the container later gets them, as with Docker.
	Env []string `json:"env,omitempty"`
	// Code is the exit code of one that has ended, and Ended when.
	Code  *int      `json:"code,omitempty"`
	Ended time.Time `json:"ended,omitzero"`
}

// Records are those of a folder.
type Records string

// name is what a container may be called, as with Docker.
var name = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}$`)

// Check refuses a name that is none, and one that a running container has.
func (dir Records) Check(given string) error {
	if !name.MatchString(given) {
		return &problem.Problem{ID: "run/name", Title: strconv.Quote(given) + " is no name of a container", Hints: []string{"Use at most 63 letters, digits, points, hyphens and underscores, and begin with a letter or a digit."}}
	}
	if other, err := dir.Find(given); err == nil && (other.Running() || other.Kept() && other.Code == nil) {
		return &problem.Problem{ID: "run/name-taken", Title: "a container called " + given + " is running", Hints: []string{"Stop it: gantry stop " + given, "Choose another --name."}}
	}
	return nil
}

// Reserve notes a container that is about to start, kept by this program; without a name, it is called after its image.
func (dir Records) Reserve(r Record, prefix string) (Record, error) {
	if err := os.MkdirAll(string(dir), 0o700); err != nil {
		return r, problem.Disk("make the folder for running images", err)
	}
	if r.Name == "" {
		random := make([]byte, 2)
		_, _ = rand.Read(random)
		r.Name = prefix[:min(len(prefix), 50)] + "-" + hex.EncodeToString(random)
	}
	if err := dir.Check(r.Name); err != nil {
		return r, err
	}
	// An earlier container of that name has ended; what it left is not this one's.
	if err := dir.Remove(r); err != nil {
		return r, problem.Disk("forget an earlier container", err)
	}
	r = r.KeptBy(os.Getpid())
	return r, dir.Save(r)
}

// KeptBy notes the program that waits for it.
func (r Record) KeptBy(pid int) Record {
	r.Keeper, r.KeeperBorn = pid, born(pid)
	return r
}

// Save writes a record.
func (dir Records) Save(r Record) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	file := filepath.Join(string(dir), r.Name+".json")
	if err := os.WriteFile(file+".partial", text, 0o600); err != nil {
		return problem.Disk("write "+file, err)
	}
	return os.Rename(file+".partial", file)
}

// Remove forgets a container, and its output.
func (dir Records) Remove(r Record) error {
	file := filepath.Join(string(dir), r.Name)
	return errors.Join(ignoreMissing(os.Remove(file+".json")), ignoreMissing(os.Remove(file+".log")), os.RemoveAll(dir.Crashes(r.Name)))
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// LogFile is where the output of a container goes that runs in the background.
func (dir Records) LogFile(name string) string { return filepath.Join(string(dir), name+".log") }

// Crashes is the folder with the records of a container's crashes. It is not there when nothing has crashed.
func (dir Records) Crashes(name string) string { return filepath.Join(string(dir), name+".crashes") }

// Crashed reports whether there are some.
func (dir Records) Crashed(name string) bool {
	entries, err := os.ReadDir(dir.Crashes(name))
	return err == nil && len(entries) > 0
}

// List gives all containers, the latest first. A record that cannot be read is none.
func (dir Records) List() []Record {
	files, _ := filepath.Glob(filepath.Join(string(dir), "*.json"))
	var list []Record
	for _, file := range files {
		var r Record
		if text, err := os.ReadFile(file); err == nil && json.Unmarshal(text, &r) == nil {
			list = append(list, r)
		}
	}
	slices.SortFunc(list, func(a, b Record) int { return cmp.Or(b.Started.Compare(a.Started), strings.Compare(a.Name, b.Name)) })
	return list
}

// Find gives the container of a name.
func (dir Records) Find(name string) (Record, error) {
	list := dir.List()
	var running []string
	for _, r := range list {
		if r.Name == name {
			return r, nil
		}
		if r.Running() {
			running = append(running, r.Name)
		}
	}
	p := &problem.Problem{ID: "run/no-container", Title: "there is no container called " + name, Hints: []string{"`gantry ps` lists those that `gantry run` has started."}}
	if len(running) > 0 {
		p.Why = "these run: " + strings.Join(running, ", ")
	}
	return Record{}, p
}

// Process gives the first process of a running container, and the variables for a program that is started in it: those of that process, and
// the image's.
func (dir Records) Process(name string) (pid int, env []string, err error) {
	r, err := dir.Find(name)
	if err != nil {
		return 0, nil, err
	}
	if !r.Running() {
		p := &problem.Problem{ID: "run/not-running", Title: name + " is not running", Hints: []string{"`gantry ps` lists those that run."}}
		if r.Log != "" {
			p.Hints = []string{"`gantry logs " + name + "` shows what it printed."}
		}
		return 0, nil, p
	}
	own, err := os.ReadFile("/proc/" + strconv.Itoa(r.PID) + "/environ")
	if err != nil {
		return 0, nil, problem.Unreadable("look at the process of "+name, err)
	}
	return r.PID, append(strings.Split(strings.TrimRight(string(own), "\x00"), "\x00"), r.Env...), nil
}

// Kept reports whether the program is there that waits for it.
func (r Record) Kept() bool {
	return r.Keeper > 0 && born(r.Keeper) != "" && born(r.Keeper) == r.KeeperBorn
}

// Forget removes the records of containers that ended with the program that waited for them, and whose output nobody has kept.
func (dir Records) Forget() {
	for _, r := range dir.List() {
		if !r.Running() && !r.Kept() && r.Log == "" && !dir.Crashed(r.Name) {
			_ = dir.Remove(r)
		}
	}
}

// Running reports whether its first process is there.
func (r Record) Running() bool { return r.PID > 0 && r.Born == born(r.PID) && r.Born != "" }

// born is when a process was started, in ticks since the machine was: field 22 of proc(5)'s stat; empty when there is none.
func born(pid int) string {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return ""
	}
	// A program's name, in parentheses, may hold anything.
	_, rest, _ := strings.Cut(string(text[strings.LastIndexByte(string(text), ')'):]), " ")
	fields := strings.Fields(rest)
	if len(fields) < 20 || fields[0] == "Z" {
		return ""
	}
	return fields[19]
}

// At notes the process of a container.
func (r Record) At(pid int) Record {
	r.PID, r.Born, r.Started = pid, born(pid), time.Now()
	return r
}

// Stop asks a container to end, and ends it when it has not done so within a time. What waits for it then removes its files.
func (r Record) Stop(patience time.Duration) error {
	if !r.Running() {
		return nil
	}
	if err := syscall.Kill(r.PID, syscall.SIGTERM); err != nil && !errors.Is(err, syscall.ESRCH) {
		return &problem.Problem{ID: "run/not-yours", Title: r.Name + " cannot be stopped", Why: err.Error(), Hints: []string{"Stop it as the user who started it."}, Err: err}
	}
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if !r.Running() {
			return nil
		}
	}
	if err := syscall.Kill(r.PID, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		return err
	}
	return nil
}
