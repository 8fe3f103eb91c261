//go:build linux

package main

import (
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/docker/go-units"
	"github.com/spf13/cobra"

	"github.com/gantry-buildpack/gantry/internal/deploy/manifests"
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
	record := run.Record{Name: f.name, Image: label, Source: f.source(given)}.KeptBy(os.Getpid())
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
