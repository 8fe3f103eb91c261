//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/docker/go-units"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/gantry-buildpack/gantry/internal/buildpack/buildlog"
	"github.com/gantry-buildpack/gantry/internal/deploy/manifests"
	"github.com/gantry-buildpack/gantry/internal/platform/localbuild"
	"github.com/gantry-buildpack/gantry/internal/platform/oci"
	"github.com/gantry-buildpack/gantry/internal/platform/run"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// runFlags are those of gantry run, as they are given.
type runFlags struct {
	buildFlags
	process, name, memory, envFile string
	cpus                           float64
	ports                          []string
	writable, detach               bool
}

func containers(home string) run.Records { return run.Records(filepath.Join(home, "containers")) }

func runCommand() *cobra.Command {
	var f runFlags
	c := &cobra.Command{
		Use: "run IMAGE|APP_DIR [options] [-- COMMAND]", Short: "Start an image without a container engine; an application is built first", GroupID: "build",
		Long: `Starts an image as user 1000, with a read-only root file system, a writable /tmp, and this machine's network. IMAGE is a reference, the folder of an OCI
layout, or a tarball; APP_DIR is an application, which is built first.`,
		Example: `  gantry run . -p 8080:8080 --env-file .env
  gantry run . --name web -d && gantry stacks run://web && gantry stop web
  gantry run . -v ./data:/workspace/data --memory 512m --cpus 1
  gantry run . -- node --version`,
		Args: func(c *cobra.Command, words []string) error {
			before := words
			if dash := c.ArgsLenAtDash(); dash >= 0 {
				before = words[:dash]
			}
			return arguments(1, 1, "one IMAGE or APP_DIR; a command comes behind --")(c, before)
		},
	}
	flags := c.Flags()
	flags.StringArrayVarP(&f.ports, "publish", "p", nil, "a port: HOST:CONTAINER at 127.0.0.1, or ADDRESS:HOST:CONTAINER; PORT is set to the container's")
	flags.StringArrayVarP(&f.runEnv, "env", "e", nil, "a variable: NAME=VALUE, or NAME to pass on this shell's")
	flags.StringVar(&f.envFile, "env-file", "", "a file of variables, as docker run reads it")
	flags.StringArrayVarP(&f.volumes, "volume", "v", nil, "a folder, a file or a named volume: HOST:PATH, or HOST:PATH:ro")
	flags.StringVarP(&f.memory, "memory", "m", "", "the most memory: 512m, 2g")
	flags.Float64Var(&f.cpus, "cpus", 0, "the most processors: 1.5")
	flags.BoolVar(&f.writable, "writable", false, "let the application write next to its own files, as docker run does")
	flags.Bool("read-only", true, "keep the application from writing beside /tmp and its volumes, as it is without --writable")
	flags.StringVar(&f.name, "name", "", "what the container is called, for run://NAME")
	flags.BoolVarP(&f.detach, "detach", "d", false, "run in the background, and print the name")
	flags.Bool("rm", true, "remove what is left of it, which is always done")
	flags.StringVar(&f.process, "process", "", "the process type to start (default: the image's)")
	flags.StringArrayVar(&f.buildFlags.env, "build-env", nil, "of an APP_DIR, a variable for the build")
	f.add(flags)
	c.RunE = func(c *cobra.Command, words []string) error {
		command := []string(nil)
		if dash := c.ArgsLenAtDash(); dash >= 0 {
			command = words[dash:]
		}
		return f.start(c, words[0], command)
	}
	return c
}

// backgroundVariable names the container to the program that keeps it in the background.
const backgroundVariable = "GANTRY_RUN_NAME"

