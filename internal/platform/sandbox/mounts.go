package sandbox

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// mountAll makes the root file system, and enters it.
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
	if err := mountRoot(spec.Root, root); err != nil {
		return fmt.Errorf("mount the root: %w", err)
	}
	for i, m := range spec.Mounts {
		target := filepath.Join(root, m.Target)
		if m.Source == "" {
			if err := emptyFolder(target, "mode=755"); err != nil {
				return err
			}
			continue
		}
		if err := bind(fmt.Sprintf("/proc/self/fd/%d", sources[i].Fd()), target, m); err != nil {
			return err
		}
		_ = sources[i].Close()
	}
	for name, target := range spec.Links {
		// A root on disk has it from an earlier run.
		if err := os.Symlink(target, filepath.Join(root, name)); err != nil && !os.IsExist(err) {
			return fmt.Errorf("link %s: %w", name, err)
		}
	}
	if err := devices(filepath.Join(root, "dev")); err != nil {
		return err
	}
	if err := proc(filepath.Join(root, "proc")); err != nil {
		return err
	}
	// An empty folder is filled by the mounts in it, and is read-only after these.
	for _, m := range spec.Mounts {
		if m.Source == "" && m.ReadOnly {
			if err := readOnly(filepath.Join(root, m.Target)); err != nil {
				return err
			}
		}
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

// mountRoot mounts a folder, or an empty one in memory, as the root.
func mountRoot(folder, root string) error {
	const flags = unix.MS_NOSUID | unix.MS_NODEV
	if folder == "" {
		return unix.Mount("tmpfs", root, "tmpfs", flags, "mode=755")
	}
	if err := unix.Mount(folder, root, "", unix.MS_BIND, ""); err != nil {
		return err
	}
	var stat unix.Statfs_t
	if err := unix.Statfs(root, &stat); err != nil {
		return err
	}
	return unix.Mount("", root, "", unix.MS_BIND|unix.MS_REMOUNT|flags|kept(stat), "")
}

// kept are the flags that a mount has and has to keep: taking one away is not allowed in a user namespace.
func kept(stat unix.Statfs_t) uintptr {
	return uintptr(stat.Flags) & (unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC | unix.MS_NOATIME | unix.MS_NODIRATIME | unix.MS_RELATIME)
}

// openAll opens what is to be mounted before /tmp is covered, since some of it may be there.
func openAll(spec Spec) ([]*os.File, error) {
	var files []*os.File
	for _, m := range spec.Mounts {
		if m.Source == "" {
			files = append(files, nil)
			continue
		}
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

func readOnly(target string) error {
	var stat unix.Statfs_t
	if err := unix.Statfs(target, &stat); err != nil {
		return fmt.Errorf("look at %s: %w", target, err)
	}
	if err := unix.Mount("", target, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY|kept(stat), ""); err != nil {
		return fmt.Errorf("make %s read-only: %w", target, err)
	}
	return nil
}

// emptyFolder mounts a folder in memory.
func emptyFolder(target, options string) error {
	if err := os.MkdirAll(target, 0o755); err != nil {
		return fmt.Errorf("make the place of %s: %w", target, err)
	}
	if err := unix.Mount("tmpfs", target, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, options); err != nil {
		return fmt.Errorf("mount %s: %w", target, err)
	}
	return nil
}

// deviceNames are what programs expect in /dev, and none gives access to the machine:
// https://github.com/opencontainers/runtime-spec/blob/main/config-linux.md#default-devices.
var deviceNames = []string{"null", "zero", "full", "random", "urandom", "tty"}

// devices makes a /dev of its own.
func devices(target string) error {
	if err := emptyFolder(target, "mode=755"); err != nil {
		return err
	}
	for _, name := range deviceNames {
		if _, err := os.Stat("/dev/" + name); err != nil {
			// Some containers do not have them all.
			continue
		}
		if err := bind("/dev/"+name, filepath.Join(target, name), Mount{Source: "/dev/" + name, Target: "/dev/" + name}); err != nil {
			return err
		}
	}
	for name, link := range map[string]string{"fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1", "stderr": "/proc/self/fd/2", "ptmx": "pts/ptmx"} {
		if err := os.Symlink(link, filepath.Join(target, name)); err != nil {
			return fmt.Errorf("link /dev/%s: %w", name, err)
		}
	}
	if err := emptyFolder(filepath.Join(target, "shm"), "mode=1777"); err != nil {
		return err
	}
	pts := filepath.Join(target, "pts")
	if err := os.Mkdir(pts, 0o755); err != nil {
		return fmt.Errorf("make the place of /dev/pts: %w", err)
	}
	// Terminals are for programs that want one; where the kernel gives none, they do without.
	_ = unix.Mount("devpts", pts, "devpts", unix.MS_NOSUID|unix.MS_NOEXEC, "newinstance,ptmxmode=0666,mode=620")
	return nil
}

// readOnlyInProc is what root of the machine could change it through: https://docs.kernel.org/filesystems/proc.html.
var readOnlyInProc = []string{"bus", "fs", "irq", "sys", "sysrq-trigger"}

// proc shows the sandbox its own processes; where a container hides parts of /proc, the kernel forbids a new one, and
// the one that is there is shown.
func proc(target string) error {
	if err := os.MkdirAll(target, 0o755); err != nil {
		return fmt.Errorf("make the place of /proc: %w", err)
	}
	if unix.Mount("proc", target, "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "") != nil {
		if err := unix.Mount("/proc", target, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
			return fmt.Errorf("mount /proc: %w", err)
		}
	}
	for _, name := range readOnlyInProc {
		place := filepath.Join(target, name)
		if _, err := os.Stat(place); err != nil {
			continue
		}
		if err := unix.Mount(place, place, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
			return fmt.Errorf("mount /proc/%s: %w", name, err)
		}
		if err := readOnly(place); err != nil {
			return err
		}
	}
	return nil
}
