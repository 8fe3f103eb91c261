package capture

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/gantry-buildpack/gantry/internal/container/agent"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// ask sends a request to the script in a process of Ruby, and gives the parts of its answer to read.
func (p Process) ask(ctx context.Context, request string, read func(io.Reader) error) error {
	return p.request(ctx, request, func(in *bufio.Reader) error { return read(&parts{in: in}) })
}

// request sends a request (internal/container/agent/ruby/agent.rb says in which form), and gives what follows the first line of its
// answer. When the context ends, the script is told to stop, and what it has is still read.
func (p Process) request(ctx context.Context, request string, read func(*bufio.Reader) error) error {
	connection, in, status, err := p.send(request)
	if errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) {
		// Where the application has closed the script's socket, the script notices it when somebody comes.
		time.Sleep(reopening)
		connection, in, status, err = p.send(request)
	}
	if err != nil {
		return err
	}
	defer func() { _ = connection.Close() }()
	if why, failed := strings.CutPrefix(strings.TrimSpace(status), "error "); failed {
		return &problem.Problem{
			ID:    "capture/refused",
			Title: fmt.Sprintf("process %d cannot be looked at in this way", p.PID),
			Why:   problem.Visible(why),
			Hints: []string{"Try again when it is over."},
		}
	}
	if err := connection.SetDeadline(time.Time{}); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _, _ = io.WriteString(connection, "stop\n") })
	defer stop()
	if err := read(in); err != nil {
		return p.broken(err)
	}
	return nil
}

// turn is how long it may take until the script has its turn: each busy thread of the process may run for 100 ms before.
const turn = 30 * time.Second

// reopening is how long the script takes to open its socket again.
const reopening = 500 * time.Millisecond

// send gives the connection on which a request was answered, and the answer's first line.
func (p Process) send(request string) (connection net.Conn, in *bufio.Reader, status string, err error) {
	if connection, err = p.connect(); err != nil {
		return nil, nil, "", err
	}
	in = bufio.NewReaderSize(connection, 64<<10)
	if err = connection.SetDeadline(time.Now().Add(turn)); err == nil {
		if _, err = io.WriteString(connection, request+"\n"); err == nil {
			var line []byte
			line, err = in.ReadSlice('\n')
			status = string(line)
		}
	}
	if err != nil {
		return nil, nil, "", p.silent(errors.Join(err, connection.Close()))
	}
	return connection, in, status, nil
}

// parts reads the parts of an answer: a length in bytes in a line, then as many bytes; 0 at the end.
type parts struct {
	in   *bufio.Reader
	left int64
	over bool
}

func (p *parts) Read(into []byte) (int, error) {
	for p.left == 0 {
		if p.over {
			return 0, io.EOF
		}
		// A line of any length would be kept whole: this one ends with the buffer.
		line, err := p.in.ReadSlice('\n')
		if err != nil {
			return 0, io.ErrUnexpectedEOF
		}
		if p.left, err = strconv.ParseInt(strings.TrimSpace(string(line)), 10, 64); err != nil || p.left < 0 {
			return 0, fmt.Errorf("the answer is not understood: %.40q", line)
		}
		p.over = p.left == 0
	}
	n, err := p.in.Read(into[:min(int64(len(into)), p.left)])
	p.left -= int64(n)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// connect finds the socket of a process: by its number in its own namespace, in the folder that the launch check made.
func (p Process) connect() (net.Conn, error) {
	dir := fmt.Sprintf("%s/%d", proc, p.PID)
	namespace, err := os.Readlink(dir + "/ns/pid")
	if err != nil {
		return nil, &problem.Problem{
			ID:    "capture/no-access",
			Title: fmt.Sprintf("process %d belongs to somebody else", p.PID),
			Why:   err.Error(),
			Hints: []string{"Run this as the application's user."},
			Err:   err,
		}
	}
	inner := lastField(dir+"/status", "NSpid:")
	name := strings.Trim(strings.TrimPrefix(namespace, "pid:"), "[]") + "-" + inner
	folders := append(slices.DeleteFunc(p.inherited(agent.Variable), func(dir string) bool { return !filepath.IsAbs(dir) }), agent.Folders(os.TempDir(), p.uid())...)
	for _, folder := range folders {
		// An address may have 107 bytes: one through /proc is longer, and a descriptor of the folder makes it short.
		connection, err := dialIn(p.Root()+folder, name)
		if err == nil {
			return connection, nil
		}
		if errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.EACCES) {
			return nil, p.silent(err)
		}
	}
	hints := []string{"It may have been started past the launcher, or with --disable=rubyopt: start a process type of the image."}
	return nil, &problem.Problem{
		ID:    "capture/no-agent",
		Title: fmt.Sprintf("process %d cannot be looked into", p.PID),
		Why:   "it has no socket for that: " + strings.Join(folders, ", ") + " have none for it",
		Hints: hints,
	}
}

func dialIn(folder, name string) (net.Conn, error) {
	dir, err := os.Open(folder)
	if err != nil {
		return nil, err
	}
	defer func() { _ = dir.Close() }()
	return net.Dial("unix", fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), name))
}

// inherited gives the values of a variable that a process may have been started with: its own are overwritten when it
// changes its title, and those of the processes that started it are not.
func (p Process) inherited(name string) (values []string) {
	for pid := p.PID; pid > 0; {
		if value, err := (Process{PID: pid}).Variable(name); err == nil && value != "" {
			values = append(values, value)
		}
		pid, _ = strconv.Atoi(lastField(fmt.Sprintf("%s/%d/status", proc, pid), "PPid:"))
	}
	return values
}

func (p Process) uid() int {
	info, err := os.Stat(fmt.Sprintf("%s/%d", proc, p.PID))
	if err != nil {
		return os.Getuid()
	}
	return int(info.Sys().(*syscall.Stat_t).Uid)
}

// lastField gives the last word of a line that begins with a name.
func lastField(file, name string) string {
	text, _ := os.ReadFile(file)
	for line := range strings.Lines(string(text)) {
		if rest, found := strings.CutPrefix(line, name); found {
			if fields := strings.Fields(rest); len(fields) > 0 {
				return fields[len(fields)-1]
			}
		}
	}
	return ""
}

func (p Process) silent(err error) error {
	return &problem.Problem{
		ID:    "capture/no-answer",
		Title: fmt.Sprintf("process %d does not answer", p.PID),
		Why:   err.Error(),
		Hints: []string{"It may have ended, or be busy with something that cannot be interrupted; try again."},
		Err:   err,
	}
}

func (p Process) broken(err error) error {
	if known, ok := errors.AsType[*problem.Problem](err); ok {
		return known
	}
	return &problem.Problem{
		ID:    "capture/interrupted",
		Title: fmt.Sprintf("the capture of process %d is not whole", p.PID),
		Why:   err.Error(),
		Hints: []string{"The process may have ended meanwhile: `gantry crash` tells. Take it again."},
		Err:   err,
	}
}
