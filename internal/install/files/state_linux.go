package files

import (
	"io/fs"
	"syscall"
)

// State is what the kernel says of a file: times in nanoseconds since 1970. Changed is that of its last change, of whatever kind, which the
// kernel alone sets.
type State struct {
	Inode, Device, Links        uint64
	Modified, Changed, Accessed int64
}

// StateOf gives the state of a file; known is false where the file system does not tell.
func StateOf(info fs.FileInfo) (s State, known bool) {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return State{}, false
	}
	return State{
		Inode: stat.Ino, Device: uint64(stat.Dev), Links: uint64(stat.Nlink), Modified: stat.Mtim.Nano(), Changed: stat.Ctim.Nano(), Accessed: stat.Atim.Nano(),
	}, true
}
