package launch

import (
	"io"
	"os"
	"time"

	"golang.org/x/term"
)

// stderrTail passes on what a program writes to its standard error, and keeps the last of it: a runtime that aborts says why
// nowhere else.
type stderrTail struct {
	read, write *os.File
	// kept is given once, when there is nothing more to read.
	kept chan []byte
}

// keptStderr is how much is kept, in bytes.
const keptStderr = 16 << 10

// newStderrTail gives nil where the program writes to out itself. Only the first process of a container stands between the
// program and its log: when that process ends, the program has ended, too, so that it never writes to a pipe that nobody
// reads. A terminal is the program's own, and so is a file that it shares with its standard output, in which lines have an
// order.
func newStderrTail(values map[string]string, out *os.File, pid int) *stderrTail {
	if pid != 1 || values["BPL_DIAGNOSTICS"] == "off" || terminal(out) || sameFile(out, os.Stdout) {
		return nil
	}
	read, write, err := os.Pipe()
	if err != nil {
		return nil
	}
	return &stderrTail{read: read, write: write, kept: make(chan []byte, 1)}
}

func terminal(file *os.File) bool { return term.IsTerminal(int(file.Fd())) }

func sameFile(a, b *os.File) bool {
	first, err := a.Stat()
	second, err2 := b.Stat()
	return err == nil && err2 == nil && os.SameFile(first, second)
}

// copyTo passes everything on, until the last process that writes has ended or finish is called.
func (t *stderrTail) copyTo(out io.Writer) {
	var kept []byte
	buffer := make([]byte, 64<<10)
	for {
		n, err := t.read.Read(buffer)
		if n > 0 {
			// Where the log cannot be written, the program goes on.
			_, _ = out.Write(buffer[:n])
			if kept = append(kept, buffer[:n]...); len(kept) > 2*keptStderr {
				kept = append(kept[:0], kept[len(kept)-keptStderr:]...)
			}
		}
		if err != nil {
			t.kept <- kept[max(0, len(kept)-keptStderr):]
			return
		}
	}
}

// lastWords is how long the rest of a program's output may take to be read after its end: a process that it has left behind
// may keep the pipe open.
const lastWords = 200 * time.Millisecond

// finish gives what the program wrote last; everything has been passed on.
func (t *stderrTail) finish() string {
	if t == nil {
		return ""
	}
	_ = t.read.SetReadDeadline(time.Now().Add(lastWords))
	return string(<-t.kept)
}
