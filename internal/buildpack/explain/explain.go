// Package explain is "gantry explain": what a build would do with an application, and why, without building it.
package explain

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/gantry-buildpack/gantry/internal/buildpack/buildlog"
	"github.com/gantry-buildpack/gantry/internal/contract"
	"github.com/gantry-buildpack/gantry/internal/plan"
	"github.com/gantry-buildpack/gantry/internal/plan/resolve"
	"github.com/gantry-buildpack/gantry/internal/source/app"
)

// Options say what is explained and how.
type Options struct {
	// App is the application's folder, Arch the architecture as Go names it.
	App, Arch string
	// Lookup finds a variable of the build.
	Lookup func(string) (string, bool)
	JSON   bool
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
	made, err := resolve.Decide(app.Open(o.App), o.Lookup, o.Arch, time.Now())
	if err != nil {
		return err
	}
	p := made.Plan
	e := explanation{Warnings: p.Warnings, Layers: Layers(p, made.Contract), Contract: made.Contract}
	for _, d := range p.Decisions {
		e.Decisions = append(e.Decisions, decision(d))
	}
	for _, s := range steps(p) {
		e.Steps = append(e.Steps, step{s.Title, s.Args, path.Join(".", s.Dir)})
	}
	for _, q := range p.Processes {
		e.Processes = append(e.Processes, process{q.Type, q.Args, q.Env, path.Join(".", q.Dir), q.Default})
	}
	if o.JSON {
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(e)
	}
	r := buildlog.New(out, o.Color)
	r.Title("What a build would do")
	for _, warning := range p.Warnings {
		r.Warning(warning)
	}
	r.Decisions(p.Decisions)
	r.Title("Steps")
	for i, s := range e.Steps {
		where := ""
		if s.Folder != "." {
			where = " (in " + s.Folder + ")"
		}
		r.Line(fmt.Sprint(i+1), s.Title+where)
	}
	_, err = io.WriteString(out, "\n"+Picture(e.Layers)+"\n")
	return err
}

// steps are the programs that a first build runs.
func steps(p plan.Plan) []plan.Command {
	list := slices.Clone(p.Before)
	if d := p.Dependencies; d != nil {
		switch {
		case d.Direct && d.NotDirect == "":
			list = append(list, plan.Command{Title: "Gantry installs from " + path.Join(d.Root, d.Lockfile), Dir: d.Root})
			list = append(list, d.Hooks...)
		case len(p.Scripts)+len(d.Hooks)+len(p.Before) > 0 || d.NotAtLaunch:
			list = append(list, d.Install)
		default:
			list = append(list, d.InstallLaunch)
		}
	}
	if p.Provides != nil {
		list = append(list, steps(*p.Provides)...)
	}
	return append(list, p.Scripts...)
}

// Layer is one layer of a build.
type Layer struct {
	Name string `json:"name"`
	// Image: it is part of the image. Cache: it is restored before the next build.
	Image bool   `json:"image"`
	Cache bool   `json:"cache"`
	Holds string `json:"holds"`
	// RebuiltWhen are the things of which a change makes it anew.
	RebuiltWhen []string `json:"rebuilt-when"`
}

// Layers are those that a build makes, from the bottom of the image to its top, then the caches.
func Layers(p plan.Plan, c contract.Contract) []Layer {
	declared := "the process types"
	if !c.Empty() {
		declared = "the config contract, the process types"
	}
	list := []Layer{{Name: "gantry", Image: true, Holds: "what starts, checks and shows the application", RebuiltWhen: []string{"Gantry", declared, title(p)}}}
	list = append(list, layersAtLaunch(p)...)
	if p.Provides != nil {
		list = append(list, layersAtLaunch(*p.Provides)...)
	}
	for _, group := range p.Slices {
		list = append(list, Layer{Name: "application: " + strings.Join(group[:min(3, len(group))], ", ") + " …", Image: true, Holds: "those of them that there are", RebuiltWhen: []string{"these files"}})
	}
	holds, when := "the rest of the source", "the source"
	if len(p.Only) > 0 {
		holds, when = "nothing but "+strings.Join(p.Only, ", "), "what the build makes"
	}
	list = append(list, Layer{Name: "application", Image: true, Holds: holds, RebuiltWhen: []string{when}})
	list = append(list, cacheLayers(p)...)
	if p.Provides != nil {
		list = append(list, cacheLayers(*p.Provides)...)
	}
	return list
}

// title is the runtime's name and version.
func title(p plan.Plan) string { return p.Runtime.Title + " " + p.Runtime.Release.Version }

// packagesFrom is what the packages depend on.
func packagesFrom(p plan.Plan) []string {
	d := p.Dependencies
	return append(slices.Clone(d.Inputs), strings.TrimSpace(d.Manager+" "+d.Version), "the line of "+p.Runtime.Title, "the distribution")
}

// layersAtLaunch are those with one language's part of the image.
func layersAtLaunch(p plan.Plan) (list []Layer) {
	if len(p.Runtime.Launch) == 0 {
		return nil
	}
	if d := p.Dependencies; d != nil && !d.NotAtLaunch && !d.InPlace {
		list = append(list, Layer{
			Name: cmp.Or(d.Layer, p.LayerPrefix+"modules"), Image: true, Holds: "the packages that the running application needs",
			RebuiltWhen: append(packagesFrom(p), "what the build writes into them"),
		})
	}
	list = append(list, Layer{Name: p.Runtime.Release.Name, Image: true, Holds: title(p), RebuiltWhen: []string{"its version"}})
	if p.Agent != nil {
		list = append(list, Layer{Name: p.LayerPrefix + "agent", Image: true, Holds: "what lets people look into its processes", RebuiltWhen: []string{title(p), "the distribution", "the C compiler"}})
	}
	return list
}

// cacheLayers are those that make one language's part of the next build faster.
func cacheLayers(p plan.Plan) (list []Layer) {
	d := p.Dependencies
	direct := d != nil && d.Direct && d.NotDirect == ""
	builds := len(p.Scripts)+len(p.Before) > 0
	if direct {
		list = append(list, Layer{Name: "modules-store", Cache: true, Holds: "the packages' archives, each verified before use", RebuiltWhen: []string{"never as a whole: one archive a package"}})
	} else if d != nil {
		if builds || len(d.Hooks) > 0 || d.NotAtLaunch {
			list = append(list, Layer{Name: p.LayerPrefix + "modules-cache", Cache: true, Holds: "one archive of the packages for building", RebuiltWhen: packagesFrom(p)})
		}
		list = append(list, Layer{Name: p.LayerPrefix + "packages-cache", Cache: true, Holds: "one archive of what " + d.Manager + " has fetched", RebuiltWhen: []string{"something is installed"}})
	}
	if builds || d != nil && !direct {
		list = append(list, Layer{Name: p.LayerPrefix + "toolchain-cache", Cache: true, Holds: "one archive of " + title(p) + " and its tools", RebuiltWhen: []string{"their versions"}})
	}
	if builds {
		list = append(list, Layer{Name: p.LayerPrefix + "build-cache", Cache: true, Holds: "the caches of the build's tools", RebuiltWhen: []string{"the build runs"}})
	}
	return list
}
