package replay

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/gantry-buildpack/gantry/internal/inspect/rubyprofile"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// Runner sends requests to an application.
type Runner struct {
	// Script is the file of requests.rb; Dir the application's folder.
	Script, Dir string
	// Times is how often each request is measured, Warmup how often it is sent before.
	Times, Warmup int
	// Environ is the environment of the application.
	Environ []string
	// Progress is told how far it is, when that takes long.
	Progress io.Writer
}

// traced is how often a request is sent while every object is looked at.
const traced = 3

// keptOutput is how much of what the application prints is shown when it fails, in bytes.
const keptOutput = 8 << 10

// Run boots the application and measures.
func (r Runner) Run(ctx context.Context, list []Request) (*Result, error) {
	order, err := json.Marshal(map[string]any{"requests": list, "times": r.Times, "warmup": r.Warmup, "traced": traced})
	if err != nil {
		return nil, err
	}
	results, resultsOut, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	progress, progressOut, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, results.Close(), resultsOut.Close())
	}
	said := &bytes.Buffer{}
	cmd := exec.CommandContext(ctx, "ruby", r.Script)
	cmd.Dir, cmd.Env, cmd.Stdin = r.Dir, r.Environ, bytes.NewReader(order)
	cmd.Stdout, cmd.Stderr = said, said
	cmd.ExtraFiles = []*os.File{resultsOut, progressOut}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second
	err = cmd.Start()
	_, _ = resultsOut.Close(), progressOut.Close()
	if err != nil {
		return nil, errors.Join(&problem.Problem{
			ID:    "requests/no-ruby",
			Title: "Ruby could not be started",
			Why:   err.Error(),
			Hints: []string{"Run this in an image that Gantry has built, through its process type: docker run -i --entrypoint gantry IMAGE allocations -- - < requests.txt"},
			Err:   err,
		}, results.Close(), progress.Close())
	}
	go r.follow(progress)
	text, readErr := io.ReadAll(results)
	err = errors.Join(readErr, cmd.Wait(), results.Close())
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, failed(err, said.Bytes())
	}
	return parseRun(text)
}

// follow tells how far it is, at most every two seconds.
func (r Runner) follow(progress *os.File) {
	defer func() { _ = progress.Close() }()
	last := time.Now()
	lines := bufio.NewScanner(progress)
	for lines.Scan() {
		if time.Since(last) > 2*time.Second {
			last = time.Now()
			fmt.Fprintf(r.Progress, "Measuring: %s\n", lines.Text())
		}
	}
}

func failed(err error, said []byte) error {
	if len(said) > keptOutput {
		said = said[len(said)-keptOutput:]
	}
	return &problem.Problem{
		ID:     "requests/failed",
		Title:  "the application could not be measured",
		Why:    "it ended with " + err.Error() + "; its last words are below",
		Hints:  []string{"It is booted as for serving: set the variables that it needs, and start what it connects to."},
		Output: strings.TrimRight(string(said), "\n"),
		Err:    err,
	}
}

func parseRun(text []byte) (*Result, error) {
	var ran struct {
		Ruby     string
		Requests []Measured
		Lines    string
	}
	if err := json.Unmarshal(text, &ran); err != nil {
		return nil, fmt.Errorf("read the measurements: %w", err)
	}
	result := &Result{Format: Format, Ruby: ran.Ruby, Requests: ran.Requests}
	for _, m := range ran.Requests {
		for _, status := range m.Statuses {
			if status >= 500 {
				return nil, &problem.Problem{
					ID:    "requests/error-status",
					Title: fmt.Sprintf("%s was answered with %d", m.Name, status),
					Why:   "what an error allocates says nothing about the request",
					Hints: []string{"Send the request to the running application, and see its log."},
				}
			}
		}
	}
	if ran.Lines != "" {
		profile, err := rubyprofile.FromLines(rubyprofile.Allocations, strings.NewReader(ran.Lines))
		if err != nil {
			return nil, err
		}
		profile.Ruby, profile.Exact = ran.Ruby, true
		result.Profile = profile
	}
	return result, nil
}
