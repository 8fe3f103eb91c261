package capture

import (
	"errors"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// readers gives a writer that does not wait for ever for somebody to read: a laptop at the other end may sleep, and the
// application's inspector stays open meanwhile.
func readers(out io.Writer) io.Writer {
	if file, ok := out.(*os.File); ok {
		return patientWriter{file}
	}
	return out
}

// unread is how long nobody may read.
const unread = 30 * time.Second

type patientWriter struct{ file *os.File }

// Write writes as much at a time as a pipe takes as a whole when it says that it has room: PIPE_BUF of pipe(7).
func (w patientWriter) Write(text []byte) (int, error) {
	written := 0
	for written < len(text) {
		ready := []unix.PollFd{{Fd: int32(w.file.Fd()), Events: unix.POLLOUT}}
		n, err := unix.Poll(ready, int(unread.Milliseconds()))
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err == nil && n == 0 {
			err = errors.New("nobody has read what was written for " + unread.String())
		}
		if err != nil {
			return written, err
		}
		const pipeBuf = 4096
		n, err = w.file.Write(text[written:min(len(text), written+pipeBuf)])
		written += n
		if err != nil {
			return written, err
		}
	}
	return written, nil
}
