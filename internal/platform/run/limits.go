package run

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/gantry-buildpack/gantry/internal/platform/sandbox"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// Limits bound a container. Memory is in bytes, CPUs in processors; 0 for no limit.
type Limits struct {
	Memory int64
	CPUs   float64
}

// cgroups is where the kernel has control groups: cgroups(7).
const cgroups = "/sys/fs/cgroup"

// period is the time, in microseconds, in which a container may use its share of the processors: the kernel's usual one.
const period = 100_000

// group are the folders of a control group, by the names of the controllers; version 2 has one folder, whose controller has no name.
type group map[string]string

// group makes a control group with the limits; none without limits.
func (l Limits) group(name string) (group, error) {
	if l == (Limits{}) {
		return nil, nil
	}
	g, values, err := l.place(name)
	for controller, dir := range g {
		if err == nil {
			err = os.Mkdir(dir, 0o755)
		}
		for file, value := range values[controller] {
			if err == nil {
				err = os.WriteFile(filepath.Join(dir, file), []byte(value), 0o644)
			}
		}
	}
	if err == nil {
		return g, nil
	}
	g.remove()
	return nil, &problem.Problem{
		ID: "run/limits", Title: "the container cannot be bounded", Why: "no control group can be made here: " + err.Error(),
		Hints: []string{"Have systemd make one: " + l.systemd() + " gantry run … , without --memory and --cpus.", "Start it as root, or with Docker."}, Err: err,
	}
}

// systemd is the command of systemd that starts a program with the limits.
func (l Limits) systemd() string {
	text := "systemd-run --user --scope"
	if l.Memory > 0 {
		text += fmt.Sprintf(" -p MemoryMax=%d", l.Memory)
	}
	if l.CPUs > 0 {
		text += fmt.Sprintf(" -p CPUQuota=%d%%", int(l.CPUs*100))
	}
	return text
}

// place says where the group's folders are to be, and what is written into their files.
func (l Limits) place(name string) (group, map[string]map[string]string, error) {
	text, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return nil, nil, err
	}
	quota := strconv.Itoa(int(l.CPUs * period))
	if _, err := os.Stat(filepath.Join(cgroups, "cgroup.controllers")); err == nil {
		values := map[string]string{}
		if l.Memory > 0 {
			values["memory.max"] = strconv.FormatInt(l.Memory, 10)
		}
		if l.CPUs > 0 {
			values["cpu.max"] = quota + " " + strconv.Itoa(period)
		}
		return group{"": filepath.Join(cgroups, own(string(text), ""), "gantry-"+name)}, map[string]map[string]string{"": values}, nil
	}
	g, values := group{}, map[string]map[string]string{}
	if l.Memory > 0 {
		g["memory"] = filepath.Join(cgroups, "memory", own(string(text), "memory"), "gantry-"+name)
		values["memory"] = map[string]string{"memory.limit_in_bytes": strconv.FormatInt(l.Memory, 10)}
	}
	if l.CPUs > 0 {
		g["cpu"] = filepath.Join(cgroups, "cpu", own(string(text), "cpu"), "gantry-"+name)
		values["cpu"] = map[string]string{"cpu.cfs_quota_us": quota}
	}
	return g, values, nil
}

// own is the group of this process: a line of /proc/self/cgroup is NUMBER:CONTROLLERS:PATH. In a container the path may be one that is not
// shown; the group is at the root then.
func own(text, controller string) string {
	for line := range strings.Lines(text) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 {
			continue
		}
		for name := range strings.SplitSeq(parts[1], ",") {
			if name != controller {
				continue
			}
			if _, err := os.Stat(filepath.Join(cgroups, controller, parts[2])); err == nil {
				return parts[2]
			}
		}
	}
	return "/"
}

// add puts a process into the group.
func (g group) add(pid int) error {
	for _, dir := range g {
		if err := os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte(strconv.Itoa(pid)), 0o644); err != nil {
			return fmt.Errorf("bound the container: %w", err)
		}
	}
	return nil
}

// mounts show the container its own group, where runtimes look for it.
func (g group) mounts() []sandbox.Mount {
	if len(g) == 0 {
		return nil
	}
	list := []sandbox.Mount{{Target: "/sys", ReadOnly: true}}
	for controller, dir := range g {
		list = append(list, sandbox.Mount{Source: dir, Target: filepath.Join(cgroups, controller), ReadOnly: true})
	}
	return list
}

// remove removes the group, as soon as the kernel has let its last process go.
func (g group) remove() {
	for _, dir := range g {
		for range 50 {
			if err := syscall.Rmdir(dir); err == nil || errors.Is(err, syscall.ENOENT) {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
}
