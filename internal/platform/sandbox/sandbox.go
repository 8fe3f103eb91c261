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
	Source, Target string
	ReadOnly       bool
}

// Spec is a program and the file system that it sees.
type Spec struct {
	// Mounts are what the root file system is made of.
	Mounts []Mount
	// ReadOnly forbids writing next to the mounts.
	ReadOnly bool
	// Links are symbolic links to make, by name.
	Links map[string]string
	// Processes gives the program a process namespace of its own, in which it is number 1.
	Processes bool
	Dir       string
	Args      []string
	Env       []string
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
	cmd.ExtraFiles = []*os.File{read}
	flags := uintptr(syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS)
	if spec.Processes {
		flags |= syscall.CLONE_NEWPID
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  flags,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: UID, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: GID, HostID: os.Getgid(), Size: 1}},
		// What sets up the mounts needs these; they are dropped before the program starts.
		AmbientCaps: []uintptr{unix.CAP_SYS_ADMIN},
		Setpgid:     true,
	}
	cmd.Cancel = func() error { return signalAll(cmd.Process.Pid, spec.Processes, syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Start(); err != nil {
		_ = write.Close()
		if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.EACCES) {
			return nil, fmt.Errorf("%w: %w", ErrForbidden, err)
		}
		return nil, fmt.Errorf("start the sandbox: %w", err)
	}
	_, err = write.Write(order)
	if err = errors.Join(err, write.Close()); err != nil {
		return nil, fmt.Errorf("describe the sandbox: %w", err)
	}
	return cmd, nil
}

// signalAll reaches the whole group where nobody forwards signals, and process 1 alone where it does so itself.
func signalAll(pid int, single bool, s syscall.Signal) error {
	if single {
		return syscall.Kill(pid, s)
	}
	return syscall.Kill(-pid, s)
}

// Enter must be called first in main: inside the namespaces it sets up the file system, becomes the program and does
// not return; elsewhere it does nothing.
func Enter() {
	if os.Args[0] != argv0 {
		return
	}
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
	if err := mountAll(spec); err != nil {
		return err
	}
	if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
		return fmt.Errorf("drop capabilities: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("forbid new privileges: %w", err)
	}
	if err := os.Chdir(spec.Dir); err != nil {
		return fmt.Errorf("enter %s: %w", spec.Dir, err)
	}
	return fmt.Errorf("start %s: %w", spec.Args[0], syscall.Exec(spec.Args[0], spec.Args, spec.Env))
}

func mountAll(spec Spec) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	// The new root is mounted over a folder that every system has; nobody else sees it.
	const root = "/tmp"
	sources, err := openAll(spec)
	if err != nil {
		return err
	}
	if err := unix.Mount("tmpfs", root, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=755"); err != nil {
		return fmt.Errorf("mount the root: %w", err)
	}
	for i, m := range spec.Mounts {
		if err := bind(fmt.Sprintf("/proc/self/fd/%d", sources[i].Fd()), filepath.Join(root, m.Target), m); err != nil {
			return err
		}
		_ = sources[i].Close()
	}
	for name, target := range spec.Links {
		if err := os.Symlink(target, filepath.Join(root, name)); err != nil {
			return fmt.Errorf("link %s: %w", name, err)
		}
	}
	if err := proc(spec, root); err != nil {
		return err
	}
	if spec.ReadOnly {
		if err := readOnly(root); err != nil {
			return err
		}
	}
	if err := os.Chdir(root); err != nil {
		return fmt.Errorf("enter the root: %w", err)
	}
	if err := unix.PivotRoot(".", "."); err != nil {
		return fmt.Errorf("change the root: %w", err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("leave the old root: %w", err)
	}
	return os.Chdir("/")
}

// openAll opens what is to be mounted before /tmp is covered, since some of it may be there.
func openAll(spec Spec) ([]*os.File, error) {
	var files []*os.File
	for _, m := range spec.Mounts {
		fd, err := unix.Open(m.Source, unix.O_PATH|unix.O_CLOEXEC, 0)
		if err != nil {
			return nil, fmt.Errorf("open %s: %w", m.Source, err)
		}
		files = append(files, os.NewFile(uintptr(fd), m.Source))
	}
	return files, nil
}

func bind(source, target string, m Mount) error {
	info, err := os.Stat(source)
	if err != nil {
		return fmt.Errorf("look at %s: %w", m.Source, err)
	}
	if info.IsDir() {
		err = os.MkdirAll(target, 0o755)
	} else if err = os.MkdirAll(filepath.Dir(target), 0o755); err == nil {
		var file *os.File
		if file, err = os.OpenFile(target, os.O_CREATE|os.O_RDONLY, 0o644); err == nil {
			err = file.Close()
		}
	}
	if err != nil {
		return fmt.Errorf("make the place of %s: %w", m.Target, err)
	}
	if err := unix.Mount(source, target, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return fmt.Errorf("mount %s at %s: %w", m.Source, m.Target, err)
	}
	if m.ReadOnly {
		return readOnly(target)
	}
	return nil
}

// readOnly keeps the flags that the mount has: taking one away is not allowed in a user namespace.
func readOnly(target string) error {
	var stat unix.Statfs_t
	if err := unix.Statfs(target, &stat); err != nil {
		return fmt.Errorf("look at %s: %w", target, err)
	}
	kept := uintptr(stat.Flags) & (unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC | unix.MS_NOATIME | unix.MS_NODIRATIME | unix.MS_RELATIME)
	if err := unix.Mount("", target, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY|kept, ""); err != nil {
		return fmt.Errorf("make %s read-only: %w", target, err)
	}
	return nil
}

// proc shows the sandbox its own processes; where a container hides parts of /proc, the kernel forbids a new one, and
// the one that is there is shown.
func proc(spec Spec, root string) error {
	target := filepath.Join(root, "proc")
	if err := os.MkdirAll(target, 0o755); err != nil {
		return fmt.Errorf("make the place of /proc: %w", err)
	}
	if spec.Processes && unix.Mount("proc", target, "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "") == nil {
		return nil
	}
	if err := unix.Mount("/proc", target, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return fmt.Errorf("mount /proc: %w", err)
	}
	return nil
}
