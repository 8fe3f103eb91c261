package agent

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
)

// longestFolder is how long the folder's name may be, in bytes: with the socket's own name, 107 is the most (unix(7)).
const longestFolder = 75

// Folders gives the folders, in a container, in which sockets may be: temporary is the folder for temporary files.
func Folders(temporary string, uid int) []string {
	var list []string
	for _, dir := range []string{temporary, "/tmp", "/dev/shm"} {
		dir = filepath.Join(dir, fmt.Sprintf("gantry-agent-%d", uid))
		if len(dir) <= longestFolder && !slices.Contains(list, dir) {
			list = append(list, dir)
		}
	}
	return list
}

// MakeFolder makes the first of the folders that can be made, and that is the user's own: somebody else may have been
// there before in a folder that everybody can write to.
func MakeFolder(temporary string) (string, error) {
	var errs error
	for _, dir := range Folders(temporary, os.Getuid()) {
		err := Private(dir)
		if err == nil {
			return dir, nil
		}
		errs = errors.Join(errs, err)
	}
	return "", errs
}

// Private makes a folder that only this user can enter, or accepts one that is there; an error is one that others can
// change, or a link to another place.
func Private(dir string) error {
	err := os.Mkdir(dir, 0o700)
	if errors.Is(err, fs.ErrExist) {
		return private(dir)
	}
	return err
}

func private(dir string) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || !info.IsDir() || info.Mode().Perm() != 0o700 || int(stat.Uid) != os.Getuid() {
		return fmt.Errorf("%s is not this user's own folder", dir)
	}
	return nil
}
