package target

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"syscall"

	"github.com/gantry-buildpack/gantry/internal/problem"
)

// program is where an image has it, whatever the container's PATH: the launcher starts it as a process type.
const program = "/cnb/process/gantry"

// Streams are those of a program.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// Run runs gantry in the container with these words, and gives its exit code. It ends early, with what there is, when its standard input
// does.
func (t Target) Run(ctx context.Context, words []string, s Streams) (int, error) {
	command, env, err := t.command(append([]string{program}, words...))
	if err != nil {
		return 0, err
	}
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Env = env
	said := &stderr{out: s.Err}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = s.In, s.Out, said
	// Ctrl-C at a terminal is for this program, which ends the capture and waits for what there is.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	err = errors.Join(cmd.Run(), said.flush())
	if missing, ok := errors.AsType[*exec.Error](err); ok {
		return 0, &problem.Problem{
			ID: "target/no-program", Title: t.String() + " is reached through " + command[0] + ", which is not installed", Why: missing.Error(),
			Hints: []string{"Install " + command[0] + ", and have it in PATH."}, Err: err,
		}
	}
	exit, ended := errors.AsType[*exec.ExitError](err)
	switch {
	case err == nil:
		return 0, nil
	case !ended:
		return 0, err
	case said.absent:
		return 0, &problem.Problem{
			ID: "target/no-gantry", Title: t.String() + " has no gantry in it", Why: "its image has no process type called gantry",
			Hints: []string{"Build the image with Gantry, or choose another --container."}, Err: err,
		}
	case len(said.own) > 0:
		return 0, &problem.Problem{
			ID: "target/unreachable", Title: t.String() + " cannot be reached", Why: strings.Join(said.own, "\n"),
			Hints: []string{t.hint()}, Err: err,
		}
	}
	return exit.ExitCode(), nil
}

// hint says where to look when a container is not found.
func (t Target) hint() string {
	switch t.kind {
	case docker:
		return "`docker ps` lists what runs."
	case local:
		return "`gantry ps` lists what runs."
	}
	return "`kubectl get pods" + strings.Join(append([]string{""}, t.options.flags()...), " ") + "` lists what runs; -n chooses the namespace, --context the cluster."
}

// command runs a program in the container, with an environment; nil for this program's.
func (t Target) command(words []string) (command, env []string, err error) {
	switch t.kind {
	case docker:
		return append([]string{"docker", "exec", "-i", t.name}, words...), nil, nil
	case local:
		pid, env, err := t.options.Local(t.name)
		if err != nil {
			return nil, nil, err
		}
		// Who made the user namespace may enter it. See nsenter(1).
		return append([]string{"nsenter", "--target", strconv.Itoa(pid), "--user", "--preserve-credentials", "--mount", "--pid", "--ipc", "--root", "--wd", "--"}, words...), env, nil
	}
	command = append([]string{"kubectl"}, t.options.flags()...)
	command = append(command, "exec", "-i", t.String())
	if t.options.Container != "" {
		command = append(command, "--container", t.options.Container)
	}
	return append(append(command, "--"), words...), nil, nil
}

// flags are those of kubectl that choose a cluster and a namespace.
func (o Options) flags() (list []string) {
	if o.Context != "" {
		list = append(list, "--context", o.Context)
	}
	if o.Namespace != "" {
		list = append(list, "--namespace", o.Namespace)
	}
	return list
}

// stderr passes on what the program in the container says, and keeps what kubectl or docker say of themselves.
type stderr struct {
	out  io.Writer
	line []byte
	own  []string
	// absent: the container has no such program.
	absent bool
}

func (s *stderr) Write(text []byte) (int, error) {
	s.line = append(s.line, text...)
	for {
		end := bytes.IndexByte(s.line, '\n')
		if end < 0 {
			return len(text), nil
		}
		line := string(s.line[:end])
		s.line = s.line[end+1:]
		if err := s.take(line); err != nil {
			return 0, err
		}
	}
}

func (s *stderr) flush() error {
	if len(s.line) == 0 {
		return nil
	}
	return s.take(string(s.line))
}

// noise is what kubectl and docker say besides: that several containers are there, and how the program ended.
var noise = []string{"Defaulted container ", "command terminated with exit code ", "What's next:", "    Try Docker Debug "}

// starts are how kubectl, docker and nsenter begin what they say of themselves.
var starts = []string{
	"Error from server", "error: ", "Unable to connect to the server", "The connection to the server", "Error response from daemon", "Cannot connect to the Docker daemon",
	"OCI runtime exec failed", "nsenter: ", "E0", "E1", "error executing", "failed to connect to the docker API", "permission denied while trying to connect",
}

func (s *stderr) take(line string) error {
	for _, start := range noise {
		if strings.HasPrefix(line, start) {
			return nil
		}
	}
	for _, start := range starts {
		if strings.HasPrefix(line, start) {
			if strings.Contains(line, program) && (strings.Contains(line, "no such file") || strings.Contains(line, "not found") || strings.Contains(line, "No such file")) {
				s.absent = true
			}
			s.own = append(s.own, strings.TrimPrefix(line, "error: "))
			return nil
		}
	}
	_, err := fmt.Fprintln(s.out, line)
	return err
}
