// Package explain is "gantry explain": what a build would do with an application, and why, without building it.
package explain

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/buildpacks/libcnb/v2"

	"github.com/gantry-buildpack/gantry/internal/buildpack/buildlog"
	"github.com/gantry-buildpack/gantry/internal/buildpack/layers"
	"github.com/gantry-buildpack/gantry/internal/buildpack/session"
	"github.com/gantry-buildpack/gantry/internal/contract"
	"github.com/gantry-buildpack/gantry/internal/install/toolchain"
	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/plan/resolve"
	"github.com/gantry-buildpack/gantry/internal/source/app"
)

// Options say what is explained and how.
type Options struct {
	// App is the application's folder, Arch the architecture as Go names it.
	App, Arch string
	// Lookup finds a variable of the build; Given are those that are set, Environ the same as NAME=value.
	Lookup  func(string) (string, bool)
	Given   map[string]string
	Environ []string
	// Metadata is the table metadata of a buildpack.toml, whose defaults count; nil for Gantry's.
	Metadata map[string]any
	JSON     bool
	// Color paints the text for a terminal.
	Color bool
}

// explanation is the form of --json; its fields only grow.
type explanation struct {
	Decisions []decision        `json:"decisions"`
	Warnings  []string          `json:"warnings"`
	Steps     []step            `json:"steps"`
	Processes []process         `json:"processes"`
	Layers    []Layer           `json:"layers"`
	Contract  contract.Contract `json:"contract"`
}

type decision struct {
	Subject string `json:"subject"`
	Value   string `json:"value"`
	Origin  string `json:"origin"`
}

type step struct {
	Title  string   `json:"title"`
	Args   []string `json:"args"`
	Folder string   `json:"folder"`
}

type process struct {
	Type    string            `json:"type"`
	Args    []string          `json:"args"`
	Env     map[string]string `json:"env,omitempty"`
	Folder  string            `json:"folder"`
	Default bool              `json:"default"`
}

// Write explains an application.
func Write(o Options, out io.Writer) error {
	resolver, err := resolve.For(o.Metadata)
	if err != nil {
		return err
	}
	resolved, err := resolver.Plan(app.Open(o.App), resolve.Given{Lookup: o.Lookup, Variables: o.Given}, resolve.Target{Arch: o.Arch, Libc: "glibc", Published: o.published}, time.Now())
	if err != nil {
		return err
	}
	specs, err := layers.All(session.Describe(o.App, o.Arch, o.Environ), resolved.Plan, resolved.Contract)
	if err != nil {
		return err
	}
	p := resolved.Plan
	for _, f := range resolved.Unbuildable {
		p.Warnings = append(p.Warnings, fmt.Sprintf("The build would fail: %s %s, and the contract declares it for the build.", f.Name, f.What))
	}
	e := explanation{Warnings: p.Warnings, Layers: layersOf(p, specs), Contract: resolved.Contract}
	for _, d := range p.Decisions {
		e.Decisions = append(e.Decisions, decision(d))
	}
	for _, s := range steps(p) {
		e.Steps = append(e.Steps, step{s.Title, s.Args, path.Join(".", s.Dir)})
	}
	for _, q := range p.Image.Processes {
		e.Processes = append(e.Processes, process{q.Type, q.Args, q.Env, path.Join(".", q.Dir), q.Default})
	}
	if o.JSON {
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(e)
	}
	return write(e, p, o.Color, out)
}

// published asks a registry, as a build does; this one waits for no second try.
func (o Options) published(registry, name string) ([]string, error) {
	client, err := session.NewClient(libcnb.BuildContext{}, o.Environ, buildlog.New(io.Discard, false))
	if err != nil {
		return nil, err
	}
	client.Tries = 1
	return toolchain.Versions(context.Background(), client, registry, name)
}

func write(e explanation, p plan.Plan, color bool, out io.Writer) error {
	log := buildlog.New(out, color)
	log.Title("What a build would do")
	for _, warning := range p.Warnings {
		log.Warning(warning)
	}
	log.Decisions(p.Decisions)
	log.Title("Steps")
	for i, s := range e.Steps {
		where := ""
		if s.Folder != "." {
			where = " (in " + s.Folder + ")"
		}
		log.Line(fmt.Sprint(i+1), s.Title+where)
	}
	_, err := io.WriteString(out, "\n"+Picture(e.Layers)+"\n")
	return err
}

// steps are the programs that a first build runs.
func steps(p plan.Plan) []plan.Command {
	var list []plan.Command
	for _, step := range p.Build.Before {
		list = append(list, step.Command)
	}
	for _, in := range p.Installs {
		switch {
		case in.Lockfile.Direct != nil && in.Lockfile.NotDirect == "":
			list = append(list, plan.Command{Title: "Gantry installs from " + path.Join(in.Root, in.Lockfile.Name), Dir: in.Root})
			list = append(list, in.Commands.Hooks...)
		case layers.Builds(p, in) || in.Launch.None:
			list = append(list, in.Commands.All)
		default:
			list = append(list, in.Commands.OnlyLaunch)
		}
	}
	for _, step := range p.Build.Steps {
		list = append(list, step.Command)
	}
	return list
}

// Layer is one layer of a build.
type Layer struct {
	Name string `json:"name"`
	// Image: it is part of the image. Cache: it is restored before the next build.
	Image bool   `json:"image"`
	Cache bool   `json:"cache"`
	Holds string `json:"holds"`
	// RebuiltWhen are the inputs of which a change has it made again.
	RebuiltWhen []string `json:"rebuilt-when"`
	// Sometimes says when the layer is made, if not always.
	Sometimes string `json:"sometimes,omitempty"`
}

// layersOf describes layers, and those of the application's own files, from the bottom of the image to its top, then the
// caches.
func layersOf(p plan.Plan, specs []layers.Spec) []Layer {
	var image, caches []Layer
	for _, s := range specs {
		l := Layer{Name: s.Name, Image: s.Types.Launch, Cache: s.Types.Cache, Holds: s.Holds, RebuiltWhen: causes(s), Sometimes: s.Sometimes}
		if l.Image {
			image = append(image, l)
		} else {
			caches = append(caches, l)
		}
	}
	for _, group := range p.Image.Source.Slices {
		image = append(image, Layer{Name: "application: " + strings.Join(group[:min(3, len(group))], ", ") + " …", Image: true, Holds: "those of them that exist", RebuiltWhen: []string{"these files"}})
	}
	holds, when := "the rest of the source", "the source"
	if only := p.Image.Source.Only; len(only) > 0 {
		holds, when = "nothing but "+strings.Join(only, ", "), "what the build makes"
	}
	return append(append(image, Layer{Name: "application", Image: true, Holds: holds, RebuiltWhen: []string{when}}), caches...)
}

// groups are the beginnings of inputs of which there may be many.
var groups = []string{"launch variable ", "launch options ", "the variable ", "file "}

// causes names the inputs of a layer; of those that begin alike, in one text.
func causes(s layers.Spec) []string {
	var list []string
	grouped := map[string][]string{}
	for _, name := range slices.Sorted(maps.Keys(s.Inputs)) {
		i := slices.IndexFunc(groups, func(group string) bool { return strings.HasPrefix(name, group) })
		switch {
		case slices.Contains(s.Also, name):
		case i >= 0:
			grouped[groups[i]] = append(grouped[groups[i]], strings.TrimPrefix(name, groups[i]))
		default:
			list = append(list, name)
		}
	}
	for _, group := range groups {
		if names := grouped[group]; len(names) > 0 {
			list = append(list, group+strings.Join(names, ", "))
		}
	}
	return append(list, s.Also...)
}
