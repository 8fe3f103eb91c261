package layers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/buildpacks/libcnb/v2"

	"github.com/gantry-buildpack/gantry/internal/buildpack/layer"
	"github.com/gantry-buildpack/gantry/internal/buildpack/session"
	"github.com/gantry-buildpack/gantry/internal/container/crash"
	"github.com/gantry-buildpack/gantry/internal/container/launch"
	"github.com/gantry-buildpack/gantry/internal/contract"
	"github.com/gantry-buildpack/gantry/internal/install/files"
	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/problem"
)

// Layer: "gantry" holds the program that starts and watches the application, what that must know of it, its checks before
// each process, and the launch environment.
// Rebuilt when: the program, the config contract, the process types, the runtime's version or the launch environment
// change.

// Programs of the buildpack that are in the image, relative to both; the web server for static files only where a process
// runs it.
const (
	LaunchProgram = "bin/gantry"
	StaticServer  = "bin/static"
)

// Gantry is that layer.
type Gantry struct {
	Session  session.Session
	Plan     plan.Plan
	Contract contract.Contract
}

// Spec gives what decides the content. The digests of programs are empty where there is no buildpack around.
func (g Gantry) Spec() Spec {
	facts, _ := json.Marshal(g.facts())
	inputs := layer.Inputs{"Gantry's launch program": g.programDigest(LaunchProgram), "the config contract, the process types or the runtime": layer.Digest(facts)}
	e := g.Plan.Image.Environment
	for name, value := range e.Variables {
		inputs["launch variable "+name] = value
	}
	for name, value := range e.Options {
		inputs["launch options "+name] = value
	}
	for _, v := range e.Given {
		inputs["launch variable "+v.How+" "+v.Name] = layer.Digest([]byte(v.Delimiter + "\x00" + v.Value))
	}
	if len(e.Path) > 0 {
		inputs["launch path"] = strings.Join(e.Path, string(os.PathListSeparator))
	}
	for name, content := range e.Files {
		inputs["file "+name] = layer.Digest([]byte(g.Session.InImage(content)))
	}
	if g.servesFiles() {
		inputs["web server for static files"] = g.programDigest(StaticServer)
	}
	return Spec{Name: session.GantryLayer, Types: launchOnly, Holds: "what starts, checks and inspects the application", Inputs: inputs}
}

func (g Gantry) programDigest(name string) string {
	// A program that cannot be read makes filling the layer fail.
	digest, _ := files.Digest(g.Session.Program(name))
	return digest
}

func (g Gantry) servesFiles() bool {
	return slices.ContainsFunc(g.Plan.Image.Processes, func(p plan.Process) bool { return p.Args[0] == plan.StaticServer })
}

// facts are what the program in the image must know.
func (g Gantry) facts() launch.Image {
	i := launch.Image{
		Contract: g.Contract, DrainTimeout: g.Plan.Image.DrainTimeout, DrainWebSocketTimeout: g.Plan.Image.DrainWebSocketTimeout, Buildpack: g.Session.Info.Version,
	}
	for n, t := range g.Plan.Toolchains {
		name, version := t.Runtime.Release.Name, t.Runtime.Release.Version
		switch {
		case !t.AtLaunch():
		case n == 0:
			i.Runtime, i.Version = name, version
		default:
			i.OtherRuntimes = map[string]string{name: version}
		}
	}
	for _, l := range g.Plan.Image.Listens {
		i.Listens = append(i.Listens, launch.Listen(l))
	}
	for _, p := range g.Plan.Image.Processes {
		i.Processes = append(i.Processes, p.Type)
	}
	return i
}

// Fill writes the programs and files.
func (g Gantry) Fill(_ context.Context, dir string) error {
	if err := files.Copy(g.Session.Program(LaunchProgram), filepath.Join(dir, LaunchProgram), 0o755); err != nil {
		return err
	}
	if g.servesFiles() {
		if err := files.Copy(g.Session.Program(StaticServer), filepath.Join(dir, StaticServer), 0o755); err != nil {
			return err
		}
	}
	image := g.facts()
	if len(g.Contract.For("").Variables) > 0 {
		// The launcher runs it before custom commands, too.
		if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(launch.ExecDName)), 0o755); err != nil {
			return problem.Disk("make the folder exec.d", err)
		}
		if err := os.Symlink("../"+LaunchProgram, filepath.Join(dir, launch.ExecDName)); err != nil && !errors.Is(err, fs.ErrExist) {
			return problem.Disk("make the link exec.d/environment", err)
		}
	}
	facts, err := json.Marshal(image)
	if err != nil {
		return fmt.Errorf("write %s: %w", launch.ImageFile, err)
	}
	texts := map[string]string{launch.ImageFile: string(facts)}
	if image.DrainTimeout != "" {
		texts[launch.DrainFile] = launch.DrainScript
	}
	if image.Runtime == "node" || image.OtherRuntimes["node"] != "" {
		texts[crash.WatchFile] = crash.WatchScript
	}
	if err := files.WriteTexts(dir, texts); err != nil {
		return err
	}
	own := map[string]string{}
	for name, content := range g.Plan.Image.Environment.Files {
		own[name] = g.Session.InImage(content)
	}
	return files.WriteTexts(filepath.Join(dir, session.FilesDir), own)
}

// Environment is the launch environment of the layer.
func (g Gantry) Environment() libcnb.Environment {
	env, e := libcnb.Environment{}, g.Plan.Image.Environment
	for name, value := range e.Variables {
		env.Default(name, g.Session.InImage(value))
	}
	for name, value := range e.Options {
		env.Append(name, " ", g.Session.InImage(value))
	}
	for _, v := range e.Given {
		switch v.How {
		case "default":
			env.Default(v.Name, v.Value)
		case "append":
			env.Append(v.Name, v.Delimiter, v.Value)
		case "prepend":
			env.Prepend(v.Name, v.Delimiter, v.Value)
		default:
			env.Override(v.Name, v.Value)
		}
	}
	if dirs := g.Session.InApp(e.Path); len(dirs) > 0 {
		env.Prepend("PATH", string(os.PathListSeparator), strings.Join(dirs, string(os.PathListSeparator)))
	}
	return env
}

// Label is the config contract, for tools that compare it with deployments; ok is false without one.
func (g Gantry) Label() (l libcnb.Label, ok bool, err error) {
	if g.Contract.Empty() {
		return l, false, nil
	}
	text, err := json.Marshal(g.Contract)
	if err != nil {
		return l, false, problem.Disk("write the contract", err)
	}
	return libcnb.Label{Key: contract.Label, Value: string(text)}, true, nil
}