func (f *runFlags) start(c *cobra.Command, given string, command []string) error {
	if readOnly := c.Flags().Lookup("read-only"); readOnly.Changed && readOnly.Value.String() == "true" && f.writable {
		return usageError{c, "--read-only and --writable exclude each other"}
	} else if readOnly.Value.String() == "false" {
		f.writable = true
	}
	records := containers(f.Home)
	background := os.Getenv(backgroundVariable)
	if f.name != "" && background == "" {
		if err := records.Check(f.name); err != nil {
			return err
		}
	}
	o, ports, err := f.container(c, command)
	if err != nil {
		return err
	}
	for _, p := range ports {
		if err := p.Free(); err != nil {
			return err
		}
	}
	image, label, err := f.image(c.Context(), given)
	if err != nil {
		return err
	}
	types, err := run.Processes(image)
	if err != nil {
		return err
	}
	if err := exists(types, o.Process); err != nil {
		return err
	}
	if o.Process == run.Launcher && slices.Contains(types, "gantry") {
		// The first process of a container ignores signals that it has no handler for: a command of one's own is to end as elsewhere.
		o.Args = slices.Concat([]string{"--", "gantry", "init", "--"}, command)
	}
	record := run.Record{Name: f.name, Image: label}.KeptBy(os.Getpid())
	config, err := image.ConfigFile()
	if err != nil {
		return fmt.Errorf("read the image: %w", err)
	}
	record.Env = config.Config.Env
	for _, p := range ports {
		record.Ports = append(record.Ports, fmt.Sprintf("%s->%d", p, p.Container))
	}
	if background != "" {
		record.Name, record.Log = background, records.LogFile(background)
	} else if record, err = records.Reserve(record, label); err != nil {
		return err
	}
	if f.detach && background == "" {
		return f.background(records, record)
	}
	return f.foreground(c.Context(), records, record, image, o, ports)
}

// container reads how it is to be started.
func (f *runFlags) container(c *cobra.Command, command []string) (o run.Options, ports []run.Port, err error) {
	o = run.Options{Process: f.process, Args: command, Env: map[string]string{}, Writable: f.writable}
	if len(command) > 0 && f.process == "" {
		o.Process, o.Args = run.Launcher, append([]string{"--"}, command...)
	}
	if f.envFile != "" {
		text, err := os.ReadFile(f.envFile)
		if err != nil {
			return o, nil, problem.Unreadable("read "+f.envFile, err)
		}
		file := manifests.DockerEnvFile(f.envFile, text, os.LookupEnv)
		if len(file.Refused) > 0 {
			first := file.Refused[0]
			return o, nil, &problem.Problem{
				ID: "run/env-file", Title: f.envFile + " cannot be read", Why: first.Name + " " + first.What, Hints: []string{"Write NAME=VALUE, one in each line."},
			}
		}
		for name, value := range file.Values {
			o.Env[name] = value.Text
		}
	}
	if err := named(c, f.runEnv); err != nil {
		return o, nil, err
	}
	maps.Copy(o.Env, variables(f.runEnv))
	if o.Volumes, err = f.mounted(); err != nil {
		return o, nil, err
	}
	if f.memory != "" {
		if o.Limits.Memory, err = units.RAMInBytes(f.memory); err != nil || o.Limits.Memory < 6<<20 {
			return o, nil, usageError{c, fmt.Sprintf("--memory is %q; write 512m or 2g, and at least 6m", f.memory)}
		}
	}
	if o.Limits.CPUs = f.cpus; f.cpus < 0 || f.cpus > 0 && f.cpus < 0.01 {
		return o, nil, usageError{c, "--cpus is a number of processors, such as 1.5"}
	}
	for _, text := range f.ports {
		p, err := run.ParsePort(text)
		if err != nil {
			return o, nil, err
		}
		ports = append(ports, p)
	}
	if o.Env["PORT"] == "" && len(command) == 0 {
		if len(ports) == 0 {
			port, err := usualPort()
			if err != nil {
				return o, nil, err
			}
			ports = append(ports, run.Port{Address: "127.0.0.1", Host: port, Container: port})
		}
		o.Env["PORT"] = strconv.Itoa(ports[0].Container)
	}
	return o, ports, nil
}

