package run

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/gantry-buildpack/gantry/internal/problem"
)

// lockFile is held by the program that waits for a container.
const lockFile = "lock"

// hold locks a container's folder. The file gets its name when it is locked: nobody finds it free before.
func hold(work string) (*os.File, error) {
	name := filepath.Join(work, lockFile)
	file, err := os.OpenFile(name+".new", os.O_CREATE|os.O_RDWR, 0o600)
	if err == nil {
		err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	}
	if err == nil {
		err = os.Rename(name+".new", name)
	}
	if err != nil {
		return nil, problem.Disk("lock the container's folder", err)
	}
	return file, nil
}

// fresh is how old a folder is at most that has no lock yet, since it is being made.
const fresh = time.Minute

// IsMounted reports whether a process that was started sees a folder: proc(5), mountinfo.
func IsMounted(dir string) bool {
	tables, _ := filepath.Glob("/proc/[0-9]*/mountinfo")
	for _, table := range tables {
		text, err := os.ReadFile(table)
		if err == nil && strings.Contains(string(text), "/"+filepath.Base(dir)+"/") {
			return true
		}
	}
	return false
}

// Sweep removes the folders of containers that nobody waits for any more: what was killed leaves its files. remove removes one.
func Sweep(dir string, remove func(left string) error) error {
	folders, _ := filepath.Glob(filepath.Join(dir, "run-*"))
	for _, folder := range folders {
		file, err := os.OpenFile(filepath.Join(folder, lockFile), os.O_RDWR, 0)
		if err != nil {
			if info, err := os.Stat(folder); err != nil || time.Since(info.ModTime()) < fresh || IsMounted(folder) {
				continue
			}
			if err := remove(folder); err != nil {
				return err
			}
			continue
		}
		free := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil
		if free {
			err = remove(folder)
		}
		_ = file.Close()
		if free && err != nil {
			return err
		}
	}
	return nil
}
