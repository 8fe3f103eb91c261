package pipeline

import (
	"context"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/buildpacks/libcnb/v2"

	"github.com/gantry-buildpack/gantry/internal/buildpack/layers"
	"github.com/gantry-buildpack/gantry/internal/buildpack/session"
	"github.com/gantry-buildpack/gantry/internal/container/launch"
	"github.com/gantry-buildpack/gantry/internal/plan"
)

// gantryLayer is Gantry's own layer, and the labels that belong to it.
type gantryLayer struct {
	layer  libcnb.Layer
	labels []libcnb.Label
	// made: it is not the one of the last image.
	made bool
}

func (p pipeline) gantry(ctx context.Context) (g gantryLayer, err error) {
	of := layers.Gantry{Session: p.Session, Plan: p.Plan, Contract: p.Contract}
	var cause string
	if g.layer, cause, err = p.store.Make(ctx, of); err != nil {
		return g, err
	}
	if cause != "" {
		g.layer.LaunchEnvironment, g.made = of.Environment(), true
	}
	p.logLayer(g.layer.Name, cause)
	label, ok, err := of.Label()
	if ok {
		g.labels = []libcnb.Label{label}
	}
	return g, err
}

// again writes the layer once more: programs of the build find files in it, and could have changed the program that starts every container.
func (g gantryLayer) again(ctx context.Context, p pipeline) error {
	if !g.made {
		return nil
	}
	of := layers.Gantry{Session: p.Session, Plan: p.Plan, Contract: p.Contract}
	if _, err := p.store.Fresh(of.Spec()); err != nil {
		return err
	}
	return of.Fill(ctx, g.layer.Path)
}

// labels are those of the plan, and what was decided.
func (p pipeline) labels() (list []libcnb.Label) {
	add := func(key, value string) { list = append(list, libcnb.Label{Key: key, Value: value}) }
	for _, key := range slices.Sorted(maps.Keys(p.Image.Labels)) {
		add(key, p.Image.Labels[key])
	}
	for n, t := range p.Toolchains {
		if n == 0 && t.AtLaunch() {
			add("io.gantry.runtime", t.Runtime.Release.Name+"@"+t.Runtime.Release.Version)
		}
		for _, in := range p.Installs {
			if n == 0 && in.Language == t.Language {
				add("io.gantry.package-manager", in.Manager.Name+"@"+in.Manager.Version)
			}
		}
	}
	if text, err := json.Marshal(p.Decisions); err == nil {
		add("io.gantry.decisions", string(text))
	}
	return list
}

// processes starts every process through the launch program, which is the container's first process: it checks the
// configuration, forwards signals, reaps orphaned processes, and ends with the application's own exit code. A debug shell
// and Gantry's own process types do not pass through it, and start whatever the configuration is.
func (p pipeline) processes() []libcnb.Process {
	program := filepath.Join(p.Layers, session.GantryLayer, layers.LaunchProgram)
	var list []libcnb.Process
	for _, q := range p.Image.Processes {
		list = append(list, p.process(program, q))
	}
	// A process type is a command in the image, also for "kubectl exec", which does not pass through the launcher.
	// It is told the revision here, and not in its layer, which would be another one with each commit.
	tool := []string{program}
	if revision := p.Image.Labels["org.opencontainers.image.revision"]; revision != "" {
		tool = append(tool, launch.RevisionFlag+revision)
	}
	for kind, command := range map[string][]string{"gantry": tool, "preflight": {program, "preflight"}} {
		if !slices.ContainsFunc(list, func(q libcnb.Process) bool { return q.Type == kind }) {
			list = append(list, libcnb.Process{Type: kind, Command: command})
		}
	}
	slices.SortStableFunc(list, func(a, b libcnb.Process) int { return strings.Compare(a.Type, b.Type) })
	return list
}

func (p pipeline) process(program string, q plan.Process) libcnb.Process {
	command := []string{program, "init", "--check", q.Type}
	if q.Group {
		command = append(command, "--group")
	}
	if q.Reload {
		command = append(command, "--reload")
	}
	if q.Stop != "" {
		command = append(command, "--stop", q.Stop)
	}
	for _, name := range slices.Sorted(maps.Keys(q.Env)) {
		command = append(command, "--env", name+"="+q.Env[name])
	}
	args := slices.Clone(q.Args)
	if args[0] == plan.StaticServer {
		args[0] = filepath.Join(p.Layers, session.GantryLayer, layers.StaticServer)
	}
	for i := range args {
		args[i] = p.InImage(args[i])
	}
	process := libcnb.Process{Type: q.Type, Command: append(append(command, "--"), args...), Default: q.Default}
	if q.Dir != "" {
		process.WorkingDirectory = filepath.Join(p.App, q.Dir)
	}
	return process
}

// slices gives each group of the application's files that changes at its own times a layer of its own, if it exists.
func (p pipeline) slices() (list []libcnb.Slice) {
	for _, group := range p.Image.Source.Slices {
		existing := slices.DeleteFunc(slices.Clone(group), func(name string) bool {
			_, err := os.Stat(filepath.Join(p.App, name))
			return err != nil
		})
		if len(existing) > 0 {
			list = append(list, libcnb.Slice{Paths: existing})
		}
	}
	return list
}