// usualPort is 8080, or where that is taken another one.
func usualPort() (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:8080")
	if err != nil {
		listener, err = net.Listen("tcp", "127.0.0.1:0")
	}
	if err != nil {
		return 0, fmt.Errorf("find a port: %w", err)
	}
	return listener.Addr().(*net.TCPAddr).Port, listener.Close()
}

// mounted reads volumes: HOST:PATH[:ro]. A word without a slash is a named volume, which is kept; a folder that is not there is made, as
// Docker does.
func (f *runFlags) mounted() (list []run.Volume, err error) {
	for _, text := range f.volumes {
		parts := strings.Split(text, ":")
		if len(parts) < 2 || len(parts) > 3 || !filepath.IsAbs(parts[1]) || parts[0] == "" || len(parts) == 3 && parts[2] != "ro" && parts[2] != "rw" {
			return nil, &problem.Problem{ID: "run/volume", Title: strconv.Quote(text) + " is no volume", Hints: []string{"Write HOST:PATH or HOST:PATH:ro; PATH begins with a slash."}}
		}
		if place := filepath.Clean(parts[1]); place == "/" || place == "/dev" || place == "/proc" || strings.HasPrefix(place, "/dev/") || strings.HasPrefix(place, "/proc/") {
			return nil, &problem.Problem{ID: "run/volume", Title: "no volume can be mounted at " + place, Why: "the kernel's and the container's own files are there", Hints: []string{"Choose another place, such as /data."}}
		}
		source := parts[0]
		if !strings.ContainsAny(source, "/.") {
			source = filepath.Join(f.Home, "volumes", source)
		}
		if source, err = filepath.Abs(source); err != nil {
			return nil, err
		}
		if err := os.MkdirAll(source, 0o755); err != nil {
			if _, there := os.Stat(source); there != nil {
				return nil, problem.Disk("make the volume "+source, err)
			}
		}
		list = append(list, run.Volume{Source: source, Target: filepath.Clean(parts[1]), ReadOnly: len(parts) == 3 && parts[2] == "ro"})
	}
	return list, nil
}

// image finds an image, or builds the application in a folder; label is what to call it.
func (f *runFlags) image(ctx context.Context, given string) (image v1.Image, label string, err error) {
	info, statErr := os.Stat(given)
	if statErr != nil && (given == "" || strings.HasPrefix(given, ".") || strings.HasPrefix(given, "/")) {
		return nil, "", &problem.Problem{
			ID: "localbuild/no-image", Title: given + " is not there", Why: problem.Reason(statErr), Hints: []string{"Give the folder of an application, an image, or a reference."}, Err: statErr,
		}
	}
	if statErr == nil && info.IsDir() && !isLayout(given) {
		return f.built(ctx, given)
	}
	if len(f.buildFlags.env) > 0 {
		return nil, "", errors.New("--build-env is for the folder of an application, and " + given + " is an image")
	}
	if image, err = oci.Open(ctx, given); err != nil {
		return nil, "", &problem.Problem{
			ID: "localbuild/no-image", Title: given + " is not an image", Why: err.Error(),
			Hints: []string{"Give a reference, the folder of an OCI layout, a tarball, or the folder of an application."}, Err: err,
		}
	}
	return image, localbuild.ImageName(given), nil
}

// built builds an application.
func (f *runFlags) built(ctx context.Context, given string) (image v1.Image, label string, err error) {
	build := f.buildFlags
	build.volumes = nil
	o, err := build.options(given)
	if err != nil {
		return nil, "", err
	}
	// What the application prints is alone on standard output.
	o.Color = buildlog.Colored(os.Stderr)
	log := io.Writer(os.Stderr)
	var kept bytes.Buffer
	if os.Getenv(backgroundVariable) != "" {
		// Whoever started it has seen the build: this one reuses all of it.
		log = &kept
	}
	result, err := localbuild.Build(ctx, o, buildlog.New(log, o.Color), log, log)
	if err != nil {
		_, _ = kept.WriteTo(os.Stderr)
		return nil, "", reported(err)
	}
	return result.Image, localbuild.ImageName(o.App), nil
}

