//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/term"

	"github.com/gantry-buildpack/gantry/internal/platform/localbuild"
	"github.com/gantry-buildpack/gantry/internal/platform/run"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// backgroundVariable names the container to the program that keeps it in the background.
const backgroundVariable = "GANTRY_RUN_NAME"

// foreground starts the container, and waits for its end.
func (f *runFlags) foreground(ctx context.Context, records run.Records, record run.Record, image v1.Image, o run.Options, ports []run.Port) error {
	forget := func() {
		if record.Log == "" {
			_ = records.Remove(record)
		}
	}
	for _, p := range ports {
		if err := p.Open(ctx); err != nil {
			forget()
			return err
		}
	}
	// A terminal stays with this program: the container's processes are in the background of it.
	if !term.IsTerminal(int(os.Stdin.Fd())) && record.Log == "" {
		o.Input = os.Stdin
	}
	// SIGQUIT ends the container, too, and not this program alone; a second signal ends both at once.
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGQUIT)
	context.AfterFunc(ctx, stop)
	context.AfterFunc(ctx, func() {
		time.Sleep(5 * time.Second)
		fmt.Fprintln(os.Stderr, "gantry: the application was asked to end, and takes its time; Ctrl-C once more ends it at once")
	})
	// Pipes, as docker run has them without a terminal: what starts the application sees why it ended.
	o.Crashes = records.Crashes(record.Name)
	container, err := run.Start(ctx, image, filepath.Join(f.Home, "run"), o, pipe{os.Stdout}, pipe{os.Stderr})
	if err != nil {
		forget()
		return err
	}
	record = record.At(container.Process.Pid)
	if err := records.Save(record); err != nil {
		return err
	}
	if len(ports) > 0 && record.Log == "" {
		go announce(ctx, ports[0])
	}
	code, err := container.Wait()
	crashed := records.Crashed(record.Name)
	if crashed && record.Log == "" {
		fmt.Fprintf(os.Stderr, "gantry: the record of the crash: gantry crash show run://%s\n", record.Name)
	}
	if record.Log != "" || crashed {
		// Whoever asks later finds its output, and how it ended.
		record.Code, record.Ended = &code, time.Now()
		err = errors.Join(err, records.Save(record))
	} else {
		forget()
	}
	if err != nil {
		return err
	}
	if code != 0 {
		return exitCode(code)
	}
	return nil
}

// pipe hides that a stream is a file, so that a program gets a pipe in its place.
type pipe struct{ io.Writer }

// announce says where the application answers, as soon as it does.
func announce(ctx context.Context, p run.Port) {
	for range 600 {
		connection, err := net.DialTimeout("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(p.Container)), 100*time.Millisecond)
		if err == nil {
			_ = connection.Close()
			fmt.Fprintf(os.Stderr, "gantry: it listens, at http://%s\n", p)
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// background starts this program again, apart from this shell, and waits until the container runs.
func (f *runFlags) background(records run.Records, record run.Record) error {
	log, err := os.OpenFile(records.LogFile(record.Name), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return problem.Disk("write the container's output", err)
	}
	defer func() { _ = log.Close() }()
	program, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command(program, os.Args[1:]...)
	cmd.Env = append(os.Environ(), backgroundVariable+"="+record.Name)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start in the background: %w", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for {
		now, err := records.Find(record.Name)
		if err == nil && now.PID > 0 {
			fmt.Println(record.Name)
			fmt.Fprintf(os.Stderr, "Its ports, once it listens: %s\nIts output:                 gantry logs %s\n", strings.Join(record.Ports, ", "), record.Name)
			return nil
		}
		select {
		case <-ended:
			text, _ := os.ReadFile(log.Name())
			_, _ = os.Stderr.Write(text)
			_ = records.Remove(record)
			return exitCode(exitFailed)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// reported is an error of which everything has been said already.
func reported(err error) error {
	if localbuild.Reported(err) {
		return exitCode(exitFailed)
	}
	return err
}
