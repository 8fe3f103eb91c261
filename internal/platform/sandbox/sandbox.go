// Package sandbox runs a program with a root file system of its own, as user 1000, without a container engine and
// without being root: in a user and mount namespace, as bubblewrap does. See user_namespaces(7), mount_namespaces(7)
// and pivot_root(2).
package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// UID and GID are whom the program sees itself as.
const (
	UID = 1000
	GID = 1000
)

// Mount is a folder or file that the program sees at a place of its own.
type Mount struct {
	// Source is what is seen there; empty for an empty folder in memory.
	Source, Target string
	ReadOnly       bool
}

// Spec is a program and the file system that it sees.
type Spec struct {
	// Mounts are what the root file system is made of.
	Mounts []Mount
	// Root is a folder for what is next to the mounts, so that what is in it can be renamed from one place to another; empty for one in
	// memory.
	Root string
	// ReadOnly forbids writing next to the mounts.
	ReadOnly bool
	// Links are symbolic links to make, by name.
	Links map[string]string
	Dir   string
	Args  []string
	Env   []string
	// Input is its standard input; nil for none.
	Input *os.File `json:"-"`
	// Grace is how long the program may take to end after SIGTERM, when the context ends; zero: as long as it takes.
	Grace time.Duration
	// Started is told of the process before the program runs in it; nil: nobody wants to know.
	Started func(pid int) error `json:"-"`
	// OwnGroup has the program see the control group that it is in as the root of all: cgroup_namespaces(7).
	OwnGroup bool
}

// argv0 is the name under which this program is started again, inside the namespaces.
const argv0 = "gantry-sandbox"

// ErrForbidden means that this machine does not let its users make namespaces.
var ErrForbidden = errors.New("user namespaces are not allowed here")

// Run runs the program until it ends or ctx does. The streams are those of the program.
func Run(ctx context.Context, spec Spec, stdout, stderr io.Writer) error {
	cmd, err := Start(ctx, spec, stdout, stderr)
	if err != nil {
		return err
	}
	return cmd.Wait()
}

// Start starts the program.
func Start(ctx context.Context, spec Spec, stdout, stderr io.Writer) (*exec.Cmd, error) {
	order, err := json.Marshal(spec)
	if err != nil {
		return nil, fmt.Errorf("describe the sandbox: %w", err)
	}
	read, write, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("make a pipe: %w", err)
	}
	defer func() { _ = read.Close() }()
	cmd := exec.CommandContext(ctx, "/proc/self/exe")
	cmd.Args = []string{argv0}
	cmd.Stdout, cmd.Stderr = stdout, stderr
	if spec.Input != nil {
		cmd.Stdin = spec.Input
	}
	cmd.ExtraFiles = []*os.File{read}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		// The program is number 1 of a process namespace: the others end with it, whatever they ignore.
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWIPC,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: UID, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: GID, HostID: os.Getgid(), Size: 1}},
		// What sets up the mounts needs these; they are dropped before the program starts.
		AmbientCaps: []uintptr{unix.CAP_SYS_ADMIN},
		Setpgid:     true,
		// It must not outlive a platform that is killed: the next one would share the cache with it.
		Pdeathsig: syscall.SIGKILL,
	}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = spec.Grace
	if err := cmd.Start(); err != nil {
		_ = write.Close()
		if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.EACCES) {
			return nil, fmt.Errorf("%w: %w", ErrForbidden, err)
		}
		return nil, fmt.Errorf("start the sandbox: %w", err)
	}
	if spec.Started != nil {
		err = spec.Started(cmd.Process.Pid)
	}
	if err == nil {
		_, err = write.Write(order)
	}
	if err = errors.Join(err, write.Close()); err != nil {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		return nil, fmt.Errorf("describe the sandbox: %w", err)
	}
	return cmd, nil
}

// Enter must be called first in main: inside the namespaces it sets up the file system, becomes the program and does
// not return; elsewhere it does nothing.
func Enter() {
	if os.Args[0] != argv0 {
		return
	}
	// Capabilities and filters are a thread's.
	runtime.LockOSThread()
	if err := enter(); err != nil {
		fmt.Fprintf(os.Stderr, "sandbox: %v\n", err)
		os.Exit(125)
	}
}

func enter() error {
	var spec Spec
	order := os.NewFile(3, "order")
	if err := json.NewDecoder(order).Decode(&spec); err != nil {
		return fmt.Errorf("read the description: %w", err)
	}
	_ = order.Close()
	if spec.OwnGroup {
		if err := unix.Unshare(unix.CLONE_NEWCGROUP); err != nil {
			return fmt.Errorf("enter a namespace of control groups: %w", err)
		}
	}
	if err := mountAll(spec); err != nil {
		return err
	}
	if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
		return fmt.Errorf("drop capabilities: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("forbid new privileges: %w", err)
	}
	// Files get the modes that their makers give them, whoever builds.
	syscall.Umask(0o022)
	if err := filter(); err != nil {
		return fmt.Errorf("forbid system calls: %w", err)
	}
	if err := os.Chdir(spec.Dir); err != nil {
		return fmt.Errorf("enter %s: %w", spec.Dir, err)
	}
	return fmt.Errorf("start %s: %w", spec.Args[0], syscall.Exec(inPath(spec.Args[0], spec.Env), spec.Args, spec.Env))
}

// inPath finds a program that is named without a folder in the PATH of an environment, as runc does.
func inPath(program string, env []string) string {
	if strings.Contains(program, "/") {
		return program
	}
	list := ""
	for _, variable := range env {
		if value, found := strings.CutPrefix(variable, "PATH="); found {
			list = value
		}
	}
	for _, dir := range filepath.SplitList(list) {
		file := filepath.Join(dir, program)
		if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return file
		}
	}
	return program
}