func isLayout(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "oci-layout"))
	if err != nil {
		return false
	}
	for _, name := range []string{"package.json", "Gemfile", "gems.rb", "server.js", "index.js"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			return false
		}
	}
	return true
}

// exists refuses a process type that an image does not have; of an image of another maker nothing is known.
func exists(types []string, process string) error {
	if process == "" || process == run.Launcher || len(types) == 0 || slices.Contains(types, process) {
		return nil
	}
	return &problem.Problem{
		ID: "run/no-process", Title: "the image has no process type called " + process, Why: "it has " + strings.Join(types, ", ") + meant(process, types, ""),
		Hints: []string{"Choose one with --process, or start a command of your own behind --."},
	}
}

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
		err = joinSave(err, records.Save(record))
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

func joinSave(err, saved error) error {
	if err != nil {
		return err
	}
	return saved
}

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

func logsCommand() *cobra.Command {
	var follow bool
	var home string
	c := &cobra.Command{
		Use: "logs NAME [options]", Short: "Print what a container in the background has printed", GroupID: "build", Args: arguments(1, 1, "one NAME, as gantry ps lists them"),
		RunE: func(c *cobra.Command, words []string) error {
			records := containers(home)
			r, err := records.Find(strings.TrimPrefix(words[0], "run://"))
			if err != nil {
				return err
			}
			if r.Log == "" {
				return &problem.Problem{ID: "run/no-log", Title: r.Name + " writes to the terminal in which it was started", Hints: []string{"Start it with -d to have its output kept."}}
			}
			return tail(c.Context(), r, os.Stdout, follow)
		},
	}
	c.Flags().BoolVarP(&follow, "follow", "f", false, "go on printing until it ends")
	c.Flags().StringVar(&home, "home", homeFolder(), "where run images and caches are kept")
	return c
}

// tail prints a container's output; with follow, until it has ended.
func tail(ctx context.Context, r run.Record, out io.Writer, follow bool) error {
	file, err := os.Open(r.Log)
	if err != nil {
		return problem.Unreadable("read the container's output", err)
	}
	defer func() { _ = file.Close() }()
	for {
		running := r.Running()
		if _, err := io.Copy(out, file); err != nil || !follow || !running {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func stopCommand() *cobra.Command {
	var patience time.Duration
	var home string
	c := &cobra.Command{
		Use: "stop NAME… [options]", Short: "Stop containers that gantry run has started, and forget them", GroupID: "build", Args: arguments(1, -1, "a NAME, as gantry ps lists them"),
		RunE: func(c *cobra.Command, words []string) error {
			if patience < 0 {
				return usageError{c, "--time is a time such as 30s, and not below 0"}
			}
			var failed error
			for _, word := range words {
				if err := stop(containers(home), strings.TrimPrefix(word, "run://"), patience); err != nil {
					failed = errors.Join(failed, err)
					continue
				}
				fmt.Println(strings.TrimPrefix(word, "run://"))
			}
			return failed
		},
	}
	c.Flags().DurationVarP(&patience, "time", "t", 30*time.Second, "how long it may take to end by itself")
	c.Flags().StringVar(&home, "home", homeFolder(), "where run images and caches are kept")
	return c
}

// stop stops a container, and forgets it.
func stop(records run.Records, name string, patience time.Duration) error {
	r, err := records.Find(name)
	if err != nil {
		return err
	}
	if err := r.Stop(patience); err != nil {
		return err
	}
	return settle(records, r)
}

// settle waits for the program that keeps a container to have removed its files, and forgets the container.
func settle(records run.Records, r run.Record) error {
	for range 250 {
		if !r.Kept() {
			break
		}
		if now, err := records.Find(r.Name); err != nil || now.Code != nil {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	return records.Remove(r)
}

// reported is an error of which everything has been said already.
func reported(err error) error {
	if localbuild.Reported(err) {
		return exitCode(exitFailed)
	}
	return err
}
