package capture

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"
)

// Node.js may end by a segmentation fault when a client connects to its inspector while that is being closed. Those that connect, and
// the guard that closes, therefore take turns: who has made a file may go on. A file that its maker has left is passed over after a
// while. Where none can be made, on a file system that cannot be written, they go on without.

// lockStale is after which time a lock counts as left, longer than connecting takes; lockLook is how often it is looked for.
const lockStale, lockLook = 5 * time.Second, 20 * time.Millisecond

// lockFile is the file, as the application sees it.
func (p Process) lockFile() string {
	dir, err := p.Variable("GANTRY_REPORTS")
	if err != nil || dir == "" {
		dir = "/tmp"
	}
	return fmt.Sprintf("%s/inspector-%s.lock", dir, lastField(fmt.Sprintf("%s/%d/status", proc, p.PID), "NSpid:"))
}

// lock waits until this program may connect; release lets others do so.
func (p Process) lock(ctx context.Context) (release func()) {
	// A link of the application must not lead out of its files.
	root, err := os.OpenRoot(p.Root())
	if err != nil {
		return func() {}
	}
	leave := func() { _ = root.Close() }
	name := strings.TrimPrefix(p.lockFile(), "/")
	for ctx.Err() == nil {
		file, err := root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err == nil {
			_ = file.Close()
			return func() {
				_ = root.Remove(name)
				leave()
			}
		}
		if !errors.Is(err, fs.ErrExist) {
			return leave
		}
		if info, err := root.Lstat(name); err == nil && time.Since(info.ModTime()) > lockStale && root.Remove(name) != nil {
			return leave
		}
		time.Sleep(lockLook)
	}
	return leave
}
