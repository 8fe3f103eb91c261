package files

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Stamp tells states of a tree, or of a file, apart: whoever writes to one of its files, exchanges it or sets its times, changes the time of
// its last change, which the kernel alone sets. A name that is not there has a stamp, too.
func Stamp(name string) (string, error) {
	sum := sha256.New()
	err := filepath.WalkDir(name, func(file string, entry fs.DirEntry, err error) error {
		if os.IsNotExist(err) && file == name {
			return nil
		}
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		state, known := StateOf(info)
		if !known {
			return fmt.Errorf("the state of %s is not known", file)
		}
		_, err = fmt.Fprintln(sum, file, info.Mode(), info.Size(), state.Inode, state.Modified, state.Changed)
		return err
	})
	return hex.EncodeToString(sum.Sum(nil)), err
}
