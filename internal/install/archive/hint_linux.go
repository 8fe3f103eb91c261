package archive

import (
	"os"

	"golang.org/x/sys/unix"
)

// topDir is FS_TOPDIR_FL of linux/fs.h, "chattr +T".
const topDir = 0x00020000

// hint has the file system give the folders in one places of their own.
func hint(dir *os.Root) error {
	file, err := dir.Open(".")
	if err != nil {
		return err
	}
	fd := int(file.Fd())
	if flags, err := unix.IoctlGetInt(fd, unix.FS_IOC_GETFLAGS); err == nil && flags&topDir == 0 {
		// Where it cannot be given, nothing is lost.
		_ = unix.IoctlSetPointerInt(fd, unix.FS_IOC_SETFLAGS, flags|topDir)
	}
	return file.Close()
}
